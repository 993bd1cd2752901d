"""Pages wrapped at words, by the columns that they take on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from batchspec.patterns import lazy_regex
from batchspec.render.show import columns, shown

_LABEL = lazy_regex(r" *(?:\S+ ){0,2}\S+ {2,}|[ |]*")  # `  still there pool …`, `      | what it wrote`
_SET_IN = 24  # no further


def wrapped(text: str, width: int) -> str:
    """*text* with its long lines wrapped, set in below what stands behind their label.

    Commands stay whole: they are to be copied.
    """
    return "\n".join(piece for line in text.split("\n") for piece in _pieces(shown(line), width))


def _pieces(line: str, width: int) -> Iterator[str]:
    if columns(line) <= width or "batchspec " in line:
        yield line
        return
    label = _LABEL.match(line)
    inset = " " * min(_SET_IN, label.end() if label else 0)
    piece = ""
    for word in re.findall(r" *[^ ]+", line):
        if piece and columns(piece + word) > width:
            yield piece
            piece, word = inset, word.lstrip()
        piece += word
    yield piece
