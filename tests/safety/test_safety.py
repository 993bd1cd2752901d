"""The thresholds of `safety:`, held against plans: which are exceeded, by how much, and where the spec says so."""

from __future__ import annotations

from typing import Any

import pytest

from batchspec.language.model import Limit
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.checks.safety import THRESHOLDS, excess_line, excesses
from batchspec.plan.model import Plan
from tests.plan.case import desired_of, observed_of

SPEC = """\
version: 1
name: work
pool: { id: nodes, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server", targetDedicatedNodes: 4 }
job: { id: encode }
tasks:
  audio:
    inputs: clips/*.mp4
    command: [ffmpeg, "{{ input.path }}", "{{ output.path }}"]
    output: "{{ input.stem }}.mp3"
"""
NAMES = [f"{letter}.mp4" for letter in "abcdefghijklmnopqrst"]  # twenty


def exceeded(
    safety: str = "", *, inputs: list[str] = NAMES, observed: dict[str, Any] | None = None, spec: str = SPEC
) -> list[str]:
    """What is exceeded, in a line each, when *inputs* are there and *observed* is."""
    desired = desired_of({"spec": spec + safety, "inputs": inputs})
    there = observed_of(observed or {}, desired)
    return [excess_line(excess) for excess in excesses(desired, there, make_plan(desired, there))]


def queued(names: list[str], **fields: Any) -> dict[str, Any]:
    """An account in which each of *names* has a task in the queue."""
    return {
        "pool": {},
        "jobs": [{"id": "encode"}],
        "uploaded": names,
        "tasks": [{"of": name, "state": "active", **fields} for name in names],
    }


def test_up_to_thirty_percent_of_deletions_are_fine() -> None:
    """Of 20 tasks, a job and a pool six may go: 6 of 22 is 27%."""
    assert exceeded(inputs=NAMES[6:], observed=queued(NAMES)) == []


def test_more_deletions_than_thirty_percent_are_too_many() -> None:
    """Seven of 22 is 32%, and that without a word in the spec."""
    assert exceeded(inputs=NAMES[7:], observed=queued(NAMES)) == [
        "safety.maxDeletions: 7 of 22 deleted, the limit is 30%"
    ]


@pytest.mark.parametrize(("tasks", "least", "found"), [(8, 10, 0), (9, 10, 1), (9, 11, 0), (8, 0, 1)])
def test_shares_count_above_min_objects_only(tasks: int, least: int, found: int) -> None:
    """Where the spec has no more objects than `minObjects` (10), a share says little and is not looked at."""
    safety = "" if least == 10 else f"safety: {{ minObjects: {least} }}\n"
    lines = exceeded(safety, inputs=NAMES[:1], observed=queued(NAMES[:tasks]))
    assert len(lines) == found


def test_a_count_is_looked_at_however_few_there_are() -> None:
    """`maxDeletions: 1` means one, of two tasks too."""
    safety = "safety: { maxDeletions: 1 }\n"
    assert exceeded(safety, inputs=NAMES[:1], observed=queued(NAMES[:3])) == [
        "safety.maxDeletions: 2 deleted, the limit is 1"
    ]
    assert exceeded(safety, inputs=NAMES[:2], observed=queued(NAMES[:3])) == []


def test_finished_work_is_not_deleted_when_its_input_goes() -> None:
    """Tasks that have ended stay as they are, so nothing is counted."""
    observed = queued(NAMES) | {"tasks": [{"of": name, "state": "completed"} for name in NAMES]}
    assert exceeded(inputs=NAMES[:1], observed=observed) == []


def test_work_that_changed_while_it_was_queued_is_replaced() -> None:
    """Another command replaces what waits in the queue: twenty of 22."""
    assert exceeded(observed=queued(NAMES, work="old command")) == [
        "safety.maxReplacements: 20 of 22 replaced, the limit is 30%"
    ]


def test_work_that_changed_after_it_ended_only_runs_again() -> None:
    """A new command for finished outputs takes nothing away that is at work, so it is no replacement."""
    observed = {"pool": {}, "jobs": [{"id": "encode"}], "uploaded": NAMES}
    outputs = [{"of": name, "work": "old command"} for name in NAMES]
    assert exceeded(observed=observed | {"outputs": outputs}) == []


def test_a_replaced_job_counts_with_its_tasks() -> None:
    """A job that gives way to the next takes what is queued in it along: 20 tasks and the job."""
    observed = queued(NAMES) | {"jobs": [{"id": "encode", "onTaskFailure": "performexitoptionsjobaction"}]}
    assert exceeded(observed=observed) == ["safety.maxReplacements: 21 of 22 replaced, the limit is 30%"]


