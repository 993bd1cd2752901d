"""Diagnostics as text for people, as JSON, and as annotations of a pull request.

Whatever a diagnostic carries may come from a hostile file: control characters
are made visible, secrets hidden, and no line of the output starts with foreign
text.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from batchspec.counts import count_text
from batchspec.language.schema.secrets import hide
from batchspec.render.findings.excerpt import Excerpts, Marked
from batchspec.render.show import show
from batchspec.source import Diagnostic, Position, Severity, Source, in_order, path_text

_MOST_SHOWN = 100
_LEAST_LABEL_COLUMNS = 30

_BLUE, _BOLD, _OFF = "\x1b[34m", "\x1b[1m", "\x1b[0m"
_COLORS = {Severity.ERROR: "\x1b[31m", Severity.WARNING: "\x1b[33m"}


def as_text(
    diagnostics: Iterable[Diagnostic],
    *,
    color: bool,
    width: int = 100,
    beside: Iterable[Diagnostic] = (),
) -> str:
    """Each finding with the lines it is about, in order of position; ends with a line end unless empty.

    *beside* are findings that are shown elsewhere: secrets that they found are hidden here too.
    """
    found = in_order(diagnostics)
    known = (*found, *beside)
    excerpts: dict[Source, Excerpts] = {}
    blocks = []
    for diagnostic in found[:_MOST_SHOWN]:
        source = diagnostic.source
        if source not in excerpts:
            excerpts[source] = Excerpts(source, _secret_positions(known, source))
        blocks.append("\n".join(_Block(diagnostic, excerpts[source], color, width).lines()) + "\n")
    if len(found) > _MOST_SHOWN:
        blocks.append(f"… and {len(found) - _MOST_SHOWN} more\n")
    return "\n".join(blocks)


def tally(diagnostics: Iterable[Diagnostic]) -> str:
    """How many there are, and where: `4 errors, 1 warning in specs/ffmpeg.yaml`; empty when there are none."""
    found = tuple(diagnostics)
    counts = ((sum(d.severity is severity for d in found), severity.value) for severity in Severity)
    parts = [count_text(count, word) for count, word in counts if count]
    names = dict.fromkeys(show(d.source.name) for d in found)
    return f"{', '.join(parts)} in {', '.join(names)}" if parts else ""


def as_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, object]]:
    """One object for each finding, in order of position; lines and columns from 1, the end exclusive, null without."""
    return [_object(diagnostic) for diagnostic in in_order(diagnostics)]


def validation_json(valid: bool, files: Iterable[object], found: Iterable[Diagnostic]) -> dict[str, object]:
    """What was found in *files*, as one object."""
    return {
        "type": "validation",
        "valid": valid,
        "files": [str(file) for file in files],
        "diagnostics": as_json(found),
    }


def as_annotations(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands that GitHub shows beside the lines of a pull request, one in a line."""
    return "".join(f"{_annotation(diagnostic)}\n" for diagnostic in in_order(diagnostics))


def _secret_positions(diagnostics: Sequence[Diagnostic], source: Source) -> Iterator[Position]:
    for diagnostic in diagnostics:
        if diagnostic.code.startswith("BS05") and diagnostic.source == source and diagnostic.position:
            yield diagnostic.position


