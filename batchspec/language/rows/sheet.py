"""A sheet: the lines of a CSV file, whichever program wrote it. Every value is the text of its cell.

The header line decides the delimiter; a byte order mark, CRLF, quotes and blank lines are understood.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from batchspec.codes import Code
from batchspec.errors import SpecError
from batchspec.source import Diagnostic, Position, Source

_DELIMITERS = ",;\t|"


class Line(NamedTuple):
    """A line of a sheet: where it ends in the file (from 1), and its cells by column."""

    number: int
    cells: Mapping[str, str]


def read_sheet(name: str, text: Iterable[str], wanted: tuple[str, ...]) -> Iterator[Line]:
    """The lines of the sheet *name* whose text is *text*, each with the cells of the *wanted* columns.

    *text* comes line by line, line ends included. Raises `SpecError` for a column or a cell that is not there.
    """
    lines = _without_mark(text)
    before, header = next(((n, line) for n, line in enumerate(lines, 1) if line.strip()), (1, ""))
    delimiter = max(_DELIMITERS, key=_outside_quotes(header).count)
    reader = csv.reader(chain([header], lines), delimiter=delimiter, strict=True)
    try:
        names = [cell.strip() for cell in next(reader)]  # a quoted one may go on in the next line
        if problem := _header_problem(names, wanted):
            raise SpecError([finding(name, before, header, problem)])
        places = {column: names.index(column) for column in wanted}
        for cells in reader:
            if any(cell.strip() for cell in cells):
                number = reader.line_num + before - 1
                yield Line(number, _cells(name, number, cells, names, places))
    except csv.Error as error:
        what = f"not a line of CSV: {error}"
        raise SpecError([finding(name, reader.line_num + before - 1, "", what)]) from error


def finding(
    name: str, number: int, line: str, problem: str, *helps: str, code: Code = Code.BAD_SHEET
) -> Diagnostic:
    """What is wrong with line *number* of the sheet *name*."""
    source = Source(name, "\n" * (number - 1) + line.rstrip("\r\n"))
    place = Position(number, 1, number, max(2, len(line.rstrip("\r\n")) + 1))
    return Diagnostic(code.value, problem, source, place, helps=helps)


def _without_mark(text: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(text):
        yield line if number else line.removeprefix("\ufeff")


def _outside_quotes(header: str) -> str:
    return "".join(header.split('"')[::2])


def _header_problem(names: list[str], wanted: tuple[str, ...]) -> str:
    if not any(names):
        return "the sheet is empty: its first line names the columns"
    if repeated := [column for column, count in Counter(names).items() if count > 1]:
        return f"the column {repeated[0] or 'without a name'!r} appears twice"
    if missing := [column for column in wanted if column not in names]:
        return f"no column {missing[0]!r}; the sheet has {', '.join(names)}"
    return ""


def _cells(
    name: str, number: int, cells: list[str], names: list[str], places: Mapping[str, int]
) -> dict[str, str]:
    if len(cells) != len(names):
        from batchspec.counts import count_text  # as in rules.py: not before it is needed

        problem = f"{count_text(len(cells), 'cell')}, and the header names {count_text(len(names), 'column')}"
        raise SpecError([finding(name, number, "", problem)])
    return {column: cells[place] for column, place in places.items()}
