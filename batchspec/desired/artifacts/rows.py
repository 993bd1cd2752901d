"""The rows of a group that has a matrix, axes, or reads others: one input with one combination of the matrix each.

They lie in the ledger and are read back in their order: by axis as written, then by value as given, then by path.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from batchspec.codes import Code
from batchspec.desired.task import Input
from batchspec.document.scalar import WrittenFloat, WrittenInt, as_written
from batchspec.errors import SpecError
from batchspec.language.model import Rows
from batchspec.language.rows.axes import FOLDER, SOURCE
from batchspec.language.rows.matrix import Combination, Sheet, Value
from batchspec.language.rows.sheet import finding, read_sheet
from batchspec.language.templates.filters import text_of
from batchspec.language.templates.values import Series
from batchspec.ledger.database import Database
from batchspec.resources.task import digest

BETWEEN = "\0"
"""Between the parts of a row's place: it comes before any other character, so that a shorter text comes first."""


class Row(NamedTuple):
    """One row. `values` has its axes and the columns of its sheet; `producer` is the task that makes its input."""

    values: Mapping[str, Value]
    item: Input | None
    source: Input | None
    producer: int | None


class Origin(NamedTuple):
    """What a row is made from besides the matrix: an input, with the axes that it has."""

    values: Mapping[str, Value]
    item: Input | None
    source: Input | None
    producer: int | None
    order: str


def of_input(item: Input, folder: str) -> Origin:
    """Of a file or blob: its axes are what the `{name}`s of the glob that it matches stand for."""
    order = BETWEEN.join((*item.axes.values(), item.path))
    return Origin({**item.axes, FOLDER: folder, SOURCE: item.path}, item, item, None, order)


ALONE = Origin({}, None, None, None, "")
"""What the rows of a group without inputs are made from."""


