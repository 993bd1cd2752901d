"""Jobs, through the SDK."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.exceptions import ResourceExistsError

from batchspec.emulator.state.settings import AS_MEASURED

from .conftest import Served, job_body, wait_until
from .steps import completed, in_state, ready_pool, refused, run_task, text

NO_LIMIT = "P10675199DT2H48M5.4775807S"


def test_new_job_reads_back_with_the_services_defaults(client: BatchClient) -> None:
    """A job reads back with the defaults that the recordings show; the pool it names need not exist."""
    client.create_job(job_body())
    found = client.get_job("job").as_dict()
    assert found["constraints"] == {"maxWallClockTime": NO_LIMIT, "maxTaskRetryCount": 0}
    assert (found["priority"], found["maxParallelTasks"], found["state"]) == (0, -1, "active")
    assert (found["onAllTasksComplete"], found["onTaskFailure"]) == ("noaction", "noaction")
    assert found["executionInfo"]["poolId"] == "pool"


def test_job_exists(client: BatchClient) -> None:
    """A second job with the id is JobExists."""
    client.create_job(job_body())
    with pytest.raises(ResourceExistsError) as caught:
        client.create_job(job_body("JOB"))
    assert caught.value.error.code == "JobExists"
    assert caught.value.error.message.startswith("The specified job already exists.\nRequestId:")


def test_put_resets_what_it_leaves_out(client: BatchClient) -> None:
    """PUT keeps preparation and release tasks, and puts the changeable rest back to defaults."""
    preparation, release = {"commandLine": "true"}, {"commandLine": "true"}
    client.create_job(job_body(priority=5, jobPreparationTask=preparation, jobReleaseTask=release))
    client.replace_job("job", {"poolInfo": {"poolId": "pool"}, "constraints": {"maxTaskRetryCount": 3}})
    found = client.get_job("job").as_dict()
    assert found["priority"] == 0
    assert found["constraints"] == {"maxWallClockTime": NO_LIMIT, "maxTaskRetryCount": 3}
    assert found["jobPreparationTask"]["id"] == "jobpreparation"
    assert found["jobReleaseTask"]["maxWallClockTime"] == "PT15M"


def test_patch_and_its_limits(client: BatchClient) -> None:
    """PATCH changes what is given; terminatejob cannot be taken back, the pool only changes on a disabled job."""
    client.create_job(job_body(onAllTasksComplete="terminatejob"))
    before = client.get_job("job")["eTag"]
    client.update_job("job", {"priority": 900})
    assert client.get_job("job").priority == 900
    assert client.get_job("job")["eTag"] != before
    back = refused(client.update_job, "job", {"onAllTasksComplete": "noaction"})
    assert (back.status_code, back.error.code) == (400, "InvalidPropertyValue")
    assert refused(client.update_job, "job", {"poolInfo": {"poolId": "other"}}).status_code == 409
    client.begin_disable_job("job", {"disableTasks": "requeue"}).result()
    client.update_job("job", {"poolInfo": {"poolId": "other"}})
    assert client.get_job("job").pool_info.pool_id == "other"


def test_disable_requeues_and_enable_goes_on(client: BatchClient) -> None:
    """A disabled job has nothing running; its task runs again, counted as requeued, once the job is enabled."""
    ready_pool(client)
    client.create_job(job_body())
    client.create_task(
        "job",
        {"id": "task", "commandLine": "/bin/bash -c 'test -e $AZ_BATCH_NODE_SHARED_DIR/on || sleep 60'"},
    )
    in_state(lambda: client.get_task("job", "task"), "running")
    client.begin_disable_job("job", {"disableTasks": "requeue"}).result()
    assert client.get_job("job").state == "disabled"
    task = client.get_task("job", "task")
    assert (task.state, task.execution_info.requeue_count) == ("active", 1)
    client.create_task("job", {"id": "other", "commandLine": "true"})
    client.begin_enable_job("job").result()
    in_state(lambda: client.get_task("job", "task"), "running")


def test_terminate_ends_tasks_and_closes_the_job(client: BatchClient) -> None:
    """Terminating ends running tasks, leaves active ones active, and a completed job takes no tasks."""
    ready_pool(client)
    client.create_job(job_body())
    client.create_task("job", {"id": "runs", "commandLine": "sleep 60"})
    in_state(lambda: client.get_task("job", "runs"), "running")
    client.create_task("job", {"id": "waits", "commandLine": "true"})
    client.begin_terminate_job("job", options={"terminateReason": "enough"}).result()
    job = in_state(lambda: client.get_job("job"), "completed")
    assert job.execution_info["terminateReason"] == "enough"
    assert job.previous_state == "active"
    task = client.get_task("job", "runs")
    assert (task.state, task.execution_info.failure_info.code) == ("completed", "TaskEnded")
    assert client.get_task("job", "waits").state == "active"
    error = refused(client.create_task, "job", {"id": "late", "commandLine": "true"})
    assert (error.status_code, error.error.code) == (409, "JobCompleted")


def test_deleted_job_takes_its_tasks_along(start: Callable[..., Served], clock: Any) -> None:
    """A job being deleted refuses its id, then it and its tasks are gone."""
    served = start(clock, speed=AS_MEASURED)
    with served.client() as client:
        client.create_job(job_body())
        client.create_task("job", {"id": "task", "commandLine": "true"})
        tag = client.get_job("job")["eTag"]
        client.begin_delete_job("job")
        assert client.get_job("job").state == "deleting"
        assert client.get_job("job")["eTag"] == tag
        assert refused(client.create_job, job_body()).error.code == "JobBeingDeleted"
        clock.advance(16)
        wait_until(lambda: not list(client.list_jobs()))
        client.create_job(job_body())
        assert list(client.list_tasks("job")) == []


def test_job_ends_when_all_tasks_are_done(client: BatchClient) -> None:
    """onAllTasksComplete: terminatejob ends the job after its last task, and not before its first."""
    ready_pool(client)
    client.create_job(job_body(onAllTasksComplete="terminatejob"))
    assert client.get_job("job").state == "active"
    run_task(client, commandLine="true")
    job = in_state(lambda: client.get_job("job"), "completed")
    assert job.execution_info["terminateReason"] == "AllTasksComplete"


def test_job_time_limit(start: Callable[..., Served], clock: Any) -> None:
    """A job over its maxWallClockTime is terminated with MaxWallClockTimeExpiry."""
    with start(clock).client() as client:
        client.create_job(job_body(constraints={"maxWallClockTime": "PT1H"}))
        clock.advance(3599)
        assert client.get_job("job").state == "active"
        clock.advance(2)
        job = in_state(lambda: client.get_job("job"), "completed")
        assert job.execution_info["terminateReason"] == "MaxWallClockTimeExpiry"


def test_task_counts(client: BatchClient) -> None:
    """Counts tell active, running, completed, succeeded, failed, in tasks and in slots."""
    ready_pool(client, taskSlotsPerNode=2)
    client.create_job(job_body())
    run_task(client, id="good", commandLine="true")
    run_task(client, id="bad", commandLine="false", requiredSlots=2)
    client.create_task("job", {"id": "wide", "commandLine": "true", "requiredSlots": 3})
    counts = client.get_job_task_counts("job").as_dict()
    assert counts["taskCounts"] == {"active": 1, "running": 0, "completed": 2, "succeeded": 1, "failed": 1}
    assert counts["taskSlotCounts"] == {
        "active": 3,
        "running": 0,
        "completed": 3,
        "succeeded": 1,
        "failed": 2,
    }


def test_common_environment(client: BatchClient) -> None:
    """A job's environment reaches its tasks, a task's own wins, and nothing of the operator's is there."""
    ready_pool(client)
    common = [{"name": "A", "value": "job"}, {"name": "B", "value": "job"}]
    client.create_job(job_body(commonEnvironmentSettings=common))
    run_task(client, commandLine="env", environmentSettings=[{"name": "B", "value": "task"}])
    lines = dict(
        line.split("=", 1)
        for line in text(client.download_task_file("job", "task", "stdout.txt")).splitlines()
    )
    assert (lines["A"], lines["B"]) == ("job", "task")
    assert all(name.startswith("AZ_BATCH_") or name in ("A", "B", "PATH", "HOME", "LANG") for name in lines)
    assert lines["AZ_BATCH_TASK_ID"] == "task"
    assert lines["AZ_BATCH_TASK_WORKING_DIR"].endswith("/workitems/job/job-1/task/wd")


