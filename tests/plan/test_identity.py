"""A plan's id changes exactly with what apply would send or do: bodies, blobs, files, and what comes after the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.bodies.body import Links, task_body
from batchspec.desired.expansion.expand import expand
from batchspec.desired.places import Places
from batchspec.desired.task import Desired, Input
from batchspec.document.parser import parse
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.identity import plan_digest
from batchspec.plan.observed import Observed
from batchspec.source import Source
from tests.plan.strategies import SCHEMA, jobs, members, pools
from tests.schema.batch_fields import OURS

_FIXED = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
_NOT_BESIDE_A_COMMAND = {"commandLine", "multiInstanceSettings"}
_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
_GROUP = SCHEMA["definitions"]["taskGroup"]["properties"].keys() - OURS["task"]  # Batch's own fields

Data = dict[str, Any]


def texts(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(values)


def limits() -> st.SearchStrategy[Any]:
    return st.sampled_from([0, 5, "30%", "50%"])


PARTS: dict[str, st.SearchStrategy[Any]] = {
    "pool": st.builds(
        lambda pool, ours: {"id": "p", **pool, **ours},
        pools(),
        st.fixed_dictionaries(
            {},
            optional={
                "whenDone": texts("keep", "zero", "delete"),
                "rollout": texts("reboot", "reimage"),
                "nodeDeallocationOption": texts("requeue", "terminate", "taskcompletion"),
                "protect": st.booleans(),
                "applicationPackages": st.sampled_from(
                    [{"tool": {"version": version, "file": "tool.zip"}} for version in ("1", "2.0")]
                ),
            },
        ),
    ),
    "job": st.builds(lambda job: {"id": "j", "usesTaskDependencies": True, **job}, jobs()),
    "tasks": st.builds(
        lambda fields, words, output: {
            "only": {"inputs": "clips/*", "command": words, "output": output, **fields}
        },
        members("taskGroup", set(), _GROUP - _NOT_BESIDE_A_COMMAND),
        st.sampled_from([["true"], ["echo", "{{ params.one }}"], "echo {{ params.two }}"]),
        texts("{{ input.stem }}.out", "{{ input.name }}.{{ params.two }}"),
    ),
    "params": st.fixed_dictionaries(
        {"one": texts("1", "uno"), "two": texts("2", "due"), "unused": texts("3", "tre")}
    ),
    "containers": st.fixed_dictionaries(
        {}, optional={"input": texts("input", "in"), "output": texts("output", "out")}
    ),
    "download": texts("out/", "out", "./out", "elsewhere/"),
    "identity": texts(f"{_ID}/one", f"{_ID}/two"),
    "safety": st.fixed_dictionaries(
        {},
        optional={
            "maxDeletions": limits(),
            "maxReplacements": limits(),
            "minObjects": st.sampled_from([0, 10]),
            "maxNodes": st.sampled_from([50, 100]),
            "maxObjects": st.sampled_from([50, 100]),
        },
    ),
    "ignoreChanges": st.sampled_from([[], ["pool.targetDedicatedNodes"], ["job.priority"]]),
    "target": texts("local", "azure"),
}
NEEDED = {"pool", "job", "tasks", "params"}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Data, Data]:
    """Two specs that differ in one part of them, or not at all."""
    first = {name: draw(part) for name, part in PARTS.items() if name in NEEDED or draw(st.booleans())}
    name = draw(st.sampled_from(sorted(PARTS)))
    second = {**first, name: draw(PARTS[name])}
    if name not in NEEDED and draw(st.booleans()):
        del second[name]
    return first, second


@_FIXED
@given(both=pairs())
def test_the_id_of_a_new_workload_is_that_of_what_is_sent(both: tuple[Data, Data]) -> None:
    """Where nothing is there yet, two plans have one id exactly when apply would do the same, by its bodies."""
    (one, other) = (desired_of(spec_of(data)) for data in both)
    same = [plan_digest(make_plan(desired, Observed()), "account") for desired in (one, other)]
    assert (same[0] == same[1]) == (sent(one) == sent(other))


@_FIXED
@given(both=pairs())
def test_the_id_of_a_change_is_that_of_what_is_changed(both: tuple[Data, Data]) -> None:
    """Where the first of two specs was applied, the second has the id of doing nothing only if it sends the same."""
    (one, other) = (desired_of(spec_of(data)) for data in both)
    there = Observed(pool=live(one.pool), jobs=[live(one.job)])
    plans = [make_plan(desired, there) for desired in (one, other)]
    digests = [plan_digest(plan, "account") for plan in plans]
    if (sent(one), rules(one)) == (sent(other), rules(other)):
        assert digests[0] == digests[1]
    elif tasks_sent(one) != tasks_sent(other) or plans[0].resources != plans[1].resources:
        assert digests[0] != digests[1]


def spec_of(data: Mapping[str, Any]) -> Spec:
    try:
        text = json.dumps({"version": 1, "name": "work", **data})
        return build(parse(Source("work.yaml", text)))
    except SpecError:
        assume(False)
        raise


def desired_of(spec: Spec) -> Desired:
    item = Input(
        "a.mp4", spec.containers.input, Places.of(spec).root + "a.mp4", 5, "0" * 32, file="clips/a.mp4"
    )
    try:
        return expand(spec, Readable({group.name: [item] for group in spec.groups}))
    except SpecError:
        assume(False)
        raise


def live(body: Mapping[str, Any] | None) -> dict[str, Any]:
    return {**(body or {}), "state": "active", "allocationState": "steady"}


def tasks_sent(desired: Desired) -> list[Any]:
    """What tasks, uploads and downloads send or write, as the functions that send make it."""
    spec = desired.spec
    return [
        (
            task_body(spec, task, task.id, Links("in", f"https://{spec.containers.output}")),
            task.input and (task.input.container, task.input.blob),
            task.output and spec.download and f"{spec.download.strip('./')}/{task.output}",
        )
        for task in desired.tasks
    ]


def rules(desired: Desired) -> Any:
    pool = desired.spec.pool
    return desired.spec.safety, pool and pool.when_done, pool and pool.rollout, pool and pool.deallocation


def sent(desired: Desired) -> Any:
    """All that is sent or done where nothing is there yet."""
    pool = desired.spec.pool
    zeroes = pool is not None and pool.when_done.value == "zero"
    after = (pool and pool.when_done, pool and zeroes and pool.deallocation, desired.spec.safety)
    return desired.pool, desired.job, tasks_sent(desired), after


TEXT = """\
version: 1
name: work
params: {bitrate: 192k, unused: 1}
pool: {id: p, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server", targetDedicatedNodes: 2}
job: {id: j, priority: 5}
tasks:
  only:
    inputs: clips/*
    command: [ffmpeg, "{{ params.bitrate }}", "{{ output.path }}"]
    output: "{{ input.stem }}.mp3"
"""
SAME = {
    "comments and blank lines": TEXT.replace("\n", "  # said\n\n"),
    "the order of keys": TEXT.replace("version: 1\nname: work\n", "").replace(
        "{id: p, vmSize: Standard_D2ds_v5", "{vmSize: Standard_D2ds_v5, id: p"
    )
    + "name: work\nversion: 1\n",
    "quotes": TEXT.replace("id: p", "'id': \"p\""),
    "block style": TEXT.replace("job: {id: j, priority: 5}", "job:\n    priority: 5\n    id: j"),
    "an unused parameter": TEXT.replace("unused: 1", "unused: 2, more: 3"),
    "a default that is stated": TEXT
    + "containers: {input: input, output: output}\nsafety: {maxDeletions: 30%}\n",
    "keeping the pool is the default": TEXT.replace("{id: p,", "{id: p, whenDone: keep,"),
}


@pytest.mark.parametrize("change", SAME)
def test_what_changes_nothing_keeps_the_id(change: str) -> None:
    """Comments, order, quoting and stated defaults are no other plan."""
    assert digest_of(SAME[change]) == digest_of(TEXT)


def digest_of(text: str) -> str:
    return plan_digest(make_plan(desired_of(build(parse(Source("work.yaml", text)))), Observed()), "account")


def test_every_field_takes_part() -> None:
    """Each field of the schema is in some spec that is tried: of the pool, the job, the tasks and the spec itself."""
    seen: set[str] = set()

    @settings(_FIXED, max_examples=300)
    @given(data=st.fixed_dictionaries(PARTS))
    def draw(data: Data) -> None:
        seen.update(names(data))

    draw()
    wanted = {name for name in SCHEMA["properties"] if name not in ("version", "requires", "name", "files")}
    for part in ("pool", "job"):
        wanted |= {f"{part}.{name}" for name in SCHEMA["definitions"][part]["properties"]}
    wanted.remove("pool.autoscale")  # it is sent as a formula, which is among them
    wanted |= {f"tasks.{name}" for name in _GROUP - _NOT_BESIDE_A_COMMAND}
    assert wanted <= seen


def names(data: Data) -> Iterator[str]:
    for name, value in data.items():
        yield name
        if isinstance(value, dict):
            yield from (f"{name}.{member}" for member in (value["only"] if name == "tasks" else value))
