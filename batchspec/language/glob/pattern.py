"""Globs: which paths they match, and what their axes are then, in a time that grows with the path's length alone.

A glob becomes globs without alternatives (`glob_syntax`), these become rows of names (`glob_parts`) and
those regular expressions. A walk of a file system asks a `Level` what a folder's entries are good for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import takewhile

from batchspec.language.glob.parts import Parts, axes_regex, parts_of, path_regex
from batchspec.language.glob.syntax import GlobError, GlobWarning, read
from batchspec.language.glob.ways import Values, ways_of

Place = tuple[int, int]
"""A part of a branch, by the numbers of both."""


class AmbiguousPath(GlobError):
    """A path that gives the axes of a glob one set of values as well as another."""

    def __init__(self, path: str, first: Mapping[str, str], second: Mapping[str, str]) -> None:
        super().__init__(f"{path!r} can be split in two ways: {_text(first)} and {_text(second)}")


def _text(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


@lru_cache(maxsize=100)  # each is asked for twice, for its axes and for its files
def parse(text: str, *, hidden: bool = False) -> Glob:
    """The glob that *text* says. Unless *hidden*, no wildcard takes a dot at the beginning of a name.

    Raises `GlobError`.
    """
    said = read(text)
    branches = tuple(_Branch(parts_of(branch, hidden=hidden)) for branch in said.branches)
    return Glob(text, said.axes, said.warnings, branches)


class Glob:
    """A pattern for paths.

    `axes` has the names of its axes, `fixed` the folders before its first wildcard, with a slash
    behind each. `start` is where every path begins.
    """

    def __init__(
        self,
        text: str,
        axes: tuple[str, ...],
        warnings: tuple[GlobWarning, ...],
        branches: tuple[_Branch, ...],
    ) -> None:
        self.text = text
        self.axes = axes
        self.warnings = warnings
        self.fixed = "".join(f"{name}/" for name in _common(branch.folders for branch in branches))
        self._branches = branches
        self._regex = "|".join(path_regex(branch.parts) for branch in branches)
        self._levels: dict[frozenset[Place], Level] = {}

    def __repr__(self) -> str:
        return f"Glob({self.text!r})"

    def match(self, path: str) -> Mapping[str, str] | None:
        """The values of its axes for *path*, by their names; None where *path* does not match.

        Raises `AmbiguousPath`.
        """
        if not self.fits(path):
            return None
        return self._values(path) if self.axes else {}

    def misses(self, path: str) -> bool:
        """Whether *path* differs only in case from one that matches."""
        return self._in_any_case.fullmatch(path) is not None and not self.fits(path)

    @cached_property
    def _in_any_case(self) -> re.Pattern[str]:
        return re.compile(self._regex, re.IGNORECASE)

    def fits(self, path: str) -> bool:
        """Whether *path* matches, whatever its axes are."""
        return self._matches(path) is not None

    @cached_property
    def _matches(self) -> Callable[[str], object]:
        return re.compile(self._regex).fullmatch

    def _values(self, path: str) -> Mapping[str, str] | None:
        found: list[Mapping[str, str]] = []
        for branch in self._branches:
            for values in branch.values(path):
                named = branch.named(values)
                if named is not None and named not in found:
                    found.append(named)
        if len(found) > 1:
            raise AmbiguousPath(path, *found[:2])
        return found[0] if found else None

    @cached_property
    def start(self) -> Level:
        return self.level((number, 0) for number in range(len(self._branches)))

    def level(self, places: Iterable[Place]) -> Level:
        """The level at *places*, and at those that come next where `**` takes no folder."""
        reached = frozenset(self._reached(places))
        if reached not in self._levels:
            parts = (self._branches[number].parts for number, _ in reached)
            self._levels[reached] = Level(self, zip(parts, reached, strict=True))
        return self._levels[reached]

    def _reached(self, places: Iterable[Place]) -> Iterator[Place]:
        for number, at in places:
            deep = takewhile(lambda part: part.is_deep, self._branches[number].parts[at:])
            yield from ((number, at + more) for more in range(sum(1 for _ in deep) + 1))


class _Branch:
    """A glob without alternatives."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.axes = [axis for part in parts for axis in part.axes]

    @property
    def folders(self) -> list[str]:
        """Those before its first wildcard. A `[` counts as one, as in glob.glob, be it a literal one or not."""
        texts = (part.text for part in self.parts[:-1])
        return list(takewhile(lambda text: text is not None and "[" not in text, texts))  # type: ignore[arg-type]

    def values(self, path: str) -> Iterable[Values]:
        """What its axes may be for *path*: up to two different values."""
        if self._groups is None:
            return ways_of(self.parts, path.split("/"))
        match = self._groups.fullmatch(path)
        return [tuple(value.removesuffix("/") for value in match.groups())] if match else ()

    @cached_property
    def _groups(self) -> re.Pattern[str] | None:
        regex = axes_regex(self.parts)
        return re.compile(regex) if regex else None

    def named(self, values: Values) -> dict[str, str] | None:
        """*values* by the names of their axes; None where an axis that stands twice would be two things."""
        named = dict(zip(self.axes, values, strict=True))
        return (
            named
            if all(named[axis] == value for axis, value in zip(self.axes, values, strict=True))
            else None
        )


class Level:
    """What the next name of a path may be, after those before it."""

    def __init__(self, glob: Glob, places: Iterable[tuple[Parts, Place]]) -> None:
        self._glob = glob
        self._parts = [
            (parts[at], at + 1 == len(parts), (number, at))
            for parts, (number, at) in places
            if at < len(parts)
        ]
        last = {part.regex for part, is_last, _ in self._parts if is_last}
        self._regex = "|".join(sorted(last)) or "(?!)"

    @cached_property
    def names(self) -> tuple[str, ...] | None:
        """The only names that it takes or goes below; None where there may be others."""
        texts = {part.text for part, _, _ in self._parts}
        return None if None in texts else tuple(sorted(text for text in texts if text is not None))

    def takes(self, name: str) -> bool:
        """Whether a path may end with *name*."""
        return self._takes(name) is not None

    @cached_property
    def _takes(self) -> Callable[[str], object]:
        return re.compile(self._regex).fullmatch

    @cached_property
    def takes_all(self) -> bool:
        """Whether a path may go on with anything at all."""
        return any(part.is_deep and is_last and not part.start for part, is_last, _ in self._parts)

    def misses(self, name: str) -> bool:
        """Whether *name* differs only in case from one that a path may end with."""
        return self._in_any_case.fullmatch(name) is not None and not self.takes(name)

    @cached_property
    def _in_any_case(self) -> re.Pattern[str]:
        return re.compile(self._regex, re.IGNORECASE)

    def below(self, name: str) -> Level | None:
        """The level in the folder *name*; None where no path leads there."""
        places = [
            (number, at if part.is_deep else at + 1)
            for part, is_last, (number, at) in self._parts
            if (part.is_deep or not is_last) and part.fits(name)
        ]
        return self._glob.level(places) if places else None


def _common(lists: Iterable[list[str]]) -> list[str]:
    """What all *lists* begin with."""
    first, *others = lists
    for other in others:
        pairs = zip(first, other, strict=False)
        first = [name for name, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return first
