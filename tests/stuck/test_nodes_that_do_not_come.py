"""R-38 to R-41 and R-44: pools that get no nodes, nodes that do not get ready, jobs that run nothing."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from main_job.workload import Workload, wait_until

from .conftest import Luck


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("AccountLowPriorityCoreQuotaReached", "quota"),
        ("UnsupportedVMSize", "vm_size"),
    ],
)
def test_r38_a_resize_without_a_node_ends_the_run_and_the_next_run_asks_again(
    work: Workload, luck: Luck, code: str, reason: str
) -> None:
    """The reason, the service's own words and a way out; `status` says the same; the same command goes on."""
    luck.resize(code)
    ended = work.apply(code=1)
    said = f"STUCK({reason}): the pool {work.pool_id} got no node: {code}: as rehearsed"
    assert f"error: {said}\n  help: " in ended.err
    status = luck.status()
    assert (status["stuck"], status["degraded"]) == (reason, [])
    assert status["problem"].startswith(f"the pool {work.pool_id} got no node: {code}")
    assert f"  STUCK({reason})  the pool" in work.command("status", "specs/ffmpeg.yaml").out
    assert work.actions() == [("update", "pool", "differs")]
    work.apply()
    assert work.downloaded() == {"a.out", "b.out"}
    assert luck.status()["stuck"] == ""


def test_r38_a_resize_without_a_node_is_repeated_where_it_may_pass(work: Workload, luck: Luck) -> None:
    """Each time is told; the third resize gets the nodes, and the run ends well."""
    luck.resize("AllocationTimedOut", times=2)
    ended = work.apply()
    said = f"the pool {work.pool_id} got no node: AllocationTimedOut: as rehearsed; retrying for up to"
    assert ended.err.count(f"{said} 45 more minutes") == 2
    assert work.downloaded() == {"a.out", "b.out"}


def test_r38_it_is_repeated_no_longer_than_the_person_says(work: Workload, luck: Luck) -> None:
    """Then it is stuck, with the reason; the next run begins to ask anew."""
    luck.resize("AllocationTimedOut")
    ended = work.apply("--allocation-timeout", "0s", code=1)
    assert f"error: STUCK(allocation): the pool {work.pool_id} got no node" in ended.err
    work.apply()


@pytest.mark.parametrize("scales", [False, True], ids=["fixed", "autoscale"])
def test_other_vm_sizes_are_tried_in_order(work: Workload, luck: Luck, scales: bool) -> None:
    """The first is short of nodes, the second is not offered, the third has some; then all of them are up to date."""
    work.edit("vmSize: Standard_D2ds_v5", "vmSize: [Standard_D2ds_v5, Standard_D2as_v5, Standard_F2s_v3]")
    if scales:
        work.edit("  targetLowPriorityNodes: 2\n", "  autoscale: {min: 2, max: 2, spot: true}\n")
    luck.resize("AllocationTimedOut", times=9, vm_size="Standard_D2ds_v5")
    luck.resize("UnsupportedVMSize", times=9, vm_size="Standard_D2as_v5")
    ended = work.apply()
    told = re.findall(r"warning   (.*) for up to 45 more minutes", ended.err)
    short = f"the pool {work.pool_id} got no node"
    assert told == [
        f"{short}: AllocationTimedOut: as rehearsed; trying the VM size Standard_D2as_v5",
        f"{short}: UnsupportedVMSize: as rehearsed; trying the VM size Standard_F2s_v3",
    ]
    assert work.downloaded() == {"a.out", "b.out"}
    assert (work.pool() or {})["vmSize"] == "standard_f2s_v3"
    (work.clips / "c").write_text("c")
    assert [action for action in work.actions() if action[1] == "pool"] == []


def test_r38_a_resize_with_some_nodes_goes_on_and_says_so_once(work: Workload, luck: Luck) -> None:
    """One node of two: the run ends well, with one DEGRADED line and its advice."""
    luck.resize("AccountLowPriorityCoreQuotaReached", nodes=1)
    ended = work.apply()
    assert ended.err.count("DEGRADED(quota)") == 1
    assert "has 1 of the 2 requested nodes" in ended.err
    assert "request fewer nodes or more quota" in ended.err
    assert [entry["reason"] for entry in luck.status()["degraded"]] == ["quota"]
    assert work.actions() == []  # without work nobody needs more nodes


