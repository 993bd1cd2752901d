"""Unpacking a folder output: each file whole, nothing outside the folder, and what is not batchspec's left alone."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple

from batchspec.engine.look.remembered.unpacked import Unpacked, files_in, noted, remember
from batchspec.errors import RunError

_CHUNK = 1024 * 1024
_PART = ".batchspec.part"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a pack has brought into a folder, and the number of files of others there that it has `kept`."""

    folder: Path
    kept: int
    _names: set[str]
    _now: Callable[[str], Unpacked]

    def remember(self, md5: str) -> None:
        """From now on the folder counts as unpacked from the pack with this *md5*."""
        remember(self.folder, md5, map(self._now, sorted(self._names)))


def unpack(stream: BinaryIO, folder: Path, *, overwrites: bool = False) -> Contents:
    """*folder* has all that the pack *stream* holds.

    Files of the pack that was unpacked there before and this one lacks are gone, unless they were changed since;
    files of others stay. Where one of them has the name of a file in the pack, it stays too, unless that *overwrites*
    it. Raises OSError, and `RunError` for an entry that must not be unpacked: then nothing was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # Read twice: an entry that must not be unpacked is found before anything is written.
        names = {entry.name for entry in _entries(stream)}
        with noted(folder) as note:
            place = _Place(folder, note, overwrites=overwrites)
            _unpack(stream, names, place)
    except (_Unfit, tarfile.TarError) as error:
        raise RunError(f"{folder} was not unpacked: {error}") from error
    return Contents(folder, len(place.kept), names, place.now)


def remove(folder: Path) -> None:
    """What was unpacked into *folder* and is as it was is gone, with the folders that become empty."""
    _Place(folder, lambda _: None, overwrites=False).clear(set())
    for inner, _, _ in os.walk(folder, topdown=False):  # a folder is empty once those in it are gone
        with suppress(OSError):  # what others put there
            Path(inner).rmdir()
    remember(folder, None, ())


def _unpack(stream: BinaryIO, names: set[str], place: _Place) -> None:
    """All of the pack, which has *names*, is in its place, and nothing of the one before it."""
    place.clear(names)
    for entry in _entries(stream):
        if entry.name.endswith("/"):
            place.make(entry.name)
        else:
            with entry.content(place) as content:
                place.put(entry.name, content, entry.member.mode)


class _Unfit(Exception):
    """An entry that must not be unpacked."""


class _Entry(NamedTuple):
    """A file or a folder in a pack: `name` is its place, a folder's ends with a slash."""

    name: str
    member: tarfile.TarInfo
    pack: tarfile.TarFile
    stream: BinaryIO

    def content(self, place: _Place) -> IO[bytes]:
        """What is in a file; of a file with two names, tars write it under the first one only."""
        member = self.member
        if member.islnk():
            first = _name(member.linkname)
            if first not in place.kept:
                return place.at(first).open("rb")
            member = next(entry.member for entry in _entries(self.stream) if entry.name == first)
        content = self.pack.extractfile(member)
        if content is None:
            raise TypeError(f"{self.name} is no file")
        return content


def _entries(stream: BinaryIO) -> Iterator[_Entry]:
    """The entries of a pack. Raises `_Unfit`."""
    stream.seek(0)
    files: set[str] = set()
    with tarfile.open(fileobj=stream, mode="r:", encoding="utf-8", errors="surrogateescape") as pack:
        while (member := pack.next()) is not None:
            pack.members = []  # type: ignore[attr-defined]  # it would keep all that it has read
            name = _name(member.name)
            if member.isreg():
                files.add(name)
            elif not (member.isdir() or (member.islnk() and _name(member.linkname) in files)):
                raise _Unfit(f"{member.name!r} is neither a file nor a folder")
            if name:
                yield _Entry(f"{name}/" if member.isdir() else name, member, pack, stream)


