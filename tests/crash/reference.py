"""The apply that is killed: its spec, the whole it comes to, and what of it there is at a moment.

Everything is read through the official SDKs and from the disk, so that nothing of batchspec
vouches for itself.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from azure.core.exceptions import ResourceNotFoundError

from tests.main_job.workload import Workload

SMALL = ("a", "b", "c d")
LARGE = "large"
LARGE_BYTES = 34 << 20  # five blocks of an upload, two pieces of a download
ALONE = "alone"
RESULTS = {*(f"{name}.copy" for name in (*SMALL, LARGE)), f"{ALONE}.txt"}

_TEXT = "x" * 100_000
_TEXTS = 4  # 400 kB in each copy's settings: two tasks fill a collection, whose limit is 1 MB

_TASKS = f"""\
copy:
  inputs: clips/*
  command: [cp, "{{{{ input.path }}}}", "{{{{ output.path }}}}"]
  output: "{{{{ input.name }}}}.copy"
  environmentSettings: [{", ".join(f"{{name: TEXT_{n}, value: {_TEXT}}}" for n in range(_TEXTS))}]
alone:
  command: date > {{{{ output.path }}}}
  output: alone.txt
"""
_POOL = "startTask: {commandLine: /bin/true, waitForSuccess: true}\nmetadata: [{name: team, value: video}]"


def write(workload: Workload, large: Path) -> None:
    """The reference spec and its inputs; *large* is a file that all workloads share."""
    workload.write(_TASKS, pool=_POOL)
    for name in SMALL:
        (workload.clips / name).write_text(name)
    os.link(large, workload.clips / LARGE)


def make_large(file: Path) -> None:
    """The large input: no two of its blocks are equal."""
    with file.open("wb") as stream:
        for number in range(LARGE_BYTES >> 20):
            stream.write(hashlib.sha256(bytes([number])).digest() * (1 << 15))


class Blob(NamedTuple):
    """What a listing says of a blob; `md5` is hexadecimal."""

    etag: str
    md5: str
    fingerprint: str


@dataclass(frozen=True)
class State:
    """What there is of a workload at a moment. Paths and blobs are named below the spec's own folders."""

    pools: list[str]
    jobs: dict[str, str]  # onAllTasksComplete by id
    tasks: Counter[str]  # how often each is there, by its readable name
    inputs: dict[str, Blob]
    results: dict[str, Blob]
    others: set[str]  # further blobs in the output container
    files: dict[str, str]  # MD5s of downloaded files

    @property
    def done(self) -> set[str]:
        """Tasks that are live, or whose output is there."""
        return {*self.tasks, *(name.rpartition(".")[0] for name in self.results)}


def look(workload: Workload) -> State:
    """What there is now. Tasks are read before their outputs, outputs before the files made of them."""
    pools = [pool["id"] for pool in workload.batch("GET", "/pools")["value"]]
    jobs = {job["id"]: str(job.get("onAllTasksComplete", "noaction")) for job in workload.jobs()}
    tasks = Counter(slug(id) for id in workload.all_task_ids())
    outputs = _blobs(workload, "output")
    return State(
        pools=[id for id in pools if id.startswith(workload.name)],
        jobs=jobs,
        tasks=tasks,
        inputs=_blobs(workload, "input"),
        results={name: blob for name, blob in outputs.items() if not name.startswith(".batchspec/")},
        others={name for name in outputs if name.startswith(".batchspec/")},
        files={name: _md5(workload.outputs / name) for name in workload.downloaded()},
    )


def slug(task_id: str) -> str:
    """The readable part of a task's id, as `done` and `needed` name tasks."""
    return task_id.rsplit("-", 2)[0]


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


def _md5(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


# What is left ---------------------------------------------------------------------------------

Action = tuple[str, str, str]
"""An operation, a kind, and what it is about."""


def needed(state: State, workload: Workload) -> set[Action]:
    """What a plan made in *state* has to have, nothing more and nothing less."""
    tasks = {*(_named(name) for name in (*SMALL, LARGE)), ALONE}
    runs = tasks - {_named(name) for name in state.done}
    found: set[Action] = {("run", "task", name) for name in runs}
    found |= {("upload", "input", f"clips/{name}") for name in (*SMALL, LARGE) if _is_to_upload(state, name)}
    if not state.pools:
        found.add(("create", "pool", workload.pool_id))
    if not state.jobs:
        found.add(("create", "job", workload.job_id))
    elif "terminatejob" not in state.jobs.values():
        found.add(("update", "job", workload.job_id))
    return found | {("download", "output", name) for name in state.results if name not in state.files}


def _is_to_upload(state: State, name: str) -> bool:
    return f"clips/{name}" not in state.inputs and _named(name) not in map(_named, state.done)


def _named(name: str) -> str:
    """As a task's id shows *name*."""
    return name.replace(" ", "-")


def planned(workload: Workload) -> set[Action]:
    """What a plan made now has."""
    found = set()
    for action in workload.plan()["actions"]:
        about = action["id"].removeprefix(f"{workload.name}/")
        found.add((action["operation"], action["kind"], slug(about) if action["kind"] == "task" else about))
    return found


# The whole ------------------------------------------------------------------------------------


def flaws(state: State, workload: Workload) -> Iterator[str]:
    """What is wrong with *state*, the state after an apply that ended well."""
    yield from _unlike("pools", state.pools, [workload.pool_id])
    yield from _unlike("jobs", state.jobs, {workload.job_id: "terminatejob"})
    names = [*SMALL, LARGE]
    yield from _unlike("tasks", state.tasks, Counter([*map(_named, names), ALONE]))
    yield from _unlike("inputs", set(state.inputs), {f"clips/{name}" for name in names})
    yield from _unlike("results", set(state.results), RESULTS)
    for name in names:
        found = state.inputs.get(f"clips/{name}"), state.results.get(f"{name}.copy")
        wanted = _md5(workload.clips / name)
        yield from _unlike(f"MD5 of the input {name}", found[0] and found[0].md5, wanted)
        yield from _unlike(f"downloaded {name}.copy", state.files.get(f"{name}.copy"), wanted)
    yield from _unlike("downloaded files", set(state.files), RESULTS)
    yield from _flaws_of_tasks(state, workload)
    yield from _unlike("files beside the spec", _strays(workload), set())


def _flaws_of_tasks(state: State, workload: Workload) -> Iterator[str]:
    """Each task ran once and well, has its logs, and its output says that it is its work."""
    tasks = workload.tasks()
    logs = {f".batchspec/logs/{id}/{name}.txt" for id in tasks for name in ("stdout", "stderr")}
    yield from _unlike("logs and lock", state.others, {*logs, ".batchspec/lock"})
    for id, task in tasks.items():
        run = task["executionInfo"]
        how = (task["state"], run.get("exitCode"), run["retryCount"], run["requeueCount"])
        yield from _unlike(f"the run of {id}", how, ("completed", 0, 0, 0))
        settings = {entry["name"]: entry.get("value") for entry in task.get("environmentSettings", ())}
        name = f"{ALONE}.txt" if slug(id) == ALONE else f"{slug(id).replace('c-d', 'c d')}.copy"
        blob = state.results.get(name)
        yield from _unlike(
            f"the fingerprint of {name}", blob and blob.fingerprint, settings["BATCHSPEC_FINGERPRINT"]
        )


def _strays(workload: Workload) -> set[str]:
    """Files in the project that neither the person nor a cache put there."""
    known = (workload.outputs, workload.clips, workload.folder / ".cache")
    found = (path for path in workload.folder.rglob("*") if path.is_file() and path != workload.spec)
    return {str(path) for path in found if not any(path.is_relative_to(folder) for folder in known)}


def _unlike(what: str, found: object, wanted: object) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: {found}, not {wanted}"
