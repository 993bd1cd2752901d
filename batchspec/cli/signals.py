"""SIGINT and SIGTERM: the first lets a command end in order, the second ends the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

import click

_BOTH = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], None]


class Terminated(BaseException):
    """SIGTERM came: as with Ctrl-C, what is held is given back on the way out, the lock above all."""


def listen() -> None:
    """From now on a signal raises `KeyboardInterrupt` or `Terminated`, and one after that ends the process.

    One that is ignored stays so: a shell starts what it runs in the background with SIGINT ignored.
    """
    _handle(_stop)


def leave(number: int, _frame: FrameType | None = None) -> NoReturn:
    """Ends the process now: an exception would still wait for the threads, and so for the calls in flight."""
    with suppress(Exception):  # whatever the main thread was writing
        if sys.stderr.isatty():
            sys.stderr.write("\x1b[?25h")  # the live display hides the cursor
            sys.stderr.flush()
    os._exit(128 + number)


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Within it, *handler* is called instead."""
    before = {number: signal.getsignal(number) for number in _BOTH}
    _handle(handler)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _handle(handler: Handler) -> None:
    for number in _BOTH:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    _handle(leave)
    context = click.get_current_context(silent=True)
    if context is not None and (account := context.find_root().obj):
        # Threads that try failed calls again would be waited for, for minutes. It is told by a thread of its own, since
        # this one may hold the very lock that it takes.
        threading.Thread(target=account.hurry, daemon=True).start()
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated
