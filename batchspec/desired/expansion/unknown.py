"""Tasks that nobody knows yet: what they read are files that another task has still to make.

All that is known of them is the values of some axes and how many there are at most. What reads their outputs is not
known either, unless it differs from them along an axis.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from batchspec.language.model import Rows
from batchspec.language.rows.links import Link
from batchspec.ledger.database import Database


class Unknown(NamedTuple):
    """At most `most` tasks with these values along some axes.

    They are made of the files of the task `root`; `excess` is how many it has made, where those are too many.
    """

    axes: Mapping[str, str]
    most: int
    root: int
    excess: int | None = None

    def may_be(self, axes: Mapping[str, str]) -> bool:
        """Whether one of them may have these values along *axes*."""
        return all(self.axes.get(name, value) == value for name, value in axes.items())


class NotKnown:
    """What of the tasks of a group with *rows* is not known, as far as that follows from those it reads.

    `origins` are rows of its own that are not there yet.
    """

    def __init__(self, database: Database, rows: Rows) -> None:
        self._rows = rows
        self.origins: list[Unknown] = []
        read = {file.link.group: file.link for file in rows.files if file.link}
        self._read = {group: unknown_of(database, group) for group in read}
        self._more: list[Unknown] = []

    def __bool__(self) -> bool:
        return bool(self.origins or any(self._read.values()))

    def stops(self, axes: Mapping[str, str], compared: Callable[[Link], Mapping[str, str]]) -> bool:
        """Whether something unknown may belong to the task at *axes*; then it is not known either.

        *compared* says by which values it finds what it reads by a link.
        """
        found = [one for one in self.origins if self._rows.shape.joins and one.may_be(axes)]
        for file in self._rows.files:
            if file.link is not None and (others := self._read[file.link.group]):
                theirs = compared(file.link)
                found += (one for one in others if one.may_be(theirs))
        self._more += (one._replace(axes=axes, most=1) for one in found)
        return bool(found)

    def tasks(self, combinations: int) -> Iterator[Unknown]:
        """What is not known of the group's tasks, of which each row of the matrix makes as many."""
        yield from self._more
        shape = self._rows.shape
        for one in self.origins:
            most = 1 if shape.joins and shape.chunk is None else one.most * combinations
            kept = {name: one.axes[name] for name in self._rows.axes.has if name in one.axes}
            yield one._replace(axes=kept, most=most)


def unknown_of(database: Database, group: str) -> list[Unknown]:
    """What of the tasks of *group* is not known."""
    query = "SELECT axes, most, root, excess FROM unknown WHERE group_name = ?"
    return [Unknown(json.loads(axes), *rest) for axes, *rest in database.rows(query, group)]


def add_unknown(database: Database, group: str, found: Iterable[Unknown]) -> None:
    """Adds what of the tasks of *group* is not known, each once."""
    rows = dict.fromkeys(
        (json.dumps(one.axes, sort_keys=True), one.most, one.root, one.excess) for one in found
    )
    database.fill("INSERT INTO unknown VALUES (?, ?, ?, ?, ?)", ((group, *row) for row in rows))
