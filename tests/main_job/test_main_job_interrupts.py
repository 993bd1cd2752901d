"""Cut off at any point, then the same command again: it goes on, with nothing twice and nothing lost (issue 4.10).

SIGKILL at every call of an apply: `python -m tests.crash`, of which tests/crash/test_crash.py tries one of each kind.
"""

import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

import pytest
from azure.core.exceptions import ResourceExistsError

from main_job.wire import Cut, Heard, Moment, Wire
from main_job.workload import Workload, wait_until

POINTS = {
    "an upload": ("PUT", "/clips/a"),
    "the pool": ("POST", "/pools"),
    "the job": ("POST", "/jobs"),
    "the tasks": ("POST", "/addtaskcollection"),
    "the seal": ("PATCH", "-job"),
}
# Points to which one workload comes, apply after apply: none does what another one has done. Uploads go on beside the
# pool, so they are in two rows.
IN_A_ROW = (("an upload", "the seal"), ("the pool", "the job", "the tasks"))


def _is_whole(workload: Workload) -> None:
    """Everything is there once: two inputs, two outputs, two tasks in one job."""
    assert workload.inputs() == {"clips/a", "clips/b"}
    assert workload.results() == {"a.out", "b.out"}
    assert workload.downloaded() == {"a.out", "b.out"}
    work = Counter(task_id.split("-")[0] for task_id in workload.all_task_ids())
    assert work == {"a": 1, "b": 1}, workload.all_task_ids()
    assert [job["state"] for job in workload.jobs()] in (["completed"], ["terminating"])


@pytest.mark.parametrize("moment", Moment, ids=lambda moment: moment.name.lower())
@pytest.mark.parametrize("points", IN_A_ROW, ids=", ".join)
def test_4_10_r22_ctrl_c_at_any_point_and_the_same_command_goes_on(
    bare: Workload, wire: Wire, points: tuple[str, ...], moment: Moment
) -> None:
    """SIGINT around each call that changes something, one after the other: 130 and a way on; then all is there once."""
    bare.write_copies()
    for point in points:
        _interrupted_at(bare, wire, moment, *POINTS[point])
    bare.apply()
    _is_whole(bare)


def _interrupted_at(workload: Workload, wire: Wire, moment: Moment, method: str, ending: str) -> None:
    """Runs an apply that gets a SIGINT at the first such call."""
    begun: list[subprocess.Popen[str]] = []

    def interrupt(now: Moment, heard: Heard) -> None:
        if now is moment and heard.method == method and heard.path.endswith(ending) and begun:
            begun.pop().send_signal(signal.SIGINT)
            time.sleep(0.2)  # the signal is handled while the call is under way

    wire.hook = interrupt
    with workload.started("apply", "specs/ffmpeg.yaml", env=wire.environment) as process:
        begun.append(process)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "batchspec apply specs/ffmpeg.yaml" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("moment", Moment, ids=lambda moment: moment.name.lower())
def test_4_10_r10_every_call_cut_once_is_made_good_within_the_run(
    bare: Workload, wire: Wire, moment: Moment
) -> None:
    """Each changing call loses its line once, before it is sent or before its answer: one apply still does it all."""
    bare.write_copies()
    cut: set[Heard] = set()

    def lose(now: Moment, heard: Heard) -> None:
        if now is moment and heard not in cut:
            cut.add(heard)
            raise Cut

    wire.hook = lose
    bare.apply(env=wire.environment)
    wire.hook = None
    assert len(cut) > 8
    _is_whole(bare)
    assert bare.actions() == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_4_10_ctrl_c_while_watching_leaves_the_tasks_running(
    bare: Workload, number: signal.Signals, code: int
) -> None:
    """While only watching, a signal detaches at once, says how to look again, and ends no task."""
    bare.write_held()
    with _watching(bare) as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert "batchspec status --watch specs/ffmpeg.yaml" in said
    assert {task["state"] for task in bare.tasks().values()} == {"running"}
    bare.let_go()
    bare.apply()
    _is_whole(bare)


