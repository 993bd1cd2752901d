"""A full disk, told apart from all other faults: nothing mends it but room, and then everything goes on."""

import errno
import sqlite3
from pathlib import Path

from batchspec.emulator.state.errors import ApiError
from batchspec.emulator.state.store import Store

_FULL = (errno.ENOSPC, errno.EDQUOT)


def says_full(error: BaseException) -> bool:
    """Whether *error* comes from a disk, or a share of it, that takes no more."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in _FULL


class Disk:
    """What the account knows of the disk that holds it."""

    def __init__(self, home: Path, store: Store) -> None:
        self._home = home
        self._store = store
        self._is_full = False

    def note(self, error: BaseException) -> bool:
        """Whether *error* says that it is full; remembered until there is room again."""
        found = says_full(error)
        self._is_full = self._is_full or found
        return found

    def require_room(self) -> None:
        """`ApiError` while the disk is full: what cannot be written down does not happen, and whoever waits is told."""
        if self._is_full:
            try:
                self._store.touch()
            except (sqlite3.Error, OSError) as error:
                if says_full(error):
                    raise self.error() from None
                raise
            self._is_full = False

    def error(self) -> ApiError:
        message = f"The disk that holds the local account is full: {self._home}"
        return ApiError("DiskFull", status=507, message=message)