class _Block:
    """One finding laid out: head, place, excerpt, helps."""

    def __init__(self, diagnostic: Diagnostic, excerpts: Excerpts, color: bool, width: int) -> None:
        self._diagnostic = diagnostic
        self._color = color
        self._width = width
        position = diagnostic.position
        digits = len(str(position.line + 1)) if position else 1
        self._gutter = digits + 2
        room = max(20, width - self._gutter - 2)
        self._excerpt = excerpts.around(position, room) if position else []

    def lines(self) -> Iterator[str]:
        diagnostic = self._diagnostic
        head = self._paint(f"{diagnostic.severity.value}[{diagnostic.code}]", _COLORS[diagnostic.severity])
        yield head + self._paint(f": {_safe(diagnostic.summary)}", _BOLD)
        yield " " * (self._gutter - 1) + self._paint("--> ", _BLUE) + show(diagnostic.place)
        if self._excerpt:
            yield self._bar()
            for line in self._excerpt:
                yield from self._line(line)
        notes = [("help", help) for help in diagnostic.helps]
        if not self._excerpt and diagnostic.label:
            notes.insert(0, ("note", diagnostic.label))
        if notes and self._excerpt:
            yield self._bar()
        for word, text in notes:
            yield from self._note(word, text)

    def _line(self, line: Marked) -> Iterator[str]:
        number = self._paint(f"{line.number:>{self._gutter - 1}} |", _BLUE)
        yield f"{number} {line.text}".rstrip()
        if line.start is not None:
            yield from self._underline(line.start, line.end)

    def _underline(self, start: int, end: int) -> Iterator[str]:
        """The carets and the label beside them, or below where there is no room beside."""
        carets = "^" * (end - start)
        label = _safe(self._diagnostic.label)
        beside = self._width - self._gutter - 3 - end
        if label and len(label) > beside and beside < _LEAST_LABEL_COLUMNS:
            yield self._bar(" " * start, carets)
            room = max(_LEAST_LABEL_COLUMNS, self._width - self._gutter - 2)
            indent = " " * max(0, min(start, room - len(label)))
            for line in textwrap.wrap(label, room - len(indent)):
                yield self._bar(indent, line)
            return
        first, *rest = textwrap.wrap(label, max(beside, 1)) or [""]
        yield self._bar(" " * start, f"{carets} {first}".rstrip())
        for line in rest:
            yield self._bar(" " * (end + 1), line)

    def _bar(self, blank: str = "", text: str = "") -> str:
        bar = " " * self._gutter + self._paint("|", _BLUE)
        return f"{bar} {blank}{self._paint(text, _COLORS[self._diagnostic.severity])}" if text else bar

    def _note(self, word: str, text: str) -> Iterator[str]:
        """`= help: ...`; the lines of *text* stay lines, long ones are wrapped."""
        lead = " " * self._gutter + self._paint("= ", _BLUE) + self._paint(f"{word}: ", _BOLD)
        indent = " " * (self._gutter + len(word) + 4)
        for part in text.split("\n"):
            room = max(_LEAST_LABEL_COLUMNS, self._width - len(indent))
            for line in textwrap.wrap(_safe(part), room, drop_whitespace=True, break_on_hyphens=False) or [
                ""
            ]:
                yield lead + show(line)
                lead = indent

    def _paint(self, text: str, style: str) -> str:
        return f"{style}{text}{_OFF}" if self._color else text


def _safe(text: str) -> str:
    return show(hide(text))


def _object(diagnostic: Diagnostic) -> dict[str, object]:
    position = diagnostic.position
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "summary": hide(diagnostic.summary),
        "file": diagnostic.source.name,
        "line": position and position.line,
        "column": position and position.column,
        "endLine": position and position.end_line,
        "endColumn": position and position.end_column,
        "path": path_text(diagnostic.path),
        "label": hide(diagnostic.label),
        "helps": [hide(help) for help in diagnostic.helps],
    }


def _annotation(diagnostic: Diagnostic) -> str:
    properties = {"file": diagnostic.source.name}
    position = diagnostic.position
    if position:
        properties |= {"line": str(position.line), "endLine": str(position.end_line)}
        if position.line == position.end_line:  # columns of different lines are refused
            properties |= {"col": str(position.column), "endColumn": str(position.end_column)}
    properties["title"] = f"{diagnostic.code}: {hide(diagnostic.summary)}"
    listed = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items())
    message = "\n".join(hide(text) for text in (diagnostic.label or diagnostic.summary, *diagnostic.helps))
    return f"::{diagnostic.severity.value} {listed}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    r"""*text* as a workflow command carries it. Line ends are the escapes `%0A` and `%0D`.

    Source: GitHub's actions/toolkit, `packages/core/src/command.ts`, for what has to be escaped.
    """
    shown = "\n".join(show(line) for line in text.split("\n"))
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{more}" else c for c in shown)
