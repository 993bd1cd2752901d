"""What a spec says, once it is known to be right: values with the types we think in."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from batchspec.document.document import Document
from batchspec.language.glob.pattern import Glob
from batchspec.language.rows.axes import Axes
from batchspec.language.rows.links import Link
from batchspec.language.rows.matrix import Matrix
from batchspec.language.rows.words import Read, Shape
from batchspec.language.templates.template import Template
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


class Pool(NamedTuple):
    """A pool of the spec's own, or one that is only used (`existing`, then `body` is empty).

    `deallocation` is Batch's nodeDeallocationOption: what becomes of the tasks on a node
    that is taken away, rebooted or reimaged. `rollout` None: running nodes stay as they are. `other_sizes` are tried
    in this order where Azure has no nodes of the body's VM size. `start_files` are those that the start task mentions.
    """

    id: str
    body: Json
    existing: bool
    when_done: WhenDone
    rollout: Rollout | None = None
    deallocation: str = "requeue"
    protect: bool = False
    other_sizes: tuple[str, ...] = ()
    start_files: tuple[Read, ...] = ()

    @property
    def vm_sizes(self) -> tuple[str, ...]:
        """All VM sizes that it may have; none of a pool that is only used."""
        return () if self.existing else (str(self.body["vmSize"]), *self.other_sizes)


class LocalFiles(NamedTuple):
    """Inputs on this machine: what one of `globs` matches and none of `exclude`, relative to the spec's folder."""

    globs: tuple[Glob, ...]
    exclude: tuple[Glob, ...] = ()
    allow_empty: bool = False


class Blobs(NamedTuple):
    """Inputs that are blobs already: those under `prefix` whose remaining name `match` matches, and no `exclude`."""

    container: str
    prefix: str
    match: Glob
    exclude: tuple[Glob, ...] = ()
    allow_empty: bool = False

    @property
    def folder(self) -> str:
        """What all names begin with that people see less of: the prefix up to its last slash."""
        return "".join(self.prefix.rpartition("/")[:2])

    @property
    def beginning(self) -> str:
        """What the names of all of them begin with: the prefix, and more where `match` names folders."""
        folders = self.folder + self.match.fixed
        return folders if folders.startswith(self.prefix) else self.prefix

    def takes(self, blob: str) -> bool:
        """Whether the blob is one of them."""
        path = blob.removeprefix(self.folder)
        return blob.startswith(self.prefix) and self.match.fits(path) and not self.leaves_out(path)

    def leaves_out(self, path: str) -> bool:
        return any(glob.fits(path) for glob in self.exclude)


class Command(NamedTuple):
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


class Output(NamedTuple):
    """What a task makes: a file, or a folder with everything that the task leaves in it.

    `name` is the one it has in the spec, empty for the `output` of a group.
    """

    name: str
    template: Template
    is_folder: bool = False
    is_optional: bool = False
    is_published: bool = False


class GroupFile(NamedTuple):
    """What the tasks of a group read besides their inputs, as `files.NAME`.

    `template` is that of a local path that differs from task to task.
    """

    read: Read
    link: Link | None
    template: Template | None


class Rows(NamedTuple):
    """How a group's inputs and matrix become tasks, and what these read besides; `when` leaves rows out."""

    matrix: Matrix | None
    when: Template | None
    shape: Shape
    axes: Axes
    link: Link | None
    files: tuple[GroupFile, ...]
    names_source: bool  # whether a template reads `source`
    used: frozenset[str]  # the axes and columns that templates read


class TaskGroup(NamedTuple):
    """Tasks made alike: one for each input, a single one without inputs, or as `rows` says.

    `body` has the group's fields of the service's create body, templates unrendered. Outputs that are
    `temporary` are for other groups only. Of one that is not `is_sound` nobody knows which tasks it makes:
    there is a finding about its rows, or about those of a group that it reads.
    """

    name: str
    inputs: LocalFiles | Blobs | None
    command: Command
    outputs: tuple[Output, ...]
    body: Json
    parts: Json  # all that decides the result, except the input
    digest: str  # of them
    rows: Rows | None = None
    temporary: bool = False
    downloads: bool = True
    success_codes: tuple[int, ...] = (0,)
    is_sound: bool = True
    packs_for: str = (
        ""  # the group whose tasks read more than Batch takes links to, of one that the spec does not have
    )

    @property
    def path(self) -> Path:
        return ("tasks", self.packs_for or self.name)

    @property
    def files(self) -> tuple[GroupFile, ...]:
        """What its tasks read besides their inputs."""
        return self.rows.files if self.rows else ()

    @property
    def link(self) -> Link | None:
        """What its inputs are of another group; None where they are files or blobs, or there are none."""
        return self.rows.link if self.rows else None

    @property
    def reads_others(self) -> bool:
        """Whether its tasks read what those of other groups make."""
        return self.link is not None or any(file.link for file in self.files)

    @property
    def may_be_unwrapped(self) -> bool:
        """Whether its tasks may run without the wrapper that empties `out/` and looks for outputs."""
        in_container = "containerSettings" in self.body
        return self.command.line is not None or (bool(self.command.words) and in_container)

    @property
    def output(self) -> Template | None:
        """The name of the one output of a group that has no `rows`."""
        return self.outputs[0].template if self.outputs and self.rows is None else None


class PackageFile(NamedTuple):
    """An application package that the spec has as a zip file, relative to its folder; `path` is where it says so."""

    id: str
    version: str
    file: str
    path: Path


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


class Safety(NamedTuple):
    """How much one apply may take away or add before it wants to be told so; None: any amount.

    Shares are looked at only where there are more than `min_objects`. Costs are in the currency of the price list.
    Beyond `max_failures` a run ends.
    """

    max_deletions: Limit = _SHARE
    max_replacements: Limit = _SHARE
    min_objects: int = 10
    max_nodes: Limit | None = None
    max_objects: Limit | None = None
    max_cost_per_hour: float | None = None
    max_cost: float | None = None
    max_failures: Limit | None = None


class Spec(NamedTuple):
    """A whole workload. `ignored` has the fields that `ignoreChanges` names, as paths.

    `identity` is the resource id of the managed identity by which tasks reach their blobs;
    None: by signed links. `warnings` are findings that do not make it wrong. `flags` are the words
    of a command line that give it these params and this target. `file` is its file below the project, by which it is
    told from others of its name; `takes_over`: the person lets it have what another file has made under this name.
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
    file: str = ""
    takes_over: bool = False
    packages: tuple[PackageFile, ...] = ()

    @property
    def has_rounds(self) -> bool:
        """Whether some tasks are known only when others have run."""
        return any(group.link is not None and group.link.glob is not None for group in self.groups)

    @property
    def arguments(self) -> str:
        """What follows `batchspec apply`, or any other command, to select this spec in this environment."""
        return shlex.join([self.document.source.name, *self.flags])

    @property
    def vm_sizes(self) -> tuple[str, ...]:
        """All VM sizes that the nodes of its own pool may have."""
        return self.pool.vm_sizes if self.pool else ()

    @property
    def job_id(self) -> str:
        return str(self.job["id"]) if self.job else ""
