"""Reading files for their MD5: one after the other, and large ones side by side, ahead of who asks for them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from batchspec.engine.look.remembered.regular import open_file

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

LARGE = 1024 * 1024
"""From this size on a file takes longer to hash than a thread takes to begin; Python lets go of its lock meanwhile."""

_CHUNK = 1024 * 1024
_MOST_THREADS = 8


class Ahead:
    """Files that are being hashed. What is asked for is hashed as it was when it began, which its stamp says."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[str, Future[str]]] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._is_over = False

    def begin(self, name: str, stamp: str) -> None:
        if self._threads is None:
            from concurrent.futures import ThreadPoolExecutor  # not before there is a large file

            self._threads = ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS), "hash")
        if name not in self._begun:
            self._begun[name] = stamp, self._threads.submit(self._md5, name)

    def take(self, name: str, stamp: str) -> str | None:
        """The MD5 of the file, once it is known; None where it was not begun with this *stamp*. Raises OSError."""
        begun = self._begun.pop(name, None)
        return begun[1].result() if begun is not None and begun[0] == stamp else None

    def close(self) -> None:
        """Whoever is interrupted does not wait until large files are read to their ends."""
        self._is_over = True
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)

    def _md5(self, name: str) -> str:
        return md5_of(name, lambda: self._is_over)


def md5_of(file: Path | str, is_over: Callable[[], bool] = lambda: False) -> str:
    """The MD5 of *file*, in hexadecimal; of its beginning, where *is_over* meanwhile. Raises OSError."""
    state = hashlib.md5(usedforsecurity=False)
    with open_file(file, buffering=0) as stream:
        while (chunk := stream.read(_CHUNK)) and not is_over():
            state.update(chunk)
    return state.hexdigest()
