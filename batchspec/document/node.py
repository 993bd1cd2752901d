"""A value of a document and where it stands, character by character."""

import re
from dataclasses import dataclass

from batchspec.source import Position

_BREAKS_AND_BLANKS = frozenset(" \t\r\n\x85\u2028\u2029")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text, all counted from 0. The marks of PyYAML have the same attributes, and serve as such."""

    index: int
    line: int
    column: int


class Node:
    """A value and where it stands. Children are by key or by index."""

    __slots__ = ("children", "closed", "end", "indexes", "keys", "start", "style", "value", "weight")

    def __init__(self, start: Mark, end: Mark, style: str) -> None:
        self.start = start
        self.end = end
        self.style = style  # of scalars: "", ' " | >; of collections: "{" (flow) or "" (block)
        self.value: object = None
        self.children: dict[str | int, Node] = {}
        self.keys: dict[str | int, Node] = {}
        self.weight = 1  # characters and nodes, aliases written out
        self.closed = False
        self.indexes: list[int] | None = None  # see `indexes`; kept, since a long text may have many findings

    @property
    def is_block(self) -> bool:
        return bool(self.children) and self.style == ""

    def position(self) -> Position:
        start, end = self.start, self.end
        return Position(start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def trimmed_end(text: str, start: Mark, end: Mark) -> Mark:
    """The mark after the last visible character of a block scalar, not after the blank lines that follow."""
    body = text[start.index : end.index].rstrip("".join(_BREAKS_AND_BLANKS))
    lines = (body + "x").splitlines()
    column = len(lines[-1]) - 1 + (start.column if len(lines) == 1 else 0)
    return Mark(start.index + len(body), start.line + len(lines) - 1, column)


def indexes(text: str, node: Node) -> list[int] | None:
    """For each character of a scalar's value, its index in *text*; None when that cannot be told.

    Folding and indentation only touch blanks and line breaks, so the visible
    characters of the value are those of the source, in the same order. A blank
    takes the index of the visible character after it.
    """
    value = node.value
    if not isinstance(value, str):
        return None
    if node.indexes is not None:
        return node.indexes
    visible = [i for i in _body(text, node) if text[i] not in _BREAKS_AND_BLANKS]
    wanted = [character for character in value if character not in _BREAKS_AND_BLANKS]
    if [text[i] for i in visible] != wanted:
        return None
    found, following = [], iter(visible)
    ahead = next(following, node.end.index)
    for character in value:
        found.append(ahead)
        if character not in _BREAKS_AND_BLANKS:
            ahead = next(following, node.end.index)
    node.indexes = found
    return found


def _body(text: str, node: Node) -> list[int]:
    """The indexes of a scalar's content: no quotes, no block header, one of two doubled quotes."""
    start, end = node.start.index, node.end.index
    if node.style in ("|", ">"):
        head = text[start:end].splitlines(keepends=True)[:1]
        return list(range(start + len("".join(head)), end))
    if not node.style:
        return list(range(start, end))
    inner = range(start + 1, end - 1)
    if node.style == '"':
        return list(inner)
    doubled = {match.start() + inner.start for match in re.finditer("''", text[inner.start : inner.stop])}
    return [i for i in inner if i not in doubled]


def line_and_column(text: str, node: Node, index: int) -> tuple[int, int]:
    """Line and column, counted from 1, of a character of *text* inside *node*."""
    lines = (text[node.start.index : index] + "x").splitlines()
    column = len(lines[-1]) + (node.start.column if len(lines) == 1 else 0)
    return node.start.line + len(lines), column