def test_r38_what_an_earlier_resize_came_to_is_no_news(work: Workload, luck: Luck) -> None:
    """A run that does not resize the pool does not tell of an error that was there before it."""
    luck.resize("AccountLowPriorityCoreQuotaReached", nodes=1)
    work.apply()
    (work.clips / "c").write_text("c")
    work.edit("tasks:\n", "ignoreChanges: [pool.targetLowPriorityNodes]\ntasks:\n")
    ended = work.apply()
    assert "DEGRADED" not in ended.said
    assert work.downloaded() == {"a.out", "b.out", "c.out"}


def test_r38_the_error_of_a_run_has_its_reason_in_json(work: Workload, luck: Luck) -> None:
    """Programs find the reason as a word of its own."""
    luck.resize("AccountCoreQuotaReached")
    (error,) = work.apply("--format", "json", code=1).of_type("error")
    assert (error["stuck"], error["exitCode"]) == ("quota", 1)


def test_r40_a_run_that_is_stuck_leaves_no_nodes_where_the_spec_says_so(work: Workload, luck: Luck) -> None:
    """`whenDone: zero` holds for a run that could not go on, too: nodes that run nothing cost as much."""
    work.edit("  targetLowPriorityNodes: 2\n", "  targetLowPriorityNodes: 2\n  whenDone: zero\n")
    luck.hold("starting", times=2, seconds=3600)
    ended = work.apply(code=1)
    assert "STUCK(nodes_not_ready)" in ended.err
    assert (work.pool() or {})["targetLowPriorityNodes"] == 0


def _disable(work: Workload, luck: Luck) -> None:
    work.batch("POST", f"/jobs/{work.job_id}/disable", {"disableTasks": "requeue"})


def _terminate(work: Workload, luck: Luck) -> None:
    work.batch("POST", f"/jobs/{work.job_id}/terminate", {"terminateReason": "UserTerminate"})


def _empty(work: Workload, luck: Luck) -> None:
    sizes = {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 0}
    work.batch("POST", f"/pools/{work.pool_id}/resize", {**sizes, "nodeDeallocationOption": "requeue"})


def _delete(work: Workload, luck: Luck) -> None:
    work.batch("DELETE", f"/pools/{work.pool_id}")


def _fail_all(work: Workload, luck: Luck) -> None:
    for node in luck.nodes():
        luck.fail(node["id"], "DiskFull", "no room on the temporary disk")


def _disable_nodes(work: Workload, luck: Luck) -> None:
    for node in luck.nodes():
        where = f"/pools/{work.pool_id}/nodes/{node['id']}/disablescheduling"
        work.batch("POST", where, {"nodeDisableSchedulingOption": "requeue"})


