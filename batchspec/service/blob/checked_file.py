"""A local file on its way to the service, held against the content that was planned."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from batchspec.errors import RunError

_PIECE = 1024 * 1024


class CheckedFile:
    """A stream for the SDK's upload. Its last byte is given out only when all of it has the MD5 that was planned.

    So a file that is changed meanwhile, be it at the same size, never becomes a blob: the service
    does not hold the MD5 of a blob in blocks against its content, and the SDK commits them last.
    """

    def __init__(self, file: Path, stream: BinaryIO, md5: str) -> None:
        self.length = os.fstat(stream.fileno()).st_size
        self._file = file
        self._stream = stream
        self._md5 = md5
        self._read = 0
        self._digest = hashlib.md5(usedforsecurity=False)

    def read(self, size: int = -1) -> bytes:
        with _told(self._file):
            # A file that has grown shows by the one byte more.
            data = self._stream.read(min(size, self.length - self._read + 1))
        self._digest.update(data)
        self._read += len(data)
        is_end = self._read >= self.length or len(data) < size
        if is_end and self._digest.hexdigest() != self._md5:
            raise self.changed()
        return data

    def rewind(self) -> None:
        """What is read next are the first bytes."""
        self._stream.seek(0)
        self._read = 0
        self._digest = hashlib.md5(usedforsecurity=False)

    def whole(self, progress: Callable[[int], None]) -> Whole:
        """All of it, for a request by which the service itself holds it against the MD5 that was planned.

        `rewind` before anything else is read.
        """
        return Whole(self, progress)

    def pieces(self) -> Iterator[bytes]:
        """As many bytes as there were when it was opened, from the first one on, whatever was read before."""
        self._stream.seek(0)
        left = self.length
        while left:
            with _told(self._file):
                data = self._stream.read(min(_PIECE, left))
            if not data:
                raise self.changed()
            left -= len(data)
            yield data

    def changed(self) -> RunError:
        return RunError(
            f"{self._file} changed after it was planned, and was not uploaded",
            help="run the same command again",
        )

    @property
    def md5(self) -> str:
        """The MD5 that was planned, in hexadecimal."""
        return self._md5


class Whole:
    """A file as the body of a request, which can be sent again. *progress* is told how many bytes have been sent."""

    def __init__(self, file: CheckedFile, progress: Callable[[int], None]) -> None:
        self._file = file
        self._progress = progress

    def __len__(self) -> int:
        return self._file.length

    def __iter__(self) -> Iterator[bytes]:
        done = 0
        for piece in self._file.pieces():
            yield piece
            done += len(piece)
            self._progress(done)


@contextmanager
def checked(file: Path, md5: str) -> Iterator[CheckedFile]:
    """*file* open for an upload. Raises `RunError` where it cannot be read, or has not the content of *md5*."""
    with _told(file):
        stream = file.open("rb")
    with stream:
        yield CheckedFile(file, stream, md5)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"could not read {file}: {error.strerror}", help="run the same command again"
        ) from error
