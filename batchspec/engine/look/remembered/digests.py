"""MD5s of local files, remembered: a file is read again only when its size, times or inode changed.

The cache may be deleted at any time. A file changed within the last moments is not
remembered, since a second change in the same tick would not show in its times.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType

from batchspec.engine.look.remembered.cache import Cache, is_text
from batchspec.engine.look.remembered.hashing import LARGE, Ahead, md5_of

_TABLE = "digest (name TEXT PRIMARY KEY, stamp TEXT, md5 TEXT)"
_SETTLED_NS = 2_000_000_000
_WRITTEN_EVERY_S = 1.0  # what a run that is cut off has to read again
_FIRST, _MOST = 20, 1000  # how many are read at once: more each time, since most asks are for the next ones
_LAST = chr(0x10FFFF)


class Digests:
    """MD5s of files, in hexadecimal. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self._new: list[tuple[str, str, str]] = []  # not written yet: name, stamp, MD5
        self._window: dict[str, tuple[str, str]] = {}  # stamps and MD5s, by name
        self._bounds = (_LAST, "")  # of the names that the window would have
        self._at_once = _FIRST
        self._written = time.monotonic()
        self._cache = Cache(path, _TABLE)
        self._ahead = Ahead()
        self._here = str(Path.cwd())

    def __enter__(self) -> Digests:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ahead.close()
        self._write()
        self._cache.close()

    def turn(self) -> None:
        """What is asked for next lies elsewhere: little is read at once, until it shows to be in order again.

        It may have been asked for before, too, so what is new is to be found.
        """
        self._write()
        self._bounds = (_LAST, "")
        self._at_once = _FIRST

    def expect(self, file: str, status: os.stat_result) -> None:
        """Begins to hash *file*, of which `stat` says *status*, where that takes a while: `md5` is asked for soon."""
        if status.st_size >= LARGE:
            name, stamp = os.path.join(self._here, file), _stamp(status)  # noqa: PTH118
            known = self._known(name)
            if known is None or known[0] != stamp:
                self._ahead.begin(name, stamp)

    def md5(self, file: Path | str, status: os.stat_result | None = None) -> str:
        """The MD5 of *file*'s content; *status* is what `stat` says of it, if it was asked just now. Raises OSError."""
        status = status or os.stat(file)  # noqa: PTH116 (a Path takes longer to make than all the rest)
        name = os.path.join(self._here, file)  # noqa: PTH118
        stamp = _stamp(status)
        known = self._known(name)
        if known is not None and known[0] == stamp:
            return known[1]
        md5 = self._ahead.take(name, stamp) or md5_of(file)
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        if time.time_ns() - changed > _SETTLED_NS and is_text(name):
            self._new.append((name, stamp, md5))
        if time.monotonic() - self._written > _WRITTEN_EVERY_S:
            self._write()
        return md5

    def _known(self, name: str) -> tuple[str, str] | None:
        """The stamp and MD5 that *name* had. Files are asked for in the order of their names, more or less."""
        if not is_text(name):
            return None
        first, last = self._bounds
        if not first <= name <= last:
            self._window = self._read(name)
            self._bounds = (name, max(self._window) if len(self._window) == self._at_once else _LAST)
            self._at_once = min(self._at_once * 5, _MOST)
        return self._window.get(name)

    def _read(self, name: str) -> dict[str, tuple[str, str]]:
        """What is known of *name* and the next ones: a query for each file takes longer than all the rest."""
        query = "SELECT name, stamp, md5 FROM digest WHERE name >= ? ORDER BY name LIMIT ?"
        return {name: (stamp, md5) for name, stamp, md5 in self._cache.rows(query, name, self._at_once)}

    def _write(self) -> None:
        """Writes what is new all at once, so that the cache is never locked while a file is read."""
        if self._new:
            self._cache.write("INSERT OR REPLACE INTO digest VALUES (?, ?, ?)", self._new)
        self._new.clear()
        self._written = time.monotonic()


def _stamp(status: os.stat_result) -> str:
    """By which a file is known to be the one it was."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
