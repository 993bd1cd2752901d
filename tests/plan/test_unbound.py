"""The plan says what it cannot hold: content of others that may change before a task reads it (2.1, 2.7)."""

from __future__ import annotations

import json
from dataclasses import replace

from batchspec.plan.model import Plan
from batchspec.plan.planner import make_plan
from batchspec.plan.unbound import unbound_reads
from batchspec.render.as_json import plan_json
from batchspec.render.as_markdown import plan_markdown
from batchspec.render.as_text import plan_text
from tests.plan.case import desired_of, observed_of

SPEC = """\
version: 1
name: work
pool: {existing: p}
job: {id: j, constraints: {maxWallClockTime: PT1H}}
tasks:
  blobs: {inputs: {container: footage}, command: [run]}
  raw: {command: [run], resourceFiles: [{httpUrl: "https://x.blob.core.windows.net/a/b", filePath: b}]}
  local: {inputs: clips/*.mp4, command: [run]}
"""
RAW = "raw: whether files behind the addresses in resourceFiles have changed"
BLOBS = "blobs: whether its blobs in container footage change before the tasks start"


def made() -> Plan:
    desired = desired_of({"spec": SPEC, "inputs": ["a.mp4"]})
    plan = make_plan(desired, observed_of({"pool": {}}, desired))
    return replace(plan, not_checked=tuple(unbound_reads(desired, plan)))


def test_2_1_each_group_says_it_once_in_text_json_and_markdown() -> None:
    """Blobs of others and raw addresses; nothing of what is uploaded under its content's digest."""
    plan = made()
    assert plan.not_checked == (BLOBS, RAW)
    text = plan_text(plan)
    assert [line for line in text.splitlines() if "not checked" in line] == [
        f"  ? not checked: {said}" for said in plan.not_checked
    ]
    assert f"  ? not checked: {BLOBS}" in plan_markdown(plan, "", id="x")
    assert json.loads("".join(plan_json(plan, id="x", account="a")))["notChecked"] == list(plan.not_checked)


def test_2_7_a_raw_address_is_told_of_also_where_nothing_is_to_do() -> None:
    """That is when somebody wonders; blobs that no task is going to read are not."""
    spec = SPEC.replace("raw: {", "raw: {inputs: clips/*.mp4, ")
    desired = desired_of({"spec": spec, "inputs": []})
    nothing = make_plan(desired, observed_of({"pool": {}}, desired))
    assert list(unbound_reads(desired, nothing)) == [RAW]
