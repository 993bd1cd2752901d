"""Rows as somebody would write them under `matrix`: axes where they are a product, ranges where numbers follow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

from batchspec.patterns import lazy_regex

Cell = str | int | float | bool

_SHORTEST_RANGE = 3  # values; two are as short in a list
_DIGITS = lazy_regex(r"[0-9]+")
_NUMBER = lazy_regex(r"-?(?:0|[1-9][0-9]{0,11})")


def as_matrix(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> dict[str, Any] | list[dict[str, Cell]]:
    """The `matrix` that makes *rows*, one value for each of *names*.

    Rows that are every combination of their values become axes; any others stay a list of mappings.
    """
    axes = [list(dict.fromkeys(column)) for column in zip(*rows, strict=True)]
    if set(product(*axes)) == set(map(tuple, rows)):
        return {name: _axis(values) for name, values in zip(names, axes, strict=True)}
    return [dict(zip(names, row, strict=True)) for row in rows]


def distinct(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> tuple[list[str], list[list[Cell]]]:
    """*names* and *rows*; with a number for each row in front where two would be the same."""
    if len({tuple(map(str, row)) for row in rows}) == len(rows):
        return list(names), [list(row) for row in rows]
    return ["run", *names], [[number, *row] for number, row in enumerate(rows, 1)]


def typed(column: Sequence[str]) -> list[Cell]:
    """The texts of a column, as whole numbers where all of them are."""
    if all(_NUMBER.fullmatch(text) for text in column):
        return [int(text) for text in column]
    return list(column)


def file_name(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A template that gives each row a name of its own, which any file system takes; "" where its values do not."""
    texts = ["-".join(map(str, row)) for row in rows]
    if len({text.casefold() for text in texts}) < len(rows):
        return ""
    if not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", text) for text in texts):
        return ""
    return "-".join(f"{{{{ matrix.{name} }}}}" for name in names)


def _axis(values: list[Cell]) -> list[Cell] | str:
    return _range(values) or values


def _range(values: list[Cell]) -> str:
    """`FIRST..LAST` or `FIRST..LAST..STEP`, of numbers or of texts of one width; "" for any other values."""
    if len(values) < _SHORTEST_RANGE:
        return ""
    texts = [str(value) for value in values]
    if any(isinstance(value, bool) for value in values) or not all(map(_is_whole, texts)):
        return ""
    are_padded = all(isinstance(value, str) for value in values)
    if are_padded and (len({len(text) for text in texts}) > 1 or texts[0][0] != "0"):
        return ""
    if not are_padded and not all(isinstance(value, int) for value in values):
        return ""
    numbers = [int(text) for text in texts]
    step = numbers[1] - numbers[0]
    if step < 1 or numbers != list(range(numbers[0], numbers[-1] + 1, step)):
        return ""
    return f"{texts[0]}..{texts[-1]}" + (f"..{step}" if step > 1 else "")


def _is_whole(text: str) -> bool:
    return bool(_DIGITS.fullmatch(text.removeprefix("-"))) and len(text) <= 12
