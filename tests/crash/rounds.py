"""The first apply of a spec in rounds: what splits makes files, as many tasks as files follow, and one joins theirs.

Each input is a script that makes the parts of its folder; the parts are known when it has run:

    a   makes one and two
    b   makes three
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.crash.state import Action, Reference, State, flaws_of_inputs, slug, strays, unlike
from tests.main_job.workload import Workload

_TASKS = """\
split:
  inputs: clips/*
  command: bash {{ input.path }} {{ output.path }}
  output: "{{ input.name }}/"
shout:
  inputs: {from: split, match: "{part}.txt", atMost: 3}
  command: tr a-z A-Z < {{ input.path }} > {{ output.path }}
  output: "{{ matrix.part }}.up"
glue:
  inputs: {from: shout}
  collect: true
  command: cat {{ inputs.paths }} > {{ output.path }}
  output: film.txt
"""
_PARTS = {"a": ("one", "two"), "b": ("three",)}
_OUTPUTS = {
    "a": "a.tar",
    "b": "b.tar",
    "one": "one.up",
    "two": "two.up",
    "three": "three.up",
    "glue": "film.txt",
}
_TEXTS = {
    "a/one.txt": "one\n",
    "a/two.txt": "two\n",
    "b/three.txt": "three\n",
    "one.up": "ONE\n",
    "two.up": "TWO\n",
    "three.up": "THREE\n",
    "film.txt": "ONE\nTWO\nTHREE\n",
}


def _prepare(workload: Workload, _large: Path) -> None:
    workload.write(_TASKS)
    for name, parts in _PARTS.items():
        script = "".join(f"echo {part} > $1/{part}.txt\n" for part in parts)
        (workload.clips / name).write_text(script, "utf-8")


def _needed(state: State, workload: Workload) -> set[Action]:
    runs = _known(state) - {slug(id) for id in state.tasks} - _made(state)
    found: set[Action] = {("run", "task", name) for name in runs}
    found |= {
        ("upload", "input", workload.stored(name))
        for name in runs & _PARTS.keys()
        if workload.stored(name) not in state.inputs
    }
    if not state.pools:
        found.add(("create", "pool", workload.pool_id))
    if not state.jobs:
        found.add(("create", "job", workload.job_id))
    elif all(job.get("onAllTasksComplete") != "terminatejob" for job in state.jobs.values()):
        found.add(("update", "job", workload.job_id))
    return found | {("download", "output", name) for name in state.results if not _is_here(name, state)}


def _made(state: State) -> set[str]:
    return {name for name, output in _OUTPUTS.items() if output in state.results}


def _known(state: State) -> set[str]:
    """The tasks of which a plan can know: parts when they were made, and who joins them when all are known."""
    made = _made(state) & _PARTS.keys()
    parts = {part for name in made for part in _PARTS[name]}
    return {*_PARTS, *parts, *({"glue"} if made == _PARTS.keys() else ())}


def _is_here(output: str, state: State) -> bool:
    parts = _PARTS.get(output.removesuffix(".tar"))
    return (
        output in state.files
        if parts is None
        else all(f"{output[0]}/{part}.txt" in state.files for part in parts)
    )


def _flaws(state: State, workload: Workload) -> Iterator[str]:
    texts = {name: (workload.outputs / name).read_text("utf-8") for name in state.files}
    yield from unlike("downloaded files", texts, _TEXTS)
    yield from unlike("results", set(state.results), set(_OUTPUTS.values()))
    yield from unlike("pools", [*state.pools], [workload.pool_id])
    yield from unlike(
        "jobs", {job.get("onAllTasksComplete") for job in state.jobs.values()}, {"terminatejob"}
    )
    yield from unlike("tasks", sorted(map(slug, workload.all_task_ids())), sorted(_OUTPUTS))
    yield from flaws_of_inputs(state)
    yield from unlike("files beside the spec", strays(workload), set())


# A folder counts as downloaded once all of it is there and noted: killed in between, it is fetched again.
_FOLDERS: frozenset[Action] = frozenset(("download", "output", _OUTPUTS[name]) for name in _PARTS)

ROUNDS = Reference("rounds", _prepare, _needed, _flaws, may=_FOLDERS)
