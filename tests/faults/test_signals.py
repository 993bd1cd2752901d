"""Ctrl-C while a failing service is asked again: nobody waits for the five minutes to be over (R-22)."""

from __future__ import annotations

import signal

import pytest
from main_job.workload import Workload, wait_until

from faults.whole import write


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 429, "retryAfter": 30}, {"reset": "before"}], ids=str
)
def test_r22_a_signal_ends_the_waiting_of_a_call(workload: Workload, fault: dict[str, object]) -> None:
    """One call after the other fails, is not tried again, and the command ends as interrupted, with the way on."""
    write(workload, ending="terminatejob")
    for operation in ("create_pool", "create_task_collection", "get_job_task_counts"):
        _interrupted_in(workload, operation, fault)
    workload.apply()
    assert workload.actions() == []


def _interrupted_in(workload: Workload, operation: str, fault: dict[str, object]) -> None:
    """Runs an apply that gets a SIGINT when *operation* has failed."""
    before = workload.request_count()
    workload.batch("POST", "/_local/faults", {"operation": operation, "times": 0, **fault})
    code = fault.get("status", 0)
    with workload.started("apply", "specs/ffmpeg.yaml", env={"BATCHSPEC_PATIENCE": ""}) as process:
        wait_until(lambda: any(asked["status"] == code for asked in workload.requests_since(before)))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "batchspec apply specs/ffmpeg.yaml" in said
    workload.batch("DELETE", "/_local/faults")
