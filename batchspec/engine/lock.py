"""One apply of a spec at a time: a lease on a blob, finite and renewed while the run lasts."""

from __future__ import annotations

import getpass
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from batchspec.errors import LockedError, ServiceError
from batchspec.service.blobs import release_lock, renew_lock, take_lock
from batchspec.service.connect import Account
from batchspec.spec.expand import OWN_FOLDER, folder_of
from batchspec.spec.model import Spec

_RENEW_EVERY_S = 15


class Held:
    """A lock in our hands. `check` raises once it is lost, so that nothing is changed any more."""

    def __init__(self) -> None:
        self._lost: ServiceError | None = None

    def check(self) -> None:
        if self._lost is not None:
            raise LockedError(
                f"the lock was lost: {self._lost}",
                help="nothing more was changed; run the same command again",
            )


@contextmanager
def locked(account: Account, spec: Spec) -> Iterator[Held]:
    """Within it, no other apply of *spec* changes anything. Raises `LockedError` when another is at work.

    The lease lasts a minute: after a kill -9 the next apply needs no help.
    """
    container = spec.containers.output
    account.blobs.ensure_container(container)
    lock = take_lock(account.blobs, container, lock_blob(spec), _holder())
    held, over = Held(), threading.Event()

    def renew() -> None:
        while not over.wait(_RENEW_EVERY_S):
            try:
                renew_lock(lock)
            except ServiceError as error:
                held._lost = error
                return

    renewer = threading.Thread(target=renew, daemon=True)
    renewer.start()
    try:
        yield held
    finally:
        over.set()
        renewer.join()
        release_lock(lock)


def lock_blob(spec: Spec) -> str:
    return f"{folder_of(spec)}{OWN_FOLDER}/lock"


def _holder() -> str:
    """Who, where and since when, in the ASCII that blob metadata takes."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    text = f"{user}@{socket.gethostname()} process {os.getpid()} since {since}"
    return text.encode("ascii", "replace").decode()
