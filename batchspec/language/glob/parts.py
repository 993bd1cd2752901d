"""The parts of a glob between its slashes, and the regular expressions of names and of whole paths.

They go back no further than a name: where `*` or `**` ends is found once, at the first chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from batchspec.language.glob.syntax import Branch, GlobError, Kind, Piece

_DEEP = [Kind.ANY, Kind.ANY]
_VISIBLE = r"(?!\.)"
_ANY = "[^/]*"


@dataclass(frozen=True)
class Stretch:
    """Some characters of a name: literal ones, a wildcard, or the value of an axis. `width` None: any number."""

    regex: str
    width: int | None
    is_axis: bool

    @cached_property
    def fits(self) -> Callable[[str, int, int], object]:
        """Whether the characters of a text from one place to another are such."""
        return re.compile(self.regex).fullmatch


@dataclass(frozen=True)
class Part:
    """What stands between two slashes: a name, or `**`, which is any folders and at the end a file too.

    `regex` is of one name, with `start` before all its stretches. `text` is the only name that fits.
    """

    start: str
    regex: str
    axes: tuple[str, ...]
    stretches: tuple[Stretch, ...] = ()
    text: str | None = None
    is_deep: bool = False

    @cached_property
    def fits(self) -> Callable[[str], object]:
        return re.compile(self.regex).fullmatch

    @property
    def is_certain(self) -> bool:
        """Whether a name leaves its axes no choice."""
        return sum(stretch.width is None for stretch in self.stretches) <= 1

    def grouped(self, end: str) -> str:
        """Its regular expression in a path, where *end* follows, with a group for each axis."""
        if not self.is_deep:
            return self.start + "".join(_grouped(some.regex, some.is_axis) for some in self.stretches) + end
        return _grouped(f"(?:{self.regex}/)*" + ("" if end else self.regex), bool(self.axes))


def _grouped(regex: str, is_axis: bool) -> str:
    return f"({regex})" if is_axis else regex


Parts = tuple[Part, ...]


def parts_of(branch: Branch, *, hidden: bool) -> Parts:
    """The parts of *branch*; only with *hidden* do its wildcards take a dot at the beginning of a name.

    What is empty, or `.`, is no part: `./a//b` is `a/b`. Raises `GlobError`.
    """
    names = _split(branch)
    found = [_part((), hidden)] if not names[0] else []  # an absolute path begins with no name
    for pieces in names:
        part = _part(pieces, hidden)
        if part.text == ".." and any(before.text != ".." for before in found):
            raise GlobError("`..` may stand only at the beginning of a glob")
        is_repeated = part.is_deep and not part.axes and found[-1:] == [part]  # `**/**` is `**`
        if part.text not in ("", ".") and not is_repeated:
            found.append(part)
    if not names[-1] or not found:
        raise GlobError("a glob that names a folder", 0, 0, "for all files below it, end with `/**`")
    return tuple(found)


def path_regex(parts: Parts) -> str:
    """The regular expression of the paths that *parts* fit.

    `**` ends where what stands between it and the next one fits for the first time.
    """
    first, *following = _from_deep_to_deep(parts)
    regex = "".join(f"{name.regex}/" for name in first)
    for number, (deep, *names) in enumerate(following, 1):
        folders = f"(?:{deep.regex}/)*"
        names_regex = "".join(f"{name.regex}/" for name in names)
        if number < len(following):
            regex += f"(?>{folders}?{names_regex})"
        else:
            regex += folders + (names_regex or deep.regex)
    return regex.removesuffix("/")


def _from_deep_to_deep(parts: Parts) -> list[list[Part]]:
    stretches: list[list[Part]] = [[]]
    for part in parts:
        if part.is_deep:
            stretches.append([])
        stretches[-1].append(part)
    return stretches


def axes_regex(parts: Parts) -> str | None:
    """The same with a group for each axis; None where a path may leave these a choice."""
    if sum(part.is_deep for part in parts) > 1 or not all(part.is_certain for part in parts):
        return None
    return "".join(part.grouped("/") for part in parts[:-1]) + parts[-1].grouped("")


def _split(branch: Branch) -> list[Branch]:
    names: list[list[Piece]] = [[]]
    for piece in branch:
        if piece.kind is Kind.SLASH:
            names.append([])
        else:
            names[-1].append(piece)
    return [tuple(name) for name in names]


def _part(pieces: Branch, hidden: bool) -> Part:
    axes = tuple(dict.fromkeys(piece.axis for piece in pieces if piece.axis))
    names = tuple(axis.name for axis in axes)
    if [piece.kind for piece in pieces] == _DEEP:
        start = "" if hidden else _VISIBLE
        return Part(start, start + _ANY, names, is_deep=True)
    for axis in axes:
        if names.count(axis.name) > 1:
            raise GlobError(f"the axis `{axis.name}` appears twice in one name", axis.start, axis.end)
        if [piece.kind for piece in pieces if piece.axis == axis] == _DEEP:
            raise GlobError(f"`{{{axis.name}:**}}` must stand between slashes", axis.start, axis.end)
    start = "" if hidden or not pieces or pieces[0].kind is Kind.TEXT else _VISIBLE
    is_text = all(piece.kind is Kind.TEXT for piece in pieces)
    text = "".join(piece.text for piece in pieces) if is_text else None
    return Part(start, start + _regex(pieces), names, tuple(_stretches(pieces)), text)


def _stretches(pieces: Branch) -> Iterator[Stretch]:
    for (axis, _), run in groupby(pieces, lambda piece: (piece.axis, piece.axis or piece.kind is Kind.ANY)):
        some = list(run)
        width = None if any(piece.kind is Kind.ANY for piece in some) else len(some)
        yield Stretch(_regex(some), width, axis is not None)


def _regex(pieces: Iterable[Piece]) -> str:
    first, *following = _from_star_to_star(pieces)
    if not following:
        return first
    return first + "".join(f"(?>{_ANY}?{chunk})" for chunk in following[:-1]) + _ANY + following[-1]


def _from_star_to_star(pieces: Iterable[Piece]) -> list[str]:
    """The regular expressions of what stands before, between and behind runs of `*`."""
    chunks = [""]
    for kind, run in groupby(pieces, lambda piece: piece.kind):
        if kind is Kind.ANY:
            chunks.append("")
        else:
            chunks[-1] += "".join(map(_one, run))
    return chunks


def _one(piece: Piece) -> str:
    """The regular expression of one character."""
    if piece.kind is Kind.TEXT:
        return re.escape(piece.text)
    return f"(?!/){piece.text}" if piece.kind is Kind.CLASS else "[^/]"
