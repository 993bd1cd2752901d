"""Downloaded files whose outputs the spec no longer makes: nobody would find them stale by looking at them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.engine.look.remembered.digests import Digests
from batchspec.engine.look.remembered.downloaded import Downloaded
from batchspec.engine.look.remembered.unpacked import pack_in

_NOT_MADE = (
    "SELECT downloaded.blob, file, md5 FROM downloaded"
    " WHERE NOT EXISTS (SELECT 1 FROM task WHERE task.record = downloaded.blob AND is_output)"
    " AND NOT EXISTS (SELECT 1 FROM makes WHERE makes.blob = downloaded.blob) ORDER BY downloaded.blob"
)


def find_stale(desired: Desired, digests: Digests, downloaded: Downloaded) -> Iterator[tuple[str, bool]]:
    """The blobs that no task makes any more, and whose files are here as they were downloaded; which are folders'."""
    places, database = Places.of(desired.spec), desired.tasks.database
    if database.one("SELECT 1 FROM unknown") is not None:
        return  # a task that nobody knows yet may make them
    folder = str(places.file("").resolve())
    known = (
        (places.root + os.path.relpath(file, folder), file, md5) for file, md5 in downloaded.below(folder)
    )
    database.fill("INSERT INTO downloaded VALUES (?, ?, ?)", known)
    for blob, file, md5 in database.rows(_NOT_MADE):
        if os.path.isfile(file) and not os.path.islink(file) and digests.md5(file) == md5:  # noqa: PTH113, PTH114
            yield blob, False
        elif blob.endswith(PACK_SUFFIX):
            pack = pack_in(Path(file.removesuffix(PACK_SUFFIX)))
            if pack is not None and pack.md5 == md5:
                yield blob, True
