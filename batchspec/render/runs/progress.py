"""A run's events as plain lines: for all that is no live display."""

from __future__ import annotations

import time

from batchspec.counts import count_text
from batchspec.events import Event, NoteEvent, State, Step, StepEvent, TaskEvent
from batchspec.render.show import show
from batchspec.render.values import size_text
from batchspec.resources.task import CANCELLED

_EVERY_S = 5.0


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
