"""How a workload stands now: its pool, its job, its tasks. Reads only, and a few requests whatever their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from batchspec.engine.diagnose import check_progress
from batchspec.engine.links import LinksEnd, links_end
from batchspec.errors import RunError
from batchspec.plan import planner
from batchspec.resources.base import Json
from batchspec.resources.task import LiveTask
from batchspec.service import job as job_service
from batchspec.service import pool as pool_service
from batchspec.service import task as task_service
from batchspec.service.connect import Account
from batchspec.spec.model import Spec

_FAILURES = 20


@dataclass(frozen=True, slots=True)
class Status:
    """`problem` says why nothing gets on, where that is so. States are Batch's own; None: it is not there."""

    spec: str
    pool: str
    pool_state: str | None
    nodes: Mapping[str, int]
    job: str
    job_state: str | None
    tasks: Mapping[str, int] = field(default_factory=dict)
    failed: tuple[LiveTask, ...] = ()
    links_end: LinksEnd | None = None
    problem: str = ""

    @property
    def is_at_work(self) -> bool:
        return bool(self.tasks.get("active") or self.tasks.get("running")) and self.job_state == "active"


def read_status(account: Account, spec: Spec) -> Status:
    """The status of the newest generation of the spec's job, and of its pool."""
    pool_id = spec.pool.id if spec.pool else ""
    pool = pool_service.read(account.batch, pool_id) if pool_id else None
    nodes = (
        dict(Counter(str(node.get("state")) for node in pool_service.nodes(account.batch, pool_id)))
        if pool
        else {}
    )
    live_job = _newest_job(account, spec)
    job = _shown(live_job)
    tasks = job_service.task_counts(account.batch, job.id) if job else {}
    failed = _failed(account, job.id) if job and tasks.get("failed") else ()
    status = Status(
        spec=spec.name,
        pool=pool_id,
        pool_state=f"{pool['state']}, {pool.get('allocationState')}" if pool else None,
        nodes=nodes,
        job=job.id if job else spec.job_id,
        job_state=job.state if job else None,
        tasks=tasks,
        failed=failed,
        links_end=links_end(account, spec, live_job),
    )
    return _with_problem(account, status) if status.is_at_work else status


@dataclass(frozen=True, slots=True)
class LiveJob:
    id: str
    state: str


def newest_job(account: Account, spec: Spec) -> LiveJob | None:
    """The newest generation of the spec's job, whatever its state."""
    return _shown(_newest_job(account, spec))


def _newest_job(account: Account, spec: Spec) -> Json | None:
    if not spec.job_id:
        return None
    return planner.newest_job(spec, job_service.generations(account.batch, spec.job_id))


def _shown(job: Json | None) -> LiveJob | None:
    return LiveJob(job["id"], str(job["state"])) if job else None


def _failed(account: Account, job_id: str) -> tuple[LiveTask, ...]:
    listed = task_service.read_all(account.batch, job_id, filter="executionInfo/result eq 'failure'")
    return tuple(task for _, task in zip(range(_FAILURES), listed, strict=False))


def _with_problem(account: Account, status: Status) -> Status:
    try:
        check_progress(account, status.pool, status.job)
    except RunError as error:
        return replace(status, problem=str(error))
    return status