class RowTable:
    """The rows of one group. `keeps` says of the values of a row whether `when` keeps it."""

    def __init__(self, database: Database, rows: Rows) -> None:
        self._database = database
        self._rows = rows
        self.dropped = 0
        self._combined: Callable[[], Iterable[Combination]] = tuple
        database.define("DROP TABLE IF EXISTS row", "CREATE TABLE row (per TEXT, place TEXT, data TEXT)")

    def fill(self, origins: Iterable[Origin], sheet: Iterable[str], keeps: Callable[[Row], bool]) -> None:
        """Every origin with every combination of the matrix, less those that `when` leaves out."""
        self._combined = self._combinations(sheet)
        rows = self._entries(origins, self._combined, keeps)
        self._database.fill("INSERT INTO row VALUES (?, ?, ?)", rows)

    @property
    def combinations(self) -> int:
        """How many rows the matrix alone has."""
        return sum(1 for _ in self._combined())

    def _combinations(self, sheet: Iterable[str]) -> Callable[[], Iterable[Combination]]:
        matrix = self._rows.matrix
        if matrix is None:
            return lambda: (Combination({}, ()),)
        if isinstance(matrix, Sheet):
            self._read_lines(matrix, sheet)
            return lambda: self._lines(len(matrix.axes))
        return matrix.combinations

    def _read_lines(self, sheet: Sheet, text: Iterable[str]) -> None:
        """Puts the lines into the ledger. Two that are alike in what identifies a line are an error naming both."""
        database = self._database
        database.define(
            "DROP TABLE IF EXISTS line", "CREATE TABLE line (number INTEGER, key TEXT, cells TEXT)"
        )
        lines = (
            (line.number, json.dumps([line.cells[name] for name in sheet.axes]), json.dumps(line.cells))
            for line in read_sheet(sheet.file, text, sheet.columns)
        )
        database.fill("INSERT INTO line VALUES (?, ?, ?)", lines)
        twice = database.one(
            "SELECT key, min(number) FROM line GROUP BY key HAVING count(*) > 1 ORDER BY 2 LIMIT 1"
        )
        if twice is not None:
            key, first = twice
            again = database.one("SELECT min(number) FROM line WHERE key = ? AND number > ?", key, first)[0]
            pairs = zip(sheet.axes, json.loads(key), strict=True)
            named = ", ".join(f"{name} {value!r}" for name, value in pairs)
            help = "name the columns that identify a line: `matrix: {file: …, key: […]}`"
            what = f"lines {first} and {again} are the same: {named}"
            raise SpecError([finding(sheet.file, again, "", what, help, code=Code.ROWS_ALIKE)])

    def _lines(self, axes: int) -> Iterator[Combination]:
        lines = self._database.rows("SELECT cells FROM line ORDER BY rowid")
        for rank, (cells,) in enumerate(lines):
            yield Combination(json.loads(cells), (rank,) * axes)

    def _entries(
        self,
        origins: Iterable[Origin],
        combinations: Callable[[], Iterable[Combination]],
        keeps: Callable[[Row], bool],
    ) -> Iterator[tuple[object, ...]]:
        matrix = self._rows.matrix
        matrix_first = (
            matrix is not None and bool(matrix.axes) and self._rows.axes.rows[:1] == matrix.axes[:1]
        )
        for origin in origins:
            for combination in combinations():
                row = Row(
                    {**origin.values, **combination.values}, origin.item, origin.source, origin.producer
                )
                if not keeps(row):
                    self.dropped += 1
                    continue
                # Numbers of equal length, since SQLite sorts these places as text.
                ranks = "".join(f"{rank:09d}" for rank in combination.ranks)
                place = (
                    f"{ranks}{BETWEEN}{origin.order}" if matrix_first else f"{origin.order}{BETWEEN}{ranks}"
                )
                yield self._per(row), place, dumped(row)

    def _per(self, row: Row) -> str:
        return json.dumps([str(row.values[name]) for name in self._rows.shape.per])

    def together(self) -> Iterator[list[Row]]:
        """The rows of each task."""
        shape = self._rows.shape
        if not shape.joins:
            yield from ([row] for _, row in self._read("place"))
        elif shape.collect:
            if rows := [row for _, row in self._read("place")]:
                yield rows
        else:
            # Tasks come in the order of their first rows, however the values of `per` sort.
            first = "SELECT min(place) FROM row other WHERE other.per = row.per"
            self._database.define("CREATE INDEX row_per ON row (per, place)")
            for _, group in groupby(self._read(f"({first}), per, place"), key=lambda entry: entry[0]):
                yield from self._chunks(row for _, row in group)

    def _read(self, order: str) -> Iterator[tuple[str, Row]]:
        for per, data in self._database.rows(f"SELECT per, data FROM row ORDER BY {order}"):
            yield per, loaded(data)

    def _chunks(self, rows: Iterable[Row]) -> Iterator[list[Row]]:
        shape, chunk = self._rows.shape, list[Row]()
        for row in rows:
            if chunk and shape.chunk and self._begins(row, len(chunk), shape.chunk, stable=shape.stable):
                yield chunk
                chunk = []
            chunk.append(row)
        yield chunk

    def _begins(self, row: Row, length: int, size: int, *, stable: bool) -> bool:
        """Whether *row* begins the next chunk. Stable boundaries hang on the rows alone: half the size on average."""
        if length >= size or not stable:
            return length >= size
        return int(digest(position_of(row, self._rows.axes.rows))[:8], 16) % max(1, size // 2) == 0

    def __len__(self) -> int:
        return int(self._database.one("SELECT count(*) FROM row")[0])


def axis_text(value: object) -> str:
    """What templates make of the *value* of an axis: `true`, where Python says `True`. Keys keep Python's."""
    return text_of(value) if isinstance(value, bool) else str(value)


def position_of(row: Row, names: Iterable[str]) -> str:
    """Where *row* is along the axes *names*, and its input: the same for no other row of its group."""
    axes = [[name, str(row.values[name])] for name in names if name not in (FOLDER, SOURCE)]
    return json.dumps([axes, row.item.path if row.item else ""])


# A row as text. A number that is written in its own way keeps it.


def dumped(row: Row) -> str:
    values = {name: kept(value) for name, value in row.values.items()}
    return json.dumps(
        [values, stored(row.item), None if row.source is row.item else stored(row.source), row.producer]
    )


def stored(item: Input | None) -> list[object] | None:
    """*item* as JSON keeps it: what its path stands for along the axes is among the values of its row."""
    return None if item is None else list(item[:6])


def loaded(data: str) -> Row:
    values, item, source, producer = json.loads(data)
    read = Input(*item) if item else None
    named = {name: given_back(value) for name, value in values.items()}
    return Row(named, read, Input(*source) if source else read, producer)


def kept(value: Any) -> Any:
    """*value* as JSON keeps it; lists are those of a task that has several values of an axis."""
    if isinstance(value, tuple):
        return [kept(item) for item in value]
    return (
        {"number": value, "written": str(value)} if isinstance(value, (WrittenInt, WrittenFloat)) else value
    )


def given_back(value: Any) -> Any:
    """The value that was `kept`."""
    if isinstance(value, list):
        return Series(map(given_back, value))
    return as_written(value["number"], value["written"]) if isinstance(value, dict) else value
