"""The files that a glob matches, in the order of their paths, found as they are asked for.

Only folders are entered that can hold one; a link to a folder too, unless it leads back to where it stands.
Paths are strings here, and in memory are only names: a Path for each file takes longer than all the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from batchspec.language.glob import Glob, Level

# ruff: noqa: PTH112, PTH114, PTH118


class Match(NamedTuple):
    """A file that a glob matches, or a link to one; where `error` says why not, a folder that cannot be read.

    `name` is relative to the folder that the glob is. `status` is what `lstat` says, None where it says nothing.
    """

    name: str
    file: str
    status: os.stat_result | None = None
    error: str = ""


class _Folder(NamedTuple):
    """A folder to enter: its name with a slash behind it, what may be in it, and what is left out.

    `opened` has the real paths of the folders in which the links stand that lead here.
    """

    name: str
    file: str
    level: Level
    excluded: tuple[Level, ...]
    opened: tuple[str, ...] = ()


def walk(
    folder: Path, glob: Glob, excluded: Sequence[Glob] = (), missed: Callable[[str], None] = lambda _: None
) -> Iterator[Match]:
    """The files below *folder* that *glob* matches and none of *excluded* does.

    *missed* is told of each file that differs from a match only in case.
    """
    start = "" if folder == Path() else str(folder)
    todo = [_within(_Folder("", start, glob.start, tuple(each.start for each in excluded)), missed)]
    while todo:
        found = next(todo[-1], None)
        if found is None:
            todo.pop()
        elif isinstance(found, Match):
            yield found
        else:
            todo.append(_within(found, missed))


def _within(folder: _Folder, missed: Callable[[str], None]) -> Iterator[Match | _Folder]:
    """What a folder has of use. A folder's key ends with a slash, so that keys sort as whole paths do."""
    keys: list[str] = []
    misses: list[str] = []
    try:
        for name, is_folder in _entries(folder):
            if is_folder:
                keys.append(f"{name}/")
            elif any(level.takes(name) for level in folder.excluded):
                continue
            elif folder.level.takes(name):
                keys.append(name)
            elif folder.level.misses(name):
                misses.append(name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield Match(folder.name.removesuffix("/"), folder.file, error=error.strerror or str(error))
        return
    for name in sorted(misses):
        missed(folder.name + name)
    for key in sorted(keys):
        if not key.endswith("/"):
            file = os.path.join(folder.file, key)
            yield Match(folder.name + key, file, _status(file))
        elif entered := _entered(folder, key):
            yield entered


def _entries(folder: _Folder) -> Iterator[tuple[str, bool]]:
    """The names in a folder, and whether each is a folder's; only those that the glob names, where it names all."""
    if folder.level.names is not None:
        for name in folder.level.names:
            file = os.path.join(folder.file, name or "/")
            if os.path.lexists(file):
                yield name, os.path.isdir(file)
        return
    with os.scandir(folder.file or ".") as entries:
        for entry in entries:
            yield entry.name, _is_folder(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere
        return False


def _entered(folder: _Folder, key: str) -> _Folder | None:
    """The folder by its *key* in *folder*; None where nothing in it counts, or it was entered before."""
    name = key[:-1]
    file = os.path.join(folder.file, name or "/")
    level = folder.level.below(name)
    excluded = tuple(below for each in folder.excluded if (below := each.below(name)))
    if level is None or any(each.takes_all for each in excluded):
        return None
    opened = folder.opened
    if os.path.islink(file):
        target = os.path.realpath(file)
        opened = (*opened, os.path.realpath(folder.file))
        if any(Path(before).is_relative_to(target) for before in opened):
            return None
    return _Folder(folder.name + key, file, level, excluded, opened)


def _status(file: str) -> os.stat_result | None:
    try:
        return os.lstat(file)
    except OSError:
        return None
