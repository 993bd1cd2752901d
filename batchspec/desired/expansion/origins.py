"""Where the rows of a group come from: its inputs, the tasks of another group, or the files in what these made."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any

from batchspec.desired.artifacts.listings import kept_folder, parts_as_inputs
from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.artifacts.rows import ALONE, BETWEEN, Origin, axis_text, given_back, of_input
from batchspec.desired.expansion.unknown import NotKnown, Unknown, unknown_of
from batchspec.desired.names import parts_of
from batchspec.desired.task import Input
from batchspec.language.glob.pattern import Glob
from batchspec.language.model import Rows, Spec, TaskGroup
from batchspec.language.rows.axes import FOLDER, SOURCE
from batchspec.language.rows.links import Link
from batchspec.ledger.database import Database
from batchspec.source import Path


class Origins:
    """The origins of the rows of *group*; those that are not known yet are noted in *not_known*.

    `without` names the tasks that are read whose folder has no file that the group takes.
    """

    def __init__(
        self,
        spec: Spec,
        group: TaskGroup,
        rows: Rows,
        database: Database,
        readable: Readable,
        not_known: NotKnown,
    ) -> None:
        self._container = spec.containers.output
        self._group = group
        self._link = rows.link
        self._database = database
        self._readable = readable
        self._not_known = not_known
        self.without: list[str] = []

    def all(self) -> Iterator[Origin]:
        """One for each input, for each task or file that is read, or one alone where nothing is."""
        if self._link is not None:
            yield from self._made(self._link)
        elif self._group.inputs is None:
            yield ALONE
        else:
            for item in self._readable.inputs[self._group.name]:
                yield of_input(item, parts_of(item.path).folder)

    def _made(self, link: Link) -> Iterator[Origin]:
        """One origin for each task of the group that is read, or for each file in its folder."""
        query = (
            "SELECT number, listed, facts, title, made, fingerprint, task.path, container, task.blob, size, content,"
            " file FROM task JOIN makes ON makes.task = number AND makes.name = ? WHERE group_name = ? ORDER BY number"
        )
        self._not_known.origins += unknown_of(self._database, link.group)
        rows = self._database.rows(query, link.output.name, link.group)
        for number, listed, facts, title, blob, fingerprint, *own in rows:
            item = Input(title, self._container, blob, 0, fingerprint)
            told = json.loads(facts) if facts else {"axes": {}, "source": _plain_source(own)}
            source = Input(*told["source"]) if told["source"] else None
            axes = {name: given_back(value) for name, value in told["axes"].items()}
            from_source = {SOURCE: source.path} if source else {}
            values = {**axes, FOLDER: parts_of(title).folder, **from_source}
            origin = Origin(values, item, source, number, f"{number:09d}")
            yield from (origin,) if link.glob is None else self._parts(link, link.glob, origin, item, listed)

    def _parts(self, link: Link, glob: Glob, folder: Origin, item: Input, listed: str) -> Iterator[Origin]:
        """An origin for each file in *folder* that *glob* takes; where it is not known which there are, none."""
        parts, root = self._readable.listings.get(listed), folder.producer or 0
        where: Path = (*self._group.path, "inputs", "match")
        found = list(parts_as_inputs(item, parts, glob, where)) if parts is not None else []
        if parts is None or len(found) > link.at_most:
            texts = {name: axis_text(value) for name, value in folder.values.items() if name != FOLDER}
            excess = None if parts is None else len(found)
            self._not_known.origins.append(Unknown(texts, link.at_most, root, excess))
        elif not found:
            self.without.append(item.path)
        elif len(found) <= link.at_most:
            for part, axes in found:
                inner = part.path.removeprefix(f"{item.path}/")
                values = {**folder.values, **axes, FOLDER: kept_folder(item.path, inner)}
                order = BETWEEN.join((folder.order, *axes.values(), part.path))
                yield Origin(values, part, folder.source, root, order)


def _plain_source(columns: Sequence[Any]) -> list[Any] | None:
    """The input that stands in the row of a task of a group without axes; None where it has none."""
    *item, file = columns
    return None if item[0] is None else [*item, os.fsdecode(file) if file is not None else None]
