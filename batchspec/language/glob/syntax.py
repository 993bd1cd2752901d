"""The text of a glob, read: wildcards and axes between literal characters, and alternatives written out.

    *  ?  [ab]  [!ab]     as in a shell, within one name
    **                    any folders, as a whole name
    {mp4,mov}             alternatives, which may hold wildcards, slashes and further braces
    {title}               an axis: at least one character of one name
    {title:GLOB}          an axis whose value fits GLOB
    {where:**}            an axis that spans folders, maybe none
    [{]                   a brace; any other brace that is none of these is literal too, with a warning

A glob with alternatives is several globs without, at most `BRANCHES`.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

BRANCHES = 256
LENGTH = 4096  # of the longest path that Linux takes

_AXIS = re.compile(r"([A-Za-z_]\w*)(:|\Z)", re.ASCII)
_RANGE = re.compile(r"(.)(?:-(.))?", re.DOTALL)
_RESERVED = frozenset({"folder", "source"})


class Kind(Enum):
    """What a piece of a glob takes."""

    TEXT = "this character"
    ONE = "any character"
    CLASS = "one of some characters"
    ANY = "any number of characters"
    SLASH = "the end of a folder's name"


class Axis(NamedTuple):
    """An axis where it stands: its name, and its characters in the glob."""

    name: str
    start: int
    end: int


class Piece(NamedTuple):
    """`text` is the character, or the regular expression of a class. `axis` is what it is a part of."""

    kind: Kind
    text: str = ""
    axis: Axis | None = None


Branch = tuple[Piece, ...]
"""A glob without alternatives."""


class GlobError(Exception):
    """A glob that cannot be read: why not, at which of its characters (0 and 0: all of it), and what may help."""

    def __init__(self, message: str, start: int = 0, end: int = 0, *helps: str) -> None:
        super().__init__(message)
        self.message = message
        self.span = (start, end)
        self.helps = helps


class GlobWarning(NamedTuple):
    """A brace that is read as a literal one, at these characters of the glob."""

    message: str
    span: tuple[int, int]
    help: str


class Read(NamedTuple):
    """What a text says. `axes` has the names of its axes, in the order of the text."""

    branches: tuple[Branch, ...]
    axes: tuple[str, ...]
    warnings: tuple[GlobWarning, ...]


def read(text: str) -> Read:
    """The branches of the glob *text*. Raises `GlobError`."""
    if not text:
        raise GlobError("an empty glob")
    if len(text) > LENGTH:
        raise GlobError(f"a glob longer than {LENGTH:,} characters")
    reader = _Reader(text)
    branches = tuple(dict.fromkeys(reader.sequence("")))
    for axis in reader.axes.values():
        if not all(axis.name in _names(branch) for branch in branches):
            raise GlobError(f"the axis `{axis.name}` is not in every alternative", axis.start, axis.end)
    return Read(branches, tuple(reader.axes), tuple(reader.warnings))


def _names(branch: Branch) -> set[str]:
    return {piece.axis.name for piece in branch if piece.axis}


class _Reader:
    """Reads from left to right, and makes branches of what it reads."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.axes: dict[str, Axis] = {}  # the first of each name
        self.warnings: list[GlobWarning] = []
        self._literal: set[int] = set()  # where the ends of literal braces stand
        self._axis: Axis | None = None  # the one that is being read

    def sequence(self, ends: str) -> list[Branch]:
        """The branches up to one of the characters *ends*, or to the end of the text."""
        branches: list[Branch] = [()]
        while self.at < len(self.text) and (self.text[self.at] not in ends or self.at in self._literal):
            following = self._piece()
            if len(branches) * len(following) > BRANCHES:
                raise GlobError(f"more than {BRANCHES} combinations of alternatives")
            branches = [branch + more for branch in branches for more in following]
        return branches

    def _piece(self) -> list[Branch]:
        start, character = self.at, self.text[self.at]
        if character == "{":
            return self._braces(start)
        if character == "[" and (end := _class_end(self.text, start)):
            self.at = end
            return [(Piece(Kind.CLASS, _class(self.text[start + 1 : end - 1]), self._axis),)]
        self.at += 1
        if character == "}" and start not in self._literal:
            self._warn("this `}` closes nothing and is taken literally", start, start + 1)
        kind = {"*": Kind.ANY, "?": Kind.ONE, "/": Kind.SLASH}.get(character, Kind.TEXT)
        return [(Piece(kind, character if kind is Kind.TEXT else "", self._axis),)]

    def _braces(self, start: int) -> list[Branch]:
        end, has_commas = _closing(self.text, start)
        self.at = start + 1
        if end is not None and (match := _AXIS.match(self.text, self.at, end)):
            return self._axis_of(match, Axis(match[1], start, end + 1))
        if end is not None and has_commas:
            return self._alternatives(end)
        if end is None:
            self._warn("this `{` is not closed and is taken literally", start, start + 1)
        else:
            self._literal.add(end)
            self._warn("these braces are taken literally", start, end + 1)
        return [(Piece(Kind.TEXT, "{", self._axis),)]

    def _alternatives(self, end: int) -> list[Branch]:
        branches: list[Branch] = []
        while self.at <= end:
            branches += self.sequence(",}")
            self.at += 1
        return branches

    def _axis_of(self, match: re.Match[str], axis: Axis) -> list[Branch]:
        if self._axis is not None:
            raise GlobError(f"an axis within the axis `{self._axis.name}`", axis.start, axis.end)
        if axis.name in _RESERVED:
            raise GlobError(f"`{axis.name}` is reserved and cannot name an axis", axis.start, axis.end)
        self.axes.setdefault(axis.name, axis)
        self._axis, self.at = axis, match.end()
        branches = self.sequence(",}")
        self._axis = None
        if self.at < axis.end - 1:
            within = self.text[match.end() : axis.end - 1]
            help = f"for alternatives write `{{{axis.name}:{{{within}}}}}`"
            raise GlobError("a comma in an axis", self.at, self.at + 1, help)
        if any(piece.kind is Kind.SLASH for branch in branches for piece in branch):
            help = f"an axis that spans folders is `{{{axis.name}:**}}`"
            raise GlobError(f"a slash in the axis `{axis.name}`", axis.start, axis.end, help)
        self.at = axis.end
        return [_at_least_one(branch, axis) for branch in branches]

    def _warn(self, message: str, start: int, end: int) -> None:
        help = "write `[{]` and `[}]` for braces in a name, `{a,b}` for alternatives, `{name}` for an axis"
        self.warnings.append(GlobWarning(message, (start, end), help))


