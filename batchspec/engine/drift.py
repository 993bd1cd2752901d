"""Reading what drift is found in: the pool with its start task's files, the job, and nothing of what tasks read."""

from __future__ import annotations

from dataclasses import replace

from batchspec.desired.bodies.node_files import with_node_files
from batchspec.desired.bodies.start_task import with_start_files
from batchspec.desired.expansion.expand import without_tasks
from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.engine.look.machine.project import Project
from batchspec.engine.look.reads import find_node_files, find_reads, find_start_files
from batchspec.engine.look.remembered.cache import cache_path
from batchspec.engine.look.remembered.digests import Digests
from batchspec.language.model import Spec
from batchspec.plan.actions.drift import Compared, find_drift
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account


def drift_now(account: Account, spec: Spec) -> tuple[Compared, ...]:
    """The pool and the open job of *spec* that exist, each with what differs."""
    desired = with_node_files(with_start_files(_desired(account, spec), account.blobs.url), account.blobs.url)
    pool = pool_service.read(account.batch, spec.pool.id) if spec.pool else None
    generations = job_service.generations(account.batch, spec.job_id) if spec.job else []
    return find_drift(desired, pool, generations)


def _desired(account: Account, spec: Spec) -> Desired:
    """The pool and the job, with the files that their nodes fetch before any task."""
    project = Project(Places.of(spec).folder)
    with Digests(cache_path()) as digests:
        reads = find_reads(spec, account.blobs.list, project, digests, [])
        return replace(
            without_tasks(spec),
            start_files=find_start_files(spec, project),
            node_files=find_node_files(spec, reads),
        )
