"""The management plane, with bearer tokens over TLS: the quota that a plan is held against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import batchspec
from batchspec.plan.model import Plan
from entra.arm import Arm, arm_of
from entra.endpoints import Endpoints
from entra.issuer import Identity
from entra.workload import Workload

QUOTA = {
    "poolAllocationMode": "BatchService",
    "dedicatedCoreQuota": 20,
    "lowPriorityCoreQuota": 10,
    "dedicatedCoreQuotaPerVMFamily": [],
    "dedicatedCoreQuotaPerVMFamilyEnforced": True,
    "poolQuota": 100,
}


@pytest.fixture
def arm(
    endpoints: Endpoints, signed_in: Identity, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Arm]:
    """The account's resource, which this process's environment names."""
    with arm_of(endpoints) as found:
        found.properties = dict(QUOTA)
        for name, value in {**endpoints.environment, **signed_in.environment, **found.environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("XDG_CACHE_HOME", str(workload.folder / ".cache"))
        yield found


def planned(workload: Workload) -> Plan:
    with batchspec.Workload.load(workload.spec) as loaded:
        return loaded.plan().plan


def findings(plan: Plan) -> list[tuple[str, str, str]]:
    return [(f.code, f.severity.value, f.label) for f in plan.findings if f.code == "BS0718"]


def unread(plan: Plan) -> list[str]:
    return [what for what in plan.not_checked if what.startswith("quota")]


def test_a_plan_is_held_against_the_quota(arm: Arm, workload: Workload) -> None:
    """Five Spot nodes of two cores are ten: that is within a quota of ten, and beyond one of nine."""
    plan = planned(workload)
    assert (findings(plan), unread(plan)) == ([], [])
    assert arm.asked == ["GET /", "GET sizes", "GET sizes"]
    arm.properties["lowPriorityCoreQuota"] = 9
    assert findings(planned(workload)) == [("BS0718", "error", "the account's quota is 9 cores")]


def test_a_quota_that_cannot_be_read_is_said(arm: Arm, workload: Workload) -> None:
    """The plan is made all the same."""
    arm.refuses = (403, "AuthorizationFailed", "The client does not have authorization.")
    (what,) = unread(planned(workload))
    assert what.startswith(
        "quota: could not read the account's quota: The client does not have authorization."
    )
    arm.refuses = None
    arm.properties = {"poolAllocationMode": "UserSubscription", "poolQuota": 100}
    assert unread(planned(workload)) == ["quota: this account uses that of its subscription"]


def test_without_its_group_the_quota_is_not_checked(
    arm: Arm, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is asked."""
    monkeypatch.delenv("AZURE_RESOURCE_GROUP")
    assert unread(planned(workload)) == ["quota: Batch does not tell it here; see `az batch account show`"]
    assert arm.asked == []
