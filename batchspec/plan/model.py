"""A plan: what would be done, why, and on which line of the spec that is decided. Values only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
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

    There may be a million of each, so they are read, not kept. Of the `runs`, those that are `ready` wait
    for no upload and no task; `waiting` gives those that read a certain blob; `last` come those that wait for
    several, or for other tasks (`has_flow`), whose ids `waits_for` gives for a task's number. With the tasks
    `in_progress` comes the live task's id. `removals` are the live tasks to delete, `deletions` those of them that
    have not ended. `kept` are outputs that are not downloaded, since something else lies there. `stored_as` gives
    the name under which a blob lies that tasks read. `groups` are those that have runs, `shares` count
    the tasks of each group by what becomes of them. `orphans` counts outputs whose input is gone, `not_selected`
    the tasks that need work and are left alone, since others were named with --only. With `has_served` there
    are temporary outputs that nothing needs any more. Of the runs, `packing` are
    none of the spec's own: they pack what others read. `unpublished` are files of published folders that earlier
    work has left. `open` are tasks that nobody knows yet: where it `goes_on`, tasks
    that run now will tell, and then another plan has to be made.
    """

    runs: Many[Run] = ()
    ready: Many[Run] = ()
    waiting: Callable[[str], Many[Run]] = _none
    last: Many[Run] = ()
    waits_for: Callable[[int], Sequence[str]] = _nothing
    has_flow: bool = False
    in_progress: Many[tuple[DesiredTask, str]] = ()
    up_to_date: int = 0
    not_selected: int = 0
    removals: Many[Removal] = ()
    deletions: Many[Removal] = ()
    uploads: Many[Upload] = ()
    stored_as: Callable[[str], str] = str
    upload_bytes: int = 0
    copies: Many[Copy] = ()
    downloads: Many[Download] = ()
    kept: Many[tuple[str, Reason]] = ()
    groups: tuple[TaskGroup, ...] = ()
    shares: Many[Share] = ()
    orphans: int = 0
    open: tuple[OpenAction, ...] = ()
    exceeding: tuple[Exceeding, ...] = ()
    unpublished: Many[str] = ()
    packing: int = 0
    has_served: bool = False
    goes_on: bool = False

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

    `resources` are those on the spec's name, packages, the pool and the jobs; of the others there may be a million.
    `work` says of tasks, inputs and outputs what the actions on them do, `in_progress` has the ids of tasks that
    are waited for, `terms` (see `plan/actions/terms.py`) what else decides how it is done. Left alone are the `stale`,
    which are downloaded files that nothing makes any more, and the `strays`, which cost money. `seals_job` says that
    the job is still open for ever and has to be told to complete with its tasks. `notes_file` says that it has yet to
    be noted which file has the name, and so have the stamps of `unnoted`: any apply does that. `findings` and
    `not_checked` are the preflight's; with an error among them the plan cannot be applied. `not_simulated` is for
    the local account only. `cost` is None where the run has no nodes, or they are free; `starts_nodes` says that there
    are none yet.
    """

    spec_name: str
    resources: tuple[Action, ...]
    job_id: str
    work: Work = field(default_factory=lambda: Work())
    in_progress: Many[str] = ()
    upload_actions: Many[Action] = ()
    copy_actions: Many[Action] = ()
    deletion_actions: Many[Action] = ()
    run_actions: Many[Action] = ()
    download_actions: Many[Action] = ()
    kept: Many[Kept] = ()
    stale: Many[Kept] = ()
    strays: tuple[Stray, ...] = ()
    terms: Json = field(default_factory=dict)
    seals_job: bool = False
    notes_file: bool = False
    unnoted: tuple[Unnoted, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    not_checked: tuple[str, ...] = ()
    not_simulated: tuple[Unsimulated, ...] = ()
    excesses: tuple[Excess, ...] = ()
    cost: Estimate | None = None
    starts_nodes: bool = False

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
