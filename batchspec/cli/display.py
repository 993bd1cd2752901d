"""Events as they come: a live board on a terminal, plain lines elsewhere, JSON for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from batchspec.cli.door import put, put_object
from batchspec.cli.verbose import is_listening
from batchspec.events import Event, SummaryEvent

if TYPE_CHECKING:
    from rich.table import Table

    from batchspec.render.runs.progress import Board

Take = Callable[[Event], None]

_NOTES = 5
_BAR = 20


@contextmanager
def display(form: str, arguments: str) -> Iterator[Take]:
    """Within it, every event taken is shown: progress on stderr, the summary on stdout."""
    if form == "json":
        yield _json
    elif sys.stderr.isatty() and not is_listening():
        with _live(arguments) as take:
            yield take
    else:
        yield _lines(arguments)


def _json(event: Event) -> None:
    from batchspec.render.plans.as_json import event_json

    put_object(event_json(event))


def _lines(arguments: str) -> Take:
    from batchspec.render.runs.progress import Lines
    from batchspec.render.runs.summary import summary_text

    lines = Lines()

    def take(event: Event) -> None:
        if isinstance(event, SummaryEvent):
            put(summary_text(event, arguments))
        elif (line := lines.line(event)) is not None:
            put(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}  {line}\n", err=True)

    return take


@contextmanager
def _live(arguments: str) -> Iterator[Take]:
    from rich.console import Console
    from rich.live import Live

    from batchspec.render.runs.progress import Board
    from batchspec.render.runs.summary import summary_text

    board = Board()
    summaries: list[SummaryEvent] = []
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)

    def take(event: Event) -> None:
        if isinstance(event, SummaryEvent):
            summaries.append(event)
        else:
            board.take(event, time.monotonic())

    with Live(get_renderable=lambda: _table(board), console=console, refresh_per_second=8):
        yield take
    for summary in summaries:
        put(summary_text(summary, arguments))


def _table(board: Board) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from batchspec.render.show import show

    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=4, no_wrap=True)
    table.add_column(min_width=16, no_wrap=True)
    table.add_column(width=_BAR)
    table.add_column(ratio=1, no_wrap=True)
    table.add_column(justify="right")
    for row in board.rows.values():
        style = {"ok": "green", "no": "red"}.get(row.mark, "cyan")
        bar = ProgressBar(1.0, row.share, width=_BAR) if row.share is not None else ""
        spent = (row.ended or time.monotonic()) - row.began
        table.add_row(
            Text(f"[{row.mark}]", style), Text(row.step.value), bar, Text(show(row.text)), f"{spent:.1f} s"
        )
    for note in board.notes[-_NOTES:]:
        table.add_row("", "", "", Text(show(note), "yellow"), "")
    return table
