"""What should be: the pool's and the job's bodies, and the tasks, of which there may be a million."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from types import MappingProxyType
from typing import Any, NamedTuple

from batchspec.desired.names import FILES_FOLDER, node_name
from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.selection import Selection
from batchspec.language.model import Spec, TaskGroup
from batchspec.ledger import tables
from batchspec.ledger.database import OPTIONAL, Database, Rows
from batchspec.resources.base import Json
from batchspec.resources.task import Recipe
from batchspec.source import Path

# Of many, a NamedTuple is made four times as fast as a frozen dataclass.


class Input(NamedTuple):
    """One input of a group.

    `path` is the name people know: the file's, below the fixed part of its glob.
    `blob` is its name in `container`. `content` is a digest: the MD5 in hexadecimal,
    or for a blob without one its ETag. `file` is the local file, None for a blob.
    `axes` are those of its glob.
    """

    path: str
    container: str
    blob: str
    size: int
    content: str
    file: str | None = None
    axes: Mapping[str, str] = MappingProxyType({})


class DesiredTask(NamedTuple):
    """A task as it should be. `output` is the blob it makes, None where it declares none."""

    number: int  # its place among the spec's tasks
    group: TaskGroup
    key: str
    work: Recipe
    input: Input | None
    output: str | None
    record: str  # the blob whose fingerprint proves that the work was done
    id: str  # of the first attempt
    fingerprint: str
    label: str | None = None  # its name, where the input's path is not all that tells it from others
    facts: str | None = None  # JSON: its values along the axes, and what else its templates see

    @property
    def name(self) -> str:
        """What people call it: `GROUP/INPUT`, or the group's name where it has no inputs."""
        if self.label is not None:
            return self.label
        return f"{self.group.name}/{self.input.path}" if self.input else self.group.name


class DesiredTasks:
    """The tasks of a spec, in the order of its groups and their inputs; on disk.

    The table `task` of `database` has them: what there is of them is laid beside it.
    """

    COLUMNS = (
        "task.number, task.group_name, task.key, task.input_digest, task.record, task.id, task.fingerprint, "
        "task.is_output, task.path, task.container, task.blob, task.size, task.content, task.file, "
        "task.label, task.facts"
    )
    """What `read` makes a task of."""

    def __init__(self, groups: Iterable[TaskGroup]) -> None:
        self.database = Database()
        self._groups = {group.name: group for group in groups}
        tables.begin(self.database)
        self.database.fill(
            "INSERT INTO task_group VALUES (?, ?)", ((g.name, g.digest) for g in self._groups.values())
        )

    def add_group(self, group: TaskGroup) -> None:
        """Tasks of *group* may come, too, which the spec does not have."""
        if group.name not in self._groups:
            self._groups[group.name] = group
            self.database.change("INSERT INTO task_group VALUES (?, ?)", group.name, group.digest)

    @property
    def packs(self) -> bool:
        """Whether some tasks only pack what others read."""
        return any(group.packs_for for group in self._groups.values())

    @property
    def groups(self) -> Mapping[str, TaskGroup]:
        """The groups of the tasks, by name."""
        return self._groups

    def add(self, tasks: Iterable[DesiredTask]) -> int:
        """Adds *tasks*, which may come slowly; how many they were."""
        return self.database.fill(_ADD, map(_row, tasks))

    def is_composed(self, task: DesiredTask) -> bool:
        """Whether the ledger has more of *task* than its own row: it reads or makes several things, or is read."""
        return task.facts is not None or (
            task.group.name in self._making
            and self.database.one("SELECT 1 FROM makes WHERE task = ?", task.number) is not None
        )

    @cached_property
    def _making(self) -> frozenset[str]:
        """The groups of which some task makes several things, or is read; not before all tasks are there."""
        query = "SELECT DISTINCT group_name FROM makes JOIN task ON task.number = makes.task"
        return frozenset(name for (name,) in self.database.rows(query))

    def index(self) -> None:
        """To be called once all are added, before anything is looked up."""
        tables.index(self.database)

    @property
    def _all(self) -> Rows[DesiredTask]:
        return Rows(self.database, f"SELECT {self.COLUMNS} FROM task ORDER BY number", self.read)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[DesiredTask]:
        return iter(self._all)

    def __getitem__(self, number: int) -> DesiredTask:
        row = self.database.one(f"SELECT {self.COLUMNS} FROM task WHERE number = ?", number)
        if row is None:
            raise IndexError(number)
        return self.read(row)

    def of(self, group: TaskGroup) -> Rows[DesiredTask]:
        """The tasks of *group*."""
        query = f"SELECT {self.COLUMNS} FROM task WHERE group_name = ? ORDER BY number"
        return Rows(self.database, query, self.read, (group.name,))

    def outputs(self, longer_than: int = 0) -> Rows[tuple[TaskGroup, str]]:
        """The blobs for people that they make, of those whose names are so long, with the group of each."""
        query = (
            "SELECT group_name, record, number FROM task WHERE is_output AND facts IS NULL AND length(record) > ?1"
            " UNION ALL SELECT group_name, makes.blob, number FROM makes JOIN task ON task.number = makes.task"
            " WHERE length(makes.blob) > ?1 ORDER BY 3"
        )
        return Rows(self.database, query, lambda row: (self._groups[row[0]], row[1]), (longer_than,))

    def has(self, blob: str) -> bool:
        """Whether one of them makes or reads *blob*, also as a file of a folder that is stored file by file."""
        query = (
            "SELECT 1 FROM task WHERE ?1 IN (record, blob) UNION ALL SELECT 1 FROM makes WHERE ?1 IN (blob, made)"
            " UNION ALL SELECT 1 FROM reads WHERE blob = ?1 UNION ALL SELECT 1 FROM makes WHERE listed = ?1"
        )
        return self.database.one(query, blob) is not None or self._is_in_folder(blob)

    # What files a folder has is known when its task has run: a blob is held against the packs of all folders above it.
    def _is_in_folder(self, blob: str) -> bool:
        packs = [f"{folder}{PACK_SUFFIX}" for folder in accumulate(blob.split("/")[:-1], "{}/{}".format)]
        query = (
            "SELECT 1 FROM makes WHERE is_spread AND made IN (SELECT value FROM json_each(?1))"
            " UNION ALL SELECT 1 FROM makes WHERE is_published AND blob IN (SELECT value FROM json_each(?1))"
        )
        return self.database.one(query, json.dumps(packs)) is not None

    def read(self, row: tuple[Any, ...]) -> DesiredTask:
        """The task of a row that begins with COLUMNS."""
        number, group_name, key, input_digest, record, id, fingerprint, is_output = row[:8]
        path, container, blob, size, content, file, label, facts = row[8:16]
        group = self._groups[group_name]
        local = os.fsdecode(file) if file is not None else None
        return DesiredTask(
            number,
            group,
            key,
            Recipe(group.digest, input_digest, group.rows is not None),
            Input(path, container, blob, size, content, local) if path is not None else None,
            record if is_output else None,
            record,
            id,
            fingerprint,
            label,
            facts,
        )

    def sharing_upload(self) -> Rows[tuple[DesiredTask, DesiredTask]]:
        """Pairs of tasks whose inputs are two files that would be uploaded as one blob."""
        query = (
            "SELECT twice.first, task.number FROM (SELECT blob, min(number) AS first FROM task"
            " WHERE file IS NOT NULL GROUP BY blob HAVING count(DISTINCT file) > 1) twice"
            " JOIN task ON task.blob = twice.blob"
            " WHERE task.file <> (SELECT file FROM task WHERE number = twice.first) ORDER BY task.number"
        )
        return Rows(self.database, query, lambda row: (self[row[0]], self[row[1]]))