def test_nodes_are_counted_when_they_are_asked_for() -> None:
    """A pool of four is beyond three when it is made and when it grows to four, not when it has four already."""
    safety = "safety: { maxNodes: 3 }\n"
    said = ["safety.maxNodes: 4 nodes asked for, the limit is 3"]
    assert exceeded(safety) == said
    assert exceeded(safety, observed={"pool": {"targetDedicatedNodes": 1}}) == said
    assert exceeded(safety, observed={"pool": {}}) == []
    assert exceeded("safety: { maxNodes: 4 }\n") == []


def test_dedicated_and_spot_nodes_count_together() -> None:
    """Two Spot nodes beside four dedicated ones are six."""
    spec = SPEC.replace("targetDedicatedNodes: 4", "targetDedicatedNodes: 4, spot: 2")
    assert exceeded("safety: { maxNodes: 5 }\n", spec=spec) == [
        "safety.maxNodes: 6 nodes asked for, the limit is 5"
    ]


def test_objects_are_what_one_apply_adds() -> None:
    """Pool, job and 20 tasks are 22; the next apply adds one task and is fine."""
    safety = "safety: { maxObjects: 21 }\n"
    assert exceeded(safety) == ["safety.maxObjects: 22 pools, jobs and tasks added, the limit is 21"]
    assert exceeded(safety, inputs=[*NAMES, "u.mp4"], observed=queued(NAMES)) == []


def test_nothing_is_bounded_that_the_spec_does_not_bound() -> None:
    """Without `safety:` any number of nodes and tasks may be added."""
    assert exceeded(spec=SPEC.replace("targetDedicatedNodes: 4", "targetDedicatedNodes: 4000")) == []


def test_a_plan_that_does_nothing_exceeds_nothing() -> None:
    """What is there is there: `maxNodes: 0` has nothing against an empty plan."""
    safety = "safety: { maxNodes: 0, maxObjects: 0, maxDeletions: 0, maxReplacements: 0% }\n"
    outputs = [{"of": name} for name in NAMES]
    observed = {"pool": {}, "uploaded": NAMES, "outputs": outputs}
    assert exceeded(safety, observed=observed) == []


def test_the_place_is_the_line_of_the_threshold_or_nothing() -> None:
    """A threshold of the spec is shown with its line, a default with none."""
    for safety, place in (("safety:\n  maxDeletions: 0%\n", "work.yaml:11"), ("", "")):
        desired = desired_of({"spec": SPEC + safety, "inputs": NAMES[:1]})
        observed = observed_of(queued(NAMES), desired)
        (excess,) = excesses(desired, observed, make_plan(desired, observed))
        assert excess.place == place


@pytest.mark.parametrize(
    ("written", "found", "of", "allowed"),
    [
        ("30%", 3, 10, True),
        ("30%", 4, 10, False),
        ("0%", 0, 0, True),
        ("0%", 1, 10, False),
        ("100%", 9, 9, True),
    ],
)
def test_a_share_is_reached_without_being_exceeded(written: str, found: int, of: int, allowed: bool) -> None:
    """Exactly the share is allowed, without any rounding."""
    assert Limit(written).allows(found, of) is allowed


def test_every_threshold_can_be_exceeded() -> None:
    """Each name that `--allow` takes is one that some plan exceeds; those of costs in `tests/cost`."""
    safety = "safety: { maxNodes: 0, maxObjects: 0, maxDeletions: 0, maxReplacements: 0 }\n"
    observed = queued(NAMES[:3], work="old command") | {"pool": {"targetDedicatedNodes": 1}}
    lines = exceeded(safety, inputs=NAMES[1:], observed=observed)
    assert tuple(line.split(":")[0].removeprefix("safety.") for line in lines) == THRESHOLDS[:-2]


def test_a_plan_without_findings_can_be_applied() -> None:
    """No finding, no error."""
    assert Plan(spec_name="work", resources=(), job_id="").errors == 0


SCALED = SPEC.replace("targetDedicatedNodes: 4", "enableAutoScale: true, autoScaleFormula: FORMULA")


@pytest.mark.parametrize(
    ("formula", "found"),
    [
        ("$TargetDedicatedNodes = 5000;", ["safety.maxNodes: 5000 nodes asked for, the limit is 50"]),
        (
            "$TargetDedicatedNodes = min(30, $ActiveTasks); $TargetLowPriorityNodes = 60 - $TargetDedicatedNodes;",
            ["safety.maxNodes: 90 nodes asked for, the limit is 50"],
        ),
        ("$TargetDedicatedNodes = min(50, $PendingTasks.GetSample(1));", []),
        ("$TargetDedicatedNodes = max($PendingTasks.GetSample(1));", []),  # the preflight says so
    ],
)
def test_what_a_formula_can_reach_counts(formula: str, found: list[str]) -> None:
    """A pool that scales itself is held against the most that its formula can ask for."""
    assert exceeded("safety: { maxNodes: 50 }\n", spec=SCALED.replace("FORMULA", repr(formula))) == found
