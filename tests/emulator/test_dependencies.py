"""Who waits for whom: ids that completed once, and what counts as waiting."""

from typing import Any

import pytest
from azure.batch import BatchClient

from .conftest import job_body, pool_body
from .steps import ready_pool, run_task, steady


@pytest.fixture
def job(client: BatchClient) -> BatchClient:
    """The client, with a pool of one node and a job whose tasks may depend on others."""
    ready_pool(client)
    client.create_job(job_body(usesTaskDependencies=True))
    return client


def task(task_id: str, **depends_on: Any) -> dict[str, Any]:
    return {"id": task_id, "commandLine": "true", "dependsOn": depends_on}


def test_an_id_that_completed_once_holds_nobody_back(job: BatchClient) -> None:
    """A task added again under an id that completed does not hold back its dependants (Azure/Batch#129)."""
    for task_id in ("Parent", "7"):
        run_task(job, id=task_id, commandLine="true")
        job.delete_task("job", task_id)
        job.create_task("job", {"id": task_id.lower(), "commandLine": "true", "requiredSlots": 2})
    both = {"taskIds": ["parent"], "taskIdRanges": [{"start": 7, "end": 7}]}
    run_task(job, **task("child", **both))
    assert job.get_task("job", "parent").state == "active"


def test_a_deleted_parent_is_remembered_while_another_is_waited_for(job: BatchClient) -> None:
    """A dependant of two tasks runs when the second completes, though the first is deleted by then."""
    run_task(job, id="first", commandLine="true")
    job.create_task("job", task("child", taskIds=["first", "second"]))
    job.delete_task("job", "first")
    run_task(job, id="second", commandLine="true")
    run_task(job, **task("grandchild", taskIds=["child"]))


def test_a_reactivated_task_holds_nobody_back(client: BatchClient) -> None:
    """What a failed task has satisfied stays so while it runs again."""
    ready_pool(client, taskSlotsPerNode=2)
    client.create_job(job_body(usesTaskDependencies=True))
    line = "/bin/bash -c 'mkdir $AZ_BATCH_NODE_SHARED_DIR/seen || sleep 60; exit 1'"
    satisfy = {"default": {"dependencyAction": "satisfy"}}
    run_task(client, id="parent", commandLine=line, exitConditions=satisfy)
    client.reactivate_task("job", "parent")
    run_task(client, **task("child", taskIds=["parent"]))
    assert client.get_task("job", "parent").state != "completed"


def test_an_id_that_failed_is_not_remembered(job: BatchClient) -> None:
    """What blocked its dependants blocks them again under the same id."""
    run_task(job, id="parent", commandLine="false")
    job.delete_task("job", "parent")
    job.create_task("job", task("child", taskIds=["parent"]))
    run_task(job, id="other", commandLine="true")
    assert job.get_task("job", "child").state == "active"


def test_memory_ends_with_the_job(job: BatchClient) -> None:
    """A new job of the same id remembers nothing."""
    run_task(job, id="parent", commandLine="true")
    job.begin_delete_job("job").result()
    job.create_job(job_body(usesTaskDependencies=True))
    job.create_task("job", task("child", taskIds=["parent"]))
    run_task(job, id="other", commandLine="true")
    assert job.get_task("job", "child").state == "active"


def test_what_waits_for_others_is_active_but_not_in_active_tasks(client: BatchClient) -> None:
    """Counts of the job show a waiting dependant as active; formulas do not."""
    body = pool_body(enableAutoScale=True, autoScaleFormula="$TargetDedicatedNodes = 0;")
    del body["targetDedicatedNodes"]
    client.create_pool(body)
    steady(client)
    client.create_job(job_body(usesTaskDependencies=True))
    client.create_task("job", {"id": "ready", "commandLine": "true"})
    for n in range(3):
        client.create_task("job", task(f"waits{n}", taskIds=["ready"]))
    assert client.get_job_task_counts("job").task_counts.active == 4
    for name in ("$ActiveTasks", "$PendingTasks"):
        formula = f"$TargetDedicatedNodes = max({name}.GetSample(1));"
        run = client.evaluate_pool_auto_scale("pool", {"autoScaleFormula": formula})
        assert run.results.startswith("$TargetDedicatedNodes=1;")
