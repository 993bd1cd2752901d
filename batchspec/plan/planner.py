"""`make_plan(desired, observed)`: a pure function from what should be and what is to what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from batchspec.errors import RefusedError
from batchspec.plan.compare import (
    change_pool,
    is_ignored,
    lifts_protection,
    new_action,
    put_away,
    task_lines,
    unprotect,
    update_action,
)
from batchspec.plan.model import Action, Kind, Observed, Operation, Plan, Reason, Run
from batchspec.plan.work import Work, find_work
from batchspec.resources import job as jobs
from batchspec.resources.base import Json, owner
from batchspec.source import Path
from batchspec.spec.expand import Desired, Input
from batchspec.spec.model import Spec
from batchspec.spec.task_body import decided_at


def make_plan(desired: Desired, observed: Observed) -> Plan:
    """What makes *observed* into *desired*. Raises `RefusedError` where something is not ours to change."""
    if lifts_protection(desired, observed.pool):
        return _only(desired, unprotect(desired))
    job_action = _job(desired, observed)
    if job_action is not None and job_action.operation is Operation.REPLACE:
        observed = replace(
            observed, tasks=()
        )  # they go with the old job; their work is done anew in the next
    current = current_job(desired, observed)
    if current is None:
        # What was still queued when the job ended stays so for ever, and nobody runs it (FACTS 4).
        observed = replace(observed, tasks=[task for task in observed.tasks if task.is_completed])
    work = find_work(desired, observed)
    if job_action is None and work.runs and current is None:
        job_action = _next_job(desired, observed)
    actions = (
        _pool(desired, observed, work),
        job_action,
        *_outdated_jobs(desired, observed),
        *_uploads(desired, observed, work),
        *_deletions(desired, work),
        *(_run(desired, run) for run in work.runs),
        *_downloads(desired, observed, work),
    )
    newest = newest_job(desired.spec, observed.jobs)
    return Plan(
        spec_name=desired.spec.name,
        actions=tuple(action for action in actions if action is not None),
        job_id=job_action.id if job_action else str(newest["id"]) if newest else desired.spec.job_id,
        runs=tuple(work.runs),
        in_progress=tuple(work.in_progress),
        obsolete=(*work.left, *(live for _, live in work.outdated)),
        seals_job=_seals(desired, current, job_action),
        up_to_date=work.up_to_date,
        orphans=work.orphans,
    )


def _only(desired: Desired, action: Action) -> Plan:
    """A plan of one action: what else differs is for the next plan to say."""
    return Plan(spec_name=desired.spec.name, actions=(action,), job_id=desired.spec.job_id)


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
    return put_away(desired, observed, change_pool(desired, observed, compare_size=False))


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
    ended = task_lines(observed.tasks, 0, "is ended with the old job, and runs again in the new one")
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


def _uploads(desired: Desired, observed: Observed, work: Work) -> Iterator[Action]:
    """The files that a task at hand reads and the container lacks, each once."""
    seen: set[str] = set()
    for run in work.runs:
        item = run.task.input
        if item is None or item.file is None or item.blob in seen:
            continue
        seen.add(item.blob)
        if reason := _upload_reason(item, observed):
            path = (*run.task.group.path, "inputs")
            yield new_action(
                desired, Operation.UPLOAD, Kind.INPUT, item.blob, reason, path, detail=str(item.size)
            )


def _upload_reason(item: Input, observed: Observed) -> Reason | None:
    live = observed.inputs.get(item.blob)
    if live is None:
        return Reason.NEW_INPUT
    return None if (live.md5, live.size) == (item.content, item.size) else Reason.INPUT_CHANGED


def _deletions(desired: Desired, work: Work) -> Iterator[Action]:
    """Tasks that are queued or running and should not be: their input is gone, or their work changed.

    One that only gets new links is not among them: it goes on waiting, under its next id.
    """
    for live in work.left:
        yield _deletion(desired, live.id, live.state, Reason.LEFT_SPEC, ("tasks",))
    for task, live in work.outdated:
        yield _deletion(desired, live.id, live.state, Reason.REPLACED, decided_at(task))
    for run in work.runs:
        for live in run.superseded:
            if live.work != run.task.work.short and not live.is_completed:
                yield _deletion(desired, live.id, live.state, Reason.REPLACED, decided_at(run.task))


def _deletion(desired: Desired, id: str, state: str, reason: Reason, path: Path) -> Action:
    running = ("it is running",) if state == "running" else ()
    return new_action(desired, Operation.DELETE, Kind.TASK, id, reason, path, interrupts=running)


def _run(desired: Desired, run: Run) -> Action:
    place = "inputs" if run.reason in (Reason.NEW_INPUT, Reason.INPUT_CHANGED) and run.task.input else None
    path = (*run.task.group.path, place) if place else decided_at(run.task)
    return new_action(desired, Operation.RUN, Kind.TASK, run.id, run.reason, path, detail=run.task.name)


def _downloads(desired: Desired, observed: Observed, work: Work) -> Iterator[Action]:
    """Outputs that are there and current, and whose local file is missing or differs."""
    if desired.spec.download is None:
        return
    for output in work.outputs:
        blob, local = observed.outputs[output], observed.local_md5.get(output)
        if local is None or (blob.md5 and local != blob.md5):
            reason = Reason.LOCAL_MISSING if local is None else Reason.LOCAL_DIFFERS
            yield new_action(desired, Operation.DOWNLOAD, Kind.OUTPUT, output, reason, ("download",))


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
