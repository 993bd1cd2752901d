"""Reading what drift is found in: the pool and the job, and nothing of inputs, tasks and outputs."""

from __future__ import annotations

from batchspec.desired.expansion.expand import without_tasks
from batchspec.language.model import Spec
from batchspec.plan.actions.drift import Compared, find_drift
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account


def drift_now(account: Account, spec: Spec) -> tuple[Compared, ...]:
    """The pool and the open job of *spec* that exist, each with what differs."""
    desired = without_tasks(spec)
    pool = pool_service.read(account.batch, spec.pool.id) if spec.pool else None
    generations = job_service.generations(account.batch, spec.job_id) if spec.job else []
    return find_drift(desired, pool, generations)
