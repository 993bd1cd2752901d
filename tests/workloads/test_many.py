"""A task that reads more than Batch takes links to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from main_job.workload import wait_until

from batchspec.desired.task import Desired
from batchspec.document.parser import parse
from batchspec.engine.look.reads import desired_now
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.observed import Observed, Seen
from batchspec.resources.blob import LiveBlob
from batchspec.resources.records import FINGERPRINT_METADATA
from batchspec.source import Source
from workloads.conftest import Project
from workloads.test_shapes import outputs

COLLECT = """\
  each:
    matrix: {n: "001..%s"}
    command: "echo {{ matrix.n }} > {{ output.path }}"
    output: "{{ matrix.n }}.txt"
    temporary: true
  all:
    inputs: {from: each}
    collect: true
    files: {again: {all: each}}
    command: |
      cat $(cat {{ inputs.list }}) > {{ output.path }}
      cat {{ files.again.path }}/* | wc -l >> {{ output.path }}
    output: all.txt
"""


def test_small_tasks_pack_what_one_task_cannot_read(small: Project) -> None:
    """They are no tasks of the spec's own, keep the order, and are gone with what they made, as what they packed is."""
    small.write(COLLECT % "038", clips="")
    plan = json.loads(small.run("plan", "--format", "json").stdout)
    assert (plan["counts"]["run"], plan["packing"]) == (39, 2)
    assert "39 tasks in job" in small.run("plan").stdout
    small.apply()
    lines = [f"{number:03}" for number in range(1, 39)]
    assert outputs(small) == {"all.txt": "\n".join([*lines, "38", ""])}
    assert small.blobs(".batchspec/made/") == []
    assert small.is_quiet()
    assert "39 tasks up to date" in small.run("plan").stdout


def test_temporary_outputs_of_a_run_that_was_left_go_with_the_next_apply(small: Project) -> None:
    """Though there is nothing else to do."""
    small.write(
        (COLLECT % "001").replace("output: all.txt", "output: all.txt\n    download: false"), clips=""
    )
    small.apply("--detach")
    wait_until(small.is_quiet)
    assert len(small.blobs(".batchspec/made/")) == 1
    small.apply()
    assert small.blobs(".batchspec/made/") == []


HERE = """\
  all:
    inputs: clips/*
    collect: true
    command: "cat $(cat {{ inputs.list }}) | sort > {{ output.path }}"
    output: all.txt
"""


def test_local_files_beyond_what_batch_takes_links_to(small: Project) -> None:
    """They go up as one blob, whatever they are called; the blob of what they were before is an orphan."""
    names = ["-dash", "a space", "größe", *map(str, range(120))]
    small.write(HERE, clips="")
    for name in names:
        (small.folder / "clips" / name).write_text(f"{name}\n")
    small.apply()
    assert small.text("all.txt").splitlines() == sorted(names, key=str.encode)
    assert small.is_quiet()
    (small.folder / "clips" / "7").write_text("seven\n")
    assert small.plan() == {"all": "input_changed"}
    small.apply()
    assert "seven" in small.text("all.txt").splitlines()
    assert small.is_quiet()
    gone = small.run("destroy", "--orphans", "--auto-approve", "--format", "json").stdout.splitlines()
    assert [json.loads(line) for line in gone[1:]] == [
        {"type": "deleted", "kind": "blob", "id": "input", "count": 1, "what": "input"}
    ]


def desired(folder: Path, tasks: str) -> Desired:
    job = "{id: j, constraints: {maxWallClockTime: PT1H}}"
    text = f"version: 1\nname: many\npool: {{existing: p}}\njob: {job}\ntasks:\n{tasks}"
    return desired_now(build(parse(Source(str(folder / "many.yaml"), text))), None)


def test_thousands_of_files_in_levels(tmp_path: Path) -> None:
    """Whatever their number, no task reads more than 64, and the reader's own work does not know of it."""
    made = desired(tmp_path, COLLECT % "3200").tasks
    reads = made.database.one(
        "SELECT max(count) FROM (SELECT count(*) AS count FROM reads WHERE NOT comes_packed GROUP BY task)"
    )
    waits = made.database.one("SELECT max(count) FROM (SELECT count(*) AS count FROM edge GROUP BY task)")
    packing = made.database.one("SELECT count(*) FROM task WHERE group_name = 'all.pack'")
    levels = 50 + 1  # of the inputs, and as many of the files
    assert (reads[0] <= 64, waits[0] <= 64, packing[0], len(made)) == (
        True,
        True,
        2 * levels,
        3_201 + 2 * levels,
    )


def test_packs_of_packs_that_are_gone_are_missed_by_nobody(tmp_path: Path) -> None:
    """Whichever of them a run deleted before it was cut off: what they were made for is there."""
    made = desired(tmp_path, COLLECT % "3200")
    (done,) = (task for task in made.tasks if task.group.name == "all")
    levels = [task for task in made.tasks if task.group.name == "all.pack"]
    for left in ([], levels[:1], levels[-1:]):
        seen = Seen(made.tasks)
        stamped = [(task.record, {FINGERPRINT_METADATA: task.fingerprint}) for task in [done, *left]]
        seen.add_outputs([LiveBlob(name, 1, "", "0x1", stamps) for name, stamps in stamped])
        assert list(make_plan(made, Observed(pool={"id": "p", "vmSize": "a"}, seen=seen)).work.runs) == []


def test_each_task_is_looked_at_for_too_many_words(tmp_path: Path) -> None:
    """The first task of a group has one input, and the second one more than a command takes."""
    tasks = """\
  each:
    matrix: {t: [a, b], n: "0001..1400"}
    when: "{{ matrix.t == 'b' or matrix.n == 1 }}"
    command: "echo > {{ output.path }}"
    output: "%s-{{ matrix.t }}-{{ matrix.n }}.txt"
  all:
    inputs: {from: each}
    per: t
    command: [cat, "{{ inputs.paths }}"]
"""
    with pytest.raises(SpecError, match="more than 120,000 characters"):
        desired(tmp_path, tasks % ("x" * 85))
