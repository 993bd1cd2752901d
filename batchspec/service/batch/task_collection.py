"""Adding tasks: in collections, each result looked at. Source: Batch REST API 2025-06-01; FACTS 0.1, 5."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from batchspec.errors import ServiceError
from batchspec.resources.base import Json
from batchspec.resources.task import FINGERPRINT_VARIABLE
from batchspec.service.batch import task as task_service
from batchspec.service.batch.client import Batch, path_of
from batchspec.service.http.retry import Budget

_MOST_TASKS = 100
_MOST_BYTES = 1_000_000
JOB_IS_OVER = ("JobCompleted", "JobBeingTerminated", "JobBeingDeleted", "JobNotFound")
_HEAD, _TAIL = b'{"value":[', b"]}"


class Packed(NamedTuple):
    """A task's create body, ready for the wire. It holds signed URLs: send it, do not keep it."""

    id: str
    json: bytes | memoryview
    number: int = 0  # its place among the tasks of its spec


class TaskCollection:
    """Tasks that are added together. Their bodies are parts of the request's, so that each is in memory once."""

    def __init__(self, tasks: Sequence[Packed]) -> None:
        bodies = [task.json for task in tasks]
        self.ids = [task.id for task in tasks]
        self.numbers = [task.number for task in tasks]
        self.body = b"%b%b%b" % (_HEAD, b",".join(bodies), _TAIL)
        self._lengths = list(map(len, bodies))

    def __len__(self) -> int:
        return len(self.ids)

    def tasks(self) -> list[Packed]:
        whole, starts = memoryview(self.body), accumulate((n + 1 for n in self._lengths), initial=len(_HEAD))
        # There is one start more, where the next one would begin.
        parts = [whole[at : at + length] for at, length in zip(starts, self._lengths, strict=False)]
        return list(map(Packed, self.ids, parts, self.numbers))

    def only(self, ids: Collection[str]) -> TaskCollection:
        """Those of its tasks that have one of *ids*."""
        return TaskCollection([task for task in self.tasks() if task.id in ids])


def collections(tasks: Iterable[Packed]) -> Iterator[TaskCollection]:
    """*tasks* in groups that the service takes: at most 100 tasks and 1 MB."""
    group: list[Packed] = []
    size = 0
    for task in tasks:
        length = len(task.json) + 1
        if group and (len(group) == _MOST_TASKS or size + length > _MOST_BYTES):
            yield TaskCollection(group)
            group, size = [], 0
        group.append(task)
        size += length
    if group:
        yield TaskCollection(group)


def add(batch: Batch, job_id: str, tasks: TaskCollection) -> dict[str, ServiceError]:
    """Adds a collection; returns the refused ones by id, each with its error.

    Each result is looked at, by its status in any letter case and by its error. What the service failed at, or
    left out of its answer, is sent again within the budget of one call. A completed job refuses all tasks with that
    code; those that an earlier try had added, whose answer was lost, count as added if they have ended since.
    """
    budget = batch.patience.begin()
    refused: dict[str, ServiceError] = {}
    while failed := _not_added(tasks.ids, _post(batch, job_id, tasks, budget)):
        again: dict[str, ServiceError] = {}
        for task in tasks.tasks():
            error = _why_missing(batch, job_id, task, failed.get(task.id), budget)
            if error is not None:
                (again if error.status >= 500 else refused)[task.id] = error
        if not again or not budget.wait():
            return refused | again
        tasks = tasks.only(again)
    return refused


def _why_missing(
    batch: Batch, job_id: str, task: Packed, error: ServiceError | None, budget: Budget
) -> ServiceError | None:
    """Why the *task* is not in the job, of which the service said *error*; None where it is in after all."""
    if error is None:
        return None
    if error.code == "TaskExists":
        return _other_work(batch, job_id, task)
    if error.code in JOB_IS_OVER and budget.is_repeated:
        live = task_service.read(batch, job_id, task.id)
        return None if live is not None and live.is_completed else error
    return error


def _post(batch: Batch, job_id: str, tasks: TaskCollection, budget: Budget) -> list[dict[str, Any]]:
    """The results of a collection. One that is too large is halved; a completed job refuses all of its tasks."""
    doing = f"add tasks to the job {job_id}"
    try:
        where = path_of("jobs", job_id, "addtaskcollection")
        return list(batch.post(where, tasks.body, doing=doing, budget=budget).body.get("value") or [])
    except ServiceError as error:
        if error.code in JOB_IS_OVER:
            return _refused(tasks, error.code, str(error))
        if error.status != 413:
            raise
    if len(tasks) == 1:
        too_large = f"its body of {len(tasks.body)} bytes is more than the service takes"
        return _refused(tasks, "RequestBodyTooLarge", too_large)
    # Halved, since nobody says how much less would do; within the same budget, as it is one call to the person.
    parts, middle = tasks.tasks(), len(tasks) // 2
    halves = TaskCollection(parts[:middle]), TaskCollection(parts[middle:])
    return [result for half in halves for result in _post(batch, job_id, half, budget)]


def _refused(tasks: TaskCollection, code: str, why: str) -> list[dict[str, Any]]:
    """The results of tasks that the service refused without saying so of each."""
    error = {"code": code, "message": {"value": why}}
    return [{"taskId": id, "status": "clienterror", "error": error} for id in tasks.ids]


def _not_added(ids: Sequence[str], results: Sequence[Json]) -> dict[str, ServiceError]:
    """Why those of *ids* that are not in were not added."""
    # Nearly all are in, and answered for under the id that was sent, which this sees without a closer look.
    said = {result.get("taskId") for result in results if result.get("status") in ("success", "Success")}
    errors = any(result.get("error") for result in results)
    if not errors and said.issuperset(ids):
        return {}
    # By id, which has no letter case, and not by their order, which nobody promises.
    answers = {str(result.get("taskId")).lower(): result for result in results}
    found = ((id, _refusal(answers.get(id.lower()))) for id in ids)
    return {id: error for id, error in found if error is not None}


def _refusal(result: Json | None) -> ServiceError | None:
    """Why a task was not added, without its id, so that equal reasons are equal; None when it is in."""
    if result is None:
        return ServiceError("refused: the service said nothing about it", status=500)
    error = result.get("error") or {}
    code = str(error.get("code", ""))
    status = str(result.get("status", "")).lower()
    if status == "success" and not code:
        return None
    sentence = str((error.get("message") or {}).get("value", "")).split("\n")[0]
    return ServiceError(
        f"refused: {sentence} ({code})", status=500 if status == "servererror" else 400, code=code
    )


def _other_work(batch: Batch, job_id: str, task: Packed) -> ServiceError | None:
    """None when the task that exists does the work of *task*: it was added, and the answer got lost (R-11)."""
    where = path_of("jobs", job_id, "tasks", task.id)
    try:
        live = batch.get(where, doing=f"read the task {task.id}", select="id,environmentSettings").body
    except ServiceError as error:
        if error.status != 404:
            raise
        return ServiceError("refused: a task of its id was there, and went", status=500)
    if _fingerprint(live) == _fingerprint(json.loads(bytes(task.json))):
        return None
    return ServiceError(
        "refused: a task with this id exists and does other work", status=409, code="TaskExists"
    )


def _fingerprint(body: Json) -> str | None:
    settings = body.get("environmentSettings") or []
    return next((entry.get("value") for entry in settings if entry["name"] == FINGERPRINT_VARIABLE), None)
