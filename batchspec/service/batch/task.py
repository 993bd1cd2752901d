"""Tasks over Batch: listed narrowly, added in collections. Source: Batch REST API 2025-06-01; FACTS 0.1, 5."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from batchspec.errors import ServiceError
from batchspec.resources.base import Json
from batchspec.resources.links import LINKS_LAST, end_of
from batchspec.resources.records import FINGERPRINT_VARIABLE
from batchspec.resources.task import LiveTask, read_task
from batchspec.service.batch.client import Batch, path_of
from batchspec.service.http.retry import Budget

COLLECTION_TASKS = 100
COLLECTION_BYTES = 1_000_000
JOB_IS_OVER = ("JobCompleted", "JobBeingTerminated", "JobBeingDeleted", "JobNotFound")
_NARROW = "id,state,executionInfo"
_NOTHING_MORE = 416  # the file ends where the range would begin
NAMED = f"{_NARROW},displayName"
"""What a listing tells of tasks that people ask for by name."""
PLACED = f"{_NARROW},nodeInfo"
"""What a listing tells of tasks where it matters which node they ran on."""
_TRACED = f"{_NARROW},nodeInfo,creationTime"


def read_all(batch: Batch, job_id: str, *, filter: str = "", select: str = _NARROW) -> Iterator[LiveTask]:
    """The tasks of a job, ours and others'. A job that is gone has none."""
    query = {"select": select} | ({"filter": filter} if filter else {})
    with _gone_is_none():
        for page in batch.pages(
            path_of("jobs", job_id, "tasks"), doing=f"list the tasks of {job_id}", **query
        ):
            yield from map(read_task, page)


def read_texts(batch: Batch, job_id: str) -> Iterator[str]:
    """The same tasks as the service's pages tell of them, in JSON: there may be a million."""
    with _gone_is_none():
        path = path_of("jobs", job_id, "tasks")
        yield from batch.texts(path, doing=f"list the tasks of {job_id}", select=_NARROW)


def read_bodies(batch: Batch, job_id: str) -> Iterator[Json]:
    """The tasks of a job, with all that the service tells of them."""
    with _gone_is_none():
        for page in batch.pages(path_of("jobs", job_id, "tasks"), doing=f"list the tasks of {job_id}"):
            yield from page


def read_completed(batch: Batch, job_id: str, since: datetime | None) -> Iterator[LiveTask]:
    """The tasks of a job that are completed, with how they ran; only those completed since *since*, if it is given."""
    filter = "state eq 'completed'"
    if since is not None:
        filter += f" and {_since(since)}"
    return read_all(batch, job_id, filter=filter, select=f"{_TRACED},stateTransitionTime")


def _since(moment: datetime) -> str:
    return f"stateTransitionTime ge DateTime'{moment:%Y-%m-%dT%H:%M:%S.%fZ}'"


def read_changed(batch: Batch, job_id: str, since: datetime | None) -> Iterator[LiveTask]:
    """The tasks of a job whose state has changed since *since*, or all: by name, with their nodes and times."""
    select = f"{NAMED},nodeInfo,stateTransitionTime"
    return read_all(batch, job_id, filter=_since(since) if since else "", select=select)


def read_running(batch: Batch, job_id: str) -> Iterator[LiveTask]:
    """The tasks of a job that are running, each with its node and since when: no more than the nodes have slots."""
    return read_all(batch, job_id, filter="state eq 'running'", select=f"{_NARROW},nodeInfo")


def read_traced(batch: Batch, job_id: str) -> Iterator[LiveTask]:
    """The tasks of a job, each with its name and how it ran so far."""
    return read_all(batch, job_id, select=f"{_TRACED},displayName")


