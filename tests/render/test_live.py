"""The live view as a terminal shows it (issue 13, point 3): whole screens, which are in `screens/`."""

import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyte
import pytest
from rich.console import Console

from batchspec.cli.live import Screen
from batchspec.engine.health.situation import GroupTally, RunningTask, Situation
from batchspec.engine.health.status import Degraded, Status
from batchspec.events import NoteEvent, State, Step, StepEvent, TaskEvent
from batchspec.render.watching.board import Board
from batchspec.render.watching.heat import Heat, cells
from batchspec.render.watching.pace import Pace, rate_text
from batchspec.render.watching.standing import stand

SCREENS = Path(__file__).parent / "screens"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SMALL, LARGE = (80, 24), (200, 50)


def drawn(board: Board, size: tuple[int, int], now: float, *, no_color: bool = False) -> pyte.Screen:
    """The terminal after one refresh."""
    said = io.StringIO()
    width, height = size
    console = Console(
        file=said, force_terminal=True, width=width, height=height, highlight=False, no_color=no_color
    )
    console.print(Screen(board, lambda: now))
    screen = pyte.Screen(width, height)
    pyte.Stream(screen).feed(said.getvalue().replace("\n", "\r\n"))
    return screen


def text_of(screen: pyte.Screen) -> str:
    return "\n".join(line.rstrip() for line in screen.display).rstrip() + "\n"


def steps(board: Board) -> None:
    """A run that has come to its tasks after two minutes; 400 of a thousand have ended."""
    said = (
        (0, StepEvent(Step.UPLOAD, State.STARTED, total=41_200_000, unit="bytes")),
        (4, StepEvent(Step.UPLOAD, State.DONE, "200 files")),
        (4, StepEvent(Step.POOL, State.STARTED, "video-pool")),
        (5.5, StepEvent(Step.POOL, State.DONE, "video-pool created")),
        (6, StepEvent(Step.JOB, State.STARTED)),
        (6.5, StepEvent(Step.JOB, State.DONE, "video-job created")),
        (7, StepEvent(Step.ADD, State.STARTED, total=1000, unit="tasks")),
        (9, StepEvent(Step.ADD, State.DONE, "1000 tasks in video-job")),
        (9, StepEvent(Step.NODES, State.STARTED, "video-pool")),
        (139, StepEvent(Step.NODES, State.DONE, "4 idle")),
        (140, StepEvent(Step.RUN, State.STARTED, total=1000, unit="tasks")),
        (340, StepEvent(Step.RUN, State.PROGRESS, "8 running", 200, 1000, "tasks")),
        (440, StepEvent(Step.RUN, State.PROGRESS, "8 running", 400, 1000, "tasks")),
    )
    for moment, event in said:
        board.take(event, moment)


def situation(groups: int, nodes: Mapping[str, str], running: int) -> Situation:
    names = ("encode", "thumbs", "audio", "captions", "probe", "字幕", *(f"group-{i}" for i in range(6, 99)))
    tallies = [GroupTally(name, 118, 2, 80) for name in names[: groups - 1]]
    tasks = (
        RunningTask(
            f"{names[i % groups]}/clip-{i:04}.mp4", f"tvmps_{i:032}_d", NOW - timedelta(seconds=7 * i * i)
        )
        for i in range(running - 1)
    )
    wide = RunningTask("encode/" + "映画の予告編🎬" * 8 + ".mp4", "tvmps_0", NOW - timedelta(hours=1))
    last = GroupTally(names[groups - 1], 100, 2, 79, 19)
    return Situation(NOW, (*tallies, last), (wide, *tasks), nodes)


def five() -> Board:
    board = Board()
    steps(board)
    nodes = {"a": "running", "b": "running", "c": "idle", "d": "preempted", "e": "starting"}
    board.see(situation(5, nodes, 8), 435)
    board.take(TaskEvent("broken-1", "probe/broken.mp4", "exit code 1"), 436)
    board.take(
        NoteEvent(
            "a Spot node was preempted; the tasks that ran there are requeued (not counted as failures)"
        ),
        437,
    )
    return board


