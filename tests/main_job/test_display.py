"""What is shown while a run goes on: colours only where they are wanted (issue 13, point 3)."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

PROGRAM = """
from batchspec.cli.display import display
from batchspec.events import State, Step, StepEvent
with display("text", "spec.yaml") as take:
    take(StepEvent(Step.RUN, State.DONE, text="all of it"))
"""


@pytest.mark.parametrize("no_color", ["", "1"], ids=["colours", "NO_COLOR"])
def test_the_live_view_respects_no_color(no_color: str) -> None:
    """On a terminal it is green and red, with NO_COLOR it is not."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "NO_COLOR": no_color}
    subprocess.run([sys.executable, "-c", PROGRAM], stderr=theirs, env=environment, check=True, timeout=60)
    os.close(theirs)
    said = b""
    with suppress(OSError):  # EIO: nobody has the terminal open any more
        while some := os.read(ours, 4096):
            said += some
    os.close(ours)
    assert b"all of it" in said
    assert (b"\x1b[32m" in said) is not bool(no_color)
