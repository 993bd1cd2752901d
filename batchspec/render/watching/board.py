"""A run's events and situations as what a live display shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from batchspec.counts import count_text
from batchspec.engine.health.situation import GroupTally, Situation
from batchspec.events import Event, NoteEvent, State, Step, StepEvent, TaskEvent
from batchspec.render.runs.progress import ended_text, step_text
from batchspec.render.watching.pace import Pace

_MARKS = {State.STARTED: "..", State.PROGRESS: "..", State.DONE: "ok", State.FAILED: "no"}


@dataclass(slots=True)
class Row:
    """One step on the board. `share` is None while the total is not known."""

    step: Step
    mark: str
    text: str = ""
    share: float | None = None
    began: float | None = None
    ended: float | None = None


class Note(NamedTuple):
    text: str
    is_failure: bool = False


class AtWork(NamedTuple):
    """A task that is running, and for how many seconds; None where that is not known yet."""

    name: str
    node: str
    seconds: float | None


@dataclass(slots=True)
class Board:
    """What has happened so far: a row for each step that had something to do. Times are of the monotonic clock.

    `head` are lines that stand above it.
    """

    head: list[str] = field(default_factory=list)
    rows: dict[Step, Row] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)
    _seen: tuple[Situation, float] | None = None

    def take(self, event: Event, now: float) -> None:
        """Puts *event* on the board."""
        if isinstance(event, StepEvent):
            self._take_step(event, now)
        elif isinstance(event, TaskEvent) and event.failure:
            self.notes.append(Note(f"{event.name} {ended_text(event.failure)}", is_failure=True))
        elif isinstance(event, NoteEvent):
            self.notes += map(Note, [event.text, *(f"  {line}" for line in event.lines)])

    def see(self, situation: Situation, now: float) -> None:
        """How things stand. Called from any thread."""
        self._seen = (situation, now)

    @property
    def groups(self) -> tuple[GroupTally, ...]:
        return self._seen[0].groups if self._seen else ()

    @property
    def nodes(self) -> list[str]:
        """The states of the nodes, each node always in the same place; none once all tasks have ended."""
        if self._seen is None or self._has_run:
            return []
        return [state for _, state in sorted(self._seen[0].nodes.items())]

    def at_work(self, now: float) -> list[AtWork]:
        """What is running, the longest first."""
        return sorted(self._running(now), key=lambda task: (-(task.seconds or 0.0), task.name))

    def _running(self, now: float) -> Iterator[AtWork]:
        if self._seen is None:
            return
        situation, seen_at = self._seen
        for task in situation.running:
            if task.since is None:
                yield AtWork(task.name, task.node, None)
            else:
                until_then = (situation.now - task.since).total_seconds()
                yield AtWork(task.name, task.node, max(0.0, until_then + now - seen_at))

    @property
    def _has_run(self) -> bool:
        return Step.RUN in self.rows and self.rows[Step.RUN].ended is not None

    def _take_step(self, event: StepEvent, now: float) -> None:
        row = self.rows.setdefault(event.step, Row(event.step, "..", began=now))
        row.mark = _MARKS[event.state]
        row.text = _amount(event) if event.step is Step.RUN else step_text(event)
        if event.total:
            row.share = event.done / event.total
        if event.step is Step.RUN and event.total:
            self.pace.take(event.done, event.total, now)
        if event.state in (State.DONE, State.FAILED):
            row.ended = now
            if event.step is Step.RUN:
                self.pace.text = ""


def _amount(event: StepEvent) -> str:
    """How many tasks have ended. How many run and failed stands beneath, by group."""
    return f"{event.done} of {count_text(event.total, 'task')}" if event.total else event.text
