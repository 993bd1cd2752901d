"""R-45, R-46: Spot nodes that are taken away, and jobs that complete only after their tasks are in."""

from __future__ import annotations

import json

from main_job.workload import Workload, wait_until

from .conftest import Luck


def test_r45_a_preempted_node_is_no_failure_and_is_counted(held: Workload, luck: Luck) -> None:
    """Its task runs again: exit code 0, every output once, and the summary says how often and how many."""
    with held.started("apply", "specs/ffmpeg.yaml", "--format", "json") as process:
        (first, _) = luck.running(2)
        _wait_for_a_look(held)
        luck.preempt(first)
        luck.running(2)
        _wait_for_a_look(held)
        held.let_go()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    summary = json.loads(out.splitlines()[-1])
    assert (summary["preempted"], summary["requeued"], summary["advice"]) == (1, 1, [])
    assert held.downloaded() == {"a.out", "b.out"}
    assert held.results() == {"a.out", "b.out"}
    assert held.actions() == []


def test_r45_many_preemptions_suggest_dedicated_nodes(held: Workload, luck: Luck) -> None:
    """Each node taken away more than once: the summary says what would end sooner."""
    with held.started("apply", "specs/ffmpeg.yaml") as process:
        for _ in range(4):
            (node, _) = luck.running(2)
            _wait_for_a_look(held)
            luck.preempt(node)
        luck.running(2)
        _wait_for_a_look(held)
        held.let_go()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert "  preempted   4 times; 4 tasks requeued (not counted as failures)\n" in out
    assert "pool.targetDedicatedNodes" in out
    assert err.count("a Spot node was preempted") == 4


def test_r46_a_job_completes_with_its_tasks_only_after_they_are_in(work: Workload) -> None:
    """It is made to stay open, then its tasks are added, and only then it is told to complete."""
    since = work.request_count()
    work.apply()
    wanted = [
        ("POST", "/jobs"),
        ("POST", f"/jobs/{work.job_id}/addtaskcollection"),
        ("PATCH", f"/jobs/{work.job_id}"),
    ]
    asked = [(entry["method"], entry["path"]) for entry in work.requests_since(since)]
    assert [entry for entry in asked if entry in wanted] == wanted
    job = work.job() or {}
    assert (job["onAllTasksComplete"], job["executionInfo"].get("terminateReason")) == (
        "terminatejob",
        "AllTasksComplete",
    )


def _wait_for_a_look(work: Workload) -> None:
    """Returns once the run that watches has read the nodes anew."""
    since = work.request_count()
    where = f"/pools/{work.pool_id}/nodes"
    wait_until(lambda: _looks(work, since, where) >= 2)


def _looks(work: Workload, since: int, where: str) -> int:
    return sum(entry["path"] == where for entry in work.requests_since(since))
