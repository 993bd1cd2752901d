"""The folders of this machine that tasks read, and what globs match as folders, each as the pack that goes up."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from pathlib import Path as FilePath

from batchspec.codes import Code
from batchspec.desired.artifacts.files import plain_path
from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.desired.task import Input
from batchspec.engine.look.machine.packs import Entry, Unfit, entries_of, pack_of
from batchspec.engine.look.machine.project import Project
from batchspec.engine.look.machine.walk import Match, Rules, walk
from batchspec.engine.look.remembered.cache import cache_path
from batchspec.engine.look.remembered.digests import Digests
from batchspec.errors import SpecError
from batchspec.language.glob.pattern import parse as parse_glob
from batchspec.language.model import GroupFile, Spec
from batchspec.language.rows.words import any_placeholder


def pack_entries(folder: FilePath, path: str, project: Project) -> Iterator[Entry]:
    """The files of the folder or glob *path*, which is relative to *folder*. Raises `Unfit`."""
    if path.endswith("/"):
        yield from entries_of(folder / path, project.reads)
        return
    glob = parse_glob(path.removeprefix("./"))
    for match in walk(folder, glob, Rules(allows=project.reads)):
        yield Entry(_fit(match).name.removeprefix(glob.fixed), match.file)


def _fit(match: Match) -> Match:
    """*match*, if it can be looked at."""
    if match.outside:
        raise Unfit(match.name, "is outside the project", match.outside)
    if match.error:
        raise Unfit(match.name, f"cannot be read: {match.error}")
    return match


class Folders(Iterable[Input]):
    """The packs of an entry of `files:` whose folder differs from task to task, found anew each time somebody asks.

    The names of the files in a pack are put into *members*, by its blob.
    """

    def __init__(
        self,
        spec: Spec,
        file: GroupFile,
        path: str,
        project: Project,
        members: MutableMapping[str, Sequence[str]],
    ) -> None:
        self._document = spec.document
        self._places = Places.of(spec)
        self._file = file
        self._path = path
        self._project = project
        self._members = members

    def __iter__(self) -> Iterator[Input]:
        for folder in self._found():
            yield self._pack(f"{folder}/")

    def one(self) -> Input:
        """The pack of what is the same for all tasks. Raises `SpecError`."""
        if self._path.endswith("/") and not os.path.isdir(self._places.folder / self._path):  # noqa: PTH112
            raise self._error(Code.NO_MATCH, f"there is no folder {self._path!r}")
        pack = self._pack(self._path)
        if not self._members[pack.blob] and not self._path.endswith("/"):
            raise self._error(Code.NO_MATCH, f"no file matches {self._path!r}")
        return pack

    def _found(self) -> Iterator[str]:
        """The folders that the path can mean: those that have files. Raises `SpecError`."""
        pattern = plain_path(any_placeholder(self._path))
        if "**" in pattern:
            raise self._error(Code.BAD_GLOB, "`**` only matches files; for folders, write the depth: `*/*/`")
        last, depth = "", pattern.count("/") + 1
        try:
            for match in walk(
                self._places.folder, parse_glob(f"{pattern}/**"), Rules(allows=self._project.reads)
            ):
                folder = "/".join(_fit(match).name.split("/")[:depth])
                if folder != last:
                    last = folder
                    yield folder
        except Unfit as unfit:
            raise self._refused(unfit) from unfit

    def _pack(self, path: str) -> Input:
        try:
            entries = list(pack_entries(self._places.folder, path, self._project))
            with Digests(cache_path()) as digests:
                made = pack_of(entries, digests)
        except Unfit as unfit:
            raise self._refused(unfit) from unfit
        blob = self._places.upload(made.content, f"{self._file.read.name}{PACK_SUFFIX}")
        self._members[blob] = tuple(entry.name for entry in entries if not entry.is_folder)
        return Input(plain_path(path), self._places.input, blob, made.size, made.content, path)

    def _refused(self, unfit: Unfit) -> SpecError:
        what = f"files.{self._file.read.name}: {unfit.name!r}"
        if unfit.outside:
            outside = self._project.outside(
                self._document, self._file.read.path, what, FilePath(unfit.outside)
            )
            return SpecError([outside])
        return self._error(Code.BAD_INPUT, f"{unfit.name!r} {unfit.why}")

    def _error(self, code: Code, what: str) -> SpecError:
        read = self._file.read
        return SpecError([self._document.diagnostic(code, f"files.{read.name}: {what}", read.path)])
