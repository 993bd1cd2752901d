"""Processes known by pid, start time and words."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from batchspec.emulator.host import orphans


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()", "a-word"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_process_is_found_by_all_it_is_known_by(child: subprocess.Popen[bytes]) -> None:
    """Pid, start and every word have to fit."""
    record = {"pid": child.pid, "started": orphans.started(child.pid)}
    found = orphans.find(record, "a-word")
    assert found is not None
    assert found.pid == child.pid
    assert orphans.find(record, "a-word", "another") is None
    assert orphans.find({**record, "started": orphans.started(child.pid) - 100}, "a-word") is None
    assert orphans.find({"pid": child.pid}, "a-word") is None
    assert orphans.find({}, "a-word") is None


def test_a_process_that_ended_is_not_found(child: subprocess.Popen[bytes]) -> None:
    """A zombie (nobody has asked for its exit code yet) counts as ended."""
    record = {"pid": child.pid, "started": orphans.started(child.pid)}
    process = orphans.find(record)
    assert process is not None
    assert orphans.end(process, 10)
    assert orphans.find(record) is None


def test_one_that_does_not_listen_is_killed() -> None:
    """end() says False when it had to kill, and the process is gone."""
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process = orphans.find({"pid": child.pid, "started": orphans.started(child.pid)})
        assert process is not None
        assert not orphans.end(process, 0.2)
        assert child.wait(10) == -9