@pytest.mark.parametrize(
    ("happens", "reasons"),
    [
        (_disable, ["job_disabled"]),
        (_empty, ["no_nodes_asked"]),
        (_delete, ["pool_missing", "pool_deleting"]),
        (_fail_all, ["nodes_unusable"]),
        (_disable_nodes, ["nodes_offline"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_r41_what_keeps_tasks_from_running_is_found_within_two_polls(
    held: Workload, luck: Luck, happens: Callable[[Workload, Luck], None], reasons: list[str]
) -> None:
    """While a run watches, its tasks lose what they run on: it ends with the reason after two looks at most."""
    with held.started("apply", "specs/ffmpeg.yaml", "--format", "json") as process:
        luck.running(2)
        happens(held, luck)
        wait_until(lambda: sum(node["runningTasksCount"] for node in luck.nodes()) == 0)
        since = held.request_count()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert any(f'"stuck": "{reason}"' in out for reason in reasons), out
    looks = [entry for entry in held.requests_since(since) if entry["path"].endswith("/taskcounts")]
    assert len(looks) <= 2
    assert luck.status()["stuck"] in reasons


def test_r41_a_job_that_was_ended_under_its_tasks_is_told_at_once(held: Workload, luck: Luck) -> None:
    """Terminated by somebody else: the tasks that ran were cancelled, and the run ends with 3."""
    with held.started("apply", "specs/ffmpeg.yaml") as process:
        luck.running(2)
        _terminate(held, luck)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "2 cancelled" in out


def test_r41_tasks_wider_than_the_nodes_of_a_pool_are_found_in_the_plan_and_while_they_wait(
    work: Workload, luck: Luck
) -> None:
    """A shared pool that was made smaller meanwhile: the plan refuses, and `status` says STUCK(slots)."""
    shared = Workload(work.folder / "shared", work.account, name=work.name + "s")
    shared.folder.mkdir()
    shared.write("wide: {command: ['true'], requiredSlots: 2}", rest="")
    shared.edit(f"  id: {shared.pool_id}\n", f"  id: {shared.pool_id}\n  taskSlotsPerNode: 2\n")
    shared.edit("targetLowPriorityNodes: 2", "targetLowPriorityNodes: 0")
    shared.apply("--detach")
    work.batch("PATCH", f"/pools/{shared.pool_id}", {"taskSlotsPerNode": 1})
    try:
        status = Luck(shared).status()
        assert (status["stuck"], "task slots" in status["problem"]) == ("slots", True)
        body = shared.spec.read_text("utf-8")
        pool = body[body.index("pool:") : body.index("job:")]
        shared.edit(pool, f"pool: {{existing: {shared.pool_id}}}\n")
        shared.edit(f"id: {shared.job_id}", f"id: {shared.job_id}x")
        ended = shared.command("plan", "specs/ffmpeg.yaml", code=1)
        assert "error[BS0709]" in ended.out
    finally:
        work.batch("DELETE", f"/jobs/{shared.job_id}")
        work.batch("DELETE", f"/pools/{shared.pool_id}")


@pytest.mark.parametrize("state", ["creating", "starting"])
def test_r44_nodes_that_do_not_get_ready_end_the_run(work: Workload, luck: Luck, state: str) -> None:
    """All nodes in a state that should pass for an hour: STUCK, with the state and for how long."""
    luck.hold(state, times=2, seconds=3600)
    ended = work.apply(code=1)
    assert (
        f"STUCK(nodes_not_ready): nodes of {work.pool_id} do not become ready: 2 {state}, for up to 60"
        in ended.err
    )
    assert luck.status()["stuck"] == "nodes_not_ready"


def test_r44_one_node_that_does_not_get_ready_is_told_and_left(work: Workload, luck: Luck) -> None:
    """The other one does the work; the run ends well and has said which node, once. Nothing was done to it."""
    luck.hold("starting", seconds=3600)
    ended = work.apply()
    assert ended.err.count("DEGRADED(nodes_not_ready)") == 1
    assert "1 starting" in ended.err
    assert sorted(node["state"] for node in luck.nodes()) == ["idle", "starting"]


def test_r44_a_start_task_that_waits_too_long_is_told_of(work: Workload, luck: Luck) -> None:
    """A node that still starts is no trouble while it is young: the run waits for it."""
    luck.hold("starting", times=2, seconds=60)
    with work.started("apply", "specs/ffmpeg.yaml") as process:
        wait_until(lambda: len(luck.nodes()) == 2 and luck.status()["tasks"].get("active") == 2)
        status = luck.status()
        assert (status["stuck"], status["degraded"], process.poll()) == ("", [], None)
        luck.let_go()
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_r44_a_dead_node_is_shown_with_its_own_words(held: Workload, luck: Luck) -> None:
    """One of two nodes dies under its task: the run goes on, tells what the node said, and the task runs elsewhere."""
    with held.started("apply", "specs/ffmpeg.yaml") as process:
        luck.fail(luck.running(2)[0], "DiskFull", "no room on the temporary disk")
        wait_until(lambda: [entry["reason"] for entry in luck.status()["degraded"]] == ["nodes_unusable"])
        held.let_go()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert "DEGRADED(nodes_unusable): 1 of 2 nodes" in err
    assert "DiskFull: no room on the temporary disk" in err
    assert held.downloaded() == {"a.out", "b.out"}


def test_status_watch_ends_when_nothing_gets_on(work: Workload, luck: Luck) -> None:
    """`status --watch` of a workload that is stuck says so and ends; its exit code stays 0."""
    luck.resize("AccountCoreQuotaReached")
    work.apply(code=1)
    ended = work.command("status", "--watch", "specs/ffmpeg.yaml")
    assert "STUCK(quota)" in ended.out
