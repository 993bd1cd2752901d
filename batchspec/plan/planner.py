"""`make_plan(desired, observed)`: a pure function from what should be and what is to what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

from batchspec.desired.body import decided_at
from batchspec.desired.task import Desired
from batchspec.errors import RefusedError
from batchspec.language.model import Spec
from batchspec.ledger.database import Mapped
from batchspec.plan.compare import (
    change_pool,
    is_ignored,
    lifts_protection,
    new_action,
    place_of,
    put_away,
    task_lines,
    unprotect,
    update_action,
)
from batchspec.plan.model import Action, Download, Kind, Operation, Plan, Reason, Removal, Run, Upload, Work
from batchspec.plan.observed import Observed, Seen
from batchspec.plan.work import Counted, find_work
from batchspec.resources import job as jobs
from batchspec.resources.base import Json, owner
from batchspec.source import Path


def make_plan(desired: Desired, observed: Observed) -> Plan:
    """What makes *observed* into *desired*. Raises `RefusedError` for what is not ours."""
    if lifts_protection(desired, observed.pool):
        return _only(desired, unprotect(desired))
    if observed.seen is None:
        observed = replace(observed, seen=Seen(desired.tasks))
    job_action = _job(desired, observed)
    current = current_job(desired, observed)
    work = find_work(desired, _counted(job_action, current), observed.local_md5)
    if job_action is None and work.runs and current is None:
        job_action = _next_job(desired, observed)
    resources = (_pool(desired, observed, work), job_action, *_outdated_jobs(desired, observed))
    newest = newest_job(desired.spec, observed.jobs)
    act = _Actions(desired)
    return Plan(
        spec_name=desired.spec.name,
        resources=tuple(action for action in resources if action is not None),
        job_id=job_action.id if job_action else str(newest["id"]) if newest else desired.spec.job_id,
        work=work,
        upload_actions=Mapped(work.uploads, act.upload),
        deletion_actions=Mapped(work.deletions, act.delete),
        run_actions=Mapped(work.runs, act.run),
        download_actions=Mapped(work.downloads, act.download),
        seals_job=_seals(desired, current, job_action),
    )


def _counted(job_action: Action | None, current: Json | None) -> Counted:
    """Which live tasks the work is held against."""
    if job_action is not None and job_action.operation is Operation.REPLACE:
        return Counted.NONE  # they go with the old job; their work is done anew in the next
    # What was still queued when the job ended stays so for ever, and nobody runs it (FACTS 4).
    return Counted.ALL if current is not None else Counted.COMPLETED


def _only(desired: Desired, action: Action) -> Plan:
    """A plan of one action: what else differs is for the next plan to say."""
    return Plan(spec_name=desired.spec.name, resources=(action,), job_id=desired.spec.job_id)


def current_job(desired: Desired, observed: Observed) -> Json | None:
    """The newest generation of the spec's job, if it is still open for tasks."""
    newest = newest_job(desired.spec, observed.jobs)
    return newest if newest is not None and jobs.is_open(newest) else None


def newest_job(spec: Spec, listed: Iterable[Json]) -> Json | None:
    """The newest generation of the spec's job, whatever its state. Others' jobs may have ids that look like one."""
    ours = [job for job in listed if jobs.generation(spec.job_id, job["id"]) and owner(job) == spec.name]
    return max(ours, key=lambda job: jobs.generation(spec.job_id, job["id"]) or 0, default=None)


def _pool(desired: Desired, observed: Observed, work: Work) -> Action | None:
    spec = desired.spec
    if spec.pool is None:
        return None
    if desired.pool is None:
        if observed.pool is None and work.needed:
            raise RefusedError(
                f"the pool {spec.pool.id} does not exist",
                help="`existing:` only uses pools that are there; name another, or describe the pool in the spec",
            )
        return None
    if observed.pool is None or observed.pool.get("state") == "deleting":
        if spec.groups and not work.needed:
            return None
        return new_action(desired, Operation.CREATE, Kind.POOL, spec.pool.id, Reason.MISSING, ("pool", "id"))
    refuse_foreign(observed.pool, spec.name, "pool")
    if not spec.groups or work.needed:
        return change_pool(desired, observed, compare_size=True)
    ending = sum(1 for removal in work.deletions if removal.state == "running")  # they keep nobody's node
    others = replace(observed, pool_running_tasks=max(0, observed.pool_running_tasks - ending))
    return put_away(desired, others, change_pool(desired, observed, compare_size=False))


