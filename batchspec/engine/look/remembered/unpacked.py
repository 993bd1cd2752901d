"""Which pack a downloaded folder was unpacked from, remembered in the person's cache with what its files look like.

The cache may be deleted at any time: the pack is then fetched again, and what differs counts as the person's.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from batchspec.engine.look.remembered.cache import cache_path
from batchspec.resources.task import digest

# Of many files, a Path for each takes longer than all that is asked of them: here they are strings.
# ruff: noqa: PTH118


class Unpacked(NamedTuple):
    """A file as it was unpacked, or a folder: its name ends with a slash, and nothing else of it counts."""

    name: str
    size: int
    mtime_ns: int

    @classmethod
    def by_others(cls, name: str) -> Unpacked:
        """What somebody else has put there, or removed: no file is like it."""
        return cls(name, -1, -1)

    @classmethod
    def at(cls, folder: str, name: str) -> Unpacked | None:
        """What *folder* holds under *name*; None where that is no file, or for a folder's name no folder."""
        try:
            status = os.lstat(os.path.join(folder, name))
        except OSError:
            return None
        if name.endswith("/"):
            return cls(name, 0, 0) if stat.S_ISDIR(status.st_mode) else None
        return cls(name, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None

    def is_still(self, folder: str) -> bool:
        return Unpacked.at(folder, self.name) == self


class Pack(NamedTuple):
    """What a folder was unpacked from, by its MD5; `is_edited` says that not all that it holds is from there."""

    md5: str
    is_edited: bool


def pack_in(folder: Path) -> Pack | None:
    """The pack that *folder* was unpacked from; None where any of it is missing."""
    base = str(folder)
    with suppress(OSError, ValueError), _record(folder).open(encoding="ascii") as lines:
        md5: str | None = json.loads(next(lines, "null"))
        if md5 is not None and folder.is_dir():
            others = [file.name for file in map(_read, lines) if not file.is_still(base)]
            if all(os.path.lexists(os.path.join(base, name)) for name in others):
                return Pack(md5, is_edited=bool(others))
    return None


def files_in(folder: Path) -> Iterator[Unpacked]:
    """What was unpacked into *folder* the last time."""
    with suppress(OSError, ValueError), _record(folder).open(encoding="ascii") as lines:
        next(lines, None)
        yield from map(_read, lines)


@contextmanager
def noted(folder: Path) -> Iterator[Callable[[Unpacked], object]]:
    """Takes notes of what is unpacked into *folder*, so that a run that is cut off leaves no file that nobody knows.

    What was known before stays known; until `remember` is called the folder holds no pack.
    """
    remember(folder, None, files_in(folder))
    with ExitStack() as stack:
        try:
            # Line by line (buffering=1): each is out of our hands before its file has its name.
            lines = stack.enter_context(_record(folder).open("a", encoding="ascii", buffering=1))
        except OSError:
            yield lambda _: None
        else:
            yield lambda file: lines.write(_line(file))


def remember(folder: Path, md5: str | None, files: Iterable[Unpacked]) -> None:
    """*folder* has all *files* of the pack *md5*, or these without being one. A cache that fails is done without."""
    record = _record(folder)
    part = record.with_suffix(".part")
    with suppress(OSError):
        record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with part.open("w", encoding="ascii") as lines:
            lines.writelines(map(_line, chain([md5], files)))
        part.replace(record)  # whole or not at all: half a record would pass for a folder with fewer files


def _record(folder: Path) -> Path:
    return cache_path().with_name("unpacked") / digest(str(folder.absolute()))


def _line(value: object) -> str:
    return f"{json.dumps(value)}\n"


def _read(line: str) -> Unpacked:
    name, size, mtime_ns = json.loads(line)
    return Unpacked(name, size, mtime_ns)