def test_preparation_before_and_release_after(client: BatchClient) -> None:
    """The preparation task runs once on a node before the job's first task, the release task when the job ends."""
    ready_pool(client)
    note = "/bin/bash -c 'echo {} >> $AZ_BATCH_NODE_SHARED_DIR/notes'"
    preparation, release = {"commandLine": note.format("prep")}, {"commandLine": note.format("release")}
    client.create_job(job_body(jobPreparationTask=preparation, jobReleaseTask=release))
    assert list(client.list_job_preparation_and_release_task_status("job")) == []
    run_task(client, id="one", commandLine=note.format("one"))
    run_task(client, id="two", commandLine=note.format("two"))
    client.begin_terminate_job("job", options={"terminateReason": "done"}).result()
    in_state(lambda: client.get_job("job"), "completed")
    (status,) = client.list_job_preparation_and_release_task_status("job")
    assert status.job_preparation_task_execution_info.result == "success"
    assert status.job_release_task_execution_info.exit_code == 0
    node = next(iter(client.list_nodes("pool")))
    assert text(client.download_node_file("pool", node.id, "shared/notes")).split() == [
        "prep",
        "one",
        "two",
        "release",
    ]


def test_failed_preparation_keeps_the_job_off_the_node(client: BatchClient) -> None:
    """Where the preparation task fails, the job's tasks stay active."""
    ready_pool(client)
    client.create_job(job_body(jobPreparationTask={"commandLine": "false"}))
    client.create_task("job", {"id": "task", "commandLine": "true"})
    status = wait_until(lambda: list(client.list_job_preparation_and_release_task_status("job")))[0]
    wait_until(
        lambda: (
            next(
                iter(client.list_job_preparation_and_release_task_status("job"))
            ).job_preparation_task_execution_info.state
            == "completed"
        )
    )
    assert status.pool_id == "pool"
    wait_until(lambda: client.get_task("job", "task").state == "active")


