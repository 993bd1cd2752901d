"""A task with all that it reads and makes, on its way into the ledger."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from batchspec.desired.artifacts.files import TaskRead
from batchspec.desired.artifacts.outputs import TaskOutput
from batchspec.desired.task import DesiredTask, DesiredTasks
from batchspec.ledger.database import OPTIONAL, Database, lots


class Composed(NamedTuple):
    """A task, what it reads besides its input, what it makes, and where readers of it will look: (reading, key)."""

    task: DesiredTask
    reads: Sequence[TaskRead]
    outputs: Sequence[TaskOutput]
    meets: Sequence[tuple[str, str]]
    producers: Sequence[int] = ()
    is_torn: bool = False  # what other tasks read of a folder is not whole


def add_composed(tasks: DesiredTasks, composed: Iterable[Composed]) -> int:
    """Adds tasks with all that they read and make; how many they were."""
    count = 0
    for some in lots(composed):
        groups = {one.task.group.name: one.task.group for one in some}
        for packing in (group for group in groups.values() if group.packs_for):
            tasks.add_group(packing)
        count += tasks.add(one.task for one in some)
        add_extras(tasks.database, some)
    return count


def add_extras(database: Database, composed: Iterable[Composed]) -> None:
    """Adds what tasks that are there read and make."""
    for some in lots(composed):
        database.fill(_ADD_READ, chain.from_iterable(map(_reads, some)))
        database.fill(_ADD_MADE, chain.from_iterable(map(_makes, some)))
        meets = ((reading, key, one.task.number) for one in some for reading, key in one.meets)
        database.fill("INSERT INTO meets VALUES (?, ?, ?)", meets)
        edges = ((one.task.number, producer) for one in some for producer in one.producers)
        database.fill("INSERT INTO edge VALUES (?, ?)", edges)
        database.fill("INSERT INTO torn VALUES (?)", ((one.task.number,) for one in some if one.is_torn))


_ADD_READ = f"INSERT INTO reads VALUES ({', '.join('?' * 9)}, {OPTIONAL}, {OPTIONAL}, ?, ?)"
_ADD_MADE = f"INSERT INTO makes VALUES ({', '.join('?' * 5)}, {OPTIONAL}, {OPTIONAL}, ?, ?, {OPTIONAL}, ?, ?)"


def _reads(composed: Composed) -> Iterator[tuple[object, ...]]:
    for position, read in enumerate(composed.reads):
        item = read.item
        file = os.fsencode(item.file) if item.file is not None else ""
        producer = read.producer if read.producer is not None else ""
        place = (composed.task.number, position, read.name, read.path)
        yield (*place, *item[:5], file, producer, int(read.is_pack), int(read.comes_packed))


def _makes(composed: Composed) -> Iterator[tuple[object, ...]]:
    for position, made in enumerate(composed.outputs):
        place = (composed.task.number, position, made.name, made.title, made.path)
        stored = (made.blob or "", made.made or "")
        kind = (int(made.is_folder), int(made.is_optional), made.listed or "")
        yield (*place, *stored, *kind, int(made.is_spread), int(made.is_published))
