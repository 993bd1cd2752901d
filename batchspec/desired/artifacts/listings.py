"""The lists of files that tasks leave beside their folders: what each says, and which of the files are inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from batchspec.codes import Code
from batchspec.desired.names import name_problem, parts_of
from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.problem import TaskProblem
from batchspec.desired.task import Input
from batchspec.language.glob.pattern import AmbiguousPath, Glob
from batchspec.resources.task import digest
from batchspec.source import Path


class Part(NamedTuple):
    """A file in a folder that a task has made; `content` stands for its bytes."""

    name: str
    content: str


Listings = Mapping[str, Sequence[Part] | None]
"""The files of each folder that is whole, by the blob of its list; None for one that has to be made again."""

NO_LISTINGS: Listings = MappingProxyType({})


def read_listing(text: str) -> list[Part]:
    """What a list says; see `packing`. md5sum escapes names that have a backslash."""
    return [_part(line) for line in text.splitlines()]


def _part(line: str) -> Part:
    content, _, name = line.partition("  ./")
    if content.startswith("\\"):
        return Part(name.replace("\\\\", "\\"), content[1:])
    return Part(name, content)


def spread_of(pack: str) -> str:
    """What the blobs begin with of the files in the folder whose pack is *pack*, where they are stored one by one."""
    return f"{pack.removesuffix(PACK_SUFFIX)}/"


def parts_as_inputs(
    folder: Input, parts: Sequence[Part], glob: Glob, path: Path
) -> Iterator[tuple[Input, Mapping[str, str]]]:
    """Those of *parts*, the files of *folder*, that *glob* takes, each with its axes. Raises `TaskProblem`.

    Their content is that of the work that made them, and their own: a second try may have made other files.
    """
    for part in parts:
        if problem := name_problem(part.name):
            raise TaskProblem(f"the file {part.name!r} in {folder.path}/ {problem}", path, code=Code.BAD_NAME)
        axes = _axes(glob, part.name, path)
        if axes is not None:
            name, blob = f"{folder.path}/{part.name}", f"{spread_of(folder.blob)}{part.name}"
            yield Input(name, folder.container, blob, 0, digest(folder.content, part.content)), axes


def kept_folder(folder: str, name: str) -> str:
    """Where the output of a task lies whose input is the file *name* in *folder*: beside the folder, not inside it."""
    return "/".join(filter(None, (parts_of(folder).folder, parts_of(name).folder)))


def _axes(glob: Glob, name: str, path: Path) -> Mapping[str, str] | None:
    try:
        return glob.match(name)
    except AmbiguousPath as problem:
        raise TaskProblem(problem.message, path, code=Code.BAD_GLOB) from problem
