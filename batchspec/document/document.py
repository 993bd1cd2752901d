"""A document: what a file says, and the position of each part of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from batchspec.codes import Code
from batchspec.document.node import Node, indexes
from batchspec.source import Diagnostic, Path, Position, Severity, Source, path_text


class Piece(NamedTuple):
    """Characters *start* to *end* of a value come from *source_start* to *source_end* of the text in the file.

    One by one where it is *literal*; all from all of a placeholder otherwise.
    """

    start: int
    end: int
    source_start: int
    source_end: int
    literal: bool


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed spec. `data` has only dict, list, str, int, float, bool and None.

    What aliases repeat is one object in `data`: change nothing in it. `raw` is what the file has;
    `data` is the same, or has values in place of placeholders, and then `_pieces` says of which.
    """

    source: Source
    data: dict[str, object]
    _root: Node
    raw: dict[str, object]
    _pieces: Mapping[Path, tuple[Piece, ...]] = field(default_factory=dict)

    def resolved(self, data: dict[str, object], pieces: Mapping[Path, tuple[Piece, ...]]) -> "Document":
        """The document with *data* in place of what the file has; *pieces* are of its texts that differ."""
        return replace(self, data=data, _pieces=pieces)

    def position(self, path: Path) -> Position:
        """Where the value at *path* stands, or its nearest parent that exists."""
        node, found = self._nearest(path)
        return self._place(node) if found == path else self.key_position(found)

    def key_position(self, path: Path) -> Position:
        """Where the key of *path* stands; of a list item, the item."""
        parent, found = self._nearest(path[:-1])
        if path and found == path[:-1]:
            key = parent.keys.get(path[-1]) or parent.children.get(path[-1])
            if key is not None:
                return self._place(key)
        if found:
            return self.key_position(found)
        first = next(iter(self._root.keys.values()), self._root)
        return self._place(first)

    def within(self, path: Path, start: int, end: int) -> Position:
        """Where characters *start* to *end* (exclusive) of the text at *path* stand.

        Exact unless escapes hide the correspondence; then the whole text.
        """
        start, end = _in_source(self._pieces.get(path, ()), start, end)
        node, found = self._nearest(path)
        places = indexes(self.source.text, node) if found == path and end > start else None
        if not places:
            return self.position(path)
        return self.source.lines.position(places[start], places[end - 1] + 1)

    def without_values(self, path: Path, text: str, blank: str) -> str:
        """*text*, which stands at *path*, with *blank* for each character that a placeholder put in."""
        for piece in self._pieces.get(path, ()):
            if not piece.literal:
                text = text[: piece.start] + blank * (piece.end - piece.start) + text[piece.end :]
        return text

    def written(self, path: Path) -> str:
        """The scalar at *path* as the file has it (`3.10`, where `data` has 3.1)."""
        node, found = self._nearest(path)
        if found != path or node.children:
            raise KeyError(path_text(path))
        return node.value if isinstance(node.value, str) else self.source.text[node.start : node.end]

    def diagnostic(
        self,
        code: Code,
        summary: str,
        path: Path,
        *,
        label: str = "",
        helps: Sequence[str] = (),
        key: bool = False,
        span: tuple[int, int] | None = None,
        severity: Severity = Severity.ERROR,
    ) -> Diagnostic:
        """A finding about the value at *path*, its key, or a part of its text.

        A finding about a block mapping or list is shown at its key, one about
        the whole document has no position.
        """
        position: Position | None = None
        if span is not None:
            position = self.within(path, *span)
        elif key or self._nearest(path)[0].is_block:
            position = self.key_position(path) if path else None
        else:
            position = self.position(path)
        return Diagnostic(code.value, summary, self.source, position, path, label, tuple(helps), severity)

    def _place(self, node: Node) -> Position:
        return self.source.lines.position(node.start, node.end)

    def _nearest(self, path: Path) -> tuple[Node, Path]:
        node = self._root
        for depth, part in enumerate(path):
            child = node.children.get(part)
            if child is None:
                return node, path[:depth]
            node = child
        return node, path


def _in_source(pieces: tuple[Piece, ...], start: int, end: int) -> tuple[int, int]:
    """Where characters *start* to *end* of a text come from, in the text that the file has; *pieces* make it up."""
    touched = [piece for piece in pieces if piece.start < end and start < piece.end]
    if not touched:
        return start, end
    first, last = touched[0], touched[-1]
    skipped = max(0, start - first.start) if first.literal else 0
    left = max(0, last.end - end) if last.literal else 0
    return first.source_start + skipped, last.source_end - left
