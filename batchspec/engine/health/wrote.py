"""What a program wrote, cut to what says why it failed: ffmpeg names the cause first, most others last."""

from __future__ import annotations

import re
from typing import NamedTuple

from batchspec.counts import count_text
from batchspec.secrecy import without_secrets

_FIRST, _LAST = 3, 5
_LINE_LENGTH = 300
# ffmpeg's first dozen lines say how it was built, unless it is told -hide_banner.
_BANNER = re.compile(r"ff\w+ version |  (built with |configuration: |lib\w+ +\d)")


class Wrote(NamedTuple):
    """The first and the last lines that say something, without secrets; between them so many are left out."""

    first: tuple[str, ...] = ()
    left_out: int = 0
    last: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """All of it, as people read it."""
        left_out = (f"… {count_text(self.left_out, 'more line')} …",) if self.left_out else ()
        return (*self.first, *left_out, *self.last)


def excerpt(text: str, first: int = _FIRST, last: int = _LAST) -> Wrote:
    """The first and the last lines of *text*, or all where no more than one would be left out."""
    said = [line.rstrip() for line in text.splitlines() if line.strip() and not _BANNER.match(line)]
    before, after = said[:-last], said[-last:]
    if len(before) > first + 1:
        before = before[:first]
    left_out = len(said) - len(before) - len(after)
    return Wrote(tuple(map(_beginning, before)), left_out, tuple(map(_ending, after)))


def _beginning(line: str) -> str:
    """*line* without secrets: programs write the URLs they get. Of a long one the beginning."""
    line = without_secrets(line)
    return line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]}…"


def _ending(line: str) -> str:
    """The same, of a long one the end: programs that draw progress write one line without end."""
    line = without_secrets(line)
    return line if len(line) <= _LINE_LENGTH else f"…{line[-_LINE_LENGTH:]}"
