"""Packs of local files: where a task reads more of them than Batch takes links to, they go up together, as one blob.

They are packed on this machine, as a folder is, and unpacked where each of them would lie: no task has to pack what
nobody has to make first. The name of the blob has the digest of the files' names and contents, so that tasks which
read the same files share it, and one file that changes makes another blob.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from operator import attrgetter

from batchspec.desired.artifacts.files import PACKED, TaskRead
from batchspec.desired.artifacts.pack import RESOURCE_FILE_MODE, Pack
from batchspec.desired.expansion.packing_tasks import WORTH_PACKING, root_of
from batchspec.desired.names import FILES_FOLDER
from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.desired.task import Input
from batchspec.ledger.database import Database


def with_local_packs(places: Places, reads: Sequence[TaskRead]) -> list[TaskRead]:
    """*reads*, the local files among them marked that come in a pack, and behind them these packs."""
    roots: dict[str, list[TaskRead]] = {}
    for read in filter(_is_local_file, reads):
        roots.setdefault(root_of(read), []).append(read)
    packed = {root: some for root, some in roots.items() if len(some) >= WORTH_PACKING}
    return [
        *(_inside(read) if _is_local_file(read) and root_of(read) in packed else read for read in reads),
        *(_pack(places, root, some) for root, some in packed.items()),
    ]


def _is_local_file(read: TaskRead) -> bool:
    return read.item.file is not None and not (read.is_pack or read.comes_packed)


def _inside(read: TaskRead) -> TaskRead:
    """A file that comes in a pack: it has no blob of its own."""
    return read._replace(comes_packed=True, item=read.item._replace(blob=""))


def _pack(places: Places, root: str, reads: Sequence[TaskRead]) -> TaskRead:
    pack = Pack()
    for read in sorted(reads, key=attrgetter("path")):  # whatever the order of a task's inputs is
        name = read.path.removeprefix(f"{root}/")
        pack = pack.with_file(name, RESOURCE_FILE_MODE, read.item.size, read.item.content)
    blob = places.upload(pack.content, f"{reads[0].name or 'inputs'}{PACK_SUFFIX}")
    item = Input(places.plain(blob), places.input, blob, pack.size, pack.content, file=root)
    return TaskRead(PACKED, f"{root}/.pack-{pack.content[:12]}", item, is_pack=True)


def entry_of(pack: Input) -> str:
    """The entry of `files:` whose files are in *pack*, by its name; empty where they are inputs."""
    folder, _, name = (pack.file or "").partition("/")
    return name if folder == FILES_FOLDER else ""


def files_of(database: Database, blob: str) -> Iterator[tuple[str, str]]:
    """What goes into the pack *blob*, in its order: the place of each file in it, and where it is on this machine."""
    # Of the tasks that share the pack any will do: for each of them the same files are marked.
    task, path = database.one("SELECT task, path FROM reads WHERE blob = ? AND name = ?", blob, PACKED)
    root = f"{path.rpartition('/')[0]}/"
    query = (
        "SELECT path, file FROM reads WHERE task = ? AND comes_packed AND file IS NOT NULL"
        " AND substr(path, 1, ?) = ? ORDER BY path"
    )
    for path, file in database.rows(query, task, len(root), root):
        yield path.removeprefix(root), os.fsdecode(file)
