"""The matrix of a group: the axes along which its rows differ besides their inputs.

It is a product of axes, a list of mappings (an ABR ladder is pairs, not a product), or a sheet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from batchspec.document.scalar import as_written
from batchspec.patterns import lazy_regex

Value = str | int | float | bool

MOST_ROWS = 1_000_000
_RANGE = lazy_regex(r"\s*(-?[0-9]{1,12})\.\.(-?[0-9]{1,12})(?:\.\.(-?[0-9]{1,12}))?\s*")


class Range(Sequence[Value]):
    """The whole numbers of `FIRST..LAST` or `FIRST..LAST..STEP`; a leading zero keeps all of one width."""

    def __init__(self, first: int, last: int, step: int, width: int) -> None:
        self._numbers = range(first, last + 1, step)
        self._width = width

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> Value:  # type: ignore[override]
        number = self._numbers[index]
        return as_written(number, f"{number:0{self._width}d}")


class BadRange(Exception):
    """Why a text that looks like a range is none."""


def read_range(text: str) -> Range | None:
    """The range that *text* is; None where it does not look like one. Raises `BadRange`."""
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    first, last, step = int(match[1]), int(match[2]), int(match[3] or 1)
    if step < 1:
        raise BadRange(f"the step of {text.strip()} is {step}; it counts upward by 1 or more")
    if last < first:
        raise BadRange(f"{text.strip()} is backward: {first} comes after {last}")
    if (last - first) // step >= MOST_ROWS:
        raise BadRange(f"{text.strip()} has more than {MOST_ROWS:,} values")
    padded = any(
        digits.lstrip("-").startswith("0") and len(digits.lstrip("-")) > 1 for digits in match.group(1, 2)
    )
    return Range(first, last, step, max(map(len, match.group(1, 2))) if padded else 0)


class Combination(NamedTuple):
    """One row of a matrix: its values by name, and the place of each of its axes among the values given."""

    values: Mapping[str, Value]
    ranks: tuple[int, ...]  # one for each axis; of rows that are no product, the row's own for all of them


class Product(NamedTuple):
    """Every combination of the values of its axes, the last axis fastest."""

    values: Mapping[str, Sequence[Value]]

    @property
    def axes(self) -> tuple[str, ...]:
        return tuple(self.values)

    @property
    def columns(self) -> tuple[str, ...]:
        return self.axes

    def combinations(self) -> Iterator[Combination]:
        for ranks in product(*(range(len(values)) for values in self.values.values())):
            row = {
                name: values[rank] for rank, (name, values) in zip(ranks, self.values.items(), strict=True)
            }
            yield Combination(row, ranks)


class Listed(NamedTuple):
    """Rows as they are written down; all have the same names, and the values together identify one."""

    rows: tuple[Mapping[str, Value], ...]

    @property
    def axes(self) -> tuple[str, ...]:
        return tuple(self.rows[0]) if self.rows else ()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.axes

    def combinations(self) -> Iterator[Combination]:
        for number, row in enumerate(self.rows):
            yield Combination(row, (number,) * len(row))


class Sheet(NamedTuple):
    """A CSV file: `axes` are the columns that identify a line, `columns` those that the group reads."""

    file: str
    axes: tuple[str, ...]
    columns: tuple[str, ...]


Matrix = Product | Listed | Sheet
