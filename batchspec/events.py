"""What happens during a run, as values. Renderers make text or JSON of them; nothing here prints.

No event carries a signed URL, a key or a token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from batchspec.cost.estimate import Used


class Step(Enum):
    """The steps of a run, in their order; the value is what people read."""

    UPLOAD = "upload inputs"
    PACKAGES = "upload packages"
    POOL = "create pool"
    JOB = "create job"
    ADD = "add tasks"
    NODES = "start nodes"
    RUN = "run tasks"
    DOWNLOAD = "download outputs"
    CLEAN_UP = "clean up"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    """What happened at `time`, by our clock."""

    time: datetime = field(default_factory=_now, compare=False)


class State(Enum):
    """How far a step is."""

    STARTED = "started"
    PROGRESS = "progress"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepEvent(_Timed):
    """A step began, came further or ended. `done` of `total` are in `unit`; total 0 means it is not known."""

    step: Step
    state: State
    text: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class TaskEvent(_Timed):
    """A task ended. `failure` says why it failed, or that it was `cancelled`; empty: it succeeded.

    `attempt` counts the tries that batchspec began. `started` and `ended` are by the service's clock. What the service
    does not know is None: the node and the exit code of a task that never began.
    """

    id: str
    name: str
    failure: str = ""
    group: str = ""
    input: str | None = None
    attempt: int = 1
    exit_code: int | None = None
    node: str | None = None
    started: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class NoteEvent(_Timed):
    """Something worth knowing that is neither a step nor an end; `lines` are what a program wrote of it."""

    text: str
    warning: bool = False
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Tasks that failed for one reason, with what the first of them wrote, first and last, and what to do about it.

    Of very many, only the first are named.
    """

    reason: str
    count: int
    tasks: tuple[str, ...]
    names: tuple[str, ...]
    first_lines: tuple[str, ...] = ()
    left_out: int = 0  # lines between these and the last
    last_lines: tuple[str, ...] = ()
    help: str = ""
    ran: bool = True  # False: they were cancelled, or waited for a task that failed


@dataclass(frozen=True, slots=True)
class SummaryEvent(_Timed):
    """How a run ended. Times are in seconds, by step, for the steps that had something to do."""

    spec: str
    succeeded: int
    failed: int
    up_to_date: int
    uploaded: int
    uploaded_bytes: int
    downloaded: int
    kept: int  # local files that were not overwritten
    downloads_to: str | None
    outputs_in: str
    seconds: dict[str, float] = field(default_factory=dict)
    failures: tuple[FailureGroup, ...] = ()
    still_there: tuple[str, ...] = ()
    detached: bool = False
    preempted: int = 0  # how often a Spot node was taken away
    cancelled: int = 0
    not_run: int = 0  # tasks that waited for one that failed
    requeued: int = 0  # the tasks that ran there: they ran again, which is no failure
    advice: tuple[str, ...] = ()
    used: Used | None = None  # None where nodes are free


Event = StepEvent | TaskEvent | NoteEvent | SummaryEvent
