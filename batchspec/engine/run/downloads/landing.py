"""The folder that outputs are downloaded to. Each file there is whole or not there, and no link is followed.

Folders are held by their descriptors: a name that becomes a link meanwhile leads nowhere else.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import hmac
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.engine.look.remembered.cache import cache_secret
from batchspec.engine.look.remembered.downloaded import Downloaded
from batchspec.errors import RunError
from batchspec.plan.here import Here

# With O_PATH, where there is one, folders are passed that one may enter but not list.
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", 0)
_CHUNK = 1024 * 1024
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # it waits for no named pipe
_IS_LINK = (errno.ELOOP, errno.EMLINK)


class Landing:
    """Where the outputs of a spec are downloaded to. Threads may share it.

    With *overwrites*, files that are not batchspec's are replaced too.
    """

    def __init__(self, places: Places, *, overwrites: bool) -> None:
        self.places = places
        self._folder = places.file("").resolve()
        self._downloaded = Downloaded(places.name)
        self._overwrites = overwrites
        self._secret = cache_secret()

    def unpacked(self, pack: str) -> Path:
        """The folder whose pack is the blob *pack*."""
        return self._folder / pack.removeprefix(self.places.root).removesuffix(PACK_SUFFIX)

    @contextmanager
    def at(self, path: str) -> Iterator[Place]:
        """The place of the file *path*, which is below the folder; what folders it needs are there."""
        file = self._folder / path
        with _entered(file.parent) as folder:
            part = hmac.digest(self._secret, os.fsencode(file), "sha256").hex()[:16]
            yield Place(file, folder, f".batchspec-{part}.part", self._overwrites, self._downloaded)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file is to be. `folder` is the descriptor of the folder, `part` a name in it that nobody can guess.

    The name is always the same: what a killed run left is written over, and stays nobody's leftover.
    """

    file: Path
    folder: int
    part: str
    overwrites: bool
    _downloaded: Downloaded

    def find(self) -> Here:
        """What lies there now."""
        try:
            mode = os.stat(self.file.name, dir_fd=self.folder, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return Here.MISSING
        if stat.S_ISDIR(mode) or not (stat.S_ISREG(mode) or self.overwrites):
            return Here.FOREIGN
        return Here.OUTDATED if self.overwrites else self._judged()

    def remove(self) -> bool:
        """The file is gone; False where it is not what was downloaded, or not any more."""
        try:
            if self._judged() is not Here.OUTDATED:
                return False
            os.unlink(self.file.name, dir_fd=self.folder)
        except OSError as error:
            if error.errno not in (errno.ENOENT, *_IS_LINK):
                raise
            return False
        self._downloaded.forget(str(self.file))
        return True

    def _judged(self) -> Here:
        """Whose the file is, which is not as its blob is."""
        descriptor = os.open(self.file.name, os.O_RDONLY | _FILE, dir_fd=self.folder)
        with os.fdopen(descriptor, "rb") as stream:
            return self._downloaded.judge(str(self.file), md5_of(stream))

    @contextmanager
    def written(self) -> Iterator[BinaryIO]:
        """A file beside the place that is ours alone, until it is `put` there or is gone with the block."""
        while True:
            with self._opened_part() as stream:
                # Two runs may bring the same file, and the part has one name for both.
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(stream, fcntl.LOCK_EX)
                if not self._is_part(stream):
                    continue  # who had it before us has put it in its place or removed it
                stream.truncate(0)
                try:
                    yield stream
                finally:
                    with suppress(OSError):  # what kept it from being written may keep it from being removed
                        if self._is_part(stream):
                            os.unlink(self.part, dir_fd=self.folder)
                return

    def put(self, md5: str, content: str, *, replaces: bool) -> bool:
        """What was written is in its place; False where something else has come there that it does not replace.

        It has this *md5*; *content* is what its blob is known by.
        """
        # Known before it is there: killed in between, the next run finds no file that it would take for the person's.
        self._downloaded.expect(str(self.file), md5, content)
        if not (replaces or self._is_moved()):
            if self.find().is_kept:
                return False
            replaces = True  # another run of ours was faster
        if replaces:
            os.replace(self.part, self.file.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        self._downloaded.settle(str(self.file), md5)
        return True

    def note_unpacked(self, md5: str) -> None:
        """The folder here was unpacked from a pack with this *md5*, by whose name it is known as downloaded."""
        pack = f"{self.file}{PACK_SUFFIX}"
        self._downloaded.expect(pack, md5, md5)
        self._downloaded.settle(pack, md5)

    def _is_moved(self) -> bool:
        """Whether the part has the file's name now; not where something has it already."""
        try:
            # Not a rename, which would write over a file that somebody has put there since it was looked at.
            os.link(
                self.part,
                self.file.name,
                src_dir_fd=self.folder,
                dst_dir_fd=self.folder,
                follow_symlinks=False,
            )
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            os.replace(self.part, self.file.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        else:  # at once: killed in between, nobody would write over the part any more
            os.unlink(self.part, dir_fd=self.folder)
        return True

    def _opened_part(self) -> BinaryIO:
        """The part, a new file or what a killed run left; nothing that somebody else has put there."""
        while True:
            try:
                descriptor = os.open(self.part, os.O_RDWR | os.O_CREAT | _FILE, 0o666, dir_fd=self.folder)
            except OSError as error:
                if error.errno not in _IS_LINK:
                    raise
            else:
                if _is_ours(os.fstat(descriptor)):
                    return os.fdopen(descriptor, "r+b")
                os.close(descriptor)
            with suppress(FileNotFoundError):
                os.unlink(self.part, dir_fd=self.folder)

    def _is_part(self, stream: BinaryIO) -> bool:
        try:
            there = os.stat(self.part, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(os.fstat(stream.fileno()), there)


def _is_ours(status: os.stat_result) -> bool:
    # With a second name it may be any file of the person's, and it would be emptied.
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == os.geteuid()


@contextmanager
def _entered(folder: Path) -> Iterator[int]:
    """The descriptor of *folder*, an absolute path that is gone step by step; what is not there is made."""
    at, here = Path(folder.anchor), os.open(folder.anchor, _FOLDER)
    try:
        for name in folder.parts[1:]:
            at /= name
            below = _below(here, at)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def _below(folder: int, path: Path) -> int:
    """The descriptor of the folder *path* in *folder*, made if it is not there."""
    try:
        with suppress(FileNotFoundError):
            return os.open(path.name, _FOLDER, dir_fd=folder)
        with suppress(FileExistsError):
            os.mkdir(path.name, dir_fd=folder)
        return os.open(path.name, _FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, *_IS_LINK):
            raise
        what = "a link, and none is followed" if path.is_symlink() else "not a folder"
        raise RunError(f"{path} is {what}", help="remove it, or choose another `download:`") from error


def md5_of(stream: BinaryIO) -> str:
    """The MD5 of all that is in *stream*, in hexadecimal."""
    state = hashlib.md5(usedforsecurity=False)
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        state.update(chunk)
    return state.hexdigest()