def _row(task: DesiredTask) -> tuple[object, ...]:
    item = task.input
    return (
        task.number,
        task.group.name,
        task.key,
        task.work.input,
        task.record,
        task.id,
        task.fingerprint,
        int(task.output is not None),
        *(item[:5] if item else _NO_INPUT),
        os.fsencode(item.file) if item and item.file is not None else "",  # a folder's name may be any bytes
        task.label or "",
        task.facts or "",
    )


_NO_INPUT = ("",) * 5
_ADD = f"INSERT INTO task VALUES ({', '.join(['?'] * 8 + [OPTIONAL] * 8)})"


class StartFile(NamedTuple):
    """A file that the pool's start task reads as `files.NAME`."""

    name: str
    item: Input

    @property
    def path(self) -> str:
        """Where the start task finds it: where tasks find theirs."""
        return f"{FILES_FOLDER}/{self.name}/{node_name(self.item.path)}"


class NodeFile(NamedTuple):
    """A file, or the pack of a folder, that each node of the job fetches once; `path` is where tasks find it."""

    path: str
    item: Input
    is_pack: bool


class DesiredPackage(NamedTuple):
    """An application package as its zip file is now; `content` is its MD5, `path` the entry of the spec."""

    id: str
    version: str
    file: str
    size: int
    content: str
    path: Path

    @property
    def name(self) -> str:
        return f"{self.id} {self.version}"

    @property
    def key(self) -> tuple[str, str]:
        """What Batch knows it by: it does not mind the case."""
        return self.id.lower(), self.version.lower()


@dataclass(frozen=True, slots=True)
class Desired:
    """What should be, all of it. `pool` and `job` are create bodies with our stamps."""

    spec: Spec
    pool: Json | None
    job: Json | None
    tasks: DesiredTasks
    members: Mapping[str, Sequence[str]] = field(default_factory=dict)  # the files in packs of ours, by blob
    selection: Selection = field(default_factory=Selection)
    packages: tuple[DesiredPackage, ...] = ()
    start_files: tuple[StartFile, ...] = ()
    node_files: tuple[NodeFile, ...] = ()

    def has(self, blob: str) -> bool:
        """Whether a task makes or reads *blob*, or the start task reads it."""
        return self.tasks.has(blob) or any(file.item.blob == blob for file in self.start_files)
