"""The files that a glob matches, in the order of their paths, found as they are asked for.

Only folders are entered that can hold one; a link to a folder too, unless it leads back to where it stands.
Paths are strings here, and in memory are only names: a Path for each file takes longer than all the rest.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from batchspec.language.glob.pattern import Glob, Level

# ruff: noqa: PTH112, PTH114, PTH118, PTH120


class Match(NamedTuple):
    """A file that a glob matches, or a link to one; or a folder that is not looked into.

    `name` is relative to the folder that the glob is. `status` is what `lstat` says, None where it says nothing.
    `error` is why a folder cannot be read, `outside` the folder that must not be.
    """

    name: str
    file: str
    status: os.stat_result | None = None
    error: str = ""
    outside: str = ""


class _Folder(NamedTuple):
    """A folder to enter: its name with a slash behind it, what may be in it, and what is left out.

    `opened` has the real paths of the folders in which the links stand that lead here. `may_be_outside`
    until it is known whether the folder is where it may be read.
    """

    name: str
    file: str
    level: Level
    excluded: tuple[Level, ...]
    opened: tuple[str, ...] = ()
    may_be_outside: bool = False


class Rules(NamedTuple):
    """What a walk leaves out, whom it tells of files that differ from a match only in case, and where it may look.

    `allows` is asked about folders by their real paths: those behind links, and those above the first one.
    """

    excluded: Sequence[Glob] = ()
    missed: Callable[[str], None] = lambda _: None
    allows: Callable[[str], bool] = lambda _: True


_NO_RULES = Rules()


def walk(folder: Path, glob: Glob, rules: Rules = _NO_RULES) -> Iterator[Match]:
    """The files below *folder* that *glob* matches."""
    start = "" if folder == Path() else str(folder)
    todo = [_within(_Folder("", start, glob.start, tuple(each.start for each in rules.excluded)), rules)]
    while todo:
        found = next(todo[-1], None)
        if found is None:
            todo.pop()
        elif isinstance(found, Match):
            yield found
        else:
            todo.append(_within(found, rules))


def _within(folder: _Folder, rules: Rules) -> Iterator[Match | _Folder]:
    """What a folder has of use. A folder's key ends with a slash, so that keys sort as whole paths do."""
    if folder.may_be_outside and folder.level.names is None:
        real = os.path.realpath(folder.file)
        if not rules.allows(real):
            yield Match(folder.name.removesuffix("/"), folder.file, outside=real)
            return
        folder = folder._replace(may_be_outside=False)
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
        rules.missed(folder.name + name)
    for key in sorted(keys):
        if not key.endswith("/"):
            yield _file(folder, key, rules)
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


def _file(folder: _Folder, name: str, rules: Rules) -> Match:
    file = os.path.join(folder.file, name)
    try:
        status = os.lstat(file)
    except OSError:
        return Match(folder.name + name, file)
    if folder.may_be_outside or stat.S_ISLNK(status.st_mode):
        real = os.path.dirname(os.path.realpath(file))
        if not rules.allows(real):
            return Match(folder.name + name, file, outside=real)
    return Match(folder.name + name, file, status)


def _entered(folder: _Folder, key: str) -> _Folder | None:
    """The folder by its *key* in *folder*; None where nothing in it counts, or it was entered before."""
    name = key[:-1]
    file = os.path.join(folder.file, name or "/")
    level = folder.level.below(name)
    excluded = tuple(below for each in folder.excluded if (below := each.below(name)))
    if level is None or any(each.takes_all for each in excluded):
        return None
    opened = folder.opened
    is_link = os.path.islink(file)
    if is_link:
        target = os.path.realpath(file)
        opened = (*opened, os.path.realpath(folder.file))
        if any(Path(before).is_relative_to(target) for before in opened):
            return None
    may_be_outside = folder.may_be_outside or is_link or name in ("", "..")
    return _Folder(folder.name + key, file, level, excluded, opened, may_be_outside)
