"""Jobs over Batch. Source: Batch REST API 2025-06-01; FACTS 4."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from batchspec.errors import ServiceError
from batchspec.resources import job as jobs
from batchspec.resources.base import (
    STAMP_STOPPED,
    Change,
    Json,
    has,
    made_from,
    updated_metadata,
    with_live,
)
from batchspec.resources.task_fields import NO_LIMIT
from batchspec.service.batch.client import Batch, path_of
from batchspec.service.batch.secrets import with_secrets
from batchspec.service.batch.stamp import stamp
from batchspec.service.batch.waiting import Passing, Progress, insist, no_progress
from batchspec.service.http.errors import accepting, as_it_was_read
from batchspec.source import Path

_GOING_LIMIT_S = 30 * 60.0  # minutes, when nodes have folders of it

BLOCKED, CANCELLED, FAILURES = "TasksBlocked", "Cancelled", "TooManyFailures"
"""Reasons of ours for ending a job: the service keeps them with it."""
OVER_TIME, TASK_FAILED = "MaxWallClockTimeExpiry", "TaskFailed"
"""Its own reasons for one that took too long (FACTS 4), and for one that a task's exit conditions have ended."""

_ABSENT: dict[str, Any] = {
    "priority": 0,
    "maxParallelTasks": -1,
    "allowTaskPreemption": False,
    "constraints": {"maxWallClockTime": NO_LIMIT, "maxTaskRetryCount": 0},
}


def read(batch: Batch, job_id: str) -> dict[str, Any] | None:
    """The live job, or None."""
    with accepting(404):
        return batch.get(path_of("jobs", job_id), doing=f"read the job {job_id}").body
    return None


def generations(batch: Batch, base_id: str) -> list[dict[str, Any]]:
    """All jobs that are generations of *base_id*, completed and deleting ones too."""
    return [job for job in _listed(batch, _begins_with(base_id)) if jobs.generation(base_id, job["id"])]


def generations_and_open(batch: Batch, base_id: str) -> list[dict[str, Any]]:
    """The generations of *base_id*, if it is not empty, and every job of the account that is not completed."""
    is_open = "state ne 'completed'"
    return _listed(batch, f"{_begins_with(base_id)} or {is_open}" if base_id else is_open)


def all_jobs(batch: Batch) -> list[dict[str, Any]]:
    """The account's jobs, completed and deleting ones too: whose each is."""
    return _listed(batch, "", select="id,state,metadata")


def _begins_with(base_id: str) -> str:
    """Ids are compared without case, but the filter is not known to be (FACTS 1.4): the base as the spec has it."""
    return f"startswith(id,'{base_id}')"


def _listed(batch: Batch, filter: str, **query: str) -> list[dict[str, Any]]:
    query |= {"filter": filter} if filter else {}
    return list(batch.items("/jobs", doing="list the jobs", **query))


def create(batch: Batch, desired: Json, job_id: str, progress: Progress = no_progress) -> None:
    """Makes a generation, after a job of the same id that is still going, and once the quota has room for it.

    A create that was repeated finds its own job, and that is fine.
    """
    body = jobs.creation_body(desired, job_id)
    sent = with_secrets(body)

    def make() -> None:
        try:
            batch.post("/jobs", sent, doing=f"create the job {job_id}")
        except ServiceError as error:
            live = (read(batch, job_id) or {}) if error.code == "JobExists" else {}
            if live.get("state") != "active" or not made_from(live, body):
                raise

    going = Passing(f"the old job {job_id} to be gone", _GOING_LIMIT_S)
    room = Passing("another job to end: the account has as many as it may", batch.patience.limit_s)
    insist(batch, make, {"JobBeingDeleted": going, "ActiveJobAndScheduleQuotaReached": room}, progress)


