"""The status of a workload as what a live display shows."""

from __future__ import annotations

from batchspec.engine.health.situation import Situation
from batchspec.engine.health.status import Status
from batchspec.events import State, Step, StepEvent
from batchspec.render.runs.status import head_lines, problem_lines
from batchspec.render.watching.board import Board, Note


def stand(board: Board, status: Status, situation: Situation, now: float) -> None:
    """Puts on the *board* how things stand *now*, by the monotonic clock. When the run began nobody knows."""
    every = [sum(group[1:]) for group in situation.groups]
    left = [group.waiting + group.running for group in situation.groups]
    state = State.PROGRESS if status.is_at_work else State.DONE
    event = StepEvent(Step.RUN, state, "", sum(every) - sum(left), sum(every), "tasks")
    board.take(event, now)
    board.rows[Step.RUN].began = None
    board.see(situation, now)
    board.head = list(head_lines(status))
    board.notes = list(map(Note, problem_lines(status)))
