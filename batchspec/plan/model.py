"""A plan: what would be done, why, and on which line of the spec that is decided. Values only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from batchspec.resources.base import Change, Effect, Json
from batchspec.resources.task import LiveTask
from batchspec.source import Diagnostic, Path, Severity
from batchspec.spec.expand import DesiredTask


class Operation(Enum):
    """What is done to one thing; the value is its sign."""

    CREATE = "+"
    UPDATE = "~"
    REPLACE = "-/+"
    DELETE = "-"
    UPLOAD = "^"
    RUN = ">"
    DOWNLOAD = "v"


class Kind(Enum):
    """What an action is about."""

    POOL = "pool"
    JOB = "job"
    INPUT = "input"
    TASK = "task"
    OUTPUT = "output"


class Reason(Enum):
    """Why an action was chosen. It explains and never steers."""

    MISSING = "not there yet"
    DIFFERS = "differs from the spec"
    COMPLETED = "the last one is completed"
    CANNOT_CHANGE = "a field that cannot change differs"
    NEW_INPUT = "new input"
    INPUT_CHANGED = "input changed"
    COMMAND_CHANGED = "command changed"
    OUTPUT_MISSING = "output missing"
    FAILED_LAST_TIME = "failed last time"
    NOT_RUN = "has not run yet"
    LEFT_SPEC = "no longer in the spec"
    REPLACED = "its work changed"
    LOCAL_MISSING = "not downloaded yet"
    LOCAL_DIFFERS = "the local file differs"
    UNPROTECT = "its protection is lifted"
    ROLLOUT = "a rollout was cut off"
    WHEN_DONE = "no task needs it any more"
    OUTDATED_JOB = "a newer one has taken its place"
    LINKS_END = "its links end soon"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `path` is the value in the spec that decides it, `place` that value's `file:line`."""

    operation: Operation
    kind: Kind
    id: str
    reason: Reason
    path: Path = ()
    place: str = ""
    changes: tuple[Change, ...] = ()
    detail: str = ""
    interrupts: tuple[str, ...] = ()  # what running work it ends
    notes: tuple[str, ...] = ()  # what it does not do, or what becomes of it later
    agreed: bool = False  # the spec itself asks for it, so nobody else is asked

    @property
    def effects(self) -> frozenset[Effect]:
        return frozenset(change.effect for change in self.changes)

    @property
    def needs_consent(self) -> bool:
        """Whether it deletes, replaces or empties something that the spec does not say so of."""
        takes_away = self.operation in (Operation.REPLACE, Operation.DELETE)
        return not self.agreed and (bool(self.interrupts) or takes_away or Effect.DRAIN in self.effects)


@dataclass(frozen=True, slots=True)
class Run:
    """A task to add. `superseded` are live tasks of the same input to be deleted for it."""

    task: DesiredTask
    id: str
    reason: Reason
    superseded: tuple[LiveTask, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveBlob:
    """A blob as a listing tells of it. `md5` is hexadecimal, empty where the blob has none."""

    name: str
    size: int
    md5: str
    etag: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ending:
    """The live tasks whose links have ended, or do before long, by id: those that wait, and those that run."""

    queued: frozenset[str] = frozenset()
    running: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """What there is: everything a plan is made from, besides the spec.

    `jobs` are all jobs that are generations of the spec's, deleted ones included while they
    are listed. `tasks` are those of the newest generation. `local_md5` has the digests of
    downloaded files by output blob; a file that is not there is missing.
    """

    pool: Json | None = None
    pool_running_tasks: int = 0
    jobs: Sequence[Json] = ()
    tasks: Sequence[LiveTask] = ()
    ending: Ending = Ending()
    inputs: Mapping[str, LiveBlob] = field(default_factory=dict)
    outputs: Mapping[str, LiveBlob] = field(default_factory=dict)
    local_md5: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Excess:
    """A threshold of the spec's `safety:` that a plan goes beyond.

    *of* is what a share is taken of, None for a count. `place` is its `file:line`, empty for
    a default.
    """

    name: str
    limit: str
    found: int
    of: int | None
    what: str
    place: str


@dataclass(frozen=True, slots=True)
class Plan:
    """All that would be done, in the order it is shown.

    `runs` are the tasks to add, `in_progress` those at work already under their current
    work: apply watches both. `seals_job` says that the job is still open for ever and
    has to be told to complete with its tasks. `orphans` counts outputs whose input is gone.
    `findings` and `not_checked` are the preflight's; with an error among them the plan cannot be
    applied.
    """

    spec_name: str
    actions: tuple[Action, ...]
    job_id: str
    runs: tuple[Run, ...] = ()
    in_progress: tuple[tuple[DesiredTask, LiveTask], ...] = ()
    obsolete: tuple[LiveTask, ...] = ()  # live tasks to delete: nobody wants what they would make
    seals_job: bool = False
    up_to_date: int = 0
    orphans: int = 0
    findings: tuple[Diagnostic, ...] = ()
    not_checked: tuple[str, ...] = ()
    excesses: tuple[Excess, ...] = ()

    @property
    def errors(self) -> int:
        """How many findings keep it from being applied."""
        return sum(1 for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def is_empty(self) -> bool:
        """Nothing to do, and nothing to wait for."""
        return not self.actions and not self.in_progress

    @property
    def has_changes(self) -> bool:
        return bool(self.actions)

    @property
    def has_work(self) -> bool:
        return bool(self.runs or self.in_progress)

    @property
    def consents(self) -> tuple[Action, ...]:
        """The actions that need the person's word."""
        return tuple(action for action in self.actions if action.needs_consent)

    def of(self, kind: Kind) -> tuple[Action, ...]:
        return tuple(action for action in self.actions if action.kind is kind)

    def counts(self) -> Counter[Operation]:
        return Counter(action.operation for action in self.actions)
