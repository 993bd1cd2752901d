"""MD5s of local files, remembered: a file is read again only when its size, times or inode changed.

The cache may be deleted at any time. A file changed within the last moments is not
remembered, since a second change in the same tick would not show in its times.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

_SETTLED_NS = 2_000_000_000
_CHUNK = 1024 * 1024
_WRITTEN_EVERY_S = 1.0  # what a run that is cut off has to read again
_LOCKED_FOR_S = 2.0
_AT_ONCE = 1000
_LAST = chr(0x10FFFF)


def cache_path() -> Path:
    """Where the digests are kept: the person's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "batchspec" / "digests.sqlite"


class Digests:
    """MD5s of files, in hexadecimal. Used by one thread; a broken, locked or unwritable cache is done without."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new: list[tuple[str, str, str]] = []  # not written yet: name, stamp, MD5
        self._window: dict[str, tuple[str, str]] = {}  # stamps and MD5s, by name
        self._bounds = (_LAST, "")  # of the names that the window would have
        self._written = time.monotonic()
        self._cache: sqlite3.Connection | None = None
        with self._optional():
            self._cache = _open(path)
        self._here = Path.cwd()

    def __enter__(self) -> Digests:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()
        self._close()

    def md5(self, file: Path | str, status: os.stat_result | None = None) -> str:
        """The MD5 of *file*'s content; *status* is what `stat` says of it, if it was asked just now. Raises OSError."""
        status = status or os.stat(file)  # noqa: PTH116 (a Path takes longer to make than all the rest)
        name = os.path.join(self._here, file)  # noqa: PTH118
        stamp = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
        known = self._known(name)
        if known is not None and known[0] == stamp:
            return known[1]
        md5 = _md5(file)
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        if time.time_ns() - changed > _SETTLED_NS and _is_text(name):
            self._new.append((name, stamp, md5))
        if time.monotonic() - self._written > _WRITTEN_EVERY_S:
            self._write()
        return md5

    def _known(self, name: str) -> tuple[str, str] | None:
        """The stamp and MD5 that *name* had. Files are asked for in the order of their names, more or less."""
        if not _is_text(name):
            return None
        first, last = self._bounds
        if not first <= name <= last:
            self._window = self._read(name)
            self._bounds = (name, max(self._window) if len(self._window) == _AT_ONCE else _LAST)
        return self._window.get(name)

    def _read(self, name: str) -> dict[str, tuple[str, str]]:
        """What is known of *name* and the next ones: a query for each file takes longer than all the rest."""
        with self._optional():
            if self._cache is not None:
                select = "SELECT name, stamp, md5 FROM digest WHERE name >= ? ORDER BY name LIMIT ?"
                return {
                    name: (stamp, md5) for name, stamp, md5 in self._cache.execute(select, (name, _AT_ONCE))
                }
        return {}

    def _write(self) -> None:
        """Writes what is new all at once, so that the cache is never locked while a file is read."""
        with self._optional():
            if self._cache is not None and self._new:
                with self._cache:
                    self._cache.executemany("INSERT OR REPLACE INTO digest VALUES (?, ?, ?)", self._new)
        self._new.clear()
        self._written = time.monotonic()

    @contextmanager
    def _optional(self) -> Iterator[None]:
        """Within it, a cache that fails is closed and not used again; one that is damaged is deleted too."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            self._close()
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                with suppress(OSError):
                    self._path.unlink()

    def _close(self) -> None:
        if self._cache is not None:
            with suppress(sqlite3.Error):
                self._cache.close()
            self._cache = None


def _is_text(name: str) -> bool:
    """Whether the database takes *name*: a folder's may be any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    connection = sqlite3.connect(path, timeout=_LOCKED_FOR_S)
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS digest (name TEXT PRIMARY KEY, stamp TEXT, md5 TEXT) WITHOUT ROWID"
        )
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _md5(file: Path | str) -> str:
    state = hashlib.md5(usedforsecurity=False)
    with Path(file).open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()
