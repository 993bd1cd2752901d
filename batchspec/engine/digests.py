"""MD5s of local files, remembered: a file is read again only when its size, times or inode changed.

The cache may be deleted at any time. A file changed within the last moments is not
remembered, since a second change in the same tick would not show in its times.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from pathlib import Path
from types import TracebackType

_SETTLED_NS = 2_000_000_000
_CHUNK = 1024 * 1024


def cache_path() -> Path:
    """Where the digests are kept: the person's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "batchspec" / "digests.sqlite"


class Digests:
    """MD5s of files, in hexadecimal. Used by one thread; a broken or unwritable cache is done without."""

    def __init__(self, path: Path) -> None:
        self._cache = _open(path)

    def __enter__(self) -> Digests:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._cache is not None:
            self._cache.commit()
            self._cache.close()

    def md5(self, file: Path) -> str:
        """The MD5 of *file*'s content. Raises OSError."""
        status = file.stat()
        name = str(file.absolute())
        stamp = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
        if self._cache is not None:
            row = self._cache.execute("SELECT stamp, md5 FROM digest WHERE name = ?", (name,)).fetchone()
            if row is not None and row[0] == stamp:
                return str(row[1])
        md5 = _md5(file)
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        if self._cache is not None and time.time_ns() - changed > _SETTLED_NS:
            self._cache.execute("INSERT OR REPLACE INTO digest VALUES (?, ?, ?)", (name, stamp, md5))
        return md5


def _open(path: Path) -> sqlite3.Connection | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(path, timeout=10)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS digest (name TEXT PRIMARY KEY, stamp TEXT, md5 TEXT) WITHOUT ROWID"
        )
    except (OSError, sqlite3.Error):
        return None
    return connection


def _md5(file: Path) -> str:
    state = hashlib.md5(usedforsecurity=False)
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()
