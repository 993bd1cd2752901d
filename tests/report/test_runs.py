"""Runs as they are listed, and which of them are one piece of work."""

from __future__ import annotations

import gzip
import io
import json
from datetime import timedelta

import pytest

from batchspec.engine.history.record import Run, Usage, read_content
from batchspec.engine.history.trace import traced_json
from batchspec.engine.report import resumed
from batchspec.errors import RunError
from batchspec.render.report.runs import runs_text

from .reports import BEGAN, report_of, traces


def run(id: str, job: str, *, resumes: bool = False) -> Run:
    (made,) = report_of(1, 1).runs
    return made._replace(id=id, jobs=(job,), resumes=resumes, ended=BEGAN + timedelta(hours=1))


RUNS = (
    run("1", "job"),
    run("2", "job", resumes=True),
    run("3", "job", resumes=True),
    run("4", "job-2"),
    run("5", "job"),  # everything was destroyed before: the job is another one of that id
    run("6", "job-2", resumes=True),
)


@pytest.mark.parametrize(("place", "ids"), [(0, "1"), (2, "123"), (3, "4"), (4, "5"), (5, "6"), (-1, "")])
def test_a_run_is_reported_with_those_that_it_resumes(place: int, ids: str) -> None:
    """They follow each other and have a job in common; -1 is no run."""
    assert "".join(found.id for found in resumed(RUNS, place)) == ids


def test_runs_are_listed_with_who_applied_them() -> None:
    """A line each: id, what became of the tasks, why it ended early, who."""
    (made,) = report_of(5, 1).runs
    assert runs_text([made._replace(id="1", problem="time is up")]) == (
        "1  4 succeeded, 1 failed, 12 up to date, 3 evictions, 4 tasks requeued (time is up)"
        "  ann, commit 012345678901, batchspec 1.0\n"
    )


def _record(*lines: str) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in lines).encode())


USAGE = json.dumps({**Usage()._asdict(), "failures": []})
TASK = json.dumps(traced_json(traces(1, 1)[0]))
WHOLE = _record(USAGE, TASK)


def test_a_record_is_read_as_it_was_written() -> None:
    """What the run used, then its tasks."""
    usage, rows = read_content(io.BytesIO(WHOLE), "1")
    assert (usage, list(rows)) == (Usage(), traces(1, 1))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        WHOLE[:-20],
        WHOLE[:20] + b"\xff" * 20 + WHOLE[40:],
        _record("[]"),
        _record("{}"),
        _record(USAGE, "5"),
        _record(USAGE, "[" * 100_000),
        _record(USAGE, TASK.replace('"attempts": 1', '"attempts": 1e400')),
    ],
    ids=range(9),
)
def test_a_damaged_record_is_an_error(content: bytes) -> None:
    """Whatever a node has put there: cut off, changed, or something else."""
    with pytest.raises(RunError, match="the record of the run 1 is damaged"):
        list(read_content(io.BytesIO(content), "1")[1])
