"""What a spec says, once it is known to be right: values with the types we think in."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from batchspec.document.document import Document
from batchspec.language.glob import Glob
from batchspec.language.template import Template
from batchspec.resources.base import Json
from batchspec.source import Diagnostic, Path

Scalar = str | int | float | bool
Params = Mapping[str, Scalar | list[Scalar]]


class WhenDone(Enum):
    """What becomes of the pool after a run."""

    KEEP = "keep"
    ZERO = "zero"
    DELETE = "delete"


class Rollout(Enum):
    """How nodes that run already come to a changed start task or package."""

    REBOOT = "reboot"
    REIMAGE = "reimage"


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool of the spec's own, or one that is only used (`existing`, then `body` is empty).

    `deallocation` is Batch's nodeDeallocationOption: what becomes of the tasks on a node
    that is taken away, rebooted or reimaged. `rollout` None: running nodes stay as they are.
    """

    id: str
    body: Json
    existing: bool
    when_done: WhenDone
    rollout: Rollout | None = None
    deallocation: str = "requeue"
    protect: bool = False


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """Inputs on this machine: what one of `globs` matches and none of `exclude`, relative to the spec's folder."""

    globs: tuple[Glob, ...]
    exclude: tuple[Glob, ...] = ()
    allow_empty: bool = False


@dataclass(frozen=True, slots=True)
class Blobs:
    """Inputs that are blobs already: those under `prefix` whose remaining name `match` matches, and no `exclude`."""

    container: str
    prefix: str
    match: Glob
    exclude: tuple[Glob, ...] = ()
    allow_empty: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """What a task runs.

    `words`: each is rendered alone and reaches the program as it is. `script`: run by
    bash, every value in it quoted. `line`: Batch's own commandLine, as it stands.
    Exactly one of them is there.
    """

    words: tuple[Template, ...] = ()
    script: Template | None = None
    line: Template | None = None

    @property
    def templates(self) -> tuple[Template, ...]:
        return (*self.words, *filter(None, (self.script, self.line)))


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """Tasks made alike: one for each input, or a single one without inputs.

    `body` has the group's fields of the service's create body, templates unrendered.
    """

    name: str
    inputs: LocalFiles | Blobs | None
    command: Command
    output: Template | None
    body: Json
    digest: str  # of all that decides the result, except the input

    @property
    def path(self) -> Path:
        return ("tasks", self.name)


class Containers(NamedTuple):
    """The names of the blob containers for inputs and outputs."""

    input: str = "input"
    output: str = "output"


class Limit(NamedTuple):
    """A threshold as the spec writes it: a count, or a share such as `30%`."""

    written: str | int

    @property
    def is_share(self) -> bool:
        return isinstance(self.written, str)

    def allows(self, found: int, of: int) -> bool:
        """Whether *found* out of *of* is within it."""
        if isinstance(self.written, str):
            return found * 100 <= int(self.written.rstrip("%")) * of
        return found <= self.written


_SHARE = Limit("30%")


@dataclass(frozen=True, slots=True)
class Safety:
    """How much one apply may take away or add before it wants to be told so; None: any amount.

    Shares are looked at only where there are more than `min_objects`.
    """

    max_deletions: Limit = _SHARE
    max_replacements: Limit = _SHARE
    min_objects: int = 10
    max_nodes: Limit | None = None
    max_objects: Limit | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole workload. `ignored` has the fields that `ignoreChanges` names, as paths.

    `identity` is the resource id of the managed identity by which tasks reach their blobs;
    None: by signed links. `warnings` are findings that do not make it wrong. `flags` are the words
    of a command line that give it these params and this target.
    """

    name: str
    target: str | None
    params: Params
    pool: Pool | None
    job: Json | None
    groups: tuple[TaskGroup, ...]
    download: str | None
    containers: Containers
    ignored: frozenset[Path]
    document: Document
    safety: Safety = Safety()
    identity: str | None = None
    warnings: tuple[Diagnostic, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def arguments(self) -> str:
        """What follows `batchspec apply`, or any other command, to select this spec in this environment."""
        return shlex.join([self.document.source.name, *self.flags])

    @property
    def job_id(self) -> str:
        return str(self.job["id"]) if self.job else ""
