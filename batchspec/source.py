"""Places in a spec, and what there is to say about them.

A `Diagnostic` is a value: `render` makes text, JSON or annotations of it. It
says where (source and position), what (code, summary and path), why (label)
and what now (helps).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Keys and list indexes from the top of a document: `("pool", "metadata", 0, "name")`."""


def path_text(path: Path) -> str:
    """*path* as people write it: `pool.metadata[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


class Position(NamedTuple):
    """A stretch of text; lines and columns count from 1, the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Source(NamedTuple):
    """A spec's text and the name it is shown under (the path as the person typed it)."""

    name: str
    text: str

    def line(self, number: int) -> str:
        """Line *number*, counted from 1, without its end; empty past the last one."""
        lines = self.text.splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `position` is None when it is about the whole file."""

    code: str
    summary: str
    source: Source
    position: Position | None = None
    path: Path = ()
    label: str = ""
    helps: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR

    @property
    def place(self) -> str:
        """`file:line:column`, or the file alone."""
        if self.position is None:
            return self.source.name
        return f"{self.source.name}:{self.position.line}:{self.position.column}"


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """*diagnostics* by their place in the text, those about the whole file first."""
    return tuple(sorted(diagnostics, key=lambda d: (d.position or Position(0, 0, 0, 0), d.code)))