def update(
    batch: Batch, desired: Json, job_id: str, changes: Sequence[Change], ignored: Collection[Path] = ()
) -> None:
    """Patches the fields in *changes*; *ignored* paths stay as they are live. Absence is said, since a patch keeps.

    That the job completes with its tasks is for `seal` to say, after all of them are in.
    """
    names = {str(change.path[0]) for change in changes} - {"onAllTasksComplete"}
    if not names:
        return
    live = batch.get(path_of("jobs", job_id), doing=f"read the job {job_id}").body
    fields = {name: desired.get(name, _ABSENT.get(name)) for name in names}
    kept = [path[1:] for path in ignored if path[0] == "job" and path[1] in names]
    body = {**with_live(fields, live, kept), "metadata": updated_metadata(desired, live, changes)}

    def is_done() -> bool:
        return has(jobs.FIELDS, batch.get(path_of("jobs", job_id), doing=f"read the job {job_id}").body, body)

    with as_it_was_read(f"job {job_id}", is_done):
        batch.patch(path_of("jobs", job_id), body, doing=f"update the job {job_id}", etag=live["eTag"])


def seal(batch: Batch, job_id: str) -> None:
    """Has the job complete with its tasks. The service cannot go back from it, so all tasks are in."""
    with accepting("JobCompleted", "JobBeingTerminated"):
        batch.patch(
            path_of("jobs", job_id),
            {"onAllTasksComplete": "terminatejob"},
            doing=f"let the job {job_id} complete with its tasks",
        )


def state(batch: Batch, job_id: str) -> str | None:
    """The job's state; None when it is gone."""
    where, doing = path_of("jobs", job_id), f"read the job {job_id}"
    with accepting(404):
        return str(batch.get(where, doing=doing, select="id,state").body["state"])
    return None


def task_counts(batch: Batch, job_id: str) -> dict[str, int]:
    """How many tasks are active, running, succeeded and failed. It may lag (FACTS 5.9)."""
    doing = f"count the tasks of the job {job_id}"
    counts = batch.get(path_of("jobs", job_id, "taskcounts"), doing=doing).body["taskCounts"]
    return {name: int(number) for name, number in counts.items()}


def preparations(batch: Batch, job_id: str) -> list[dict[str, Any]]:
    """How the job's preparation task went, an entry for each node; none where there is no such task."""
    where = path_of("jobs", job_id, "jobpreparationandreleasetaskstatus")
    select = "nodeId,jobPreparationTaskExecutionInfo"
    with accepting(404, 409):
        return list(batch.items(where, doing=f"read how the job {job_id} was prepared", select=select))
    return []


def terminate(batch: Batch, job_id: str, reason: str) -> None:
    """Ends the job for *reason*: what runs in it is ended, what waits never runs. One that is ended or gone is fine."""
    doing = f"end the job {job_id}"
    with accepting(404, 409):
        batch.post(path_of("jobs", job_id, "terminate"), {"terminateReason": reason}, doing=doing)


def stop(batch: Batch, job_id: str) -> None:
    """No task of the job starts any more, those that run go on. One that is over, or gone, is fine."""
    live = read(batch, job_id)
    if live is None or not jobs.is_open(live):
        return
    # First: of a job that is disabled without this mark, the next run would believe that a person has stopped it.
    stamp(batch, "job", {"metadata": [{"name": STAMP_STOPPED, "value": "true"}]}, live)
    _switch(batch, job_id, "disable", {"disableTasks": "wait"})


def resume(batch: Batch, job_id: str) -> bool:
    """Whether the job was stopped, and not ended yet: then its tasks start again."""
    is_stopped = jobs.is_stopped(read(batch, job_id) or {})
    if is_stopped:
        _switch(batch, job_id, "enable", None)
    return is_stopped


def _switch(batch: Batch, job_id: str, verb: str, body: Json | None) -> None:
    """Disables or enables the job; one that is over, or gone, is fine."""
    with accepting(404, 409):
        batch.post(path_of("jobs", job_id, verb), body, doing=f"{verb} the job {job_id}")


def why_ended(batch: Batch, job_id: str) -> str:
    """The reason for which the job was ended; empty for one that was not, or is gone."""
    return str(((read(batch, job_id) or {}).get("executionInfo") or {}).get("terminateReason", ""))


def delete(batch: Batch, job_id: str) -> None:
    """Deletes the job with its tasks; one that is gone or going is fine."""
    with accepting(404, "JobBeingDeleted"):
        batch.delete(path_of("jobs", job_id), doing=f"delete the job {job_id}")