def test_4_10_kill_9_while_watching_and_nobody_waits_for_the_dead(bare: Workload) -> None:
    """After kill -9 the same command on the same machine goes on at once: it knows that the holder is dead."""
    bare.write_held()
    with _watching(bare) as process:
        process.kill()
        process.wait()
    bare.let_go()
    bare.apply()
    _is_whole(bare)


def test_4_10_r20_a_lock_of_another_machine_frees_itself_without_a_manual_step(bare: Workload) -> None:
    """While a lease lasts others end with 6 and are told whose it is; when it was not renewed, they go on."""
    bare.write_copies()
    with bare.blob_service() as service:
        with suppress(ResourceExistsError):
            service.create_container("output")
        blob = service.get_blob_client("output", f"{bare.name}/.batchspec/lock")
        blob.upload_blob(b"", metadata={"batchspec_holder": "ana@elsewhere process 7"})
        blob.acquire_lease(15)
    ended = bare.apply(code=6)
    assert "ana@elsewhere process 7" in ended.err
    bare.apply("--lock-timeout", "40s")
    _is_whole(bare)


def test_4_10_r19_two_applies_at_once_do_nothing_twice(bare: Workload) -> None:
    """Of two at once one works; the other ends with 6 and says who holds the lock, or finds nothing to do."""
    bare.write_copies()
    with (
        bare.started("apply", "specs/ffmpeg.yaml") as one,
        bare.started("apply", "specs/ffmpeg.yaml") as other,
    ):
        said = {process.pid: process.communicate(timeout=60)[1] for process in (one, other)}
    codes = {process.pid: process.returncode for process in (one, other)}
    assert sorted(codes.values()) in ([0, 0], [0, 6]), said
    for pid, code in codes.items():
        assert code == 0 or "another apply of this spec is running" in said[pid]
    _is_whole(bare)


def test_4_10_r19_while_one_watches_another_ends_with_6_and_says_who_holds_it(bare: Workload) -> None:
    """The loser is told who, where and since when; the one that watches goes on to its end."""
    bare.write_held()
    with _watching(bare) as process:
        ended = bare.apply(code=6)
        assert f"process {process.pid} since 20" in ended.err
        bare.let_go()
        process.communicate(timeout=60)
        assert process.returncode == 0
    _is_whole(bare)


def test_r16_a_job_that_ends_while_tasks_are_added_is_followed_by_the_next(
    bare: Workload, wire: Wire
) -> None:
    """The first job ends when its collection is in, the next generation takes the rest, and both are watched."""
    bare.write_copies()
    for number in range(150):
        (bare.clips / f"c{number:03}").write_text("c")
    begun = count()
    ended = threading.Event()

    def end_the_job(now: Moment, heard: Heard) -> None:
        if not heard.path.endswith("/addtaskcollection") or ended.is_set():
            return
        if now is Moment.BEFORE and next(begun) > 0:
            assert ended.wait(60)  # the others come when the job is over
        elif now is Moment.AFTER:
            wait_until(lambda: all(task["state"] == "completed" for task in bare.tasks().values()))
            bare.batch("POST", f"/jobs/{bare.job_id}/terminate", {})
            wait_until(lambda: bare.jobs()[0]["state"] == "completed")
            ended.set()

    wire.hook = end_the_job
    bare.apply("--timeout", "90s", env=wire.environment)
    assert len(bare.results()) == 152
    assert [job["state"] for job in bare.jobs()] == ["completed", "completed"]
    assert bare.plan()["hasChanges"] is False


@contextmanager
def _watching(workload: Workload) -> Iterator[subprocess.Popen[str]]:
    """An apply that has come to the point where all tasks run and it only watches."""
    with workload.started("apply", "specs/ffmpeg.yaml") as process:
        wait_until(lambda: [task["state"] for task in workload.tasks().values()] == ["running"] * 2)
        wait_until(lambda: (workload.job() or {}).get("onAllTasksComplete") == "terminatejob")
        time.sleep(0.3)  # between its last change and its first look
        yield process
