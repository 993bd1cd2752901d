"""A table in the person's cache folder. It may be deleted at any time; one that fails is done without."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_LOCKED_FOR_S = 2.0
_SECRET_LENGTH = 32


def cache_path() -> Path:
    """Where what is worth remembering is kept: the person's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "batchspec" / "digests.sqlite"


def cache_secret() -> bytes:
    """Bytes that only this person knows, the same each time; others each time where the cache cannot keep them."""
    import secrets  # these two and what they import are a twentieth of the start-up
    import tempfile

    path, made = cache_path().with_name("secret"), secrets.token_bytes(_SECRET_LENGTH)
    with suppress(OSError):
        found = path.read_bytes()
        if len(found) == _SECRET_LENGTH:
            return found
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, part = tempfile.mkstemp(dir=path.parent)  # mode 0600
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(made)
        Path(part).replace(path)
    return made


class Cache:
    """One table of a database, opened when it is first asked. Threads may share it.

    A broken, locked or unwritable one knows nothing.
    """

    def __init__(self, path: Path, table: str) -> None:
        self._path, self._table = path, table
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_closed = False

    def rows(self, query: str, *values: object) -> list[Any]:
        """What *query* gives; nothing where the cache fails."""
        with self._optional():
            if connection := self._opened():
                return connection.execute(query, values).fetchall()
        return []

    def write(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Runs *statement* for all of *rows* at once, so that the cache is not locked for long."""
        with self._optional():
            if connection := self._opened():
                with connection:
                    connection.executemany(statement, rows)

    def close(self) -> None:
        with self._lock:
            self._close()

    @contextmanager
    def _optional(self) -> Iterator[None]:
        """Within it, a cache that fails is closed and not used again; one that is damaged is deleted too."""
        with self._lock:
            try:
                yield
            except (OSError, sqlite3.Error) as error:
                self._close()
                if isinstance(error, sqlite3.DatabaseError) and not isinstance(
                    error, sqlite3.OperationalError
                ):
                    with suppress(OSError):
                        self._path.unlink()

    def _opened(self) -> sqlite3.Connection | None:
        if self._connection is None and not self._is_closed:
            self._connection = _open(self._path, self._table)
            weakref.finalize(self, self._connection.close)
        return self._connection

    def _close(self) -> None:
        self._is_closed = True
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def is_text(name: str) -> bool:
    """Whether a database takes *name*: a folder's may be any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _open(path: Path, table: str) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    connection = sqlite3.connect(path, timeout=_LOCKED_FOR_S, check_same_thread=False)
    try:
        # Each download waits for two writes, else 10 ms each. A power cut may cost digests, which are found anew, and
        # whose the files are that were downloaded just before: those are kept then, as a person's own would be.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} WITHOUT ROWID")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
