"""The apply of a changed spec over work under way: drain, updates, deletions, replaced and failed tasks, clean-up.

Each input is a script, so that its content decides how its task behaves:

    a   waits for ever; then it is changed to one that ends
    b   waits for ever; then it leaves the spec
    c   goes on until all others have run, so that the job is open until they are in
    d   is new
    e   fails as long as it is not told otherwise
"""

from __future__ import annotations

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
    slug,
    strays,
    unlike,
)
from tests.main_job.workload import Workload, wait_until

_TASKS = """\
script:
  inputs: clips/*
  command: [bash, "{{ input.path }}", "{{ output.path }}"]
  output: "{{ input.name }}.txt"
"""
_POOL = """\
taskSlotsPerNode: 4
metadata: [{name: team, value: video}]
whenDone: delete
"""
_NAMES = ("a", "c", "d", "e")
_OUTPUTS = {name: f"{name}.txt" for name in _NAMES}
_TEXT = "new"


def _prepare(workload: Workload, _large: Path) -> None:
    workload.write(_TASKS, pool=_POOL)
    folder = workload.folder / "marks"
    folder.mkdir()
    end = f"echo {_TEXT} > $1\n"
    for name, script in {
        "a": "sleep 600\n",
        "b": "sleep 600\n",
        "c": f"cd {folder}; until test -e a -a -e d -a -e e; do sleep 0.05; done; cd -\n{end}",
        "e": f"test -e {folder}/well || exit 1\n{end}touch {folder}/e\n",
    }.items():
        (workload.clips / name).write_text(script, "utf-8")
    workload.apply("--detach")
    wait_until(
        lambda: sorted(task["state"] for task in workload.tasks().values()) == ["completed", *["running"] * 3]
    )
    old = workload.tasks()
    made = [f"{id} {task['creationTime']}" for id, task in old.items()]
    (folder / "old").write_text("\n".join(made), "utf-8")
    (folder / "well").touch()
    before = [workload.stored(name) for name in ("a", "b")]
    (folder / "inputs").write_text("\n".join(before), "utf-8")
    (workload.clips / "a").write_text(f"{end}touch {folder}/a\n", "utf-8")
    (workload.clips / "b").unlink()
    (workload.clips / "d").write_text(f"{end}touch {folder}/d\n", "utf-8")
    workload.edit("vmSize: Standard_D2ds_v5", "vmSize: Standard_D4ds_v5")
    workload.edit("value: video", "value: audio")
    workload.edit(f"job: {{id: {workload.job_id},", f"job: {{id: {workload.job_id}, priority: 5,")


def _needed(state: State, workload: Workload) -> set[Action]:
    old = _old(state, workload)
    live = {id for id, task in state.tasks.items() if task["state"] != "completed"}
    known = {slug(id) for id in state.tasks if id not in old or slug(id) == "c"}
    done = {name for name in _NAMES if f"{name}.txt" in state.results}
    runs = set(_NAMES) - known - done
    found: set[Action] = {("run", "task", name) for name in runs}
    found |= {("delete", "task", slug(id)) for id in live & old if slug(id) in ("a", "b")}
    found |= {
        ("upload", "input", workload.stored(name))
        for name in runs & {"a", "d"}
        if workload.stored(name) not in state.inputs
    }
    found |= {("download", "output", name) for name in state.results if name not in state.files}
    if any(job["state"] == "active" and job.get("priority") != 5 for job in state.jobs.values()):
        found.add(("update", "job", workload.job_id))
    return found | _needed_of_pool(state, workload, bool(runs | {slug(id) for id in live} & set(_NAMES)))


def _needed_of_pool(state: State, workload: Workload, is_needed: bool) -> set[Action]:
    pool = state.pools.get(workload.pool_id)
    if pool is None:
        return {("create", "pool", workload.pool_id)} if is_needed else set()
    if not is_needed:
        return {("delete", "pool", workload.pool_id)}
    teams = [entry["value"] for entry in pool["metadata"] if entry["name"] == "team"]
    now = (pool["vmSize"], teams, pool["targetLowPriorityNodes"])
    return {("update", "pool", workload.pool_id)} if now != ("standard_d4ds_v5", ["audio"], 2) else set()


def _old(state: State, workload: Workload) -> set[str]:
    """The tasks that were there before. One that was deleted for its successor leaves its id free for it."""
    made = _made(workload)
    return {id for id, task in state.tasks.items() if made.get(id) == task["creationTime"]}


def _made(workload: Workload) -> dict[str, str]:
    """When the tasks that were there before were made, by id."""
    lines = (workload.folder / "marks" / "old").read_text("utf-8").splitlines()
    return dict(line.split() for line in lines)


def _flaws(state: State, workload: Workload) -> Iterator[str]:
    results = set(_OUTPUTS.values())
    yield from unlike("pools", [*state.pools], [])
    jobs = {id: (job["state"], job["priority"]) for id, job in state.jobs.items()}
    yield from unlike("jobs", jobs, {workload.job_id: ("completed", 5)})
    yield from unlike("tasks", Counter(map(slug, workload.all_task_ids())), Counter(_NAMES))
    yield from unlike("old tasks", {slug(id) for id in _old(state, workload)}, {"c"})
    before = (workload.folder / "marks" / "inputs").read_text("utf-8").splitlines()
    inputs = {workload.stored(name) for name in _NAMES}
    yield from unlike("inputs", set(state.inputs), inputs.union(before))
    yield from flaws_of_inputs(state)
    yield from unlike("results", set(state.results), results)
    texts = {name: (workload.outputs / name).read_text("utf-8") for name in state.files}
    yield from unlike("downloaded files", texts, dict.fromkeys(results, f"{_TEXT}\n"))
    known = {*logs_of(state.tasks), *logs_of(_made(workload)), ".batchspec/lock", ".batchspec/spec"}
    yield from unlike("logs and lock", state.others - known, set())
    marks = {str(workload.folder / "marks" / name) for name in ("a", "d", "e", "inputs", "old", "well")}
    yield from unlike("files beside the spec", strays(workload), marks)
    yield from flaws_of_runs(state, _OUTPUTS)


CHANGE = Reference("change", _prepare, _needed, _flaws)
