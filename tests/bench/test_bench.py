"""The bench itself: every figure can be measured, and what is lost on the way makes a run fail."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import stub
from tests.bench.measure import way

PROJECT = Path(__file__).parents[2]
NAMES = (
    "submission, create_tasks / ours",
    "submission, peak memory",
    "submission to a slow service",
    "unchanged job / its pages",
    "unchanged job, peak memory",
    "plan of an unchanged workload",
    "the same on the local account",
    "submission on the local account",
    "unchanged job on the local account",
    "watching a running job",
    "upload of small files",
    "upload of large files",
    "its memory / rclone's",
    "unchanged inputs / hashing them",
    "plan of three stages / of none",
    "validate of a long sheet",
    "validate of 199 lines",
    "plan until its first request",
    "local account, a task on top of xargs",
    "local account, CPU of a task beyond its own",
    "local account, commands of a second / xargs",
)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=240
    )


def test_every_figure_is_measured() -> None:
    """The bench prints one line for each figure, or says on stderr what is missing for it."""
    done = run("tests.bench", "--quick")
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(.*?): [\d.e+]+", done.stdout, re.MULTILINE)
    if "not measured" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert len(found) == len(NAMES)
    for line, name in zip(found, NAMES, strict=True):
        assert line.startswith(name)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler for the stub service")
def test_a_dropped_task_fails_the_run() -> None:
    """A service that passes over one task in some, of those it was sent, makes a submission fail by name."""
    assert run("tests.bench.submission", "dropped", "300", "1000000").returncode == 0
    done = run("tests.bench.submission", "dropped", "300", "100")
    assert done.returncode == 1
    assert "the service said nothing about" in done.stderr


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler for the stub")
def test_memory_does_not_grow_with_tasks() -> None:
    """Four times as many tasks, submitted, take no more memory: kept as objects, they were 50 MB more."""
    with stub.running() as server:
        few, many = (
            way("tests.bench.submission", "ours", count, server.port)() for count in (15_000, 60_000)
        )
    assert many.peak_mb < few.peak_mb + 15, (few.peak_mb, many.peak_mb)
