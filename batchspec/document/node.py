"""A value of a document and where it stands, character by character."""

import re

_BREAKS_AND_BLANKS = frozenset(" \t\r\n\x85\u2028\u2029")


class Node:
    """A value, and the characters of the text that it is. Children are by key or by index."""

    __slots__ = ("children", "closed", "end", "indexes", "keys", "start", "style", "value", "weight")

    def __init__(self, start: int, end: int, style: str) -> None:
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


def trimmed_end(text: str, start: int, end: int) -> int:
    """Behind the last visible character of a block scalar, not behind the blank lines that follow."""
    return start + len(text[start:end].rstrip("".join(_BREAKS_AND_BLANKS)))


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
    ahead = next(following, node.end)
    for character in value:
        found.append(ahead)
        if character not in _BREAKS_AND_BLANKS:
            ahead = next(following, node.end)
    node.indexes = found
    return found


def _body(text: str, node: Node) -> list[int]:
    """The indexes of a scalar's content: no quotes, no block header, one of two doubled quotes."""
    start, end = node.start, node.end
    if node.style in ("|", ">"):
        head = re.compile(r"[^\r\n]*(?:\r\n?|\n)?").match(text, start, end)
        return list(range(head.end() if head else start, end))
    if not node.style:
        return list(range(start, end))
    inner = range(start + 1, end - 1)
    if node.style == '"':
        return list(inner)
    doubled = {match.start() + inner.start for match in re.finditer("''", text[inner.start : inner.stop])}
    return [i for i in inner if i not in doubled]
