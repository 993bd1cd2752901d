"""What a run costs, per hour and at most, said of plans; and the limits of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batchspec.cost.estimate import Used
from batchspec.cost.nodes import NodeHours, Nodes, paid_nodes
from batchspec.cost.rates import Rates
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.checks.cost import estimate
from batchspec.plan.checks.safety import excess_line, excesses
from batchspec.plan.model import Plan
from batchspec.render.cost import estimate_text, starting_text, used_text
from tests.cost.price_list import SIZE
from tests.plan.case import desired_of, observed_of

RATES = Rates("Standard_D2ds_v5", 0.136, 0.084, "USD", "2026-11-28", "Spot")
OFF = Rates("Standard_D2ds_v5", why_not="BATCHSPEC_PRICES is off")
SPEC = """\
version: 1
name: work
pool: { id: nodes, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server", NODES, whenDone: keep }
job: { id: encode, constraints: { maxWallClockTime: PT2H } }
tasks:
  audio:
    inputs: clips/*.mp4
    command: [ffmpeg, "{{ input.path }}", "{{ output.path }}"]
    output: "{{ input.stem }}.mp3"
"""
SCALED = "enableAutoScale: true, autoScaleFormula: '$TargetLowPriorityNodes = {};'"


def planned(
    nodes: str = "spot: 5",
    *edits: tuple[str, str],
    safety: str = "",
    observed: dict[str, Any] | None = None,
    rates: Rates = RATES,
) -> tuple[Plan, list[str]]:
    """The plan of the spec, and what of its limits is exceeded."""
    text = SPEC.replace("NODES", nodes) + safety
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    desired = desired_of({"spec": text, "inputs": ["a.mp4"]})
    there = observed_of(observed or {}, desired)
    plan = make_plan(desired, there)
    plan = replace(plan, cost=estimate(desired, there, plan, lambda _: rates))
    return plan, [excess_line(excess) for excess in excesses(desired, there, plan)]


def said(*arguments: Any, **more: Any) -> str:
    plan, _ = planned(*arguments, **more)
    return estimate_text(plan.cost) if plan.cost else ""


NO_LIMIT = ("constraints: { maxWallClockTime: PT2H }", "priority: 5")


@pytest.mark.parametrize(
    ("nodes", "edits", "text"),
    [
        (
            "spot: 5",
            (),
            "about 0.42 USD per hour for 5 Spot nodes; at most 0.84 USD for the job (maxWallClockTime 2 h), then "
            "0.42 USD per hour until the pool is destroyed (whenDone: keep); prices of 2026-11-28 (Spot meter)",
        ),
        (
            "targetDedicatedNodes: 1, spot: 1",
            (("PT2H", "PT20M"), ("whenDone: keep", "whenDone: zero")),
            "about 0.22 USD per hour for 1 dedicated node and 1 Spot node; at most 0.0733 USD for the job "
            "(maxWallClockTime 20 min), then the pool is scaled to 0 nodes (whenDone: zero); prices of 2026-11-28 "
            "(Spot meter)",
        ),
        (
            "targetDedicatedNodes: 2",
            (NO_LIMIT, ("whenDone: keep", "whenDone: delete")),
            "about 0.27 USD per hour for 2 dedicated nodes; no upper limit for the job (no maxWallClockTime), "
            "then the pool is deleted (whenDone: delete); prices of 2026-11-28",
        ),
        (
            SCALED.format("min(20, $PendingTasks.GetSample(1))"),
            (),
            "at most 1.68 USD per hour for up to 20 Spot nodes; at most 3.36 USD for the job (maxWallClockTime 2 h), "
            "then what the autoscale formula keeps; prices of 2026-11-28 (Spot meter)",
        ),
        (
            SCALED.format("max($PendingTasks.GetSample(1))"),
            (),
            "about 0.0840 USD per hour for each Spot node; nothing in the autoscale formula bounds the number of "
            "nodes; prices of 2026-11-28 (Spot meter)",
        ),
        ("targetDedicatedNodes: 0", (), ""),
    ],
    ids=["spot", "both", "no-limit", "scaled", "unbounded", "none"],
)
def test_what_a_run_costs(nodes: str, edits: tuple[tuple[str, str], ...], text: str) -> None:
    """Per hour, at most, and afterwards; by what prices."""
    assert said(nodes, *edits) == text


@pytest.mark.parametrize(
    ("nodes", "rates", "text"),
    [
        ("spot: 5", RATES, "5 Spot nodes will start and cost about 0.42 USD per hour"),
        ("spot: 5", OFF, "5 Spot nodes will start and cost money"),
        (
            SCALED.format(20),
            RATES,
            "Up to 20 Spot nodes may start and cost up to 1.68 USD per hour",
        ),
        (SCALED.format("$PendingTasks"), RATES, "Nodes may start and cost money"),
    ],
    ids=["known", "unknown", "autoscale", "unbounded"],
)
def test_what_a_person_is_told_before_the_first_node(nodes: str, rates: Rates, text: str) -> None:
    """How many nodes of what, and what they cost per hour, as far as that is known."""
    plan, _ = planned(nodes, rates=rates)
    assert plan.cost is not None
    assert starting_text(plan.cost) == text


@pytest.mark.parametrize("pool", ["nodes", "existing"])
def test_a_target_that_the_formula_leaves_alone_stays_as_it_is(pool: str) -> None:
    """The dedicated nodes of a pool whose formula sets the Spot nodes only cost money, too."""
    formula = "$TargetLowPriorityNodes = 5;"
    live = {
        "id": "nodes",
        "vmSize": SIZE,
        "enableAutoScale": True,
        "autoScaleFormula": formula,
        "targetDedicatedNodes": 3,
        "targetLowPriorityNodes": 5,
    }
    own = SPEC[SPEC.index("pool:") : SPEC.index("\njob")].replace("NODES", SCALED.format(5))
    edits = [(own, "pool: { existing: nodes }")] if pool == "existing" else []
    text = said(SCALED.format(5), *edits, observed={"pool": live})
    assert text.startswith("at most 0.83 USD per hour for up to 3 dedicated nodes and 5 Spot nodes")


@pytest.mark.parametrize(
    ("pool", "amount"),
    [
        (None, 0.84),
        ({"vmSize": SIZE.lower(), "currentLowPriorityNodes": 0}, 0.84),  # apply may go on to the next size
        ({"vmSize": SIZE.lower(), "currentLowPriorityNodes": 5}, 0.42),
        ({"vmSize": "standard_d4ds_v5", "currentLowPriorityNodes": 5}, 0.84),
        ({"vmSize": "standard_f2s_v3", "currentLowPriorityNodes": 5}, 0.84),  # drained, for any of the two
    ],
    ids=["new", "no-nodes", "first", "second", "another"],
)
def test_of_several_sizes_the_dearest_counts_until_there_are_nodes(
    pool: dict[str, Any] | None, amount: float
) -> None:
    """In the plan; the nodes of a run cost what those of their own size do."""
    text = SPEC.replace("NODES", "spot: 5").replace(SIZE, f"[{SIZE}, Standard_D4ds_v5]")
    desired = desired_of({"spec": text, "inputs": ["a.mp4"]})
    there = observed_of({"pool": pool}, desired)
    prices = {SIZE: RATES, "Standard_D4ds_v5": RATES._replace(vm_size="Standard_D4ds_v5", spot=0.168)}
    cost = estimate(desired, there, make_plan(desired, there), lambda pool: prices[pool["vmSize"]])
    assert cost is not None
    assert cost.hourly.amount == amount
    if not pool:
        used = [cost.rates_of(size).spot for size in (SIZE.lower(), "Standard_D4ds_v5", "")]
        assert used == [0.084, 0.168, 0.168]


def test_an_unknown_price_is_said_with_its_reason() -> None:
    """And nothing else, whatever is known."""
    assert said(rates=OFF) == "price not known: BATCHSPEC_PRICES is off"


def test_a_plan_without_work_costs_nothing_more() -> None:
    """All is up to date: the pool is not needed."""
    assert said(observed={"pool": {}, "uploaded": ["a.mp4"], "outputs": [{"of": "a.mp4"}]}) == ""


def test_a_pool_of_another_that_is_only_used_costs_what_it_has() -> None:
    """Its own size and targets count, and nothing is said of what becomes of it."""
    pool = SPEC[SPEC.index("pool:") : SPEC.index("\njob")].replace("NODES", "spot: 5")
    live = {
        "id": "nodes",
        "vmSize": "Standard_D2ds_v5",
        "targetDedicatedNodes": 3,
        "targetLowPriorityNodes": 0,
    }
    text = said("spot: 5", (pool, "pool: { existing: nodes }"), observed={"pool": live})
    assert text.startswith("about 0.41 USD per hour for 3 dedicated nodes; at most 0.82 USD for the job")
    assert "then 0.41 USD per hour as before" in text


@pytest.mark.parametrize(
    ("nodes", "edits", "limits", "lines"),
    [
        ("spot: 5", (), "maxCostPerHour: 0.42, maxCost: 0.84", []),
        (
            "targetDedicatedNodes: 4",
            (),
            "maxCostPerHour: 0.54",  # with two digits the cost would be no more
            ["safety.maxCostPerHour: 0.544 USD per hour, the limit is 0.54"],
        ),
        (
            "spot: 5",
            (),
            "maxCostPerHour: 0.4, maxCost: 0.8",
            [
                "safety.maxCostPerHour: 0.42 USD per hour, the limit is 0.4",
                "safety.maxCost: 0.84 USD at most, the limit is 0.8",
            ],
        ),
        (
            "spot: 5",
            (NO_LIMIT,),
            "maxCostPerHour: 1, maxCost: 100",
            [
                "safety.maxCost: nothing bounds the run: job.constraints.maxWallClockTime is not set, the limit is 100",
            ],
        ),
        (
            SCALED.format("max($PendingTasks.GetSample(1))"),
            (),
            "maxCostPerHour: 1",
            [
                "safety.maxCostPerHour: nothing in the autoscale formula bounds the number of nodes, the limit is 1",
            ],
        ),
        ("targetDedicatedNodes: 0", (), "maxCostPerHour: 0, maxCost: 0", []),
    ],
    ids=["within", "a-little", "beyond", "no-end", "no-bound", "no-nodes"],
)
def test_limits_of_costs(
    nodes: str, edits: tuple[tuple[str, str], ...], limits: str, lines: list[str]
) -> None:
    """A sum beyond the limit is refused, and so is a run that nothing bounds."""
    assert planned(nodes, *edits, safety=f"safety: {{ {limits} }}\n")[1] == lines


def test_with_a_limit_an_unknown_price_is_refused() -> None:
    """Without one it is fine."""
    reason = "price not known: BATCHSPEC_PRICES is off"
    assert planned(safety="safety: { maxCostPerHour: 1, maxCost: 9 }\n", rates=OFF)[1] == [
        f"safety.maxCostPerHour: {reason}, the limit is 1",
        f"safety.maxCost: {reason}, the limit is 9",
    ]
    assert planned(rates=OFF)[1] == []


def test_node_hours_are_counted_from_look_to_look() -> None:
    """A node that came in between counts from when it was allocated; one that was preempted does not count."""
    began = datetime(2026, 11, 28, 12, tzinfo=UTC)
    hours = NodeHours()
    hours.begin(began)
    nodes = [
        {"isDedicated": True, "allocationTime": "2026-11-01T00:00:00Z"},
        {"isDedicated": False, "allocationTime": "2026-11-28T12:30:00Z"},
        {"isDedicated": False, "state": "preempted"},
    ]
    hours.look(nodes, began + timedelta(hours=1))
    hours.look(nodes[:1], began + timedelta(hours=3))
    assert hours.total == Nodes(3.0, 0.5)
    assert used_text(Used(hours.total, RATES)) == (
        "3.00 dedicated and 0.50 Spot node hours; about 0.45 USD; prices of 2026-11-28 (Spot meter)"
    )
    assert paid_nodes(nodes) == Nodes(1, 1)
