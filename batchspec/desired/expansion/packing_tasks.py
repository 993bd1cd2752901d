"""Packing tasks: where a task reads more than Batch takes links to, small tasks before it put that together.

Each makes one folder of at most 64 files, in as many levels as it takes. They are the reader's own: their group is
named after its group, what they make is deleted once it is done, and they change nothing about its work.
Local files need none: `local_packs`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from batchspec.desired.artifacts.files import PACKED, TaskRead
from batchspec.desired.artifacts.outputs import TaskOutput
from batchspec.desired.names import FILES_FOLDER, INPUT_FOLDER, OUTPUT_FOLDER
from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.desired.task import DesiredTask, Input
from batchspec.language.model import Command, Output, Rows, TaskGroup
from batchspec.language.rows.axes import Axes
from batchspec.language.rows.words import Shape
from batchspec.language.templates.template import compile_text
from batchspec.resources.task import Recipe, digest, task_id, task_key

_MOST_FILES = 64
WORTH_PACKING = 3  # files in one place: fewer go by themselves
_MOST_LINKS = 32_768  # characters of resource files that a task may have (FACTS 9)
_LINK_LENGTH = (
    380  # of an entry with an address and a signature (a user delegation's is longest), less name and path
)
_FOLDER = f"{OUTPUT_FOLDER}/pack"
_SCRIPT = f"mkdir -p {_FOLDER}; cp -lR in/. {_FOLDER}/ 2>/dev/null || cp -R in/. {_FOLDER}/"


class PackingTask(NamedTuple):
    """A packing task, the files that it reads (or the packs of the level before) and what it makes."""

    task: DesiredTask
    reads: tuple[TaskRead, ...]
    output: TaskOutput


def packing_group(group: TaskGroup) -> TaskGroup:
    """The group of the packing tasks for the tasks of *group*."""
    parts: dict[str, Any] = {
        "words": [],
        "script": _SCRIPT,
        "line": None,
        "output": None,
        "params": {},
        "fields": {},
    }
    output = Output("", compile_text(f"{_FOLDER}/"), is_folder=True)
    return TaskGroup(
        name=f"{group.name}.pack",
        inputs=None,
        command=Command(script=compile_text(_SCRIPT)),
        outputs=(output,),
        body={},
        parts=parts,
        digest=digest(json.dumps(parts, sort_keys=True)),
        rows=Rows(None, None, Shape(collect=True), Axes(), None, (), False, frozenset()),
        temporary=True,
        downloads=False,
        packs_for=group.name,
    )


def is_too_long(reads: Sequence[TaskRead]) -> bool:
    """Whether the links to all of *reads* are more than a task may have."""
    return len(reads) > 1 and _length(reads) > _MOST_LINKS


def most_links(reads: Sequence[TaskRead]) -> int:
    """About how many files like *reads* a task may have links to."""
    return _MOST_LINKS * len(reads) // _length(reads)


def _length(reads: Sequence[TaskRead]) -> int:
    return sum(_LINK_LENGTH + len(read.item.blob) + len(read.path) for read in reads if not read.comes_packed)


class Packer:
    """Makes the packing tasks of one task of a group: its *key* is part of theirs."""

    def __init__(self, places: Places, group: TaskGroup, key: str, number: int) -> None:
        self._places = places
        self._group = group
        self._key = key
        self._number = number
        self.tasks: list[PackingTask] = []

    def packed(self, reads: Sequence[TaskRead]) -> list[TaskRead]:
        """What the task reads instead of *reads*: as it is, or as packs that are merged where it looks for it."""
        roots: dict[str, list[TaskRead]] = {}
        for read in (read for read in reads if not read.comes_packed):
            roots.setdefault(root_of(read), []).append(read)
        found = [read for read in reads if read.comes_packed]
        for root, some in roots.items():
            found += some if len(some) < WORTH_PACKING else self._of_root(root, some)
        return found

    def _of_root(self, root: str, reads: Sequence[TaskRead]) -> list[TaskRead]:
        level = [self._packing(root, some) for some in _lots(map(_inside(root), reads))]
        while len(level) > _MOST_FILES // 2:  # of two roots, each leaves room for the other
            level = [self._packing(root, some) for some in _lots(map(_merged, level))]
        return level

    def _packing(self, root: str, reads: Sequence[TaskRead]) -> TaskRead:
        """What a further task makes of *reads*, as it comes to whoever merges it into *root*."""
        group, number = self._group, self._number + len(self.tasks)
        content = digest(self._key, root, *(f"{read.path}\0{read.item.content}" for read in reads))
        work = Recipe(group.digest, content, reads_more=True)
        key = task_key(
            group.name, digest(self._key, root, reads[0].path, str(len(reads))), "pack", reads_more=True
        )
        made = self._places.made(work.fingerprint, f"pack{PACK_SUFFIX}")
        output = TaskOutput("", "pack", _FOLDER, None, made, True, False)
        label = f"{group.name}/{digest(key)[:10]}"
        facts = json.dumps({"matrix": {}, "axes": {}, "source": None, "chunk": ""})
        task = DesiredTask(
            number, group, key, work, None, None, made, task_id(key, work), work.fingerprint, label, facts
        )
        self.tasks.append(PackingTask(task, tuple(reads), output))
        item = Input("pack", self._places.output, made, 0, work.fingerprint)
        return TaskRead(PACKED, f"{root}/.pack-{work.fingerprint[:12]}", item, number, is_pack=True)


def _lots(reads: Iterable[TaskRead]) -> Iterator[list[TaskRead]]:
    """*reads* in lots of which one task reads each: fewer where names are long."""
    some: list[TaskRead] = []
    for read in reads:
        if len(some) == _MOST_FILES or (some and is_too_long([*some, read])):
            yield some
            some = []
        some.append(read)
    yield some


def root_of(read: TaskRead) -> str:
    """The folder that a pack of such files is merged into."""
    parts = read.path.split("/")
    return f"{FILES_FOLDER}/{parts[1]}" if parts[0] == FILES_FOLDER else parts[0]


def _inside(root: str) -> Callable[[TaskRead], TaskRead]:
    """How a packing task reads a file that its reader finds below *root*: the pack of a folder stays one."""

    def read(found: TaskRead) -> TaskRead:
        path = INPUT_FOLDER + found.path.removeprefix(root) + (PACK_SUFFIX if found.is_pack else "")
        return found._replace(name="", path=path, is_pack=False)

    return read


def _merged(pack: TaskRead) -> TaskRead:
    """How a packing task reads the packs of the level before: it merges them, and makes one of all."""
    return pack._replace(path=f"{INPUT_FOLDER}/{pack.path.rpartition('/')[2]}")


def packed_reads(reads: Sequence[TaskRead], instead: Sequence[TaskRead]) -> Iterator[TaskRead]:
    """*reads*, those of them marked that come in a pack, and what comes *instead*."""
    before, direct = {read.path for read in reads}, {read.path for read in instead}
    yield from (read if read.path in direct else read._replace(comes_packed=True) for read in reads)
    yield from (read for read in instead if read.path not in before)
