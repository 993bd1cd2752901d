"""Values by the million: rows of a private database on disk, read back as often as they are wanted.

What a spec asks for, what there is, and what is to be done may be a million of each. They lie
here instead of in memory, where a million tasks took 1.3 GB; what has to be known of all of them
at once is asked of the database.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Generic, Protocol, TypeVar
from unicodedata import normalize

from batchspec.errors import RunError

T = TypeVar("T")
S = TypeVar("S")
T_co = TypeVar("T_co", covariant=True)

_AT_ONCE = 1000
# Nothing has to outlast us, and 2 MB of it are in memory. With pages of 8 KB a look at all tasks takes a tenth less
# than with those of 4.
_SETTINGS = ("page_size = 8192", "journal_mode = OFF", "synchronous = OFF", "cache_size = -2000")
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)

OPTIONAL = "nullif(?, '')"
"""The place of a value that may be missing, and is `''` then. Each None or bool of a row takes Python's sqlite3 longer
than three texts or numbers: it looks for an adapter of its type. So rows by the million have neither.
"""

WRONG_VALUE = (sqlite3.InterfaceError, sqlite3.ProgrammingError)
"""What comes of a value that no column takes."""


class Many(Protocol[T_co]):
    """Values that are counted, and read as often as wanted: a tuple, or `Rows`."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[T_co]: ...


class Database:
    """A database that nobody else sees and that goes with its last user. Threads may share it.

    SQLite keeps it in a file without a name, as soon as it outgrows its few megabytes of memory.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._connection.close)
        self._lock = threading.RLock()
        self._connection.create_function("folded", 1, _folded, deterministic=True)
        for setting in _SETTINGS:
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute("BEGIN")  # and never ended: else every statement is a transaction of its own

    def define(self, *statements: str) -> None:
        """Makes tables, indexes or views."""
        for statement in statements:
            self.change(statement)

    def change(self, statement: str, *values: object) -> int:
        """How many rows *statement* inserted, updated or deleted."""
        with self._using():
            return self._connection.execute(statement, values).rowcount

    def fill(self, statement: str, rows: Iterable[tuple[object, ...]]) -> int:
        """Runs *statement* for each of *rows*, which may come slowly: others work in between. How many they were."""
        count = 0
        for some in lots(rows):
            with self._using():
                self._connection.executemany(statement, some)
            count += len(some)
        return count

    def one(self, query: str, *values: object) -> Any:
        """The first row that *query* gives; None when there is none."""
        with self._using():
            return self._connection.execute(query, values).fetchone()

    def rows(self, query: str, *values: object) -> Iterator[Any]:
        """The rows of *query*, read a thousand at a time: others may use the database in between."""
        return chain.from_iterable(self._pages(query, values))

    def _pages(self, query: str, values: tuple[object, ...]) -> Iterator[list[Any]]:
        with self._using():
            cursor = self._connection.execute(query, values)
            page = cursor.fetchmany(_AT_ONCE)
        while page:
            yield page
            with self._using():
                page = cursor.fetchmany(_AT_ONCE)

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Within it, nobody else uses the connection. Raises `RunError` where there is no room on disk."""
        with self._lock:
            try:
                yield
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _NO_ROOM:
                    raise
                raise RunError(
                    f"the temporary folder does not take what so many tasks need: {error}",
                    help="a million tasks take some 700 MB for each plan; "
                    "make room, or name another folder in SQLITE_TMPDIR",
                ) from error


def _folded(name: str) -> str:
    """*name* as a file system sees it that tells neither cases nor ways to write an accent apart."""
    return name.lower() if name.isascii() else normalize("NFC", normalize("NFD", name).casefold())


def lots(values: Iterable[T], size: int = _AT_ONCE) -> Iterator[list[T]]:
    """*values* in lots of *size*, as `itertools.batched` gives them from Python 3.12 on."""
    source = iter(values)
    while some := list(islice(source, size)):
        yield some


class Rows(Generic[T]):
    """What a query gives, each row made into a value. The rows must not change once these are read."""

    def __init__(
        self,
        database: Database,
        query: str,
        make: Callable[[Any], T],
        values: tuple[object, ...] = (),
        length: int | None = None,
    ) -> None:
        self._database = database
        self._query = query
        self._make = make
        self._values = values
        self._length = length

    def __len__(self) -> int:
        if self._length is None:
            self._length = int(self._database.one(f"SELECT count(*) FROM ({self._query})", *self._values)[0])
        return self._length

    def __iter__(self) -> Iterator[T]:
        return map(self._make, self._database.rows(self._query, *self._values))


class Mapped(Generic[T, S]):
    """Many values, each made of another."""

    def __init__(self, values: Many[T], make: Callable[[T], S]) -> None:
        self._values = values
        self._make = make

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[S]:
        return map(self._make, self._values)