def _at_least_one(branch: Branch, axis: Axis) -> Branch:
    """*branch*, and where it would take nothing as well, one character before it; `**` stays as it is."""
    star = Piece(Kind.ANY, "", axis)
    return (Piece(Kind.ONE, "", axis), star) if branch in ((), (star,)) else branch


def _closing(text: str, start: int) -> tuple[int | None, bool]:
    """Where the brace at *start* is closed, None where it is not; whether it has commas of its own."""
    depth, has_commas, at = 0, False, start
    while at < len(text):
        character = text[at]
        if character == "[" and (end := _class_end(text, at)):
            at = end
            continue
        depth += {"{": 1, "}": -1}.get(character, 0)
        has_commas = has_commas or (character == "," and depth == 1)
        if depth == 0:
            return at, has_commas
        at += 1
    return None, has_commas


def _class_end(text: str, start: int) -> int | None:
    """Where the class that begins at *start* is over; None where that bracket is a literal one."""
    first = start + 1 + (text[start + 1 : start + 2] == "!")
    end = text.find("]", first + 1)  # a bracket that comes first is a member
    return end + 1 if end > 0 and "/" not in text[start:end] else None


def _class(members: str) -> str:
    """The regular expression of a class. A range that goes backwards is empty, as fnmatch has it."""
    is_negated = members.startswith("!")
    found = [match for match in _RANGE.finditer(members, is_negated) if not match[2] or match[1] <= match[2]]
    if not found:
        return "." if is_negated else "(?!)"
    ranges = (re.escape(match[1]) + (f"-{re.escape(match[2])}" if match[2] else "") for match in found)
    return f"[{'^' if is_negated else ''}{''.join(ranges)}]"
