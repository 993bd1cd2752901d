"""A signal at any moment of a command, twice, and a terminal that is closed: a code, a sentence, no traceback."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from main_job.workload import BATCHSPEC, PROJECT, Workload, wait_until

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
MOMENTS_S = (0.0, 0.05, 0.2)


def listens(process: subprocess.Popen[str]) -> bool:
    """Whether the process has got as far as its own first line: Python itself handles no SIGTERM."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return True
    found = re.search(r"SigCgt:\s*([0-9a-f]+)", status)
    return process.poll() is not None or (found is not None and bool(int(found[1], 16) >> 14 & 1))


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("delay_s", MOMENTS_S)
def test_a_signal_at_any_moment(number: signal.Signals, delay_s: float) -> None:
    """From the moment at which the program listens, be it while it imports: its code, or the command's own."""
    said = {}
    for words in (["validate", "specs/ffmpeg.yaml"], ["render", "specs/ffmpeg.yaml"]):
        process = subprocess.Popen(
            [*BATCHSPEC, *words], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_until(lambda: listens(process))  # noqa: B023
        time.sleep(delay_s)
        process.send_signal(number)
        process.send_signal(number)
        _, said[words[0]] = process.communicate(timeout=60)
        assert process.returncode in (0, CODES[number]), said
        assert "Traceback" not in said[words[0]]
        if process.returncode:
            assert said[words[0]].endswith("Interrupted. Run the same command again to resume.\n")


@pytest.mark.parametrize("number", CODES)
def test_a_signal_when_all_is_done(number: signal.Signals) -> None:
    """While Python ends, the exit code stands."""
    late = f"import atexit, os; atexit.register(os.kill, os.getpid(), {int(number)})"
    process = subprocess.run(
        [*BATCHSPEC[:-1], f"{late}; {BATCHSPEC[-1]}", "validate", "specs/ffmpeg.yaml"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "again"),
    [
        (["apply", "specs/ffmpeg.yaml"], "the same command again"),
        (["apply", "specs/ffmpeg.yaml", "--rerun=audio"], "the command again without --rerun"),
    ],
    ids=["plain", "rerun"],
)
@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_a_class_is_made(number: signal.Signals, words: list[str], again: str) -> None:
    """Python 3.11 wraps what is raised then in an error of its own. With --rerun, all would run once more."""
    program = f"""
import os
from batchspec.cli import main
class Sends:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), {int(number)})
        len("the handler has run")
main.cli.main = lambda **_: type("Made", (), {{"field": Sends()}})
main.main()
"""
    process = subprocess.run(
        [BATCHSPEC[0], "-c", program, *words], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    said = f"Interrupted. Run {again} to resume.\n"
    assert (process.returncode, process.stderr) == (CODES[number], said)


def test_a_closed_terminal(bare: Workload) -> None:
    """The command that ran in it ends with 129 and gives its lock back; what it says meanwhile goes nowhere."""
    bare.write_held()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *BATCHSPEC, "apply", "specs/ffmpeg.yaml"],
        cwd=bare.folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, **bare.environment, "XDG_CACHE_HOME": str(bare.folder / ".cache")},
    )
    os.close(theirs)
    wait_until(lambda: len(bare.tasks()) == 2)
    os.close(ours)
    assert process.wait(timeout=60) == 129
    bare.let_go()
    bare.apply()
    assert bare.downloaded() == {"a.out", "b.out"}