def _name(written: str) -> str:
    """The place in the folder that an entry says it has, empty for the folder itself."""
    parts = [part for part in written.split("/") if part not in ("", ".")]
    if written.startswith("/") or ".." in parts:
        raise _Unfit(f"{written!r} leads out of it")
    return "/".join(parts)


class _Place:
    """The folder that is unpacked into, entered by no link that leads out of it. `kept` are files of others in it."""

    def __init__(self, folder: Path, note: Callable[[Unpacked], object], *, overwrites: bool) -> None:
        self.kept: set[str] = set()
        self._folder = folder
        self._note = note
        self._overwrites = overwrites
        self._ours = set(files_in(folder))
        self._part = folder / _PART
        self._real = folder.resolve()
        self._seen: Path | None = None

    def clear(self, names: set[str]) -> None:
        """What the last pack brought, is as it was and not among *names* is gone, with folders that became empty."""
        self._part.unlink(missing_ok=True)  # of a run that was killed
        others = (file for file in self._ours if file.name not in names)
        for file in sorted(others, reverse=True):  # what is in a folder comes before it
            path = self._folder / file.name
            with suppress(OSError):  # a folder that others put something into
                if file.is_still(str(self._folder)) and self._is_ours(path.parent):
                    path.rmdir() if path.is_dir() else path.unlink()

    def make(self, name: str) -> None:
        """The folder *name* is there."""
        self.at(name)
        self._note(Unpacked(name, 0, 0))

    def at(self, name: str) -> Path:
        """Where *name* is to be. The folder for it is there, or, for a name that ends with a slash, it is itself."""
        path = self._folder / name
        inside = path if name.endswith("/") else path.parent
        if inside != self._seen:
            if not self._is_ours(inside):
                raise _Unfit(f"{inside} is a link that leads out of it")
            inside.mkdir(parents=True, exist_ok=True)
            self._seen = inside
        return path

    def put(self, name: str, content: IO[bytes], mode: int) -> None:
        """The file *name* has *content*, and is a program where *mode* says so; unless it is `kept`."""
        target = self.at(name)
        if _is_same(target, content, mode):
            self._note_at(name, target)
            return
        if not self._may_replace(name, target):
            self.kept.add(name)
            return
        content.seek(0)
        try:
            with open(self._part, "xb", opener=_opener(mode)) as file:
                shutil.copyfileobj(content, file, _CHUNK)
            self._note_at(name, self._part)  # before it has its name: nothing may lie there that nobody knows
            self._part.replace(target)
        finally:
            self._part.unlink(missing_ok=True)

    def now(self, name: str) -> Unpacked:
        """What is there by that *name*, to be remembered."""
        ours = None if name in self.kept else Unpacked.at(str(self._folder), name)
        return ours or Unpacked.by_others(name)

    def _may_replace(self, name: str, target: Path) -> bool:
        if self._overwrites:
            return target.is_symlink() or not target.is_dir()
        return Unpacked.at(str(self._folder), name) in self._ours or not os.path.lexists(target)

    def _note_at(self, name: str, file: Path) -> None:
        status = file.stat()
        found = Unpacked(name, status.st_size, status.st_mtime_ns)
        self._ours.add(found)
        self._note(found)

    def _is_ours(self, folder: Path) -> bool:
        return folder.resolve().is_relative_to(self._real)


def _opener(mode: int) -> Callable[[str, int], int]:
    """Opens a new file with *mode*, of which the umask takes its part."""
    return lambda path, flags: os.open(path, flags, mode & 0o777 | stat.S_IRUSR | stat.S_IWUSR)


def _is_same(target: Path, content: IO[bytes], mode: int) -> bool:
    try:
        status = target.lstat()
        if not stat.S_ISREG(status.st_mode) or (status.st_mode ^ mode) & stat.S_IXUSR:
            return False
        with target.open("rb") as there:
            while (chunk := content.read(_CHUNK)) == there.read(_CHUNK):
                if not chunk:
                    return True
    except FileNotFoundError:
        pass
    return False
