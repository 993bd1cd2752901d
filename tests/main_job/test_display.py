"""What is shown while a run goes on: colours only where they are wanted (issue 13, point 3)."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pytest

PROGRAM = """
from batchspec.cli.display import display
from batchspec.events import State, Step, StepEvent
with display("text", "spec.yaml") as shown:
    shown.take(StepEvent(Step.RUN, State.DONE, text="all of it"))
"""


def said(**environment: str) -> bytes:
    """What PROGRAM writes to a terminal."""
    ours, theirs = pty.openpty()
    whole = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "NO_COLOR": "", **environment}
    subprocess.run([sys.executable, "-c", PROGRAM], stderr=theirs, env=whole, check=True, timeout=60)
    os.close(theirs)
    written = b""
    with suppress(OSError):  # EIO: nobody has the terminal open any more
        while some := os.read(ours, 4096):
            written += some
    os.close(ours)
    return written


@pytest.mark.parametrize("no_color", ["", "1"], ids=["colours", "NO_COLOR"])
def test_the_live_view_respects_no_color(no_color: str) -> None:
    """On a terminal it is green and red, with NO_COLOR it is not."""
    written = said(NO_COLOR=no_color)
    assert b"all of it" in written
    assert (b"\x1b[32m" in written) is not bool(no_color)


def test_a_dumb_terminal_gets_plain_lines() -> None:
    """Where nothing can be written over, each line has its time, and there are no codes."""
    written = said(TERM="dumb")
    assert re.fullmatch(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  run tasks: done all of it\r\n", written)