def read_waiting(
    batch: Batch, job_id: str, added_before: datetime, *, has_long_links: bool
) -> Iterator[tuple[LiveTask, datetime]]:
    """The tasks of a job that have not ended and were added before *added_before*, each with when its links end.

    Where they may last longer than usual, the links themselves are asked; else it follows from when it was added.
    """
    filter = f"state ne 'completed' and creationTime lt DateTime'{added_before:%Y-%m-%dT%H:%M:%SZ}'"
    select = "id,state,creationTime" + (",outputFiles" if has_long_links else "")
    query = {"select": select, "filter": filter}
    with _gone_is_none():
        for page in batch.pages(
            path_of("jobs", job_id, "tasks"), doing=f"list the tasks of {job_id}", **query
        ):
            for body in page:
                yield read_task(body), _links_end(body)


def _links_end(body: Json) -> datetime:
    """When the first link of a task ends; all are signed as it is added, that to the outputs a little earlier."""
    urls = (file["destination"]["container"]["containerUrl"] for file in body.get("outputFiles") or ())
    ends = [end for url in urls if (end := end_of(url))]
    return min(ends, default=datetime.fromisoformat(body["creationTime"]) + LINKS_LAST)


@contextmanager
def _gone_is_none() -> Iterator[None]:
    """Within it, it is no error that a job or a task is not there."""
    try:
        yield
    except ServiceError as error:
        if error.status != 404:
            raise


def read_outputs(batch: Batch, job_id: str) -> Iterator[tuple[str, list[str]]]:
    """The tasks of a job that have not ended, each with the blobs that it will make."""
    query = {"select": "id,outputFiles", "filter": "state ne 'completed'"}
    with _gone_is_none():
        for page in batch.pages(
            path_of("jobs", job_id, "tasks"), doing=f"list the tasks of {job_id}", **query
        ):
            for body in page:
                files = body.get("outputFiles") or ()
                yield body["id"], [file["destination"]["container"].get("path", "") for file in files]


def read_dependencies(batch: Batch, job_id: str) -> Iterator[tuple[str, str]]:
    """Of the tasks of a job that wait: which waits for which."""
    query = {"select": "id,dependsOn", "filter": "state eq 'active'"}
    with _gone_is_none():
        for page in batch.pages(
            path_of("jobs", job_id, "tasks"), doing=f"list the tasks of {job_id}", **query
        ):
            for body in page:
                producers = (body.get("dependsOn") or {}).get("taskIds") or ()
                yield from ((body["id"], producer) for producer in producers)


class Packed(NamedTuple):
    """A task's create body, ready for the wire. It holds signed URLs: send it, do not keep it."""

    id: str
    json: bytes | memoryview
    number: int = 0  # its place among the tasks of its spec


class Collection(list[Packed]):
    """Tasks that are added together. Their bodies are parts of the request's, so that each is in memory once."""

    def __init__(self, tasks: Sequence[Packed]) -> None:
        self.body = _joined(tasks)
        view, at = memoryview(self.body), len(_HEAD)
        for task in tasks:
            self.append(Packed(task.id, view[at : at + len(task.json)], task.number))
            at += len(task.json) + 1


_HEAD = b'{"value":['


def _joined(tasks: Sequence[Packed]) -> bytes:
    return b"%b%b]}" % (_HEAD, b",".join([task.json for task in tasks]))


def add(batch: Batch, job_id: str, tasks: Sequence[Packed]) -> dict[str, ServiceError]:
    """Adds a collection; returns the refused ones by id, each with its error.

    Each result is looked at, by its status in any letter case and by its error. What the service failed at, or
    left out of its answer, is sent again within the budget of one call. Where the job is over, all are refused with
    that code, but for those that a try whose answer got lost had added, and that ended in time.
    """
    budget = batch.patience.begin()
    todo = tasks
    refused: dict[str, ServiceError] = {}
    while True:
        results = _post(batch, job_id, todo, budget)
        # By id, which has no letter case, and not by their order, which nobody promises.
        answers = {str(result.get("taskId")).lower(): result for result in results}
        again: dict[str, ServiceError] = {}
        for task in todo:
            error = _refusal(answers.get(task.id.lower()))
            if error is not None and error.code == "TaskExists":
                error = _other_work(batch, job_id, task)
            elif error is not None and error.code in JOB_IS_OVER and budget.is_repeated:
                live = read(batch, job_id, task.id)
                error = None if live is not None and live.is_completed else error
            if error is not None:
                (again if error.status >= 500 else refused)[task.id] = error
        if not again or not budget.wait():
            return refused | again
        todo = [task for task in todo if task.id in again]


