"""The live display: a board drawn by rich, as wide and as high as the terminal is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from batchspec.engine.health.situation import GroupTally
from batchspec.events import Step
from batchspec.render.show import show
from batchspec.render.values import duration_text
from batchspec.render.watching import heat
from batchspec.render.watching.board import AtWork, Board

_PER_SECOND = 4
_BAR = 16
_INDENT = 5
_LABEL = 12
_NARROWEST = 20
_NODE = 24
_ROOMY = 60  # columns from which there is room for the node beside the task
_NOTES = 5
_AT_WORK = 12
_A_FEW = 3
_AIRY = 40  # lines from which there is room for empty ones
_ALWAYS = ("waiting", "running", "succeeded", "failed")
_COLORS = {"running": "cyan", "succeeded": "green", "failed": "red", "cancelled": "yellow", "not_run": "red"}
_STYLES = {"ok": "green", "no": "red"}


@contextmanager
def shown(board: Board) -> Iterator[None]:
    """Within it the board is on the terminal, on stderr, as it is at each moment; then it stays as it was at last."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    with Live(Screen(board), console=console, refresh_per_second=_PER_SECOND):
        yield


class Screen:
    """What is drawn at a refresh: the steps in full, of all else what there is room for."""

    def __init__(self, board: Board, clock: Callable[[], float] = time.monotonic) -> None:
        self._board = board
        self._clock = clock

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        board, now, width = self._board, self._clock(), max(_NARROWEST, options.max_width - _INDENT)
        steps = _steps(board, now)
        for line in board.head:
            yield Text(show(line), no_wrap=True, overflow="ellipsis")
        yield steps
        notes = _wrapped(board, console, width)
        at_work, states = board.at_work(now), board.nodes
        wanted = (
            len(board.groups) + 1 if board.groups else 0,
            1 + -(-len(states) // (width - _LABEL)) if states else 0,
            min(len(at_work), _AT_WORK),
            len(notes),
        )
        is_airy = console.height >= _AIRY
        room = console.height - 1 - len(board.head) - steps.row_count - is_airy * sum(map(bool, wanted))
        of_groups, of_nodes, of_tasks, of_notes = _shared(room, wanted)
        sections: list[RenderableType] = []
        if of_groups > 1:
            sections.append(_groups(board, of_groups))
        if of_nodes:
            sections.append(_nodes(states, width - _LABEL, of_nodes))
        if of_tasks:
            sections.append(_tasks(at_work, of_tasks, width))
        if of_notes:
            sections.append(Group(*notes[-of_notes:]))
        for section in sections:
            yield Padding(section, (int(is_airy), 0, 0, _INDENT))


def _shared(room: int, wanted: Sequence[int]) -> list[int]:
    """How many lines each gets: a few in any case, and all it wants while there is room, in this order."""
    given = [0] * len(wanted)
    for most in (_A_FEW, max(wanted)):
        for number, lines in enumerate(wanted):
            more = min(lines, most) - given[number]
            given[number] += max(0, min(more, room - sum(given)))
    return given


def _steps(board: Board, now: float) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(min_width=4, no_wrap=True)
    table.add_column(min_width=16, no_wrap=True)
    table.add_column(width=_BAR)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    for row in list(board.rows.values()):  # another thread adds to them
        bar = ProgressBar(1.0, row.share, width=_BAR) if row.share is not None else ""
        spent = duration_text((row.ended or now) - row.began) if row.began is not None else ""
        style = _STYLES.get(row.mark, "cyan")
        table.add_row(Text(f"[{row.mark}]", style), row.step.value, bar, Text(show(row.text)), spent)
        if row.step is Step.RUN and board.pace.text:
            table.add_row("", "", "", board.pace.text, "")
    return table


def _groups(board: Board, room: int) -> Table:
    """How many tasks of each group are in each state; the busiest groups where not all have room."""
    groups = board.groups
    states = [
        name for name in GroupTally._fields[1:] if name in _ALWAYS or any(getattr(g, name) for g in groups)
    ]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("group", no_wrap=True, overflow="ellipsis")
    for name in states:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    fit = groups if len(groups) < room else sorted(groups, key=_is_quiet)[: max(1, room - 2)]
    for group in groups:
        if group in fit:
            table.add_row(show(group.name), *(_count(name, getattr(group, name)) for name in states))
    if len(fit) < len(groups) and room > 2:
        table.add_row(Text(f"… {len(groups) - len(fit)} more", "dim"))
    return table


def _is_quiet(group: GroupTally) -> tuple[bool, bool]:
    return not group.running, not group.waiting


def _count(name: str, count: int) -> Text:
    return Text(f"{count}", _COLORS.get(name, "") if count else "dim")


def _nodes(states: Sequence[str], width: int, room: int) -> Table:
    """The nodes by states, and the map of them."""
    cells, per = heat.cells(states, max(1, room - 1) * width)
    words = Text("  ").join(
        Text.assemble((kind.sign, kind.color), f" {said}") for kind, said in heat.legend(states)
    )
    words.no_wrap = True
    table = _labelled()
    table.add_row(Text("nodes", "dim"), words)
    if room > 1:
        table.add_row(
            Text(f"{per} a sign" if per > 1 else "", "dim"),
            Text.assemble(*((cell.sign, cell.color) for cell in cells)),
        )
    return table


def _tasks(at_work: Sequence[AtWork], room: int, width: int) -> Table:
    """What runs, and for how long; where, if there is room beside the name."""
    table = _labelled()
    table.columns[1].overflow = "ellipsis"
    table.columns[1].no_wrap = True
    table.add_column(max_width=_NODE, no_wrap=True, overflow="ellipsis", style="dim")
    table.add_column(justify="right", no_wrap=True)
    fit = at_work if len(at_work) <= room else at_work[: max(1, room - 1)]
    for number, task in enumerate(fit):
        label = Text("" if number else "running", "dim")
        spent = duration_text(task.seconds) if task.seconds is not None else ""
        table.add_row(label, Text(show(task.name)), show(task.node) if width >= _ROOMY else "", spent)
    if len(fit) < len(at_work) and room > 1:
        table.add_row("", Text(f"… {len(at_work) - len(fit)} more", "dim"))
    return table


def _labelled() -> Table:
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(width=_LABEL - 1, no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    return table


def _wrapped(board: Board, console: Console, width: int) -> list[Text]:
    """The last notes, wrapped at words."""
    notes = (Text(show(note.text), "red" if note.is_failure else "yellow") for note in board.notes[-_NOTES:])
    return [line for note in notes for line in note.wrap(console, width)][-_NOTES:]
