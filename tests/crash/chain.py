"""The apply of a changed spec over a chain under way: what runs is replaced, and with it what waits for it.

Each input is a script, whose task makes NAME.cut; `glue` joins them:

    a   waits for ever; then it is changed to one that ends
    b   has ended
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.crash.state import Action, Reference, State, slug, unlike
from tests.main_job.workload import Workload, wait_until

_TASKS = """\
cut:
  inputs: clips/*
  command: bash {{ input.path }} {{ output.path }}
  output: "{{ input.name }}.cut"
glue:
  inputs: {from: cut}
  collect: true
  command: cat {{ inputs.paths }} > {{ output.path }}
  output: film.txt
"""
_OUTPUTS = {"a": "a.cut", "glue": "film.txt"}
_TEXTS = {"a.cut": "a\n", "b.cut": "b\n", "film.txt": "a\nb\n"}


def _prepare(workload: Workload, _large: Path) -> None:
    workload.write(_TASKS)
    (workload.clips / "a").write_text("sleep 600\n", "utf-8")
    (workload.clips / "b").write_text("echo b > $1\n", "utf-8")
    workload.apply("--detach")
    wait_until(
        lambda: sorted(t["state"] for t in workload.tasks().values()) == ["active", "completed", "running"]
    )
    (workload.folder / "old").write_text("\n".join(workload.tasks()), "utf-8")
    (workload.clips / "a").write_text("echo a > $1\n", "utf-8")


def _needed(state: State, workload: Workload) -> set[Action]:
    old = set((workload.folder / "old").read_text("utf-8").split())
    newest = max(state.jobs, key=lambda id: (len(id), id))
    is_open = state.jobs[newest]["state"] == "active"
    there = {id: task for id, task in state.tasks.items() if _counts(task, newest, is_open)}
    done = {name for name, output in _OUTPUTS.items() if output in state.results}
    runs = _OUTPUTS.keys() - {slug(id) for id in there.keys() - old} - done
    if "a" in runs:
        runs = {"a", "glue"}
    found: set[Action] = {("run", "task", name) for name in runs}
    found |= {
        ("delete", "task", slug(id)) for id, t in there.items() if id in old and t["state"] != "completed"
    }
    if "a" in runs and workload.stored("a") not in state.inputs:
        found.add(("upload", "input", workload.stored("a")))
    if runs and not is_open:
        found.add(("create", "job", f"{workload.job_id}-{len(state.jobs) + 1}"))
    elif is_open and state.jobs[newest].get("onAllTasksComplete") != "terminatejob":
        found.add(("update", "job", newest))
    return found | {("download", "output", name) for name in state.results if name not in state.files}


def _counts(task: dict[str, Any], job_id: str, is_open: bool) -> bool:
    """Whether a plan looks at the task: in a job that is over, nothing starts any more."""
    return f"/jobs/{job_id}/" in task["url"] and (is_open or task["state"] == "completed")


def _flaws(state: State, workload: Workload) -> Iterator[str]:
    texts = {name: (workload.outputs / name).read_text("utf-8") for name in state.files}
    yield from unlike("downloaded files", texts, _TEXTS)
    yield from unlike("results", set(state.results), set(_TEXTS))
    yield from unlike("pools", [*state.pools], [workload.pool_id])
    open_jobs = [id for id, job in state.jobs.items() if job["state"] == "active" and "-2" not in id]
    yield from unlike("jobs left open", open_jobs if len(state.jobs) > 1 else [], [])


CHAIN = Reference("chain", _prepare, _needed, _flaws)