def read(batch: Batch, job_id: str, task_id: str) -> LiveTask | None:
    """The task; None where the job has none of that id."""
    with _gone_is_none():
        where = path_of("jobs", job_id, "tasks", task_id)
        return read_task(batch.get(where, doing=f"read the task {task_id}", select=_NARROW).body)
    return None


def read_run(batch: Batch, job_id: str, task_id: str) -> Json | None:
    """What the service says of how the task ran, and of what: its body; None where the job has none of that id."""
    select = "id,displayName,state,executionInfo,nodeInfo,commandLine,environmentSettings"
    with _gone_is_none():
        where = path_of("jobs", job_id, "tasks", task_id)
        return batch.get(where, doing=f"read the task {task_id}", select=select).body
    return None


def _post(batch: Batch, job_id: str, tasks: Sequence[Packed], budget: Budget) -> list[dict[str, Any]]:
    """One collection's results. One that is too large is halved; of a job that is over, all are refused."""
    doing = f"add tasks to the job {job_id}"
    body = tasks.body if isinstance(tasks, Collection) else _joined(tasks)
    try:
        answer = batch.post(path_of("jobs", job_id, "addtaskcollection"), body, doing=doing, budget=budget)
        return list(answer.body.get("value") or [])
    except ServiceError as error:
        if error.code in JOB_IS_OVER:
            return _refused(tasks, error.code, str(error))
        if error.status != 413:
            raise
    if len(tasks) == 1:
        too_large = f"its body of {len(body)} bytes is more than the service takes"
        return _refused(tasks, "RequestBodyTooLarge", too_large)
    # Halved, since nobody says how much less would do; within the same budget, as it is one call to the person.
    middle = len(tasks) // 2
    return _post(batch, job_id, tasks[:middle], budget) + _post(batch, job_id, tasks[middle:], budget)


def _refused(tasks: Sequence[Packed], code: str, why: str) -> list[dict[str, Any]]:
    """The results of tasks that the service refused without saying so of each."""
    error = {"code": code, "message": {"value": why}}
    return [{"taskId": task.id, "status": "clienterror", "error": error} for task in tasks]


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


def collections(tasks: Iterable[Packed]) -> Iterator[Collection]:
    """*tasks* in groups that the service takes: at most 100 tasks and 1 MB."""
    group: list[Packed] = []
    size = 0
    for task in tasks:
        length = len(task.json) + 1
        if group and (len(group) == COLLECTION_TASKS or size + length > COLLECTION_BYTES):
            yield Collection(group)
            group, size = [], 0
        group.append(task)
        size += length
    if group:
        yield Collection(group)


def delete(batch: Batch, job_id: str, task_id: str) -> None:
    """Deletes a task, ending it if it runs; one that is gone is fine."""
    with _gone_is_none():
        batch.delete(path_of("jobs", job_id, "tasks", task_id), doing=f"delete the task {task_id}")


def terminate(batch: Batch, job_id: str, task_id: str) -> bool:
    """Ends a task, be it running or waiting; False where it has ended by itself, or is gone."""
    try:
        where = path_of("jobs", job_id, "tasks", task_id, "terminate")
        batch.post(where, None, doing=f"end the task {task_id}")
    except ServiceError as error:
        if error.status not in (404, 409):
            raise
        return False
    return True


def read_file(batch: Batch, job_id: str, task_id: str, path: str, start: int = 0) -> bytes | None:
    """A file of a task on its node (`stdout.txt`), from *start* on; None when the task, node or file is gone."""
    try:
        where = path_of("jobs", job_id, "tasks", task_id, "files", path)
        return batch.content(where, doing=f"read {path} of the task {task_id}", start=start)
    except ServiceError as error:
        if error.status in (404, 409):
            return None
        if error.status == _NOTHING_MORE:
            return b""
        raise
