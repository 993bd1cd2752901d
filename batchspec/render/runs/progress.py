"""A run's events as rows of a board (for a live display) or as plain lines (for anything else)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from batchspec.counts import count_text
from batchspec.events import Event, NoteEvent, State, Step, StepEvent, TaskEvent
from batchspec.render.show import show
from batchspec.render.values import size_text
from batchspec.resources.task import CANCELLED

_EVERY_S = 5.0
_MARKS = {State.STARTED: "..", State.PROGRESS: "..", State.DONE: "ok", State.FAILED: "no"}


@dataclass(slots=True)
class Row:
    """One step on the board. `share` is None while the total is not known."""

    step: Step
    mark: str
    text: str = ""
    share: float | None = None
    began: float = 0.0
    ended: float | None = None


@dataclass(slots=True)
class Board:
    """What has happened so far, a row for each step that had something to do."""

    rows: dict[Step, Row] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def take(self, event: Event, now: float) -> None:
        """Puts *event* on the board; *now* is of the monotonic clock."""
        if isinstance(event, StepEvent):
            self._take_step(event, now)
        elif isinstance(event, TaskEvent) and event.failure:
            self.notes.append(f"{event.name} {ended_text(event.failure)}")
        elif isinstance(event, NoteEvent):
            self.notes += [event.text, *(f"  {line}" for line in event.lines)]

    def _take_step(self, event: StepEvent, now: float) -> None:
        row = self.rows.setdefault(event.step, Row(event.step, "..", began=now))
        row.mark = _MARKS[event.state]
        row.text = step_text(event)
        if event.total:
            row.share = event.done / event.total
        if event.state in (State.DONE, State.FAILED):
            row.ended = now


def ended_text(failure: str) -> str:
    """How a task ended: `failed: exit code 1`, `cancelled`, `ok`."""
    return failure if failure == CANCELLED else f"failed: {failure}" if failure else "ok"


def step_text(event: StepEvent) -> str:
    """`3 of 5 tasks, 2 running`, with what of it is known."""
    if not event.total:
        return event.text
    if event.unit == "bytes":
        amount = f"{size_text(event.done)} of {size_text(event.total)}"
    else:
        amount = f"{event.done} of {count_text(event.total, event.unit.removesuffix('s'))}"
    return f"{amount}, {event.text}" if event.text else amount


class Lines:
    """Plain lines: every beginning, end and failure; progress now and then."""

    def __init__(self) -> None:
        self._told: dict[Step, tuple[float, str]] = {}

    def line(self, event: Event) -> str | None:
        """The line for *event*, or None when it is not worth one."""
        if isinstance(event, StepEvent):
            return self._step(event)
        if isinstance(event, TaskEvent):
            return show(f"task      {event.name}  {ended_text(event.failure)}")
        if isinstance(event, NoteEvent):
            first = f"{'warning' if event.warning else 'note':<9} {event.text}"
            return "\n".join(map(show, [first, *(f"    {line}" for line in event.lines)]))
        return None

    def _step(self, event: StepEvent) -> str | None:
        now, text = time.monotonic(), step_text(event)
        if event.state is State.PROGRESS:
            last, before = self._told.get(event.step, (0.0, ""))
            if now - last < _EVERY_S or text == before:
                return None
        self._told[event.step] = (now, text)
        word = "..." if event.state in (State.STARTED, State.PROGRESS) else event.state.value
        return show(f"{event.step.value}: {word} {text}".rstrip())
