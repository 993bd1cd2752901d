"""A plan: what would be done, why, and on which line of the spec that is decided. Values only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from pathlib import PurePosixPath
from typing import NamedTuple

from batchspec.cost.estimate import Estimate, Hourly
from batchspec.desired.task import DesiredTask, Input
from batchspec.language.model import TaskGroup
from batchspec.ledger.database import Many
from batchspec.resources.base import Change, Effect, Json
from batchspec.source import Diagnostic, Path, Severity


class Operation(Enum):
    """What is done to one thing; the value is its sign."""

    CREATE = "+"
    UPDATE = "~"
    REPLACE = "-/+"
    DELETE = "-"
    UPLOAD = "^"
    RUN = ">"
    DOWNLOAD = "v"
    COPY = "c"


class Kind(Enum):
    """What an action is about."""

    SPEC = "spec"
    CONTAINER = "container"
    PACKAGE = "package"
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
    FILE_CHANGED = "file changed"
    COMMAND_CHANGED = "command changed"
    OUTPUT_MISSING = "output missing"
    FAILED_LAST_TIME = "failed last time"
    CANCELLED = "was cancelled"
    NOT_RUN = "has not run yet"
    LEFT_SPEC = "no longer in the spec"
    REPLACED = "superseded: its work changed"
    LOCAL_MISSING = "not downloaded yet"
    LOCAL_DIFFERS = "the local file differs"
    LOCAL_EDITED = "edited since it was downloaded"
    LOCAL_FOREIGN = "not downloaded by batchspec"
    LOCAL_OTHERS = "downloaded by another spec"
    UNPROTECT = "its protection is lifted"
    ROLLOUT = "a rollout was cut off"
    WHEN_DONE = "no task needs it any more"
    OUTDATED_JOB = "replaced by a newer one"
    LINKS_END = "its links end soon"
    COPIED = "already made"
    FOLLOWS = "follows a task that runs"
    RERUN = "asked for with --rerun"
    NEEDED = "needed by a task that runs"
    TAKEN_OVER = "taken over from another file"


class Action(NamedTuple):
    """One thing to do: what exists becomes what will be.

    `before` is what exists, `after` what will be; None: nothing. They are JSON without any secret. Of a pool
    or a job they are its body, and where it is only changed, the fields that change; of a task, an input or
    an output, what is sent or done. All that a plan shows and compares is made of them.

    `path` is the value in the spec that decides it, `place` that value's `file:line`.
    """

    operation: Operation
    kind: Kind
    id: str
    reason: Reason
    path: Path
    place: str
    before: Json | None = None
    after: Json | None = None
    changes: tuple[Change, ...] = ()
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


class Run(NamedTuple):
    """A task to add.

    `outdated` is what the record of an outdated command says of its work, or that of outdated inputs of what was read,
    where it says it.
    """

    task: DesiredTask
    id: str
    reason: Reason
    outdated: str | None = None


class Share(NamedTuple):
    """So many tasks of a group are up to date, in progress, or left alone; or, with a `reason`, they run."""

    group: str
    verdict: str
    reason: Reason | None
    tasks: int


class Removal(NamedTuple):
    """A live task to delete. `group` is its group's, None for a task that left the spec; so is `number`, its place.

    One that is completed makes way for its next attempt, and nobody is told. One that `renews` waits with links
    that end, and is added again with new ones. One that `has_ended` is deleted after its next attempt was added,
    all others before anything else changes: they would do work that nobody wants any more.
    """

    id: str
    state: str
    reason: Reason
    group: TaskGroup | None
    number: int | None
    renews: bool = False
    has_ended: bool = False

    @property
    def is_superseded(self) -> bool:
        """Whether other work takes its place; else the spec no longer has it."""
        return self.number is not None


class Upload(NamedTuple):
    """A file that a task to run reads and the container lacks, or has in another version."""

    input: Input
    group: TaskGroup  # of the first task that reads it
    reason: Reason
    name: str | None = None  # that of the entry of `files:` that it is
    is_pack: bool = False


class Copy(NamedTuple):
    """An output that lies in one of its two places and is missing in the other: it is copied within the account."""

    source: str
    target: str


class Download(NamedTuple):
    """An output that is there and current, and whose local file is missing or differs.

    `source` is where it lies: in `blob` itself, or where other tasks read it and `apply` copies it from.
    """

    blob: str
    reason: Reason
    is_folder: bool
    source: str


class Kept(NamedTuple):
    """Something on this machine that is not overwritten by the output that is, or will be, in *blob*."""

    blob: str
    file: str
    reason: Reason

    @property
    def is_folder(self) -> bool:
        """Whether `blob` is the pack of a folder, and `file` that folder."""
        return PurePosixPath(self.blob).name != PurePosixPath(self.file).name


class Unnoted(NamedTuple):
    """A pool or job of the spec whose stamp does not say which file the spec is in."""

    kind: Kind
    id: str


class Stray(NamedTuple):
    """A pool, a job or a blob container that the spec has used and no longer names.

    Of a pool: its nodes, those of them that are Spot, and what they cost. Of a container: the spec's blobs in it, and
    their bytes.
    """

    kind: Kind
    id: str
    nodes: int = 0
    spot: int = 0
    vm_size: str = ""
    autoscales: bool = False
    blobs: int = 0
    size: int = 0
    cost: Hourly | None = None


class OpenAction(NamedTuple):
    """Tasks of `group` that nobody knows yet, `most` of them: they are made of what `folders` tasks of `maker` make."""

    group: str
    most: int
    maker: str
    folders: int


class Exceeding(NamedTuple):
    """A task, by its name, that made more `files` than `group` takes, `most` of them. None of those becomes a task."""

    name: str
    group: str
    files: int
    most: int


def _nothing(_number: int) -> Sequence[str]:
    return ()


def _none(_blob: str) -> Many[Run]:
    return ()


class Work(NamedTuple):
    """Every desired task in one of three places (to run, at work, up to date), and what that takes.

    There may be a million of each, so they are read from the ledger when they are wanted, not kept.
    """

    runs: Many[Run] = ()
    ready: Many[Run] = ()  # those of the runs that wait for no upload and no task
    waiting: Callable[[str], Many[Run]] = _none  # those that wait for the upload of this blob alone
    last: Many[Run] = ()  # those that wait for several uploads, or for other tasks
    waits_for: Callable[[int], Sequence[str]] = _nothing  # the ids of those other tasks, by a task's number
    has_flow: bool = False  # some tasks read what others make
    in_progress: Many[tuple[DesiredTask, str]] = ()  # with the id of the live task
    up_to_date: int = 0
    not_selected: int = 0  # tasks that need work and are left alone, since others were named with --only
    removals: Many[Removal] = ()  # the live tasks to delete
    deletions: Many[Removal] = ()  # those of them that have not ended
    uploads: Many[Upload] = ()
    stored_as: Callable[[str], str] = str  # the name under which a blob lies that tasks read
    upload_bytes: int = 0
    copies: Many[Copy] = ()
    downloads: Many[Download] = ()
    kept: Many[
        tuple[str, Reason, bool]
    ] = ()  # outputs that are not downloaded, since something else lies there
    groups: tuple[TaskGroup, ...] = ()  # those that have runs
    shares: Many[Share] = ()  # the tasks of each group, counted by what becomes of them
    orphans: int = 0  # outputs whose input is gone
    open: tuple[OpenAction, ...] = ()  # tasks that nobody knows yet
    exceeding: tuple[Exceeding, ...] = ()
    unpublished: Many[str] = ()  # files of published folders that earlier work has left
    packing: int = 0  # of the runs, those that only pack what others read: they are none of the spec's own
    has_served: bool = False  # temporary outputs are there that nothing needs any more
    goes_on: bool = False  # tasks that run will make `open` ones known; then another plan has to be made

    @property
    def needed(self) -> bool:
        """Whether any task has yet to end, so that a pool is needed."""
        return bool(self.runs or self.in_progress)


class Unsimulated(NamedTuple):
    """A value of the spec that the local account accepts and does not act on; `place` is its `file:line`."""

    path: Path
    what: str
    place: str


class Excess(NamedTuple):
    """A threshold of the spec's `safety:` that a plan goes beyond.

    `found` is None where nobody knows how much it is: then `what` says why. *of* is what a share is taken of, None
    for a count or a sum. `place` is its `file:line`, empty for a default.
    """

    name: str
    limit: str
    found: float | None
    of: int | None
    what: str
    place: str


_SIZING = frozenset({Effect.RESIZE, Effect.DRAIN, Effect.AUTOSCALE})


@dataclass(frozen=True, slots=True)
class Plan:
    """All that would be done, as actions in the order they are shown.

    A plan is a view of the ledger that it was made in. It stands until another plan of the same `Desired` is made,
    which takes its place there; made of the same things, the two say the same.
    """

    spec_name: str
    resources: tuple[Action, ...]  # on the spec's name, packages, the pool and jobs: a handful
    job_id: str
    work: Work = field(default_factory=lambda: Work())  # what the actions on tasks, inputs and outputs do
    in_progress: Many[str] = ()  # the ids of tasks that are waited for
    upload_actions: Many[Action] = ()
    copy_actions: Many[Action] = ()
    deletion_actions: Many[Action] = ()
    run_actions: Many[Action] = ()
    download_actions: Many[Action] = ()
    kept: Many[Kept] = ()
    stale: Many[Kept] = ()  # downloaded files that nothing makes any more; they are left alone
    strays: tuple[Stray, ...] = ()  # these are left alone, too, and cost money
    terms: Json = field(default_factory=dict)  # what else decides how it is done: `plan/actions/terms.py`
    seals_job: bool = (
        False  # the job never completes by itself yet, and has to be told to, once its tasks are in
    )
    notes_file: bool = False  # it has yet to be noted which file has the name; any apply does that
    unnoted: tuple[Unnoted, ...] = ()  # their stamps have yet to say so, too
    findings: tuple[Diagnostic, ...] = ()  # the preflight's; with an error among them it cannot be applied
    not_checked: tuple[str, ...] = ()
    not_simulated: tuple[Unsimulated, ...] = ()  # on the local account only
    excesses: tuple[Excess, ...] = ()
    cost: Estimate | None = None  # None where the run has no nodes, or they are free
    starts_nodes: bool = False  # there are none yet

    @property
    def errors(self) -> int:
        """How many findings keep it from being applied."""
        return sum(1 for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def is_empty(self) -> bool:
        """Nothing to do, and nothing to wait for."""
        return not self.has_changes and not self.in_progress

    @property
    def has_changes(self) -> bool:
        return bool(self.counts() or self.work.unpublished) or self.work.goes_on

    @property
    def actions(self) -> Iterator[Action]:
        """Every action, in order."""
        return chain(
            self.resources,
            self.upload_actions,
            self.copy_actions,
            self.deletion_actions,
            self.run_actions,
            self.download_actions,
        )

    @property
    def consents(self) -> tuple[Action, ...]:
        """The actions that need the person's word."""
        able = chain(self.resources, self.deletion_actions)
        return tuple(action for action in able if action.needs_consent)

    def of(self, kind: Kind) -> tuple[Action, ...]:
        """The actions on the name, on packages, on the pool, or on jobs."""
        return tuple(action for action in self.resources if action.kind is kind)

    def creates(self, kind: Kind) -> bool:
        """Whether it makes something of this *kind* of resource."""
        return any(action.operation is Operation.CREATE for action in self.of(kind))

    @property
    def asks_for_nodes(self) -> bool:
        """Whether it may ask for nodes that are not there yet: only then do quota, sizes and prices matter."""
        return self.creates(Kind.POOL) or any(action.effects & _SIZING for action in self.of(Kind.POOL))

    def counts(self) -> Counter[Operation]:
        found = Counter(action.operation for action in self.resources)
        found[Operation.UPLOAD] += len(self.upload_actions)
        found[Operation.COPY] += len(self.copy_actions)
        found[Operation.DELETE] += len(self.deletion_actions)
        found[Operation.RUN] += len(self.run_actions) - self.work.packing
        found[Operation.DOWNLOAD] += len(self.download_actions)
        return +found
