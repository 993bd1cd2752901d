"""Inputs that are files of this machine: those that a group's globs match, held against what may be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from batchspec.codes import Code
from batchspec.desired.names import name_problem
from batchspec.desired.places import Places
from batchspec.desired.task import Input
from batchspec.engine.look.digests import Digests, cache_path
from batchspec.engine.look.missed import ALLOW_EMPTY, Missed, nearest
from batchspec.engine.look.walk import Match, walk
from batchspec.errors import SpecError
from batchspec.language.glob import AmbiguousPath, Glob
from batchspec.language.model import LocalFiles, Spec, TaskGroup
from batchspec.source import Diagnostic, Path, Severity

_TOLD = 20  # how many files of one group that cannot be inputs
_RENAME = "rename it: such a name cannot be carried safely"
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def project_root(folder: FilePath) -> FilePath:
    """The folder that inputs must lie in: the git checkout around the spec, or else the spec's own folder."""
    folder = folder.resolve()
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)


def local_inputs(
    spec: Spec, group: TaskGroup, wanted: LocalFiles, warnings: list[Diagnostic]
) -> Iterator[Input]:
    """The files of *group*, glob by glob, each in the order of their paths; of several globs the first counts.

    What is worth a warning is added to *warnings*. Raises `SpecError` at the end.
    """
    sought = [_Sought(glob, (*group.path, "inputs", number)) for number, glob in enumerate(wanted.globs)]
    findings: list[Diagnostic] = []
    unfit = 0
    places = Places.of(spec)
    with Digests(cache_path()) as digests:
        for each, match in _matches(spec, wanted, sought):
            try:
                yield _input(places, each.glob, match, digests)
            except _Unfit as problem:
                unfit += 1
                if unfit <= _TOLD:
                    findings.append(problem.finding(spec, each.path, match))
    if unfit > _TOLD:
        what = f"{unfit - _TOLD} more inputs of {group.name!r} cannot be used either"
        findings.append(spec.document.diagnostic(Code.BAD_INPUT, what, (*group.path, "inputs")))
    if not (wanted.allow_empty or any(each.matched for each in sought)):
        findings += (_no_match(spec, each, Severity.ERROR) for each in sought)
    elif not wanted.allow_empty:
        warnings += (_no_match(spec, each, Severity.WARNING) for each in sought if not each.matched)
    warnings += (each.missed.warning(spec, each.glob, each.path) for each in sought if each.missed)
    if findings:
        raise SpecError(findings)


@dataclass(slots=True)
class _Sought:
    """One glob of a group, where it stands in the spec, and what became of it."""

    glob: Glob
    path: Path
    matched: bool = False
    missed: Missed = field(default_factory=Missed)


def _matches(spec: Spec, wanted: LocalFiles, sought: list[_Sought]) -> Iterator[tuple[_Sought, Match]]:
    """What each glob matches, without what one before it does."""
    known: set[str] = set()
    for each in sought:
        for match in walk(Places.of(spec).folder, each.glob, wanted.exclude, each.missed.add):
            each.matched = True
            if match.name not in known:
                yield each, match
            if len(sought) > 1:
                known.add(match.name)


class _Unfit(Exception):
    """A file that cannot be an input: why not, and then what may help."""

    def __init__(self, code: Code, why: str, *helps: str) -> None:
        super().__init__(why)
        self.code = code
        self.helps = helps

    def finding(self, spec: Spec, path: Path, match: Match) -> Diagnostic:
        return spec.document.diagnostic(self.code, f"the input {match.name!r} {self}", path, helps=self.helps)


def _input(places: Places, glob: Glob, match: Match, digests: Digests) -> Input:
    """The input that a file is. Raises `_Unfit`."""
    if problem := _refusal(match):
        raise _Unfit(Code.BAD_INPUT, problem)
    blob = _below(match.name)
    if problem := name_problem(blob):
        raise _Unfit(Code.BAD_NAME, problem, _RENAME)
    status = match.status
    try:
        axes = glob.match(match.name) or {}
        if status is None or stat.S_ISLNK(status.st_mode):
            status = os.stat(match.file)  # noqa: PTH116 (a Path takes longer than all the rest)
        content = digests.md5(match.file, status)
    except AmbiguousPath as error:
        raise _Unfit(Code.BAD_GLOB, error.message) from error
    except OSError as error:  # gone since, or a disk that fails
        raise _Unfit(Code.BAD_INPUT, f"cannot be read: {error.strerror}") from error
    path = match.name.removeprefix(glob.fixed)
    return Input(path, places.input, places.root + blob, status.st_size, content, match.file, axes)


def _below(name: str) -> str:
    """*name* without the `../` or `/` it begins with; blobs of two files that then meet are a finding of their own."""
    while name.startswith(("../", "/")):
        name = name.partition("/")[2]
    return name


def _refusal(match: Match) -> str | None:
    """Why a file must not be read (REQUIREMENTS S-11); None when it may."""
    if match.error:
        return f"is a folder that cannot be read: {match.error}"
    if match.status and stat.S_ISREG(match.status.st_mode):  # no link: it lies in its folder's project
        return None if os.access(match.file, os.R_OK) else "cannot be read: Permission denied"
    file = FilePath(match.file)
    try:
        real = file.resolve(strict=True)
        mode = real.stat().st_mode
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(mode):
        return f"is {next((kind for test, kind in _KINDS if test(mode)), 'a folder')}, not a file"
    root = project_root(file.parent)
    if not real.is_relative_to(root):
        return f"is a link that leads out of {root}"
    return None if os.access(real, os.R_OK) else "cannot be read: Permission denied"


def _no_match(spec: Spec, sought: _Sought, severity: Severity) -> Diagnostic:
    folder = Places.of(spec).folder
    if any(walk(folder, sought.glob)):
        what, helps = f"all files that {sought.glob.text!r} matches are excluded", []
    else:
        what, helps = f"no file matches {sought.glob.text!r}", list(nearest(folder, sought.glob))
    if severity is Severity.ERROR:
        helps.append(ALLOW_EMPTY)
    return spec.document.diagnostic(Code.NO_MATCH, what, sought.path, helps=helps, severity=severity)
