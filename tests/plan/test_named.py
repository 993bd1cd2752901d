"""What has the spec's name in the account: whose it is, and what of it the spec no longer names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from batchspec.desired.expansion.expand import without_tasks
from batchspec.document.parser import parse
from batchspec.errors import RefusedError
from batchspec.language.build import build
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.identity import plan_digest
from batchspec.plan.model import Kind, Plan, Reason
from batchspec.plan.observed import Named, Observed
from batchspec.render.plans.as_text import plan_text
from batchspec.resources.base import Json, stamped
from batchspec.source import Source

TEXT = """\
version: 1
name: work
pool: {existing: Mine}
job: {id: night}
"""


def live(id: str, file: str = "specs/a.yaml", **fields: Any) -> Json:
    """A pool or job that a spec named `work` has made, an earlier version without *file*."""
    return {"state": "active", **stamped({"id": id, **fields}, "work", "1", "d", file=file)}


def plan_of(
    pools: Iterable[Json] = (),
    jobs: Iterable[Json] = (),
    noted: str | None = None,
    *,
    file: str = "specs/a.yaml",
    takes_over: bool = False,
) -> Plan:
    spec = build(parse(Source("a.yaml", TEXT)))._replace(file=file, takes_over=takes_over)
    named = Named([*pools], [*jobs], noted)
    return make_plan(without_tasks(spec), Observed(pool={"id": "Mine"}, named=named))


def test_what_the_spec_names_is_no_stray() -> None:
    """Neither its pool, whatever the case of its id and although it only uses it, nor a generation of its job."""
    plan = plan_of([live("mine")], [live("night"), live("NIGHT-2"), live("night-x")])
    assert [(stray.kind, stray.id) for stray in plan.strays] == [(Kind.JOB, "night-x")]


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({}, "it has no nodes now, so it costs nothing"),
        ({"currentDedicatedNodes": 1}, "1 node of a; it costs money while the pool exists"),
        (
            {"currentDedicatedNodes": 1, "targetLowPriorityNodes": 2},
            "3 nodes of a, 2 of them Spot; they cost money while the pool exists",
        ),
        ({"enableAutoScale": True}, "it has no nodes now, and its autoscale formula may add some"),
    ],
)
def test_a_stray_pool_says_what_it_costs_and_is_no_change(fields: dict[str, Any], cost: str) -> None:
    """A plan with nothing else is empty and has the id of one without it."""
    plan = plan_of([live("other", vmSize="a", **fields)])
    assert f"  ! pool other  no longer in the spec, and still there\n      · {cost}\n" in plan_text(plan)
    assert plan.is_empty
    assert plan_digest(plan, "account") == plan_digest(plan_of(), "account")


def test_a_stamp_without_a_file_counts_as_the_spec_s() -> None:
    """What is to be noted is said, and is no change."""
    plan = plan_of([live("mine", file="")], [live("night")], "specs/a.yaml")
    assert (plan.unnoted, plan.is_empty, plan.notes_file) == (((Kind.POOL, "mine"),), True, False)
    assert plan_of().notes_file


@pytest.mark.parametrize(
    ("pools", "jobs", "noted", "what"),
    [
        ([live("mine")], [], None, "specs/a.yaml (pool mine)"),
        ([], [live("night")], None, "specs/a.yaml (job night)"),
        ([live("mine", file="")], [], "specs/a.yaml", "specs/a.yaml; this one is specs/b.yaml"),
    ],
)
def test_another_file_is_refused_until_it_takes_over(
    pools: list[Json], jobs: list[Json], noted: str | None, what: str
) -> None:
    """Whatever is left of the first one; taking over is a change of its own, and notes everything anew."""
    with pytest.raises(RefusedError) as refused:
        plan_of(pools, jobs, noted, file="specs/b.yaml")
    assert what in str(refused.value)
    plan = plan_of(pools, jobs, noted, file="specs/b.yaml", takes_over=True)
    assert [action.reason for action in plan.of(Kind.SPEC)] == [Reason.TAKEN_OVER]
    assert len(plan.unnoted) == len(pools) + len(jobs)
    assert plan.notes_file
    assert plan.has_changes
