"""Cores that are asked for, held against the account's quota as the management plane tells it."""

from __future__ import annotations

from typing import Any

import pytest

from batchspec.plan.actions.planner import make_plan
from batchspec.plan.checks.quota import Quota, quota_findings, read_quota, read_sizes
from tests.plan.case import desired_of, observed_of

SPEC = """\
version: 1
name: work
pool: {{id: nodes, vmSize: {size}, image: "canonical:ubuntu-24_04-lts:server", {}}}
job: {{id: work}}
tasks: {{one: {{command: [sleep, '0']}}}}
"""
SIZES = read_sizes(
    [
        {"name": name, "familyName": family, "capabilities": [{"name": "vCPUs", "value": cores}]}
        for name, family, cores in (
            ("Standard_D4ds_v5", "standardDDSv5Family", "4"),
            ("Standard_D8ds_v5", "standardDDSv5Family", "8"),
            ("Standard_F16s_v2", "standardFSv2Family", "16"),
        )
    ]
    + [{"name": "Standard_Odd", "familyName": "odd", "capabilities": []}]
)
ENOUGH = Quota(100, 100, {"standardddsv5family": 100}, 100)


def said(
    nodes: str, quota: Quota, *pools: dict[str, Any], sizes: Any = SIZES, size: str = "standard_d4ds_v5"
) -> list[tuple[str, str, str, str]]:
    """What is found: severity, field, what and why."""
    desired = desired_of({"spec": SPEC.format(nodes, size=size)})
    plan = make_plan(desired, observed_of({}, desired))
    assert plan.asks_for_nodes
    found = quota_findings(desired, plan, quota, sizes, pools)
    return [(f.severity.value, ".".join(map(str, f.path)), f.summary, f.label) for f in found]


def other(size: str, **fields: Any) -> dict[str, Any]:
    return {"id": "other", "vmSize": size, **fields}


@pytest.mark.parametrize(
    ("nodes", "quota", "found"),
    [
        ("targetDedicatedNodes: 2, spot: 25", ENOUGH, []),
        (
            "spot: 26",
            ENOUGH,
            [
                (
                    "error",
                    "pool.spot",
                    "pool: 104 Spot cores are asked for",
                    "the account's quota is 100 cores",
                )
            ],
        ),
        (
            "targetDedicatedNodes: 2",
            ENOUGH._replace(dedicated=4, families=None),
            [
                (
                    "error",
                    "pool.targetDedicatedNodes",
                    "pool: 8 dedicated cores are asked for",
                    "the account's quota is 4 cores",
                )
            ],
        ),
        (
            "targetDedicatedNodes: 2",
            ENOUGH._replace(families={}),
            [
                (
                    "error",
                    "pool.targetDedicatedNodes",
                    "pool: 8 dedicated standardddsv5family cores are asked for",
                    "the account's quota is 0 cores",
                )
            ],
        ),
        (
            "autoscale: {max: 30, spot: true}",
            ENOUGH,
            [
                (
                    "warning",
                    "pool.autoscale",
                    "pool: 120 Spot cores are asked for",
                    "the account's quota is 100 cores",
                )
            ],
        ),
        (
            "enableAutoScale: true, autoScaleFormula: '$TargetDedicatedNodes = max($PendingTasks.GetSample(1));'",
            ENOUGH,
            [],
        ),
    ],
    ids=["enough", "spot", "dedicated", "family", "formula", "unbounded"],
)
def test_more_than_the_quota_is_an_error(
    nodes: str, quota: Quota, found: list[tuple[str, str, str, str]]
) -> None:
    """A formula may ask for less, so there it is a warning; what nothing bounds is told elsewhere."""
    assert said(nodes, quota) == found


def test_where_another_size_may_be_had_it_is_a_warning() -> None:
    """Of a list of sizes only the first is looked at."""
    found = said("spot: 26", ENOUGH, size="[Standard_D4ds_v5, Standard_F16s_v2]")
    assert [severity for severity, *_ in found] == ["warning"]


def test_what_other_pools_have_counts_as_a_warning() -> None:
    """They may let go of it; the pool itself, and pools of sizes without cores, do not count."""
    pools = (
        other("standard_d8ds_v5", currentDedicatedNodes=5, targetDedicatedNodes=1, targetLowPriorityNodes=12),
        other("Standard_F16s_v2", currentDedicatedNodes=3),
        other("Standard_Odd", currentDedicatedNodes=30),
        {"id": "NODES", "vmSize": "Standard_D4ds_v5", "currentDedicatedNodes": 30},
    )
    quota = Quota(90, 100, {"standardddsv5family": 40}, 100)
    assert said("targetDedicatedNodes: 1, spot: 2", quota, *pools) == [
        (
            "warning",
            "pool.targetDedicatedNodes",
            "pool: 4 dedicated cores are asked for",
            "the account's quota is 90 cores, of which other pools have 88",
        ),
        (
            "warning",
            "pool.targetDedicatedNodes",
            "pool: 4 dedicated standardddsv5family cores are asked for",
            "the account's quota is 40 cores, of which other pools have 40",
        ),
        (
            "warning",
            "pool.spot",
            "pool: 8 Spot cores are asked for",
            "the account's quota is 100 cores, of which other pools have 96",
        ),
    ]


def test_the_number_of_pools_has_a_quota() -> None:
    """One more is refused by the service."""
    found = said("spot: 1", ENOUGH._replace(pools=1), other("Standard_D8ds_v5"))
    assert found == [("error", "pool.id", "pool: the account has 1 pool", "its quota is 1")]


def test_the_quota_of_an_account_is_read_off_its_resource() -> None:
    """Families count where they are enforced; an account that uses its subscription's quota has none of its own."""
    properties = {
        "dedicatedCoreQuota": 20,
        "lowPriorityCoreQuota": 10,
        "dedicatedCoreQuotaPerVMFamily": [{"name": "standardDDSv5Family", "coreQuota": 8}],
        "dedicatedCoreQuotaPerVMFamilyEnforced": True,
        "poolQuota": 7,
    }
    assert read_quota({"properties": properties}) == Quota(20, 10, {"standardddsv5family": 8}, 7)
    other = {**properties, "dedicatedCoreQuotaPerVMFamilyEnforced": False}
    assert read_quota({"properties": other}) == Quota(20, 10, None, 7)
    assert read_quota({"properties": {"poolAllocationMode": "UserSubscription", "poolQuota": 7}}) is None
