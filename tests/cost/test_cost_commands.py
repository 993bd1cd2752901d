"""Costs from the outside: in plans, runs, `status` and `list`, and limits that apply keeps."""

from __future__ import annotations

import json

import jsonschema
import pytest
from main_job.workload import PROJECT, Workload

import batchspec
from batchspec.engine.saved_plan import load, save
from batchspec.errors import RefusedError
from batchspec.render.plans.as_text import plan_text
from batchspec.render.runs.status import status_text
from tests.cost.price_list import ITEMS, PriceServer, page

SCHEMA = json.loads((PROJECT / "schemas" / "batchspec-plan-v1.schema.json").read_text("utf-8"))
TEXT = (
    "about 0.0400 USD per hour for 2 Spot nodes; at most 0.0400 USD for the job (maxWallClockTime 1 h), then "
    "0.0400 USD per hour until the pool is destroyed (whenDone: keep); prices of "
)


@pytest.fixture
def loaded(work: Workload, server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> batchspec.Workload:
    """The workload in this process, with the server's prices."""
    work.environment["BATCHSPEC_PRICES"] = server.address
    for name, value in work.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(work.folder / ".cache"))
    monkeypatch.chdir(work.folder)
    return batchspec.Workload.load("specs/ffmpeg.yaml")


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_costs_are_shown_wherever_nodes_are(
    work: Workload, server: PriceServer, loaded: batchspec.Workload
) -> None:
    """In each form of a plan, at the end of a run, by `status` and `list`; the list of prices is asked once."""
    plan = loaded.plan()
    assert f"  $ {TEXT[:40]}" in plan.text()
    assert TEXT in unwrapped(plan.text())
    assert f"Cost: {TEXT}" in plan.markdown().partition("<details>")[0]
    written = json.loads(plan.to_json())
    jsonschema.Draft7Validator(SCHEMA).validate(written)
    cost = written["cost"]
    assert (cost["perHour"], cost["atMost"], cost["spotNodes"], cost["unknown"]) == (0.04, 0.04, 2, "")
    file = work.folder / "saved.plan"
    save(plan.saved(loaded.environment), file)
    assert TEXT in unwrapped(plan_text(load(file).plan))

    work.edit("sleep, '0'", "sleep, '1.5'")
    summary = work.apply("--format", "json").objects[-1]
    used = summary["used"]
    assert 0 < used["spotNodeHours"] < 1
    assert (used["dedicatedNodeHours"], used["spotPrice"]) == (0, 0.02)
    assert "its nodes cost about 0.0400 USD per hour and stay" in summary["stillThere"][0]

    status = loaded.status()
    assert "  cost   about 0.0400 USD per hour\n" in status_text(status)
    assert status.cost is not None
    assert status.cost.amount == 0.04
    (listed,) = work.command("list", "--format", "json").objects
    (pool,) = [pool for spec in listed["specs"] for pool in spec["pools"] if pool["id"] == work.pool_id]
    assert pool["cost"]["perHour"] == 0.04
    work.edit(f"id: {work.pool_id}", f"id: {work.pool_id}-2")
    other = batchspec.Workload.load("specs/ffmpeg.yaml").plan()
    assert "2 of them Spot; they cost about 0.0400 USD per hour while the pool exists" in other.text()
    written = json.loads(other.to_json())
    jsonschema.Draft7Validator(SCHEMA).validate(written)
    assert written["strays"][0]["cost"]["perHour"] == 0.04
    assert len([asked for asked in server.filters if "'Standard_D2ds_v5'" in asked]) == 1


def test_a_limit_of_costs_ends_apply_with_4(work: Workload, loaded: batchspec.Workload) -> None:
    """Until it is allowed; without a price, too, and then nothing is created."""
    text = work.spec.read_text("utf-8")
    work.spec.write_text(f"{text}safety: {{ maxCostPerHour: 0.03 }}\n", "utf-8")
    limited = batchspec.Workload.load("specs/ffmpeg.yaml")
    plan = limited.plan()
    with pytest.raises(RefusedError, match=r"maxCostPerHour: 0\.04 USD per hour, the limit is 0\.03"):
        plan.apply(approve=True)
    written = json.loads(plan.to_json())
    jsonschema.Draft7Validator(SCHEMA).validate(written)
    assert [(excess["threshold"], excess["found"]) for excess in written["excesses"]] == [
        ("maxCostPerHour", 0.04)
    ]
    ended = work.apply("--auto-approve", code=4, env={"BATCHSPEC_PRICES": "off"})
    assert "safety.maxCostPerHour: price not known: BATCHSPEC_PRICES is off, the limit is 0.03" in ended.err
    assert "--allow maxCostPerHour" in ended.err
    assert (work.pool(), work.jobs()) == (None, [])


def test_locally_costs_are_a_rehearsal(work: Workload) -> None:
    """Nodes are free there, whatever the environment says; with --prices they cost what the file says."""
    work.environment = {"BATCHSPEC_PRICES": "prices.json"}
    (work.folder / "prices.json").write_text(page(ITEMS))
    assert work.plan()["cost"] is None
    assert TEXT in unwrapped(work.command("plan", "specs/ffmpeg.yaml", "--prices", "prices.json").out)
