"""What befalls nodes and links while tasks run: the run ends well, or says why, and the next one goes on."""

from __future__ import annotations

import pytest
from main_job.workload import Workload

from batchspec.errors import TasksFailedError
from faults.conftest import Run
from faults.whole import state, write


@pytest.mark.parametrize("operation", ["create_task_collection", "get_job_task_counts", "list_tasks"])
def test_a_spot_node_is_taken_away(workload: Workload, run: Run, operation: str) -> None:
    """Its tasks run elsewhere, or on it when it is back; each has one result, and nothing is left to do."""
    write(workload, ending="terminatejob")
    workload.batch(
        "POST", "/_local/faults", {"operation": operation, "preempt": workload.pool_id, "times": 2}
    )
    assert run("apply") is None
    assert sorted(state(workload)["tasks"].values()) == [["completed", "success"]] * 2
    assert not run.has_changes()


@pytest.mark.parametrize(
    ("operation", "code"), [("read_blob", "BlobAccessDenied"), ("write_blob", "FileUploadAccessDenied")]
)
def test_a_link_has_expired(workload: Workload, run: Run, operation: str, code: str) -> None:
    """The task that it befell fails with the service's own code; the next apply gives it a new link."""
    write(workload, ending="terminatejob")
    workload.batch("POST", "/_local/faults", {"operation": operation, "expired": True})
    error = run("apply")
    assert isinstance(error, TasksFailedError)
    assert str(error) == "1 task failed"
    assert code in run.said
    assert run("apply") is None
    assert {blob[0] for blob in state(workload)["blobs"]["NAME-out"]} >= {"NAME/a.out", "NAME/b.out"}
    assert not run.has_changes()
