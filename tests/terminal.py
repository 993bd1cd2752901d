"""A command on a terminal, which is a screen in memory."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyte

_WITHIN_S = 60.0


class Terminal:
    """What a command writes to stdout and stderr, as a person sees it."""

    def __init__(self, process: subprocess.Popen[bytes], ours: int, size: tuple[int, int]) -> None:
        self.process = process
        self._ours = ours
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip() + "\n"

    def until(self, is_so: Callable[[str], object]) -> str:
        """The text of the screen, once it is so."""
        end = time.monotonic() + _WITHIN_S
        while not is_so(self.text):
            assert time.monotonic() < end, f"it never came:\n{self.text}"
            if not self._take():
                assert is_so(self.text), f"it ended without it:\n{self.text}"
        return self.text

    def ended(self) -> int:
        """The exit code, once the command has ended and all that it wrote is on the screen."""
        while self._take():
            pass
        return self.process.wait(_WITHIN_S)

    def _take(self) -> bool:
        """Takes what is written within a moment. False once nobody will write any more."""
        if not select.select([self._ours], [], [], 0.5)[0]:
            return True
        try:
            written = os.read(self._ours, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        self._stream.feed(written)
        return bool(written)


@contextmanager
def on_a_terminal(
    command: Sequence[str], size: tuple[int, int], *, folder: Path, environment: Mapping[str, str]
) -> Iterator[Terminal]:
    """Within it *command* is at work on a terminal of so many columns and lines."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    kept = {
        name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")
    }
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**kept, "TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours, size)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        os.close(ours)
