"""Inputs that are files of this machine: those that a group's globs match, held against what may be read."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from batchspec.codes import Code
from batchspec.desired.names import name_problem
from batchspec.desired.places import Places
from batchspec.desired.task import Input
from batchspec.engine.look.machine.missed import ALLOW_EMPTY, Missed, nearest
from batchspec.engine.look.machine.project import Project
from batchspec.engine.look.machine.walk import Match, Rules, walk
from batchspec.engine.look.remembered.digests import Digests
from batchspec.errors import SpecError
from batchspec.language.glob.pattern import AmbiguousPath, Glob
from batchspec.language.model import LocalFiles, Spec, TaskGroup
from batchspec.source import Diagnostic, Path, Severity, value_at

_AHEAD = 32  # files: large ones among the next so many are hashed side by side
_TOLD = 20  # how many files of one group that cannot be inputs
_RENAME = "rename it: this name cannot be transferred safely"
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(slots=True)
class _Sought:
    """One glob of a group, where it stands in the spec, and what became of it."""

    glob: Glob
    path: Path
    matched: bool = False
    missed: Missed = field(default_factory=Missed)


class LocalInputs:
    """The files of *group*, glob by glob, each in the order of their paths; of several globs the first counts.

    To be read once. What is worth a warning is added to *warnings*; at the end, `SpecError` is raised for what
    must not be an input, and for globs without a match.
    """

    def __init__(
        self,
        spec: Spec,
        group: TaskGroup,
        wanted: LocalFiles,
        project: Project,
        digests: Digests,
        warnings: list[Diagnostic],
    ) -> None:
        self._document = spec.document
        self._places = Places.of(spec)
        self._group = group
        self._wanted = wanted
        self._project = project
        self._digests = digests
        self._warnings = warnings
        self._findings: list[Diagnostic] = []
        self._unfit = 0
        self._outside: set[str] = set()
        where: Path = (*group.path, "inputs")
        is_list = isinstance(value_at(spec.document.data, where), list)
        self._sought = [
            _Sought(glob, (*where, number) if is_list else where) for number, glob in enumerate(wanted.globs)
        ]

    def __iter__(self) -> Iterator[Input]:
        self._digests.turn()
        for sought, match in self._begun():
            try:
                yield _input(self._places, sought.glob, match, self._digests)
            except _Unfit as problem:
                self._add(problem, sought, match)
        self._conclude()
        if self._findings:
            raise SpecError(self._findings)

    def _begun(self) -> Iterator[tuple[_Sought, Match]]:
        """The matches, each while the next ones are looked at and hashed where they are large."""
        ahead: deque[tuple[_Sought, Match]] = deque()
        for sought, match in self._matches():
            with suppress(OSError):  # is told when it is its turn
                self._digests.expect(match.file, _status(match))
            ahead.append((sought, match))
            if len(ahead) > _AHEAD:
                yield ahead.popleft()
        yield from ahead

    def _matches(self) -> Iterator[tuple[_Sought, Match]]:
        """What each glob matches, without what one before it does, and without what must not be looked at."""
        known: set[str] = set()
        for sought in self._sought:
            for match in walk(self._places.folder, sought.glob, self._rules(sought.missed)):
                sought.matched = True
                if match.outside:
                    self._add_outside(sought, match)
                elif match.name not in known:
                    yield sought, match
                if len(self._sought) > 1:
                    known.add(match.name)

    def _rules(self, missed: Missed) -> Rules:
        return Rules(self._wanted.exclude, missed.add, self._project.reads)

    def _add(self, problem: _Unfit, sought: _Sought, match: Match) -> None:
        self._unfit += 1
        if self._unfit <= _TOLD:
            what = f"the input {match.name!r} {problem}"
            self._findings.append(
                self._document.diagnostic(problem.code, what, sought.path, helps=problem.helps)
            )

    def _add_outside(self, sought: _Sought, match: Match) -> None:
        """Once for each folder: that is what a person allows."""
        if match.outside not in self._outside:
            self._outside.add(match.outside)
            what = f"the input {match.name!r}"
            folder = FilePath(match.outside)
            self._findings.append(self._project.outside(self._document, sought.path, what, folder))

    def _conclude(self) -> None:
        """What there is to say when all files have been looked at."""
        if more := max(self._unfit - _TOLD, 0):
            what = f"{more} more inputs of {self._group.name!r} cannot be used either"
            self._findings.append(
                self._document.diagnostic(Code.BAD_INPUT, what, (*self._group.path, "inputs"))
            )
        unmatched = [sought for sought in self._sought if not (sought.matched or self._wanted.allow_empty)]
        if len(unmatched) == len(self._sought):
            self._findings += (self._no_match(sought, Severity.ERROR) for sought in unmatched)
        else:
            self._warnings += (self._no_match(sought, Severity.WARNING) for sought in unmatched)
        self._warnings += (
            sought.missed.warning(self._document, sought.glob, sought.path)
            for sought in self._sought
            if sought.missed
        )

    def _no_match(self, sought: _Sought, severity: Severity) -> Diagnostic:
        folder, text = self._places.folder, sought.glob.text
        if any(walk(folder, sought.glob, Rules(allows=self._project.reads))):
            what, helps = f"all files that {text!r} matches are excluded", []
        else:
            what, helps = f"no file matches {text!r}", list(nearest(folder, sought.glob, self._project))
        if text.startswith("!"):
            helps.append(f"to exclude files, use `exclude`: {text[1:]!r}")
        if text.startswith("~"):
            helps.append("`~` is not expanded: paths are relative to the spec file")
        if severity is Severity.ERROR:
            helps.append(ALLOW_EMPTY)
        return self._document.diagnostic(Code.NO_MATCH, what, sought.path, helps=helps, severity=severity)


class _Unfit(Exception):
    """A file that cannot be an input: why not, and then what may help."""

    def __init__(self, code: Code, why: str, *helps: str) -> None:
        super().__init__(why)
        self.code = code
        self.helps = helps


def _input(places: Places, glob: Glob, match: Match, digests: Digests) -> Input:
    """The input that a file is. Raises `_Unfit`."""
    if problem := _refusal(match):
        raise _Unfit(Code.BAD_INPUT, problem)
    name = _below(match.name)
    if problem := name_problem(name):
        raise _Unfit(Code.BAD_NAME, problem, _RENAME)
    try:
        axes = glob.match(match.name) or {}
        status = _status(match)
        content = digests.md5(match.file, status)
    except AmbiguousPath as error:
        raise _Unfit(Code.BAD_GLOB, error.message) from error
    except OSError as error:  # gone since, or a disk that fails
        raise _Unfit(Code.BAD_INPUT, f"cannot be read: {error.strerror}") from error
    path = match.name.removeprefix(glob.fixed)
    blob = places.upload(content, name)
    return Input(path, places.input, blob, status.st_size, content, match.file, axes)


def _below(name: str) -> str:
    """*name* without the `../` or `/` it begins with."""
    while name.startswith(("../", "/")):
        name = name.partition("/")[2]
    return name


def _refusal(match: Match) -> str | None:
    """Why a file must not be read (REQUIREMENTS S-11); None when it may."""
    if match.error:
        return f"is a folder that cannot be read: {match.error}"
    try:
        mode = _status(match).st_mode
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(mode):
        return f"is {next((kind for test, kind in _KINDS if test(mode)), 'a folder')}, not a file"
    return None if os.access(match.file, os.R_OK) else "cannot be read: Permission denied"


def _status(match: Match) -> os.stat_result:
    """What there is to know of a file, be it behind a link. Raises OSError."""
    if match.status is None or stat.S_ISLNK(match.status.st_mode):
        return os.stat(match.file)  # noqa: PTH116 (a Path takes longer than all the rest)
    return match.status
