"""Tasks over Batch: listed narrowly, added in collections. Source: Batch REST API 2025-06-01; FACTS 0.1, 5."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from batchspec.errors import ServiceError
from batchspec.resources.base import Json
from batchspec.resources.task import LiveTask, read_task
from batchspec.service.batch import Batch, path_of

COLLECTION_TASKS = 100
COLLECTION_BYTES = 1_000_000
_NARROW = "id,state,executionInfo"
_SERVER_ERROR_TRIES = 6
_FIRST_WAIT_S = 0.5


def read_all(batch: Batch, job_id: str, *, filter: str = "", select: str = _NARROW) -> Iterator[LiveTask]:
    """Our tasks of a job; others' are passed over. A job that is gone has none."""
    query = {"select": select} | ({"filter": filter} if filter else {})
    try:
        for page in batch.pages(
            path_of("jobs", job_id, "tasks"), doing=f"list the tasks of {job_id}", **query
        ):
            yield from filter_ours(page)
    except ServiceError as error:
        if error.status != 404:
            raise


def read_completed(batch: Batch, job_id: str, since: datetime | None) -> Iterator[LiveTask]:
    """Our tasks of a job that are completed, with the time of it; only those since *since*, if it is given."""
    filter = "state eq 'completed'"
    if since is not None:
        filter += f" and stateTransitionTime ge DateTime'{since:%Y-%m-%dT%H:%M:%S.%fZ}'"
    return read_all(batch, job_id, filter=filter, select=f"{_NARROW},stateTransitionTime")


def filter_ours(page: Iterable[Json]) -> Iterator[LiveTask]:
    for body in page:
        task = read_task(body)
        if task is not None:
            yield task


class Packed(NamedTuple):
    """A task's create body, ready for the wire. It holds signed URLs: send it, do not keep it."""

    id: str
    json: bytes


def add(batch: Batch, job_id: str, tasks: Sequence[Packed]) -> dict[str, ServiceError]:
    """Adds a collection; returns the refused ones by id, each with its error.

    Each result is looked at, by its status in any letter case and by its error. A
    task that is there already is ours: its id says what it does.
    """
    todo = tasks
    refused: dict[str, ServiceError] = {}
    for attempt in range(_SERVER_ERROR_TRIES):
        answers = {answer["taskId"]: answer for answer in _post(batch, job_id, todo)}
        again = []
        for task in todo:
            error = _refusal(answers.get(task.id))
            if error is not None and error.status >= 500 and attempt + 1 < _SERVER_ERROR_TRIES:
                again.append(task)
            elif error is not None:
                refused[task.id] = error
        if not again:
            break
        todo = again
        time.sleep(_FIRST_WAIT_S * 2**attempt)
    return refused


def _post(batch: Batch, job_id: str, tasks: Sequence[Packed]) -> list[dict[str, Any]]:
    """One collection's results; a collection that is too large is halved."""
    doing = f"add tasks to the job {job_id}"
    body = b'{"value":[%b]}' % b",".join(task.json for task in tasks)
    try:
        answer = batch.post(path_of("jobs", job_id, "addtaskcollection"), body, doing=doing)
        return list(answer.body.get("value", []))
    except ServiceError as error:
        if error.status != 413 or len(tasks) == 1:
            raise
    middle = len(tasks) // 2
    return _post(batch, job_id, tasks[:middle]) + _post(batch, job_id, tasks[middle:])


def _refusal(answer: Json | None) -> ServiceError | None:
    """Why a task was not added, without its id, so that equal reasons are equal; None when it is in."""
    if answer is None:
        return ServiceError("refused: the service said nothing about it", status=500)
    error = answer.get("error") or {}
    code = str(error.get("code", ""))
    if code == "TaskExists" or (str(answer.get("status", "")).lower() == "success" and not code):
        return None
    status = 500 if str(answer.get("status", "")).lower() == "servererror" else 400
    sentence = str((error.get("message") or {}).get("value", "")).split("\n")[0]
    return ServiceError(f"refused: {sentence} ({code})", status=status, code=code)


def collections(tasks: Iterable[Packed]) -> Iterator[list[Packed]]:
    """*tasks* in groups that the service takes: at most 100 tasks and 1 MB."""
    group: list[Packed] = []
    size = 0
    for task in tasks:
        length = len(task.json) + 1
        if group and (len(group) == COLLECTION_TASKS or size + length > COLLECTION_BYTES):
            yield group
            group, size = [], 0
        group.append(task)
        size += length
    if group:
        yield group


def delete(batch: Batch, job_id: str, task_id: str) -> None:
    """Deletes a task, ending it if it runs; one that is gone is fine."""
    try:
        batch.delete(path_of("jobs", job_id, "tasks", task_id), doing=f"delete the task {task_id}")
    except ServiceError as error:
        if error.status != 404:
            raise


def read_file(batch: Batch, job_id: str, task_id: str, path: str) -> bytes | None:
    """A file of a task on its node (`stdout.txt`); None when the task, the node or the file is gone."""
    try:
        where = path_of("jobs", job_id, "tasks", task_id, "files", path)
        return batch.content(where, doing=f"read {path} of the task {task_id}")
    except ServiceError as error:
        if error.status in (404, 409):
            return None
        raise