def five_hundred() -> Board:
    board = Board()
    steps(board)
    states = ("running", "running", "running", "idle", "creating", "waitingforstarttask", "preempted")
    nodes = {f"n{i:03}": states[i * i % 7] for i in range(500)} | {
        "n250": "unusable",
        "n251": "starttaskfailed",
    }
    board.see(situation(30, nodes, 900), 435)
    return board


def standing() -> Board:
    """`status --watch` of a workload whose nodes are slow to come."""
    board = Board()
    nodes = {"a": "running", "b": "starttaskfailed"}
    status = Status(
        spec="video",
        pool="video-pool",
        pool_state="active, steady",
        nodes={"running": 1, "starttaskfailed": 1},
        job="video-job-2",
        job_state="active",
        tasks={"active": 576, "running": 10, "succeeded": 395, "failed": 19, "completed": 414},
        degraded=(Degraded("start_task_failed", "the start task failed on 1 of 2 nodes with exit code 7"),),
    )
    stand(board, status, situation(5, nodes, 3), 435)
    return board


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "200x50"])
@pytest.mark.parametrize("make", [five, five_hundred, standing])
def test_the_whole_screen(make: Callable[[], Board], size: tuple[int, int]) -> None:
    """Steps, groups, pace, nodes, what runs and what went wrong, on a small terminal and on a large one."""
    screen = drawn(make(), size, 440.0)
    expected = SCREENS / f"{make.__name__}-{size[0]}x{size[1]}.txt"
    assert text_of(screen) == expected.read_text(encoding="utf-8")


def test_no_color_means_none() -> None:
    """With NO_COLOR nothing is coloured."""
    plain, painted = (drawn(five(), SMALL, 440.0, no_color=no_color) for no_color in (True, False))
    assert {cell.fg for line in plain.buffer.values() for cell in line.values()} == {"default"}
    assert {cell.fg for line in painted.buffer.values() for cell in line.values()} >= {
        "green",
        "red",
        "cyan",
    }


@pytest.mark.parametrize("height", range(4, 30))
@pytest.mark.parametrize("width", [8, 30, 80])
def test_it_never_scrolls(height: int, width: int) -> None:
    """However low and narrow the terminal is, what is drawn fits, if only the steps do."""
    said = io.StringIO()
    console = Console(file=said, width=width, height=height)
    console.print(Screen(five_hundred(), lambda: 440.0))
    assert said.getvalue().count("\n") <= max(height - 1, 7) or width < 40


def test_a_map_of_many_nodes_shows_the_worst() -> None:
    """Each node has its place. A cell for several shows what is wrong with one, or else what most of them do."""
    states = ["running"] * 90 + ["unusable"] + ["idle"] * 9
    assert cells(states, 100) == ([Heat.RUNNING] * 90 + [Heat.UNUSABLE] + [Heat.IDLE] * 9, 1)
    assert cells(states, 10) == ([Heat.RUNNING] * 9 + [Heat.UNUSABLE], 10)
    assert cells(["preempted", "running", "running"], 1) == ([Heat.RUNNING], 3)
    assert cells(["what"], 10) == ([Heat.UNKNOWN], 1)


def test_the_time_left_is_told_once_there_is_something_to_go_by() -> None:
    """Not before three tasks have ended, by those of the later half of the time, and not after the end."""
    pace, said = Pace(), []
    for now, ended in ((0, 0), (60, 2), (120, 6), (600, 10), (1200, 40), (1300, 100)):
        pace.take(ended, 100, float(now))
        said.append(pace.text)
    assert said == [
        "",
        "",
        "4.0 tasks/min, about 24m left",
        "30 tasks/h, about 3h 00m left",
        "3.0 tasks/min, about 20m left",
        "",
    ]
    assert [rate_text(rate) for rate in (20, 1.25, 0.5, 0.001)] == [
        "20 tasks/s",
        "1.2 tasks/s",
        "30 tasks/min",
        "3.6 tasks/h",
    ]
