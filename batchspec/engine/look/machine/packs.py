"""A folder of local files as one blob: a tar whose bytes follow from the names, modes and contents in it.

It is written while it is read, in GNU's format: busybox does not read the long names of the POSIX one.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from batchspec.desired.artifacts.pack import Pack, content_with
from batchspec.engine.look.remembered.digests import Digests
from batchspec.errors import RunError

# Of many files, a Path for each takes longer than all that is asked of them: here they are strings.
# ruff: noqa: PTH116

_CHUNK = 1024 * 1024
_END = bytes(2 * tarfile.BLOCKSIZE)


class Entry(NamedTuple):
    """A file or an empty folder in a pack: `name` is its place there, an empty folder's ends with a slash.

    `mode` is the one it has there; None: its own, of which only counts whether it is a program.
    """

    name: str
    file: str  # where it is on this machine, maybe by a link
    mode: int | None = None

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


class Unfit(Exception):
    """Something that cannot go into a pack: its place in the folder, and why not.

    `outside` is the folder that it lies in, where that must not be read.
    """

    def __init__(self, name: str, why: str, outside: str = "") -> None:
        super().__init__(name, why)
        self.name = name
        self.why = why
        self.outside = outside


def _outside(name: str, folder: Path) -> Unfit:
    return Unfit(name, "is outside the project", str(folder))


Allows = Callable[[str], bool]
"""Whether files in a folder may be read; it is asked about folders by their real paths."""


def entries_of(folder: Path, allows: Allows) -> Iterator[Entry]:
    """The files and empty folders below *folder*, in the order of their names as text. Raises `Unfit`.

    Links are followed to where files may be read.
    """
    real = folder.resolve()
    if not allows(str(real)):
        raise _outside("./", real)
    todo = [_Found("", str(folder), (real,))]
    while todo:
        found = todo.pop()
        if found.name and not found.name.endswith("/"):
            yield Entry(found.name, found.file)
            continue
        inside = sorted(_inside(found, allows), reverse=True)
        if found.name and not inside:
            yield Entry(found.name, found.file)
        todo += inside


class _Found(NamedTuple):
    """A file or a folder on the way: a folder's `name` ends with a slash, so that names sort as whole paths do.

    `within` are the folders that it really lies in: the one it is in, and before that one for each link
    that leads there.
    """

    name: str
    file: str
    within: tuple[Path, ...]


def _inside(folder: _Found, allows: Allows) -> Iterator[_Found]:
    """What lies in *folder* itself."""
    try:
        with os.scandir(folder.file) as found:
            for entry in found:
                name = folder.name + entry.name
                if entry.is_symlink():
                    yield _followed(name, entry.path, folder.within, allows)
                elif entry.is_dir():
                    *links, here = folder.within
                    yield _Found(f"{name}/", entry.path, (*links, here / entry.name))
                else:
                    yield _Found(name, entry.path, ())
    except OSError as error:
        raise Unfit(folder.name or "./", f"cannot be read: {error.strerror}") from error


def _followed(name: str, file: str, within: tuple[Path, ...], allows: Allows) -> _Found:
    """What the link *file* leads to."""
    try:
        target = Path(file).resolve(strict=True)
    except (OSError, RuntimeError) as error:  # a link to itself is the second, up to Python 3.12
        raise Unfit(name, "is a link that leads nowhere") from error
    folder = target if target.is_dir() else target.parent
    if not allows(str(folder)):
        raise _outside(name, folder)
    if not target.is_dir():
        return _Found(name, file, ())
    if any(each.is_relative_to(target) for each in within):
        raise Unfit(name, "is a link to a folder that it lies in")
    return _Found(f"{name}/", file, (*within, target))


def pack_of(entries: Iterable[Entry], digests: Digests) -> Pack:
    """What the pack of *entries* will be; files that *digests* knows are not read. Raises `Unfit`."""
    pack = Pack()
    for entry in entries:
        try:
            status = os.stat(entry.file)
            if entry.is_folder:
                pack = pack.with_folder(entry.name, _mode(entry, status))
            else:
                md5 = digests.md5(_regular(entry, status).file, status)
                pack = pack.with_file(entry.name, _mode(entry, status), status.st_size, md5)
        except OSError as error:  # gone since, or a disk that fails
            raise Unfit(entry.name, f"cannot be read: {error.strerror}") from error
    return pack


def _regular(entry: Entry, status: os.stat_result) -> Entry:
    """*entry*, if it is a file: what else there is may never end."""
    if not stat.S_ISREG(status.st_mode):
        raise Unfit(entry.name, "is not a regular file")
    return entry


def _mode(entry: Entry, status: os.stat_result) -> int:
    """The mode in the pack: of a file's own only whether it is a program, as in git; the rest is the machine's."""
    own = 0o755 if entry.is_folder or status.st_mode & stat.S_IXUSR else 0o644
    return own if entry.mode is None else entry.mode


def _header(entry: Entry, status: os.stat_result) -> bytes:
    info = tarfile.TarInfo(entry.name)
    info.mode = _mode(entry, status)
    if entry.is_folder:
        info.type = tarfile.DIRTYPE
    else:
        info.size = status.st_size
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


class PackStream:
    """A pack on its way to the service. Its last bytes are given out only when all of it is what was planned.

    So a folder that is changed meanwhile never becomes a blob. `called` is what people call the folder.
    """

    def __init__(self, called: str, entries: Iterable[Entry], content: str) -> None:
        self._called = called
        self._content = content
        self._chunks = self._checked(entries)
        self._ahead = bytearray()
        self._digest = hashlib.md5(usedforsecurity=False)

    @property
    def md5(self) -> str:
        """The MD5 of what was read so far, in hexadecimal."""
        return self._digest.hexdigest()

    def read(self, size: int) -> bytes:
        """The next *size* bytes; fewer at the end. Raises `RunError`."""
        while len(self._ahead) < size and (chunk := next(self._chunks, None)) is not None:
            self._ahead += chunk
        data = bytes(self._ahead[:size])
        del self._ahead[:size]
        self._digest.update(data)
        return data

    def _checked(self, entries: Iterable[Entry]) -> Iterator[bytes]:
        content = ""
        try:
            for entry in entries:
                content = yield from _packed(entry, content)
        except Unfit as unfit:
            raise self._changed(f": {unfit.name!r} {unfit.why}") from unfit
        if content != self._content:
            raise self._changed()
        yield _END

    def _changed(self, how: str = "") -> RunError:
        return RunError(
            f"{self._called} changed after it was planned, and was not uploaded{how}",
            help="run the same command again",
        )


def _packed(entry: Entry, content: str) -> Generator[bytes, None, str]:
    """The bytes of *entry*; returns the digest of the pack up to it, which has had *content* before."""
    try:
        if entry.is_folder:
            status = os.stat(entry.file)
            yield _header(entry, status)
            return content_with(content, entry.name, _mode(entry, status))
        with Path(_regular(entry, os.stat(entry.file)).file).open("rb") as stream:
            status = os.fstat(stream.fileno())
            yield _header(entry, status)
            md5 = yield from _content(stream, entry, status.st_size)
    except OSError as error:
        raise Unfit(entry.name, f"cannot be read: {error.strerror}") from error
    yield bytes(-status.st_size % tarfile.BLOCKSIZE)
    return content_with(content, entry.name, _mode(entry, status), md5)


def _content(stream: BinaryIO, entry: Entry, size: int) -> Generator[bytes, None, str]:
    """*size* bytes; returns their MD5. A header has promised them, so that fewer are an error."""
    state = hashlib.md5(usedforsecurity=False)
    while size and (chunk := stream.read(min(size, _CHUNK))):
        state.update(chunk)
        size -= len(chunk)
        yield chunk
    if size:
        raise Unfit(entry.name, "was cut off")
    return state.hexdigest()
