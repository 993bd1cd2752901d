"""What the steps of a run share: the account, the plan, what was done so far, and how to tell of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from batchspec.desired.task import Desired
from batchspec.engine.history.author import Author, author_of
from batchspec.engine.run.progress.lock import Held
from batchspec.engine.run.progress.outcome import Outcome
from batchspec.events import Event, State, Step, StepEvent
from batchspec.language.model import Spec
from batchspec.plan.model import Plan
from batchspec.resources.base import Json, with_author
from batchspec.service.connect import Account


class Interrupted(Exception):
    """The person asked to stop: the calls in flight are finished, no new one is begun."""


class PlanAgain(Exception):
    """What is left of the work has to be planned anew, now that more is known. Its text says what came about."""


class NextRound(PlanAgain):
    """Tasks have made what others are made of, so that these are known now."""


@dataclass(slots=True)
class Conduct:
    """One run of a plan, handed from step to step. `tell` takes events from any thread."""

    account: Account
    desired: Desired
    plan: Plan
    held: Held
    tell: Callable[[Event], None]
    stopped: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome = field(init=False)
    author: Author = field(init=False)

    def __post_init__(self) -> None:
        self.outcome = Outcome(self.desired.tasks)
        self.author = author_of(self.spec.document.source.name)

    @property
    def spec(self) -> Spec:
        return self.desired.spec

    @property
    def job(self) -> Json:
        """The job's body, with who applies it; only a run with tasks or an action on the job asks for it."""
        if self.desired.job is None:
            raise ValueError(f"the spec {self.spec.name} has no job")
        return with_author(self.desired.job, self.author.user, self.author.commit)

    @property
    def pool(self) -> Json:
        """The pool's body, with who applies it; only a run with an action on the pool asks for it."""
        if self.desired.pool is None:
            raise ValueError(f"the spec {self.spec.name} has no pool of its own")
        return with_author(self.desired.pool, self.author.user, self.author.commit)

    def check(self) -> None:
        """Before every call that changes something: are we still to go on, and is the lock still ours?"""
        if self.stopped.is_set():
            raise Interrupted
        self.held.check()

    def is_under_way(self, step: Step) -> bool:
        """Whether it has begun and not ended."""
        return self.outcome.seconds.get(step.value, 0.0) < 0

    def begin(self, step: Step, text: str = "", *, total: int = 0, unit: str = "") -> None:
        self.outcome.seconds[step.value] = -time.monotonic()
        self.tell(StepEvent(step, State.STARTED, text, 0, total, unit))

    def end(self, step: Step, text: str) -> None:
        self.outcome.seconds[step.value] += time.monotonic()
        self.tell(StepEvent(step, State.DONE, text))

    def progress(self, step: Step, text: str, done: int = 0, total: int = 0, unit: str = "") -> None:
        self.tell(StepEvent(step, State.PROGRESS, text, done, total, unit))
