"""SIGINT, SIGTERM and SIGHUP: the first lets a command end in order, the second ends the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from batchspec.cli import leave
from batchspec.cli.leave import Handler

_SOON_S = 0.01
_LATE_S = 3.0


class Terminated(BaseException):
    """SIGTERM or SIGHUP came: as with Ctrl-C, what is held is given back on the way out, the lock above all."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def listen() -> None:
    """From now on a signal raises `KeyboardInterrupt` or `Terminated`, and one after that ends the process."""
    leave.handle(_stop)
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _send_again


def _send_again(lost: sys.UnraisableHookArgs) -> None:
    """A signal that came while Python called back, where what is raised goes nowhere, comes once more."""
    if isinstance(lost.exc_value, KeyboardInterrupt | Terminated):
        number = _number_of(lost.exc_value)
        threading.Timer(_SOON_S, os.kill, (os.getpid(), number)).start()
    else:
        sys.__unraisablehook__(lost)


def signal_in(error: BaseException) -> int | None:
    """The signal that *error* comes from: what is raised while a class is made, Python 3.11 wraps in an error."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt | Terminated):
        cause = cause.__cause__
    return None if cause is None else _number_of(cause)


def _number_of(raised: KeyboardInterrupt | Terminated) -> int:
    return raised.number if isinstance(raised, Terminated) else signal.SIGINT


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Within it, *handler* is called instead."""
    before = {number: signal.getsignal(number) for number in leave.SIGNALS}
    leave.handle(_without_terminal(handler))
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _without_terminal(handler: Handler) -> Handler:
    def handle(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            leave.close_terminal()
        handler(number, frame)

    return handle


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    leave.at_once()
    if number == signal.SIGHUP:
        leave.close_terminal()
    context = click.get_current_context(silent=True)
    if context is not None and (account := context.find_root().obj):
        # Threads that try failed calls again would be waited for, for minutes. It is told by a thread of its own, since
        # this one may hold the very lock that it takes.
        threading.Thread(target=account.hurry, daemon=True).start()
    late = threading.Timer(_LATE_S, leave.tell_what_is_waited_for)
    late.daemon = True  # it keeps nobody who is faster
    late.start()
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)
