"""The inputs of a spec: local files by glob, or blobs by prefix, each known by its content."""

from __future__ import annotations

import fnmatch
import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from batchspec.codes import Code
from batchspec.desired.names import folder_of, name_problem
from batchspec.desired.task import Input
from batchspec.engine.look.digests import Digests, cache_path
from batchspec.errors import SpecError
from batchspec.language.model import Blobs, LocalFiles, Spec, TaskGroup
from batchspec.resources.task import digest
from batchspec.source import Diagnostic

if TYPE_CHECKING:  # `validate` starts without the plan
    from batchspec.resources.blob import LiveBlob

_CANDIDATES = 3

ListBlobs = Callable[[str, str], "Iterator[LiveBlob]"]
"""The blobs of a container whose names begin with a prefix."""


def find_inputs(spec: Spec, list_blobs: ListBlobs | None) -> dict[str, Iterable[Input]]:
    """The inputs of each group by the group's name, found as they are read, in the order of their paths.

    *list_blobs* is asked for inputs that are blobs already; None leaves those groups
    empty. At its end a group raises `SpecError` for globs without a match, and for files that must not be read.
    """
    inputs: dict[str, Iterable[Input]] = {}
    for group in spec.groups:
        if isinstance(group.inputs, LocalFiles):
            inputs[group.name] = _local(spec, group, group.inputs)
        elif isinstance(group.inputs, Blobs) and list_blobs is not None:
            inputs[group.name] = _remote(spec, group, group.inputs, list_blobs)
        else:
            inputs[group.name] = ()
    return inputs


def spec_folder(spec: Spec) -> Path:
    """The folder that the paths in a spec are relative to."""
    return Path(spec.document.source.name).parent


def project_root(folder: Path) -> Path:
    """The folder that inputs must lie in: the git checkout around the spec, or else the spec's own folder."""
    folder = folder.resolve()
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)


def _local(spec: Spec, group: TaskGroup, wanted: LocalFiles) -> Iterator[Input]:
    """The files of *group*; in memory are no more than the names of those that one pattern matches."""
    findings: list[Diagnostic] = []

    def find(number: int, code: Code, what: str, helps: Iterable[str]) -> None:
        path = (*group.path, "inputs", number)
        findings.append(spec.document.diagnostic(code, what, path, helps=tuple(helps)))

    known: set[str] = set()  # of several patterns the first one that matches a file counts
    with Digests(cache_path()) as digests:
        for number, pattern in enumerate(wanted.patterns):
            matched = False
            for match in _matches(spec_folder(spec), pattern):
                matched = True
                if match.name in known:
                    continue
                if len(wanted.patterns) > 1:
                    known.add(match.name)
                try:
                    yield _input(spec, _fixed_part(pattern), match, digests)
                except _Unfit as problem:
                    what, *helps = problem.args
                    find(number, problem.code, f"the input {match.name!r} {what}", helps)
            if not matched:
                find(
                    number,
                    Code.NO_MATCH,
                    f"no file matches {pattern!r}",
                    _nearest(spec_folder(spec), pattern),
                )
    if findings:
        raise SpecError(findings)


class _Unfit(Exception):
    """A file that cannot be an input: why not, and then what may help."""

    def __init__(self, code: Code, *why: str) -> None:
        super().__init__(*why)
        self.code = code


# Of many files, a Path for each takes longer than all that is asked of them: here they are strings.
# ruff: noqa: PTH112, PTH116, PTH118, PTH120, PTH207


class _Match(NamedTuple):
    """A file that a pattern matches, or a link to one.

    `name` is relative to the spec's folder, its fixed part written as in the pattern; `status` is
    what `lstat` says of it, None where it cannot.
    """

    name: str
    file: str
    status: os.stat_result | None

    @property
    def mode(self) -> int:
        return self.status.st_mode if self.status else 0


def _input(spec: Spec, beginning: str, match: _Match, digests: Digests) -> Input:
    """The input that a file is. Raises `_Unfit`."""
    if problem := _refusal(match):
        raise _Unfit(Code.BAD_INPUT, problem)
    blob = _without_parents(match.name)
    if problem := name_problem(blob):
        raise _Unfit(Code.BAD_NAME, problem, "rename it: such a name cannot be carried safely")
    status = match.status
    try:
        if status is None or stat.S_ISLNK(match.mode):
            status = os.stat(match.file)
        content = digests.md5(match.file, status)
    except OSError as error:  # gone since, or a disk that fails
        raise _Unfit(Code.BAD_INPUT, f"cannot be read: {error.strerror}") from error
    path = match.name.removeprefix(beginning)
    return Input(path, spec.containers.input, folder_of(spec) + blob, status.st_size, content, match.file)


