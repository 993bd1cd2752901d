"""SIGINT and SIGTERM: the first lets a command end in order, the second ends the process."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

BOTH = (signal.SIGINT, signal.SIGTERM)


class Terminated(BaseException):
    """SIGTERM came: as with Ctrl-C, what is held is given back on the way out, the lock above all."""


def listen() -> None:
    """From now on a signal raises `KeyboardInterrupt` or `Terminated`, and one after that ends the process."""
    for number in BOTH:
        signal.signal(number, _stop)


def leave(number: int, _frame: FrameType | None = None) -> NoReturn:
    """Ends the process now: an exception would still wait for the threads, and so for the calls in flight."""
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # the live display hides the cursor
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(128 + number)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    for each in BOTH:
        signal.signal(each, leave)
    context = click.get_current_context(silent=True)
    if context is not None and (account := context.find_root().obj):
        account.hurry()  # threads that try failed calls again would be waited for, for minutes
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated
