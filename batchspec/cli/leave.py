"""The end by a signal, at once: an exception would still wait for threads, and so for the calls in flight."""

import contextlib
import os
import signal
import stat
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FINISHING = "Interrupted: finishing the calls in flight. Interrupt again to stop at once."

Handler = Callable[[int, FrameType | None], None]


def at_once() -> None:
    """From now on a signal ends the process."""
    handle(leave)


def no_more() -> None:
    """From now on no signal ends the process: its work is done, and its exit code stands.

    Python gives signals their default actions in its last moment, which would end it without a sentence; those that are
    ignored it leaves alone.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def handle(handler: Handler) -> None:
    """From now on *handler* is called for a signal.

    One that is ignored stays so: a shell starts what it runs in the background with SIGINT ignored, nohup with SIGHUP.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def leave(number: int, _frame: FrameType | None = None) -> NoReturn:
    """Ends the process now, whatever it is at."""
    with contextlib.suppress(OSError):
        show_cursor = "\x1b[?25h" if os.isatty(2) else ""  # the live display hides it
        os.write(2, f"{show_cursor}{interrupted()}\n".encode())
    os._exit(128 + number)


def interrupted() -> str:
    """That the command has ended before its work has, and how to go on."""
    return f"Interrupted. {how_to_resume().capitalize()}."


def how_to_resume() -> str:
    """With `--rerun` all that it names would run once more."""
    is_rerun = any(word.startswith("--rerun") for word in sys.argv)
    return f"run the {'command again without --rerun' if is_rerun else 'same command again'} to resume"


def tell_what_is_waited_for() -> None:
    """That an end in order takes its time, and the way out."""
    with contextlib.suppress(OSError):
        os.write(2, f"{FINISHING}\n".encode())


def close_terminal() -> None:
    """What is written to a terminal that is gone goes nowhere, instead of failing."""
    for stream in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(stream).st_mode):  # one that hung up says that it is no terminal
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
