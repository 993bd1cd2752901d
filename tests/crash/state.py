"""What there is of a workload at a moment, and what a plan made then says.

Everything is read through the official SDKs and from the disk, so that nothing of batchspec
vouches for itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from azure.core.exceptions import ResourceNotFoundError

from tests.main_job.workload import Workload

Action = tuple[str, str, str]
"""What a plan does: an operation, a kind, and what it is about (blobs without the spec's folder, tasks by `slug`)."""


class Blob(NamedTuple):
    """What a listing says of a blob; `md5` is hexadecimal."""

    etag: str
    md5: str
    fingerprint: str


class State(NamedTuple):
    """What there is. Blobs and files are named below the spec's own folders, inputs as stored; `files` are MD5s."""

    pools: dict[str, dict[str, Any]]
    jobs: dict[str, dict[str, Any]]
    tasks: dict[str, dict[str, Any]]  # of all jobs, by id
    inputs: dict[str, Blob]
    results: dict[str, Blob]
    others: set[str]  # further blobs in the output container
    files: dict[str, str]


@dataclass(frozen=True)
class Reference:
    """An apply to be killed. *prepare* makes all that is there before it; a large file may be linked.

    `needed` is what a plan made in a state has to have, nothing less, and nothing more but what it `may`
    have; `flaws` is what is wrong with the state after an apply that ended well.
    """

    name: str
    prepare: Callable[[Workload, Path], None]
    needed: Callable[[State, Workload], set[Action]]
    flaws: Callable[[State, Workload], Iterator[str]]
    may: frozenset[Action] = frozenset()


def look(workload: Workload) -> State:
    """What there is now. Tasks are read before their outputs, outputs before the files made of them."""
    pools = workload.batch("GET", "/pools")["value"]
    jobs = workload.jobs()
    listed = (workload.batch("GET", f"/jobs/{job['id']}/tasks") for job in jobs)
    tasks = {task["id"]: task for found in listed if found for task in found["value"]}
    outputs = _blobs(workload, "output")
    return State(
        pools={pool["id"]: pool for pool in pools if pool["id"].startswith(workload.name)},
        jobs={job["id"]: job for job in jobs},
        tasks=tasks,
        inputs=_blobs(workload, "input"),
        results={name: blob for name, blob in outputs.items() if not name.startswith(".batchspec/")},
        others={name for name in outputs if re.match(r"\.batchspec/(?!runs/)", name)},
        files={name: md5_of(workload.outputs / name) for name in workload.downloaded()},
    )


def planned(workload: Workload) -> set[Action]:
    """What a plan made now has."""
    found = set()
    for action in workload.plan()["actions"]:
        about = action["id"].removeprefix(f"{workload.name}/")
        found.add((action["operation"], action["kind"], slug(about) if action["kind"] == "task" else about))
    return found


def slug(task_id: str) -> str:
    """The readable part of a task's id."""
    return task_id.split("-", 1)[0]


def md5_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def unlike(what: str, found: object, wanted: object) -> Iterator[str]:
    """The flaw that *what* is *found* and not as *wanted*."""
    if found != wanted:
        yield f"{what}: {found}, not {wanted}"


def flaws_of_runs(state: State, outputs: Mapping[str, str]) -> Iterator[str]:
    """Each task ran well, and its output (by `slug`) says that it is of this very work."""
    for id, task in state.tasks.items():
        run = task["executionInfo"]
        yield from unlike(
            f"the run of {id}", (task["state"], run.get("exitCode"), run["retryCount"]), ("completed", 0, 0)
        )
        settings = {entry["name"]: entry.get("value") for entry in task.get("environmentSettings", ())}
        blob = state.results.get(outputs[slug(id)])
        yield from unlike(
            f"the fingerprint of {outputs[slug(id)]}",
            blob and blob.fingerprint,
            settings["BATCHSPEC_FINGERPRINT"],
        )


def flaws_of_inputs(state: State) -> Iterator[str]:
    """Each input has the content that its name speaks of."""
    for name, blob in state.inputs.items():
        yield from unlike(f"the MD5 of the input {name}", blob.md5, name.split("/")[2])


def logs_of(ids: Mapping[str, object]) -> set[str]:
    """The blobs that tasks leave of what they said."""
    return {f".batchspec/logs/{id}/{name}.txt" for id in ids for name in ("stdout", "stderr")}


def strays(workload: Workload) -> set[str]:
    """Files in the project that neither the person nor a cache put there."""
    known = (workload.outputs, workload.clips, workload.folder / ".cache")
    found = (path for path in workload.folder.rglob("*") if path.is_file() and path != workload.spec)
    return {str(path) for path in found if not any(path.is_relative_to(folder) for folder in known)}


def _blobs(workload: Workload, container: str) -> dict[str, Blob]:
    prefix = f"{workload.name}/"
    with workload.blob_service() as service:
        try:
            listed = list(service.get_container_client(container).list_blobs(prefix, include=["metadata"]))
        except ResourceNotFoundError:
            return {}
    return {
        blob.name.removeprefix(prefix): Blob(
            str(blob.etag),
            bytes(blob.content_settings.content_md5 or b"").hex(),
            (blob.metadata or {}).get("batchspec_fingerprint", ""),
        )
        for blob in listed
    }
