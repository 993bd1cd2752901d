"""The judgement alone: a function of what pool, nodes and job are, at a time by the service's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from batchspec.engine.health.stuck import judge, without
from batchspec.engine.health.trouble import PATIENCE, Facts, StuckReason
from batchspec.resources.resize_errors import Shortage, shortage

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def ago(**parts: float) -> str:
    return (NOW - timedelta(**parts)).isoformat()


def pool(**changes: Any) -> dict[str, Any]:
    body = {"id": "p", "state": "active", "allocationState": "steady", "targetDedicatedNodes": 2}
    return {**body, "allocationStateTransitionTime": ago(minutes=1), "resizeTimeout": "PT15M", **changes}


def node(name: str, state: str, **changes: Any) -> dict[str, Any]:
    return {"id": name, "state": state, "stateTransitionTime": ago(minutes=1), **changes}


def facts(*nodes: dict[str, Any], **changes: Any) -> Facts:
    known: dict[str, Any] = {"now": NOW, "pool_id": "p", "job_id": "j", "pool": pool(), "job_state": "active"}
    return Facts(**{**known, "nodes": nodes, **changes})


def stuck(found: Facts) -> str:
    trouble = judge(found).stuck
    return trouble.reason.value if trouble else ""


def degraded(found: Facts) -> list[str]:
    return [trouble.reason.value for trouble in judge(found).degraded]


def short_of(code: str, **changes: Any) -> dict[str, Any]:
    return pool(resizeErrors=[{"code": code, "message": "m"}], **changes)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UnsupportedVMSize", Shortage.VM_SIZE),
        ("AccountCoreQuotaReached", Shortage.QUOTA),
        ("AccountLowPriorityCoreQuotaReached", Shortage.QUOTA),
        ("AccountSpotCoreQuotaReached", Shortage.QUOTA),
        ("AccountVMSeriesCoreQuotaReached", Shortage.QUOTA),
        ("CommunicationEnabledPoolReachedMaxVMCount", Shortage.QUOTA),
        ("ResizeStopped", Shortage.STOPPED),
        ("AllocationTimedOut", Shortage.ALLOCATION),
        ("AllocationFailed", Shortage.ALLOCATION),
        ("RemoveNodesFailed", Shortage.REMOVAL),
        ("SomethingNew", Shortage.ALLOCATION),
    ],
)
def test_r38_codes_are_sorted_whatever_their_case(code: str, kind: Shortage) -> None:
    """Each code that the service is known to give has its kind; an unknown one may pass."""
    assert shortage([{"code": code}]) is shortage([{"code": code.lower()}]) is kind


def test_r38_of_several_errors_the_gravest_counts() -> None:
    """A size that does not exist is told before a quota, a quota before an allocation."""
    codes = [{"code": code} for code in ("AllocationFailed", "AccountCoreQuotaReached", "UnsupportedVMSize")]
    assert shortage(codes) is Shortage.VM_SIZE
    assert shortage(codes[:2]) is Shortage.QUOTA
    assert shortage([]) is None


def test_r38_an_allocation_that_fails_under_autoscale_is_waited_for_up_to_a_limit() -> None:
    """The formula asks again by itself; an hour later, or without a formula, nobody does."""
    scaling = {"enableAutoScale": True}
    assert stuck(facts(pool=short_of("AllocationFailed", **scaling))) == ""
    old = {"allocationStateTransitionTime": ago(hours=1)}
    assert stuck(facts(pool=short_of("AllocationFailed", **scaling, **old))) == "allocation"
    assert stuck(facts(pool=short_of("AllocationFailed"))) == "allocation"
    assert stuck(facts(pool=short_of("AccountCoreQuotaReached", **scaling))) == "quota"


def test_r38_a_known_error_is_no_news_and_stops_nothing_that_is_tried_again() -> None:
    """What was there before stays the reason, unless this run resizes the pool."""
    found = judge(facts(pool=short_of("AllocationFailed")))
    since = ago(minutes=1)
    assert without(found, since, again=True).stuck is None
    assert without(found, since, again=False).stuck is not None
    assert without(found, ago(minutes=2), again=True).stuck is not None
    some = judge(facts(node("a", "idle"), pool=short_of("AllocationFailed")))
    assert [trouble.reason for trouble in some.degraded] == [StuckReason.ALLOCATION]
    assert without(some, since, again=False).degraded == ()


def test_r38_a_resize_that_does_not_end_is_told_after_its_own_limit() -> None:
    """Its timeout and our patience together; with nodes that work it only degrades."""
    long = {"allocationState": "resizing", "allocationStateTransitionTime": ago(minutes=50)}
    assert stuck(facts(pool=pool(**long))) == "resizing"
    assert stuck(facts(pool=pool(**long, resizeTimeout="PT1H"))) == ""
    assert degraded(facts(node("a", "idle"), pool=pool(**long))) == ["resizing"]


def test_r41_slots_are_held_against_what_is_left() -> None:
    """Stuck when no task that is left fits, degraded when some do."""
    two = pool(taskSlotsPerNode=2)
    assert stuck(facts(node("a", "idle"), pool=two, slots=(3, 4))) == "slots"
    assert degraded(facts(node("a", "idle"), pool=two, slots=(1, 4))) == ["slots"]
    assert judge(facts(node("a", "idle"), pool=two, slots=(2, 2))).degraded == ()


def test_r41_a_formula_that_fails_is_told_when_there_are_no_nodes() -> None:
    """Its error is in the last run; while nodes are there it only degrades."""
    run = {"error": {"code": "FormulaError", "message": "m"}}
    failing = pool(enableAutoScale=True, autoScaleRun=run, targetDedicatedNodes=0)
    assert stuck(facts(pool=failing)) == "autoscale_failed"
    assert degraded(facts(node("a", "idle"), pool=failing)) == ["autoscale_failed"]
    assert stuck(facts(pool=pool(enableAutoScale=True, targetDedicatedNodes=0))) == ""


def test_r43_nodes_that_fail_differently_are_waited_for_while_others_come() -> None:
    """Three alike are enough; of three that failed each in its way the next may succeed."""
    big = pool(targetDedicatedNodes=9)

    def failed(name: str, code: int) -> dict[str, Any]:
        return node(name, "starttaskfailed", startTaskInfo={"exitCode": code})

    coming = node("z", "starting")
    assert stuck(facts(*(failed(name, 7) for name in "abc"), coming, pool=big)) == "start_task_failed"
    assert stuck(facts(*(failed(name, code) for code, name in enumerate("abc")), coming, pool=big)) == ""
    assert stuck(facts(*(failed(name, 7) for name in "ab"), coming, pool=big)) == ""
    assert stuck(facts(*(failed(name, 7) for name in "abc"), node("z", "idle"), pool=big)) == ""


@pytest.mark.parametrize(
    "state", ["creating", "starting", "waitingforstarttask", "rebooting", "preempted", "unknown"]
)
def test_r44_a_state_that_should_pass_is_late_after_the_limit(state: str) -> None:
    """Younger than that, everything waits for it."""
    assert stuck(facts(node("a", state))) == ""
    old = ago(seconds=PATIENCE.total_seconds() + 1)
    assert stuck(facts(node("a", state, stateTransitionTime=old))) == "nodes_not_ready"
    assert degraded(facts(node("a", state, stateTransitionTime=old), node("b", "starting"))) == [
        "nodes_not_ready"
    ]


def test_r45_a_spot_node_may_be_unusable_before_it_is_preempted() -> None:
    """For a while, and unless it says another reason or is no Spot node."""
    spot = node("a", "unusable", isDedicated=False)
    assert stuck(facts(spot)) == ""
    assert stuck(facts(spot | {"isDedicated": True})) == "nodes_unusable"
    assert (
        stuck(facts(spot | {"errors": [{"code": "ContainerInvalidImage", "message": "m"}]}))
        == "nodes_unusable"
    )
    old = ago(seconds=PATIENCE.total_seconds() + 1)
    assert stuck(facts(spot | {"stateTransitionTime": old})) == "nodes_unusable"


def test_r44_what_nodes_say_of_themselves_is_said_once() -> None:
    """A hundred nodes with one error are one sentence."""
    dead = [node(f"n{i}", "unusable", errors=[{"code": "DiskFull", "message": "m"}]) for i in range(100)]
    trouble = judge(facts(*dead)).stuck
    assert trouble is not None
    assert trouble.text == "all 100 nodes of p are unusable: DiskFull: m"
    alone = judge(facts(node("n", "unusable", errors=[{"code": "ContainerInvalidImage"}]))).stuck
    assert alone is not None
    assert alone.text == "the only node of p is unusable: ContainerInvalidImage"
    assert "containerImageNames" in alone.help


def test_r48_a_job_is_stuck_when_no_node_is_left_that_was_prepared() -> None:
    """A node that still comes may be prepared well."""
    info = {"state": "completed", "result": "failure", "exitCode": 5}
    entry = {"nodeId": "a", "jobPreparationTaskExecutionInfo": info}
    assert stuck(facts(node("a", "idle"), preparation=[entry])) == "job_preparation_failed"
    for other in ("idle", "starting"):
        assert stuck(facts(node("a", "idle"), node("b", other), preparation=[entry])) == ""
    good = {**entry, "jobPreparationTaskExecutionInfo": {**info, "result": "success"}}
    assert judge(facts(node("a", "idle"), preparation=[good])).degraded == ()


@pytest.mark.parametrize("reason", StuckReason)
def test_every_reason_is_a_word_that_programs_can_rely_on(reason: StuckReason) -> None:
    """Lower case, underscores, no spaces."""
    assert reason.value.replace("_", "a").isalpha()
    assert reason.value == reason.value.lower()
