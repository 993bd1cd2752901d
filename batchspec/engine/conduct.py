"""What the steps of a run share: the account, the plan, what was done so far, and how to tell of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from batchspec.engine.events import Event, State, Step, StepEvent
from batchspec.engine.lock import Held
from batchspec.errors import ServiceError
from batchspec.plan.model import Plan
from batchspec.resources.base import Json
from batchspec.resources.task import LiveTask
from batchspec.service.connect import Account
from batchspec.spec.expand import Desired, DesiredTask
from batchspec.spec.model import Spec


class Interrupted(Exception):
    """The person asked to stop: the calls in flight are finished, no new one is begun."""


@dataclass(slots=True)
class Outcome:
    """What a run did, as far as it came. `ended` and `refused` are tasks by id.

    `jobs` has the ids of the tasks to wait for, by their job. There are several jobs when one
    completed while tasks were added: the next generation takes the rest, and is the last here.
    """

    jobs: dict[str, list[str]] = field(default_factory=dict)
    ended: dict[str, LiveTask] = field(default_factory=dict)
    refused: dict[str, ServiceError] = field(default_factory=dict)
    uploaded: int = 0
    uploaded_bytes: int = 0
    downloaded: int = 0
    preempted: int = 0  # how often a Spot node was taken away
    requeued: int = 0  # the tasks that ran there
    seconds: dict[str, float] = field(default_factory=dict)
    detached: bool = False


@dataclass(slots=True)
class Conduct:
    """One run of a plan, handed from step to step. `tell` takes events from any thread."""

    account: Account
    desired: Desired
    plan: Plan
    held: Held
    tell: Callable[[Event], None]
    outcome: Outcome = field(default_factory=Outcome)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def spec(self) -> Spec:
        return self.desired.spec

    @property
    def tasks(self) -> dict[str, DesiredTask]:
        """The tasks of the plan that are to end in this run, by id."""
        runs = {run.id: run.task for run in self.plan.runs}
        return runs | {live.id: task for task, live in self.plan.in_progress}

    @property
    def job(self) -> Json:
        """The job's body; only a run with tasks or an action on the job asks for it."""
        if self.desired.job is None:
            raise ValueError(f"the spec {self.spec.name} has no job")
        return self.desired.job

    @property
    def pool(self) -> Json:
        """The pool's body; only a run with an action on the pool asks for it."""
        if self.desired.pool is None:
            raise ValueError(f"the spec {self.spec.name} has no pool of its own")
        return self.desired.pool

    def check(self) -> None:
        """Before every call that changes something: are we still to go on, and is the lock still ours?"""
        if self.stopped.is_set():
            raise Interrupted
        self.held.check()

    def begin(self, step: Step, text: str = "", *, total: int = 0, unit: str = "") -> None:
        self.outcome.seconds[step.value] = -time.monotonic()
        self.tell(StepEvent(step, State.STARTED, text, 0, total, unit))

    def end(self, step: Step, text: str) -> None:
        self.outcome.seconds[step.value] += time.monotonic()
        self.tell(StepEvent(step, State.DONE, text))

    def progress(self, step: Step, text: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        self.tell(StepEvent(step, State.PROGRESS, text, done, total, unit))
