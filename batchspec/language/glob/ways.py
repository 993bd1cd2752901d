"""What the axes of a glob are for a path that leaves them a choice: at least two ways to see that there is one.

Found from the end of the path to its beginning: at each place are the ways to go on from there, and
never more than two, so that it takes no long time however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from batchspec.language.glob.parts import Part, Parts, Stretch

Values = tuple[str, ...]
"""What axes are, in the order in which they stand in the glob."""

Ways = Mapping[int, Sequence[Values]]
"""By a place: what the axes behind it may be."""

_TWO = 2


def ways_of(parts: Parts, names: Sequence[str]) -> Sequence[Values]:
    """What the axes in *parts* may be where these fit *names*: up to two different values, none where they do not."""
    after: Ways = {len(names): [()]}
    for part in reversed(parts):
        after = _folders(part, names, after) if part.is_deep else _name(part, names, after)
    return after.get(0, ())


def _name(part: Part, names: Sequence[str], after: Ways) -> Ways:
    fitting = ((end - 1, names[end - 1]) for end in after if end and part.fits(names[end - 1]))
    return {
        start: _two(values + rest for values in _values(part, name) for rest in after[start + 1])
        for start, name in fitting
    }


def _values(part: Part, name: str) -> Sequence[Values]:
    """What the axes of *part* may be in *name*."""
    if not part.axes:
        return [()]
    first, *following = part.stretches
    after: Ways = {len(name): [()]}
    for stretch in reversed(following):
        after = _characters(stretch, name, after, range(len(name) + 1))
    return _characters(first, name, after, (0,))[0]


def _folders(part: Part, names: Sequence[str], after: Ways) -> Ways:
    def fits(start: int, end: int) -> bool:
        return all(map(part.fits, names[start:end]))

    if not part.axes:
        return _anything(len(names), after, lambda start: fits(start, start + 1))
    return _axis(after, range(len(names) + 1), fits, lambda start, end: "/".join(names[start:end]))


def _characters(stretch: Stretch, name: str, after: Ways, starts: Iterable[int]) -> Ways:
    def fits(start: int, end: int) -> bool:
        return stretch.fits(name, start, end) is not None

    if stretch.is_axis:
        return _axis(after, starts, fits, lambda start, end: name[start:end])
    if stretch.width is None:
        return _anything(len(name), after, lambda _: True)
    width = stretch.width
    return {end - width: ways for end, ways in after.items() if end >= width and fits(end - width, end)}


def _axis(
    after: Ways, starts: Iterable[int], fits: Callable[[int, int], bool], value: Callable[[int, int], str]
) -> Ways:
    """The ways to go on before an axis that begins at one of *starts* and takes what *fits* it."""
    ways = {
        start: _two(
            (value(start, end), *rest)
            for end in after
            if end >= start and fits(start, end)
            for rest in after[end]
        )
        for start in starts
    }
    return {start: found for start, found in ways.items() if found}


def _anything(size: int, after: Ways, fits: Callable[[int], bool]) -> Ways:
    """The ways to go on before what takes any number of those, out of *size*, that it fits."""
    ways: dict[int, Sequence[Values]] = {}
    last: Sequence[Values] = ()
    for start in range(size, -1, -1):
        if start < size and not fits(start):
            last = ()
        last = _two(chain(after.get(start, ()), last))
        if last:
            ways[start] = last
    return ways


def _two(ways: Iterable[Values]) -> list[Values]:
    """The first two of *ways* that differ."""
    found: list[Values] = []
    for way in ways:
        if way not in found:
            found.append(way)
            if len(found) == _TWO:
                break
    return found
