"""Tasks over Batch, listed narrowly; `task_collection` adds them. Source: Batch REST API 2025-06-01; FACTS 5."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from batchspec.resources.base import Json
from batchspec.resources.links import LINKS_LAST, end_of
from batchspec.resources.task import LiveTask, read_task
from batchspec.service.batch.client import Batch, path_of
from batchspec.service.http.errors import accepting

_NARROW = "id,state,executionInfo"
_NOTHING_MORE = 416  # the file ends where the range would begin
NAMED = f"{_NARROW},displayName"
"""What a listing tells of tasks that people ask for by name."""
PLACED = f"{_NARROW},nodeInfo"
"""What a listing tells of tasks where it matters which node they ran on."""
_TRACED = f"{_NARROW},nodeInfo,creationTime"


def read_bodies(batch: Batch, job_id: str, **query: str) -> Iterator[Json]:
    """The tasks of a job, with all that the service tells of them or *query* selects. A job that is gone has none."""
    with accepting(404):
        yield from batch.items(path_of("jobs", job_id, "tasks"), doing=f"list the tasks of {job_id}", **query)


def read_all(batch: Batch, job_id: str, *, filter: str = "", select: str = _NARROW) -> Iterator[LiveTask]:
    """The tasks of a job, ours and others'. A job that is gone has none."""
    query = {"select": select} | ({"filter": filter} if filter else {})
    return map(read_task, read_bodies(batch, job_id, **query))


def read_texts(batch: Batch, job_id: str) -> Iterator[str]:
    """The same tasks as the service's pages tell of them, in JSON: there may be a million."""
    with accepting(404):
        path = path_of("jobs", job_id, "tasks")
        yield from batch.texts(path, doing=f"list the tasks of {job_id}", select=_NARROW)


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
    for body in read_bodies(batch, job_id, select=select, filter=filter):
        yield read_task(body), _links_end(body)


def _links_end(body: Json) -> datetime:
    """When the first link of a task ends; all are signed as it is added, that to the outputs a little earlier."""
    urls = (file["destination"]["container"]["containerUrl"] for file in body.get("outputFiles") or ())
    ends = [end for url in urls if (end := end_of(url))]
    return min(ends, default=datetime.fromisoformat(body["creationTime"]) + LINKS_LAST)


def read_outputs(batch: Batch, job_id: str) -> Iterator[tuple[str, list[str]]]:
    """The tasks of a job that have not ended, each with the blobs that it will make."""
    for body in read_bodies(batch, job_id, select="id,outputFiles", filter="state ne 'completed'"):
        files = body.get("outputFiles") or ()
        yield body["id"], [file["destination"]["container"].get("path", "") for file in files]


def read_dependencies(batch: Batch, job_id: str) -> Iterator[tuple[str, str]]:
    """Of the tasks of a job that wait: which waits for which."""
    for body in read_bodies(batch, job_id, select="id,dependsOn", filter="state eq 'active'"):
        producers = (body.get("dependsOn") or {}).get("taskIds") or ()
        yield from ((body["id"], producer) for producer in producers)


def read(batch: Batch, job_id: str, task_id: str) -> LiveTask | None:
    """The task; None where the job has none of that id."""
    with accepting(404):
        where = path_of("jobs", job_id, "tasks", task_id)
        return read_task(batch.get(where, doing=f"read the task {task_id}", select=_NARROW).body)
    return None


def read_run(batch: Batch, job_id: str, task_id: str) -> Json | None:
    """What the service says of how the task ran, and of what: its body; None where the job has none of that id."""
    select = "id,displayName,state,executionInfo,nodeInfo,commandLine,environmentSettings"
    with accepting(404):
        where = path_of("jobs", job_id, "tasks", task_id)
        return batch.get(where, doing=f"read the task {task_id}", select=select).body
    return None


def delete(batch: Batch, job_id: str, task_id: str) -> None:
    """Deletes a task, ending it if it runs; one that is gone is fine."""
    with accepting(404):
        batch.delete(path_of("jobs", job_id, "tasks", task_id), doing=f"delete the task {task_id}")


def terminate(batch: Batch, job_id: str, task_id: str) -> bool:
    """Ends a task, be it running or waiting; False where it has ended by itself, or is gone."""
    where = path_of("jobs", job_id, "tasks", task_id, "terminate")
    with accepting(404, 409):
        batch.post(where, None, doing=f"end the task {task_id}")
        return True
    return False


def read_file(batch: Batch, job_id: str, task_id: str, path: str, start: int = 0) -> bytes | None:
    """A file of a task on its node (`stdout.txt`), from *start* on; None when the task, node or file is gone."""
    where = path_of("jobs", job_id, "tasks", task_id, "files", path)
    with accepting(404, 409):
        with accepting(_NOTHING_MORE):
            return batch.content(where, doing=f"read {path} of the task {task_id}", start=start)
        return b""
    return None
