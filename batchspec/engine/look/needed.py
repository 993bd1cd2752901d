"""Who else needs a pool: what an apply that takes nodes away has to know."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from batchspec.counts import count_text
from batchspec.desired.places import Places
from batchspec.resources import job as jobs
from batchspec.resources.base import Json, containers_of, owner
from batchspec.service.batch import job as job_service
from batchspec.service.blob.lease import holder_of
from batchspec.service.connect import Account

_OUTPUT = "output"  # the container of what is stamped without one


def needed_by(account: Account, pool_id: str, open_jobs: Iterable[Json], spec: str | None) -> str:
    """Why one of *open_jobs*, be it of batchspec or not, needs the pool of *spec*; empty where none does."""
    on_it = (job for job in open_jobs if _runs_on(job, pool_id))
    return next((why for job in on_it if (why := _needed(account, job, spec))), "")


def needed_by_others(account: Account, pool_id: str, open_jobs: Iterable[Json], spec: str) -> str:
    """As `needed_by`; tasks of the *spec*'s own that are left are no reason to keep nodes."""
    return needed_by(account, pool_id, (job for job in open_jobs if owner(job) != spec), spec)


def apply_at_work(account: Account, places: Places) -> str:
    """That somebody applies the spec of *places* now; empty where nobody does."""
    holder = holder_of(account.blobs, places.output, places.lock)
    return f"an apply of {places.name} is running: {holder}" if holder else ""


def lock_of(spec: str, stamped: Json) -> Places:
    """Where *spec*, which stamped a pool or a job, has its lock."""
    output = next(iter(containers_of(stamped)[-1:]), _OUTPUT)
    return Places(spec, "", output, output, Path(), None)


def _runs_on(job: Json, pool_id: str) -> bool:
    on = (job.get("executionInfo") or {}).get("poolId") or (job.get("poolInfo") or {}).get("poolId")
    return str(on).casefold() == pool_id.casefold() and jobs.is_open(job)


def _needed(account: Account, job: Json, spec: str | None) -> str:
    """One of another spec needs the pool without tasks as well: its apply may be about to add them."""
    counts = job_service.task_counts(account.batch, str(job["id"]))
    if left := counts["active"] + counts["running"]:
        return f"{count_text(left, 'task')} in job {job['id']} yet to end"
    other = owner(job)
    return apply_at_work(account, lock_of(other, job)) if other and other != spec else ""
