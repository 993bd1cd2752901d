"""What becomes of the job: its generations, and the one that takes the work at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from batchspec.desired.task import Desired
from batchspec.language.model import Spec
from batchspec.plan.actions.action import is_ignored, new_action, task_lines, update_action
from batchspec.plan.actions.owner import refuse_foreign
from batchspec.plan.model import Action, Kind, Operation, Reason
from batchspec.plan.observed import Observed
from batchspec.resources import job as jobs
from batchspec.resources.base import Json, owner


def newest_job(spec: Spec, listed: Iterable[Json]) -> Json | None:
    """The newest generation of the spec's job, whatever its state. Others' jobs may have ids that look like one."""
    ours = [job for job in listed if jobs.generation(spec.job_id, job["id"]) and owner(job) == spec.name]
    return max(ours, key=lambda job: jobs.generation(spec.job_id, job["id"]) or 0, default=None)


def current_job(spec: Spec, listed: Iterable[Json]) -> Json | None:
    """The newest generation of the spec's job, if it is still open for tasks."""
    newest = newest_job(spec, listed)
    return newest if newest is not None and jobs.is_open(newest) else None


def job_action(desired: Desired, observed: Observed) -> Action | None:
    """What a job that is still open needs; a completed one is not compared."""
    for job in observed.jobs:
        if job["id"].casefold() == desired.spec.job_id.casefold():
            refuse_foreign(job, desired.spec.name, "job")
    current = current_job(desired.spec, observed.jobs)
    if desired.job is None or current is None:
        return None
    following = {**desired.job, "id": jobs.next_id(desired.spec.job_id, (job["id"] for job in observed.jobs))}
    action = update_action(desired, Kind.JOB, current, following, jobs.changes(desired.job, current))
    if action is None or action.operation is not Operation.REPLACE:
        return action
    ended = task_lines(observed.running, 0, "is ended with the old job, and runs again in the new one")
    return action._replace(id=following["id"], interrupts=ended)


def next_job(desired: Desired, observed: Observed) -> Action | None:
    """The job that takes new work, where none is open."""
    if desired.job is None:
        return None
    taken = [job["id"] for job in observed.jobs]
    reason = Reason.COMPLETED if newest_job(desired.spec, observed.jobs) else Reason.MISSING
    next_id = jobs.next_id(desired.spec.job_id, taken)
    return new_action(
        desired,
        Operation.CREATE,
        Kind.JOB,
        next_id,
        reason,
        ("job", "id"),
        after={**desired.job, "id": next_id},
    )


def outdated_jobs(desired: Desired, observed: Observed) -> Iterator[Action]:
    """Older generations that still run tasks: a replacement was cut off before it had deleted them."""
    newest = newest_job(desired.spec, observed.jobs)
    for job in observed.jobs:
        if job is not newest and owner(job) == desired.spec.name and jobs.is_open(job):
            yield new_action(
                desired,
                Operation.DELETE,
                Kind.JOB,
                job["id"],
                Reason.OUTDATED_JOB,
                ("job", "id"),
                before=job,
            )


def seals(desired: Desired, current: Json | None, action: Action | None) -> bool:
    """Whether the job has yet to be told to complete with its tasks (the service cannot go back from it)."""
    wanted = str((desired.job or {}).get("onAllTasksComplete", "")).lower()
    if wanted != "terminatejob":
        return False
    if action is not None and action.operation in (Operation.CREATE, Operation.REPLACE):
        return True
    if current is None or is_ignored(desired, ("job", "onAllTasksComplete")):
        return False
    return str(current.get("onAllTasksComplete", "noaction")).lower() != wanted