def _job(desired: Desired, observed: Observed) -> Action | None:
    """What a job that is still open needs; a completed one is not compared."""
    for job in observed.jobs:
        if job["id"].casefold() == desired.spec.job_id.casefold():
            refuse_foreign(job, desired.spec.name, "job")
    current = current_job(desired, observed)
    if desired.job is None or current is None:
        return None
    action = update_action(desired, Kind.JOB, current["id"], jobs.changes(desired.job, current))
    if action is None or action.operation is not Operation.REPLACE:
        return action
    next_id = jobs.next_id(desired.spec.job_id, (job["id"] for job in observed.jobs))
    ended = task_lines(observed.running, 0, "is ended with the old job, and runs again in the new one")
    return replace(action, id=next_id, detail=current["id"], interrupts=ended)


def _outdated_jobs(desired: Desired, observed: Observed) -> Iterator[Action]:
    """Older generations that still run tasks: a replacement was cut off before it had deleted them."""
    newest = newest_job(desired.spec, observed.jobs)
    for job in observed.jobs:
        if job is not newest and owner(job) == desired.spec.name and jobs.is_open(job):
            yield new_action(
                desired, Operation.DELETE, Kind.JOB, job["id"], Reason.OUTDATED_JOB, ("job", "id")
            )


def _next_job(desired: Desired, observed: Observed) -> Action:
    taken = [job["id"] for job in observed.jobs]
    reason = Reason.COMPLETED if newest_job(desired.spec, observed.jobs) else Reason.MISSING
    next_id = jobs.next_id(desired.spec.job_id, taken)
    return new_action(desired, Operation.CREATE, Kind.JOB, next_id, reason, ("job", "id"))


def _seals(desired: Desired, current: Json | None, job_action: Action | None) -> bool:
    """Whether the job has yet to be told to complete with its tasks (the service cannot go back from it)."""
    wanted = str((desired.job or {}).get("onAllTasksComplete", "")).lower()
    if wanted != "terminatejob":
        return False
    if job_action is not None and job_action.operation in (Operation.CREATE, Operation.REPLACE):
        return True
    if current is None or is_ignored(desired, ("job", "onAllTasksComplete")):
        return False
    return str(current.get("onAllTasksComplete", "noaction")).lower() != wanted


class _Actions:
    """What is done to tasks and blobs, as actions. The line of the spec is looked up once for each path."""

    def __init__(self, desired: Desired) -> None:
        self._place = cache(lambda path: place_of(desired, path))

    def upload(self, found: Upload) -> Action:
        path, size = (*found.group.path, "inputs"), str(found.input.size)
        return self._new(Operation.UPLOAD, Kind.INPUT, found.input.blob, found.reason, path, size)

    def delete(self, found: Removal) -> Action:
        """A task that is queued or running and should not be: its input is gone, or its work changed."""
        path = decided_at(found.group) if found.group else ("tasks",)
        action = self._new(Operation.DELETE, Kind.TASK, found.id, found.reason, path)
        return replace(action, interrupts=("it is running",)) if found.state == "running" else action

    def run(self, found: Run) -> Action:
        task, is_input = found.task, found.reason in (Reason.NEW_INPUT, Reason.INPUT_CHANGED)
        path = (*task.group.path, "inputs") if is_input and task.input else decided_at(task.group)
        return self._new(Operation.RUN, Kind.TASK, found.id, found.reason, path, task.name)

    def download(self, found: Download) -> Action:
        return self._new(Operation.DOWNLOAD, Kind.OUTPUT, found.blob, found.reason, ("download",))

    def _new(
        self, operation: Operation, kind: Kind, id: str, reason: Reason, path: Path, detail: str = ""
    ) -> Action:
        return Action(operation, kind, id, reason, path, self._place(path), detail=detail)


def refuse_foreign(live: Json | None, spec_name: str, kind: str) -> None:
    """Raises where a live pool or job belongs to somebody else."""
    if live is None:
        return
    stamp = owner(live)
    if stamp == spec_name:
        return
    whose = f"belongs to the spec {stamp!r}" if stamp else "was not made by batchspec"
    ways = [f"choose another {kind} id"]
    if kind == "pool":
        ways.append("use it unchanged with `pool: {existing: …}`")
    if stamp is None:
        ways.append(
            f"make it this spec's with `batchspec import {kind} {live['id']} --name {spec_name} --adopt`"
        )
    raise RefusedError(f"the {kind} {live['id']} exists and {whose}", help=", or ".join(ways))