def test_status_needs_a_preparation_task(client: BatchClient) -> None:
    """The status of preparation tasks is refused for a job that has none."""
    client.create_job(job_body())
    error = refused(list, client.list_job_preparation_and_release_task_status("job"))
    assert (error.status_code, error.error.code) == (409, "JobPreparationTaskNotSpecified")


def test_auto_pool_lives_as_long_as_its_job(client: BatchClient) -> None:
    """An auto pool is made with the job, runs its tasks, and goes with it."""
    auto = {
        "poolLifetimeOption": "job",
        "pool": {
            "vmSize": "standard_d2ds_v5",
            "targetDedicatedNodes": 1,
            "virtualMachineConfiguration": {
                "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
                "nodeAgentSKUId": "batch.node.ubuntu 24.04",
            },
        },
    }
    client.create_job({"id": "job", "poolInfo": {"autoPoolSpecification": auto}})
    pool_id = client.get_job("job").execution_info.pool_id
    assert client.get_pool(pool_id).vm_size == "standard_d2ds_v5"
    run_task(client, commandLine="true")
    client.begin_delete_job("job").result()
    wait_until(lambda: not list(client.list_pools()))


def test_priority_and_parallel_limit(client: BatchClient) -> None:
    """A higher priority goes first; maxParallelTasks bounds what runs at once."""
    client.create_job(job_body("low", maxParallelTasks=1))
    client.create_job(job_body("high", priority=10))
    stamp = "/bin/bash -c 'date +%s%N; sleep 0.1; date +%s%N'"
    for job_id in ("low", "high"):
        client.create_tasks(job_id, [{"id": f"t{n}", "commandLine": stamp} for n in range(3)])
    ready_pool(client, targetDedicatedNodes=3)
    spans = {}
    for job_id in ("high", "low"):
        for n in range(3):
            completed(client, job_id, f"t{n}")
            spans[job_id, n] = [
                int(x) for x in text(client.download_task_file(job_id, f"t{n}", "stdout.txt")).split()
            ]
    low = sorted(spans["low", n] for n in range(3))
    assert all(first[1] <= second[0] for first, second in pairwise(low))
    assert min(spans["high", n][0] for n in range(3)) < low[1][0]


def test_filters_on_jobs(client: BatchClient) -> None:
    """Jobs are filtered by the service's grammar, and a property it does not have there is refused."""
    for name in ("alpha", "beta", "gamma"):
        client.create_job(job_body(name))
    client.begin_disable_job("beta", {"disableTasks": "wait"}).result()
    names = [
        job.id for job in client.list_jobs(filter="state eq 'active' and (startswith(id,'a') or id ge 'c')")
    ]
    assert names == ["alpha", "gamma"]
    assert [job.id for job in client.list_jobs(filter="creationTime lt DateTime'2001-01-01T00:00:00Z'")] == []
    error = refused(list, client.list_jobs(filter="metadata eq 'x'"))
    assert (error.status_code, error.error.code) == (400, "InvalidQueryParameterValue")


def test_job_manager_task(client: BatchClient) -> None:
    """A job manager task runs as a task of the job, and its end is the job's."""
    ready_pool(client)
    manager = {"id": "manager", "commandLine": "/bin/bash -c 'echo managing'"}
    client.create_job(job_body(jobManagerTask=manager))
    job = in_state(lambda: client.get_job("job"), "completed")
    assert job.execution_info["terminateReason"] == "JMComplete"
    assert text(client.download_task_file("job", "manager", "stdout.txt")) == "managing\n"


def test_auto_pool_prefix_is_no_path(client: BatchClient) -> None:
    """The prefix of an auto pool's id obeys the rules of ids."""
    auto = {
        "poolLifetimeOption": "job",
        "autoPoolIdPrefix": "../../x",
        "pool": {"vmSize": "standard_d2ds_v5"},
    }
    error = refused(client.create_job, {"id": "job", "poolInfo": {"autoPoolSpecification": auto}})
    assert (error.status_code, error.error.code) == (400, "InvalidPropertyValue")
