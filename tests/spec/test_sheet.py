"""A sheet is read as whatever program wrote it meant it, or refused at its line."""

from __future__ import annotations

import pytest

from batchspec.errors import SpecError
from batchspec.language.rows.sheet import read_sheet


def _read(text: str) -> list[tuple[int, str]]:
    found = read_sheet("s.csv", text.splitlines(keepends=True), ("id",))
    return [(line.number, line.cells["id"]) for line in found]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("id,a\n1,2\n", [(2, "1")]),
        ('\ufeff"id";a\r\n1;2\r\n', [(2, "1")]),
        ('id,"two\nlines, and, commas"\n1,2\n', [(3, "1")]),
        ('\nid,a\n"1\n2",\n\n,\n3,x\n', [(4, "1\n2"), (7, "3")]),
    ],
)
def test_lines_of_a_sheet(text: str, lines: list[tuple[int, str]]) -> None:
    """Quoted cells may have more lines, those of the header, too; numbers are where a row ends in the file."""
    assert _read(text) == lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,a\n1\n", "s.csv:2:1: 1 cell, and the header names 2 columns"),
        ('id,"a\n1,2\n', "s.csv:2:1: not a line of CSV: unexpected end of data"),
        ("id,a,a\n", "s.csv:1:1: the column 'a' appears twice"),
    ],
)
def test_what_is_no_sheet(text: str, said: str) -> None:
    """Each is told with its line."""
    with pytest.raises(SpecError) as raised:
        _read(text)
    assert str(raised.value) == said
