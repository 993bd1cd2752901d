"""The runs of a spec, one a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from batchspec.counts import count_text
from batchspec.engine.history.record import Run
from batchspec.render.show import page

_KINDS = ("succeeded", "failed", "not run", "cancelled", "unfinished", "up to date")


def runs_text(runs: Iterable[Run]) -> str:
    """Each run with its id, who applied it, and what became of its tasks."""
    lines = [f"{run.id}  {run_text(run)}  {run.author.text}" for run in runs]
    return page(lines or ["no run has left a record"])


def run_text(run: Run) -> str:
    """What became of the tasks of *run*, in words."""
    told = ", ".join(_counted(run)) or "no task had to run"
    return f"{told} ({run.problem})" if run.problem else told


def _counted(run: Run) -> Iterator[str]:
    counts = (run.succeeded, run.failed, run.not_run, run.cancelled, run.unfinished, run.up_to_date)
    yield from (f"{count} {kind}" for count, kind in zip(counts, _KINDS, strict=True) if count)
    if run.preempted:
        yield f"{count_text(run.preempted, 'eviction')}, {count_text(run.requeued, 'task')} requeued"


def run_json(run: Run) -> dict[str, Any]:
    """*run* for programs."""
    return {
        "type": "run",
        "id": run.id,
        "began": run.began.isoformat(),
        "ended": run.ended.isoformat(),
        "user": run.author.user,
        "commit": run.author.commit,
        "batchspecVersion": run.author.version,
        "file": run.file,
        "jobs": list(run.jobs),
        "pool": run.pool,
        "vmSize": run.vm_size,
        "resumes": run.resumes,
        "succeeded": run.succeeded,
        "failed": run.failed,
        "notRun": run.not_run,
        "cancelled": run.cancelled,
        "unfinished": run.unfinished,
        "upToDate": run.up_to_date,
        "preempted": run.preempted,
        "requeued": run.requeued,
        "problem": run.problem,
    }
