"""What is shown while a run goes on: colours only where they are wanted (issue 13, point 3)."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from main_job.workload import Workload

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


def test_a_run_is_watched_from_start_to_end(bare: Workload) -> None:
    """`apply` on a small terminal, and `status --watch` on a large one: groups, nodes, what runs; then how it ended."""
    bare.write_held()
    with bare.on_a_terminal("apply", "specs/ffmpeg.yaml", size=(80, 24)) as run:
        said = run.until(lambda text: re.search(r"^ +wait +0 +2 +0 +0$", text, re.MULTILINE))
        assert re.search(
            r"^ +nodes +■ 2 running\n +■■\n +running +wait/[ab] +\S+ +[\d.]+ s\n", said, re.MULTILINE
        )
        assert re.search(r"^\[ok\] start nodes +2 idle|running +[\d.]+ s$", said, re.MULTILINE)
        with bare.on_a_terminal("status", "--watch", "specs/ffmpeg.yaml", size=(200, 50)) as looks:
            said = looks.until(lambda text: re.search(r"^ +wait +0 +2 +0 +0$", text, re.MULTILINE))
            assert f"{bare.job_id}  active" in said
            assert re.search(r"^ +running +wait/[ab] ", said, re.MULTILINE)  # whichever began first
            looks.process.send_signal(signal.SIGINT)
            assert looks.ended() == 130
        with bare.on_a_terminal("status", "--watch", "specs/ffmpeg.yaml", size=(80, 24)) as looks:
            looks.until(lambda text: "0 of 2 tasks" in text)
            bare.let_go()
            assert (looks.ended(), run.ended()) == (0, 0)
    assert re.search(r"^ +wait +0 +0 +2 +0$", run.text, re.MULTILINE)
    assert "■" not in run.text
    assert "all 2 tasks succeeded" in run.text
    assert "] 2 succeeded" in looks.text
