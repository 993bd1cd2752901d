"""One apply of a spec at a time: a lease on a blob, finite and renewed while the run lasts."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from batchspec.desired.places import Places
from batchspec.engine.history.author import user_name
from batchspec.errors import BatchspecError, LockedError
from batchspec.service.blob.lease import Holder, Lock, release_lock, renew_lock, take_lock
from batchspec.service.connect import Account

LEASE_S = 60
_RENEWALS = 4  # in the time of a lease: a Storage that fails for half a minute takes nothing from us
GIVE_BACK_S = 5.0
_LOOK_EVERY_S = 2.0  # whether the lock of another is free
_SURE = 5 / 6  # of a lease: nothing begins later than that after a renewal


class Held:
    """A lock in our hands. `check` raises once it may be lost, so that nothing is changed any more.

    *since* is when the lease was asked for, by `now_s`; it lasts *lease_s* seconds from then.
    """

    def __init__(self, since: float, lease_s: float) -> None:
        self._renewed = since
        self._sure_s = lease_s * _SURE
        self._lost = ""

    def renewed(self, at: float) -> None:
        self._renewed = at

    def lost(self, why: str) -> None:
        self._lost = why

    def check(self) -> None:
        silent_s = now_s() - self._renewed
        why = self._lost or (f"it was not renewed for {silent_s:.0f} s" if silent_s > self._sure_s else "")
        if why:
            raise LockedError(
                f"the lock was lost: {why}", help="nothing more was changed; run the same command again"
            )


@contextmanager
def locked(
    account: Account,
    places: Places,
    doing: str = "",
    *,
    lease_s: int = LEASE_S,
    wait_s: float = 0.0,
    give_back_s: float = GIVE_BACK_S,
) -> Iterator[Held]:
    """Within it, no other apply changes anything in *places*.

    Raises `LockedError` when another is at work, and still is after *wait_s* seconds.

    The lock lies in the container of the outputs, which is made here and so there for all that follows.
    The lease lasts a minute: after a kill -9 the next apply needs no help, and on the
    same machine, which knows that the process is dead, no patience either. *doing* is told to who
    comes meanwhile. No request that changes something is sent on *account* once the lock may be lost.
    """
    account.blobs.ensure_container(places.output)
    lock, began = _taken(account, places, _holder(doing), lease_s, wait_s)
    held, over = Held(began, lease_s), threading.Event()
    keeper = threading.Thread(target=_keep, args=(lock, held, over, lease_s / _RENEWALS), daemon=True)
    keeper.start()
    try:
        with account.guarded(held.check):
            yield held
    finally:
        over.set()
        keeper.join(give_back_s)  # no longer for a Storage that does not answer: the lease ends by itself


def _keep(lock: Lock, held: Held, over: threading.Event, every_s: float) -> None:
    """Renews *lock* until all is *over*, and gives it back."""
    while not over.wait(every_s):
        # Storage counts from when it hears us, which is later: so ours ends first, and no one has it beside us.
        began = now_s()
        try:
            renew_lock(lock)
        except BatchspecError as error:
            held.lost(str(error))
            over.wait()  # calls may be in flight; the lease is not given back before they are over
        else:
            held.renewed(began)
    release_lock(lock)


def _taken(
    account: Account, places: Places, holder: Holder, lease_s: int, wait_s: float
) -> tuple[Lock, float]:
    """The lock, and when it was asked for."""
    until = now_s() + wait_s
    told = ""
    while True:
        began = now_s()
        try:
            return take_lock(account.blobs, places.output, places.lock, holder, _is_dead, lease_s), began
        except LockedError as error:
            if now_s() >= until:
                raise
            if told != str(error):  # once for each holder
                told = str(error)
                account.batch.patience.tell(f"{error}; waiting for it to end")
            # Not a `sleep`: who interrupts the run does not wait for this.
            account.batch.patience.pause(min(_LOOK_EVERY_S, max(0.0, until - now_s())))


def now_s() -> float:
    """Seconds of a clock that goes on while the machine sleeps, as a lease does; where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _holder(doing: str) -> Holder:
    """Who, where, since when and at what, in the ASCII that blob metadata takes."""
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    text = f"{user_name()}@{socket.gethostname()} process {os.getpid()} since {since}"
    text += f", {doing}" if doing else ""
    return Holder(text.encode("ascii", "replace").decode(), _process())


def _process() -> str:
    """What tells this process from all others of all machines; empty where that is not known."""
    machine, began = _machine(), _began(os.getpid())
    return f"{machine} {os.getpid()} {began}" if machine and began else ""


def _machine() -> str:
    """What tells this machine, since it was started, and the container on it from all others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _began(number: int) -> str:
    """When the process *number* was started, in the kernel's ticks; empty when it is dead, buried or not."""
    try:
        # What comes before the last bracket is the program's name, which may hold brackets and spaces itself.
        fields = (
            Path(f"/proc/{number}/stat")
            .read_text(encoding="utf-8", errors="replace")
            .rpartition(")")[2]
            .split()
        )
    except OSError:
        return ""
    state, began = fields[0], fields[19]  # the third and the twenty-second of proc(5)
    return "" if state in ("Z", "X") else began


def _is_dead(process: str) -> bool:
    """Whether *process* was one of this machine and is gone. False when that cannot be known."""
    machine, _, rest = process.partition(" ")
    number, _, began = rest.partition(" ")
    if not machine or machine != _machine() or not number.isdecimal():
        return False
    return _began(int(number)) != began
