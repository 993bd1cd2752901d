"""Events as they come: a live board on a terminal, plain lines elsewhere, JSON for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from batchspec.cli.door import is_live, put, put_object, put_painted
from batchspec.cli.verbose import is_listening
from batchspec.engine.health.situation import See
from batchspec.events import Event, SummaryEvent

Take = Callable[[Event], None]


class Display(NamedTuple):
    """Shows each event that it takes; and where somebody looks on, also how the tasks stand meanwhile."""

    take: Take
    see: See | None = None


@contextmanager
def display(form: str, arguments: str) -> Iterator[Display]:
    """Within it, every event taken is shown: progress on stderr, the summary on stdout."""
    if form == "json":
        yield Display(_json)
    elif is_live(sys.stderr) and not is_listening():
        with _live(arguments) as live:
            yield live
    else:
        yield Display(_lines(arguments))


def _json(event: Event) -> None:
    from batchspec.render.plans.as_json import event_json

    put_object(event_json(event))


def _lines(arguments: str) -> Take:
    from batchspec.render.paint import summary_painted
    from batchspec.render.runs.progress import Lines
    from batchspec.render.runs.summary import summary_text

    lines = Lines()

    def take(event: Event) -> None:
        if isinstance(event, SummaryEvent):
            put_painted(summary_text(event, arguments), summary_painted, wraps=True)
        elif (line := lines.line(event)) is not None:
            put(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}  {line}\n", err=True)

    return take


@contextmanager
def _live(arguments: str) -> Iterator[Display]:
    from batchspec.cli.live import shown
    from batchspec.render.paint import summary_painted
    from batchspec.render.runs.summary import summary_text
    from batchspec.render.watching.board import Board

    board = Board()
    summaries: list[SummaryEvent] = []

    def take(event: Event) -> None:
        if isinstance(event, SummaryEvent):
            summaries.append(event)
        else:
            board.take(event, time.monotonic())

    with shown(board):
        yield Display(take, lambda situation: board.see(situation, time.monotonic()))
    for summary in summaries:
        put_painted(summary_text(summary, arguments), summary_painted, wraps=True)