def _matches(folder: Path, pattern: str) -> Iterator[_Match]:
    """The files, not folders, that match, in the order of their names."""
    parent = "" if folder == Path() else str(folder)
    loops: dict[str, bool] = {}
    is_plain = pattern == PurePosixPath(pattern).as_posix()  # then so is every name
    found = sorted(glob.iglob(pattern, root_dir=folder, recursive=True))
    for name, _ in groupby(found):  # `**/**` gives a name twice
        file = os.path.join(parent, name)
        match = _Match(name if is_plain else PurePosixPath(name).as_posix(), file, _status(file))
        is_folder = stat.S_ISDIR(match.mode) or (stat.S_ISLNK(match.mode) and os.path.isdir(file))
        if not is_folder and not _is_in_loop(os.path.dirname(file), loops):
            yield match


def _status(file: str) -> os.stat_result | None:
    try:
        return os.lstat(file)
    except OSError:
        return None


def _is_in_loop(folder: str, known: dict[str, bool]) -> bool:
    """Whether a link on the way to *folder* leads back to where it stands in: its files were found before it."""
    if folder not in known:
        above = folder.rpartition("/")[0]
        leads_back = Path(folder).is_symlink() and Path(above).resolve().is_relative_to(
            Path(folder).resolve()
        )
        known[folder] = leads_back or (bool(above) and _is_in_loop(above, known))
    return known[folder]


@cache
def _fixed_part(pattern: str) -> str:
    """The folders of a pattern before its first wildcard, with a slash behind them."""
    parts = PurePosixPath(pattern).parts[:-1]
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return PurePosixPath(*parts[:fixed]).as_posix() + "/"


def _without_parents(name: str) -> str:
    """*name* without the `../` it begins with; blobs of two files that then meet are a finding of their own."""
    while name.startswith("../"):
        name = name.removeprefix("../")
    return name


def _refusal(match: _Match) -> str | None:
    """Why a file must not be read (REQUIREMENTS S-11); None when it may."""
    if stat.S_ISREG(match.mode):  # no link: it lies in its folder's project
        return None if os.access(match.file, os.R_OK) else "may not be read by you"
    file = Path(match.file)
    try:
        real = file.resolve(strict=True)
        mode = real.stat().st_mode
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(mode):
        return "is not a regular file"
    root = project_root(file.parent)
    if not real.is_relative_to(root):
        return f"is a link that leads out of {root}"
    return None if os.access(real, os.R_OK) else "may not be read by you"


def _nearest(folder: Path, pattern: str) -> Iterator[str]:
    """Help for a glob without a match: the folder searched, and what lies nearest to the pattern."""
    import difflib

    fixed = folder / _fixed_part(pattern)
    searched = fixed
    while not searched.is_dir():
        searched = searched.parent
    yield f"searched in {searched}" + ("" if searched == fixed else f"; there is no {fixed}")
    names = [
        p.relative_to(folder).as_posix() if p.is_relative_to(folder) else p.name for p in _some(searched)
    ]
    near = difflib.get_close_matches(pattern, names, _CANDIDATES, cutoff=0.3) or names[:_CANDIDATES]
    yield f"nearest: {', '.join(near)}" if near else "that folder is empty"


def _some(folder: Path, most: int = 1000) -> list[Path]:
    """Up to *most* entries of *folder*, those of its folders too, by name."""
    found: list[Path] = []
    for path in _entries(folder):
        found += [path, *_entries(path)[:100]]
        if len(found) >= most:
            break
    return found


def _entries(path: Path) -> list[Path]:
    """What is in the folder *path*, by name; nothing where it is none, or may not be looked into."""
    try:
        return sorted(path.iterdir())
    except OSError:
        return []


def _remote(spec: Spec, group: TaskGroup, wanted: Blobs, list_blobs: ListBlobs) -> Iterator[Input]:
    folder, slash, _ = wanted.prefix.rpartition("/")
    start = folder + slash
    matched = False
    for live in list_blobs(wanted.container, wanted.prefix):
        path = live.name.removeprefix(start)
        if _fits(path, wanted.match):
            matched = True
            yield Input(path, wanted.container, live.name, live.size, live.md5 or digest(live.etag))
    if not matched:
        where = f"the container {wanted.container!r} under {wanted.prefix!r}"
        what = f"no blob in {where} matches {wanted.match!r}"
        raise SpecError([spec.document.diagnostic(Code.NO_MATCH, what, (*group.path, "inputs"))])


def _fits(name: str, match: str) -> bool:
    """Whether a blob's name fits a glob in which `**` crosses folders and `*` does not."""
    if match in ("**", "**/*"):
        return True
    return _fits_parts(name.split("/"), match.split("/"))


def _fits_parts(names: list[str], patterns: list[str]) -> bool:
    if not patterns:
        return not names
    if patterns[0] == "**":
        return any(_fits_parts(names[i:], patterns[1:]) for i in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], patterns[0]) and _fits_parts(names[1:], patterns[1:])
