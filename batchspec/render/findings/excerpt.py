"""The lines of a spec around a finding, with what is meant underlined.

Lines are shown as they are but for three things: characters that do not print
are made visible, secrets are hidden, and a line too long for the page shows the
part that matters.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from batchspec.language.schema.secrets import hidden_parts
from batchspec.render.show import columns, show, without_commands
from batchspec.source import Position, Source

_LINES_BEFORE = 2
_LINES_AFTER = 1


class Marked(NamedTuple):
    """A line of an excerpt. `start` and `end` are the columns to underline, counted from 0; None: only context."""

    number: int
    text: str
    start: int | None = None
    end: int = 0


class _Cell(NamedTuple):
    """What one character of the source, or one hidden stretch, looks like: columns *start* to *end*."""

    text: str
    start: int
    end: int


class Excerpts:
    """Cuts excerpts out of one source. *secret* positions are hidden beside those that are known by their form."""

    def __init__(self, source: Source, secret: Iterable[Position]) -> None:
        self._lines = source.lines
        self._hidden: dict[int, list[tuple[int, int]]] = {}
        for position in (*hidden_parts(source.text), *secret):
            self._hide(position)

    def around(self, position: Position, width: int) -> list[Marked]:
        """The line of *position*, marked, with the lines about it, none wider than *width* columns."""
        first = max(1, position.line - _LINES_BEFORE)
        last = min(len(self._lines), position.line + _LINES_AFTER)
        # Characters further away cannot come into view: most lines are short, but one may be the whole file.
        skipped = max(0, position.column - 2 * width)
        near = slice(skipped, position.column + 2 * width)
        cells = {number: self._cells(number, near) for number in range(first, last + 1)}
        start, end = _marks(position, cells.get(position.line, []), skipped)
        left = _left_edge(start, end, cells.get(position.line, []), width)
        marked = []
        for number, row in cells.items():
            text = _window(row, left, width)
            if number == position.line:
                marked.append(
                    Marked(number, text, start - left, max(min(end - left, width), start - left + 1))
                )
            elif text.strip():
                marked.append(Marked(number, text))
        return marked or [Marked(position.line, "", 0, 1)]

    def _hide(self, position: Position) -> None:
        for number in range(position.line, min(position.end_line, len(self._lines)) + 1):
            line = self._lines.line(number)
            start = position.column - 1 if number == position.line else len(line) - len(line.lstrip())
            end = position.end_column - 1 if number == position.end_line else len(line)
            if start < end:
                self._hidden.setdefault(number, []).append((start, end))

    def _cells(self, number: int, near: slice) -> list[_Cell]:
        """The characters *near* of a line, one cell each."""
        cells: list[_Cell] = []
        column = 0
        for text, length in self._pieces(number, near):
            width = columns(text)
            cells.append(_Cell(text, column, column + width))
            # A hidden stretch is one cell; the characters behind its first take no room.
            cells += [_Cell("", column, column + width)] * (length - 1)
            column += width
        return cells

    def _pieces(self, number: int, near: slice) -> Iterator[tuple[str, int]]:
        """What is shown of a line, and how many characters of the source each piece stands for."""
        line = self._lines.line(number)
        at, stop, _ = near.indices(len(line))
        if at > 0:
            yield "…", 1  # the first character stands for all that were skipped
            at += 1
        for start, end in _joined(self._hidden.get(number, ())):
            if at < end and start < stop:
                yield from ((show(character), 1) for character in line[at:start])
                yield f"({end - start} characters hidden)", min(end, stop) - max(start, at)
                at = end
        yield from ((show(character), 1) for character in line[at:stop])
        if at < stop < len(line):
            yield "…", 1


def _marks(position: Position, cells: list[_Cell], skipped: int) -> tuple[int, int]:
    """The columns that *position* takes in its first line; at least one. *cells* begin behind *skipped* characters."""
    width = cells[-1].end if cells else 0
    first = position.column - 1 - skipped
    if first >= len(cells):
        return width, width + 1
    last = position.end_column - 2 - skipped if position.end_line == position.line else len(cells) - 1
    start = cells[first].start
    end = cells[min(last, len(cells) - 1)].end if first <= last else start
    return start, max(end, start + 1)


def _left_edge(start: int, end: int, cells: list[_Cell], width: int) -> int:
    """The first column in view, so that *start* to *end* is, with some of what is before it."""
    if end < width or cells[-1].end <= width:
        return 0
    return max(0, start - width // 4, min(start - 2, end - width + 1))


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """*spans* in order, those that touch made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _window(cells: list[_Cell], left: int, width: int) -> str:
    """The columns *left* to *left* + *width* of a line; an ellipsis where something is cut off."""
    right = left + width
    end = cells[-1].end if cells else 0
    first, last = left + (left > 0), right - (end > right)
    text = "".join(cell.text for cell in cells if cell.start >= first and cell.end <= last)
    lead = next((cell.start for cell in cells if cell.text and cell.start >= first), first) - first
    cut_left = "…" + " " * lead if left > 0 and end > left else ""
    return without_commands(f"{cut_left}{text}{'…' if end > right else ''}")
