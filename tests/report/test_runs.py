"""Runs as they are listed, and which of them are one piece of work."""

from __future__ import annotations

from datetime import timedelta

import pytest

from batchspec.engine.history.record import Run
from batchspec.engine.report import chain
from batchspec.render.report.runs import runs_text

from .reports import BEGAN, report_of


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
    assert "".join(found.id for found in chain(RUNS, place)) == ids


def test_runs_are_listed_with_who_applied_them() -> None:
    """A line each: id, what became of the tasks, why it ended early, who."""
    (made,) = report_of(5, 1).runs
    assert runs_text([made._replace(id="1", problem="time is up")]) == (
        "1  4 succeeded, 1 failed, 12 up to date, 3 evictions, 4 tasks requeued (time is up)"
        "  ann, commit 012345678901, batchspec 1.0\n"
    )
