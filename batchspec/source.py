"""Places in a spec, and what there is to say about them.

A `Diagnostic` is a value: `render` makes text, JSON or annotations of it. It
says where (source and position), what (code, summary and path), why (label)
and what now (helps).
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of a document: `("pool", "metadata", 0, "name")`."""


def path_text(path: Path) -> str:
    """*path* as people write it: `pool.metadata[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def value_at(data: Any, path: Path) -> Any:
    """What stands at *path* of *data*; None where nothing does."""
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


class Position(NamedTuple):
    """A stretch of text; lines and columns count from 1, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Lines:
    """The lines of a text, as editors count them: LF, CR or both together end one, and nothing else does."""

    def __init__(self, text: str) -> None:
        ends = list(re.finditer(r"\r\n?|\n", text))
        self._text = text
        self._starts = [0, *(end.end() for end in ends)]
        self._ends = [*(end.start() for end in ends), len(text)]

    def __len__(self) -> int:
        return len(self._starts)

    def line(self, number: int) -> str:
        """Line *number*, counted from 1, without its end; empty past the last one."""
        inside = 0 < number <= len(self._starts)
        return self._text[self._starts[number - 1] : self._ends[number - 1]] if inside else ""

    def position(self, start: int, end: int) -> Position:
        """The position of the characters *start* to *end*, exclusive."""
        return Position(*self._place(start), *self._place(end))

    def _place(self, index: int) -> tuple[int, int]:
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1


class Source(NamedTuple):
    """A spec's text and the name it is shown under (the path as the person typed it)."""

    name: str
    text: str

    @property
    def lines(self) -> Lines:
        return lines_of(self.text)


@lru_cache(maxsize=4)
def lines_of(text: str) -> Lines:
    return Lines(text)


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


class Diagnostic(NamedTuple):
    """One finding. `position` is None when it is about the whole file."""

    code: str
    summary: str
    source: Source
    position: Position | None = None
    path: Path = ()
    label: str = ""
    helps: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR

    def with_help(self, help: str) -> "Diagnostic":
        return self._replace(helps=(*self.helps, help))

    @property
    def place(self) -> str:
        """`file:line:column`, or the file alone."""
        if self.position is None:
            return self.source.name
        return f"{self.source.name}:{self.position.line}:{self.position.column}"


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """*diagnostics* by their place in the text, those about the whole file first."""
    return tuple(sorted(diagnostics, key=lambda d: (d.position or Position(0, 0, 0, 0), d.code)))
