"""Regular expressions that are compiled when they are first used: a command needs a few of the many there are."""

from __future__ import annotations

import re
from typing import Any, cast


class _Pattern:
    def __init__(self, text: str, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__[name] = getattr(re.compile(self._text, self._flags), name)
        return found


def lazy_regex(text: str, flags: int = 0) -> re.Pattern[str]:
    """`re.compile`, which waits until something is searched. A mistake in *text* is found only then."""
    return cast("re.Pattern[str]", _Pattern(text, flags))
