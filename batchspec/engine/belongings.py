"""The blobs in a spec's folders: what each is to the spec, and whether it is the spec's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from batchspec.desired.places import Places
from batchspec.ledger.database import Database, Many, Rows
from batchspec.resources.blob import LiveBlob
from batchspec.resources.records import FINGERPRINT_METADATA, SPEC_METADATA
from batchspec.service.connect import Account


class What(Enum):
    """What a blob is; the value is what people call one."""

    INPUT = "uploaded input"
    LOG = "log"  # without a stamp, but nobody else puts anything there
    OUTPUT = "output"  # and what proves work that has none
    RUN = "run record"  # without a stamp, as logs are
    OTHER = "other blob"  # without our stamp: somebody else has put it there


class Some(NamedTuple):
    """Blobs of one kind in one container. `names` may be millions, `size` is in bytes."""

    container: str
    what: What
    names: Many[str]
    size: int


IsDoomed = Callable[[str, What, str], bool]
"""Whether the spec is to lose what lies in this container, is this to it, and has this name."""


class Belongings:
    """What lies in the folders of a spec, on disk: in its containers, and in those that it has *left*."""

    def __init__(self, account: Account, places: Places, left: Iterable[str], doomed: IsDoomed) -> None:
        self._places = places
        self._database = Database()
        self._database.define(
            "CREATE TABLE blob (container TEXT, name TEXT, what TEXT, size INTEGER, doomed INTEGER,"
            " PRIMARY KEY (container, name)) WITHOUT ROWID"
        )
        rows = (
            (
                container,
                blob.name,
                what.name,
                blob.size,
                what is not What.OTHER and doomed(container, what, blob.name),
            )
            for container in dict.fromkeys((places.input, places.output, *left))
            for blob in account.blobs.list(container, places.root)
            if (what := self._what(blob)) is not None
        )
        self._database.fill("INSERT OR IGNORE INTO blob VALUES (?, ?, ?, ?, ?)", rows)

    def _what(self, blob: LiveBlob) -> What | None:
        """What *blob* is; None for what is no file, for the lock and for the note."""
        places = self._places
        if blob.is_folder or blob.name in (places.lock, places.note):
            return None
        if blob.name.startswith(places.runs):
            return What.RUN
        if blob.metadata.get(SPEC_METADATA) == places.name:
            return What.INPUT
        if FINGERPRINT_METADATA in blob.metadata:
            return What.OUTPUT
        return What.LOG if blob.name.startswith(places.own) else What.OTHER

    def some(self, *, doomed: bool) -> Iterator[Some]:
        """What goes, or what stays, by containers and kinds."""
        for what in What:
            for container, size in self._sizes(what, doomed):
                query = "SELECT name FROM blob WHERE container = ? AND what = ? AND doomed = ?"
                names = Rows(self._database, query, lambda row: str(row[0]), (container, what.name, doomed))
                yield Some(container, what, names, size)

    def _sizes(self, what: What, doomed: bool) -> list[tuple[str, int]]:
        query = "SELECT container, sum(size) FROM blob WHERE what = ? AND doomed = ? GROUP BY container"
        return list(self._database.rows(query, what.name, doomed))
