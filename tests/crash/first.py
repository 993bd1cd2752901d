"""The first apply of a spec: pool, uploads, job, tasks in several collections, downloads."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.crash.state import (
    Action,
    Reference,
    State,
    flaws_of_inputs,
    flaws_of_runs,
    logs_of,
    md5_of,
    slug,
    strays,
    unlike,
)
from tests.main_job.workload import Workload

_LARGE_BYTES = 34 << 20  # five blocks of an upload, two pieces of a download
_INPUTS = ("a", "b", "c_ d", "large")  # the third is no name for a node
_OUTPUTS = {**{name: f"{name}.copy" for name in ("a", "b", "large")}, "c_": "c_ d.copy", "alone": "alone.txt"}

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


def make_large(file: Path) -> None:
    """The large input: no two of its blocks are equal."""
    with file.open("wb") as stream:
        for number in range(_LARGE_BYTES >> 20):
            stream.write(hashlib.sha256(bytes([number])).digest() * (1 << 15))


def _prepare(workload: Workload, large: Path) -> None:
    workload.write(_TASKS, pool=_POOL)
    for name in _INPUTS[:-1]:
        (workload.clips / name).write_text(name)
    os.link(large, workload.clips / "large")


def _needed(state: State, workload: Workload) -> set[Action]:
    live = {slug(id) for id in state.tasks}
    runs = {name for name, output in _OUTPUTS.items() if name not in live and output not in state.results}
    found: set[Action] = {("run", "task", name) for name in runs}
    found |= {
        ("upload", "input", workload.stored(name))
        for name in _INPUTS
        if workload.stored(name) not in state.inputs and name.split(" ")[0] in runs
    }
    if not state.pools:
        found.add(("create", "pool", workload.pool_id))
    if not state.jobs:
        found.add(("create", "job", workload.job_id))
    elif all(job.get("onAllTasksComplete") != "terminatejob" for job in state.jobs.values()):
        found.add(("update", "job", workload.job_id))
    return found | {("download", "output", name) for name in state.results if name not in state.files}


def _flaws(state: State, workload: Workload) -> Iterator[str]:
    results = set(_OUTPUTS.values())
    yield from unlike("pools", [*state.pools], [workload.pool_id])
    sealed = {id: job.get("onAllTasksComplete") for id, job in state.jobs.items()}
    yield from unlike("jobs", sealed, {workload.job_id: "terminatejob"})
    yield from unlike("tasks", Counter(map(slug, workload.all_task_ids())), Counter([*_OUTPUTS]))
    yield from unlike("inputs", set(state.inputs), {workload.stored(name) for name in _INPUTS})
    yield from flaws_of_inputs(state)
    yield from unlike("results", set(state.results), results)
    yield from unlike("downloaded files", set(state.files), results)
    yield from unlike(
        "logs and lock", state.others, {*logs_of(state.tasks), ".batchspec/lock", ".batchspec/spec"}
    )
    yield from unlike("files beside the spec", strays(workload), set())
    yield from flaws_of_runs(state, _OUTPUTS)
    for name in _INPUTS:
        copy, wanted = state.files.get(f"{name}.copy"), md5_of(workload.clips / name)
        yield from unlike(f"the downloaded {name}.copy", copy, wanted)
    for id, task in state.tasks.items():
        yield from unlike(
            f"how often {id} went back into the queue", task["executionInfo"]["requeueCount"], 0
        )


FIRST = Reference("first", _prepare, _needed, _flaws)
