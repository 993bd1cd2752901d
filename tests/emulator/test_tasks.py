"""Tasks, through the SDK."""

import json
from typing import Any

import pytest
from azure.batch import BatchClient

from .conftest import Served, job_body, pool_body, wait_until
from .steps import completed, idle_nodes, in_state, ready_pool, refused, run_task, text


@pytest.fixture
def job(client: BatchClient) -> BatchClient:
    """The client, with a pool of one node and a job."""
    ready_pool(client)
    client.create_job(job_body(usesTaskDependencies=True))
    return client


def test_new_task_reads_back_as_recorded(client: BatchClient) -> None:
    """A waiting task has the defaults and members that the recordings show, and no node."""
    client.create_job(job_body())
    client.create_task("job", {"id": "Task", "commandLine": "true"})
    found = client.get_task("job", "task").as_dict()
    assert found["id"] == "Task"
    assert found["userIdentity"] == {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}
    assert found["constraints"]["retentionTime"] == "P7D"
    assert found["executionInfo"] == {"retryCount": 0, "requeueCount": 0}
    assert (found["state"], found["requiredSlots"]) == ("active", 1)
    assert "nodeInfo" not in found


def test_task_runs_as_a_process(job: BatchClient) -> None:
    """A completed task tells its exit code, result, times and node; its output is in files."""
    task = run_task(job, commandLine="/bin/bash -c 'echo out; echo err >&2; pwd'")
    info = task.execution_info
    assert (info.exit_code, info.result, info.retry_count, info.requeue_count) == (0, "success", 0, 0)
    assert info.start_time <= info.end_time
    assert task.previous_state == "running"
    assert task.node_info.task_root_directory == "workitems/job/job-1/task"
    assert text(job.download_task_file("job", "task", "stdout.txt")).startswith("out\n/")
    assert text(job.download_task_file("job", "task", "stderr.txt")) == "err\n"


def test_the_etag_stays_while_a_task_runs(job: BatchClient) -> None:
    """ETag and lastModified tell of edits, not of progress."""
    job.create_task("job", {"id": "task", "commandLine": "true"})
    before = job.get_task("job", "task")["eTag"]
    assert completed(job, "job", "task")["eTag"] == before


def test_no_shell(job: BatchClient) -> None:
    """A command line is split and run without a shell."""
    run_task(job, commandLine="echo $HOME 'two  words' | cat")
    assert text(job.download_task_file("job", "task", "stdout.txt")) == "$HOME two  words | cat\n"


def test_failing_command(job: BatchClient) -> None:
    """A non-zero exit is a failure with FailureExitCode."""
    task = run_task(job, commandLine="/bin/bash -c 'exit 7'")
    assert (task.execution_info.exit_code, task.execution_info.result) == (7, "failure")
    failure = task.execution_info.failure_info
    assert (failure.category, failure.code) == ("UserError", "FailureExitCode")
    assert {item.name for item in failure.details} == {"Message", "AdditionalErrorCode"}


def test_unknown_program(job: BatchClient) -> None:
    """A program that is not there is CommandProgramNotFound, without an exit code."""
    task = run_task(job, commandLine="no-such-program --x")
    assert task.execution_info.failure_info.code == "CommandProgramNotFound"
    assert task.execution_info.exit_code is None


def test_retries(job: BatchClient) -> None:
    """maxTaskRetryCount n gives n+1 tries in the same folder."""
    task = run_task(
        job,
        commandLine="/bin/bash -c 'echo x >> tries; test $(wc -l < tries) = 3'",
        constraints={"maxTaskRetryCount": 5},
    )
    assert (task.execution_info.exit_code, task.execution_info.retry_count) == (0, 2)
    assert task.execution_info.last_retry_time is not None
    assert text(job.download_task_file("job", "task", "wd/tries")) == "x\nx\nx\n"


def test_time_limit_ends_the_whole_tree(job: BatchClient) -> None:
    """A task over its time is ended with what it started."""
    task = run_task(
        job, commandLine="/bin/bash -c 'sleep 60 & sleep 60'", constraints={"maxWallClockTime": "PT0.2S"}
    )
    assert task.execution_info.result == "failure"
    assert task.execution_info.exit_code == 137


def test_leftovers_are_ended_with_the_task(job: BatchClient) -> None:
    """A process that a task leaves in the background does not outlive it."""
    run_task(job, id="leaves", commandLine="/bin/bash -c 'sleep 300 & echo $!'")
    pid = text(job.download_task_file("job", "leaves", "stdout.txt")).strip()
    task = run_task(job, id="looks", commandLine=f"/bin/bash -c 'test ! -e /proc/{pid}/fd/1'")
    assert task.execution_info.exit_code == 0


def test_terminate_running_and_waiting(job: BatchClient) -> None:
    """Terminating ends a task with TaskEnded; a completed one is refused."""
    job.create_task("job", {"id": "runs", "commandLine": "sleep 60"})
    in_state(lambda: job.get_task("job", "runs"), "running")
    job.create_task("job", {"id": "waits", "commandLine": "true"})
    job.terminate_task("job", "waits")
    task = job.get_task("job", "waits")
    assert (task.state, task.execution_info.failure_info.code) == ("completed", "TaskEnded")
    assert task.execution_info.failure_info.message == "Task was ended by user request"
    job.terminate_task("job", "runs")
    assert job.get_task("job", "runs").state == "completed"
    error = refused(job.terminate_task, "job", "runs")
    assert (error.status_code, error.error.code) == (409, "TaskCompleted")


def test_delete_frees_the_id_at_once(job: BatchClient) -> None:
    """A deleted task is gone when the call returns, though it ran, and its id can be used again."""
    job.create_task("job", {"id": "task", "commandLine": "sleep 60"})
    in_state(lambda: job.get_task("job", "task"), "running")
    job.delete_task("job", "task")
    assert refused(job.get_task, "job", "task").error.code == "TaskNotFound"
    assert run_task(job, commandLine="true").execution_info.exit_code == 0


def test_reactivate(job: BatchClient) -> None:
    """A failed task can run again, without what it told of its first run; a successful one cannot."""
    run_task(
        job,
        commandLine="/bin/bash -c 'cd $AZ_BATCH_NODE_SHARED_DIR; test -e x || { touch x; exit 1; }'",
    )
    job.reactivate_task("job", "task")
    task = completed(job, "job", "task")
    assert (task.execution_info.exit_code, task.execution_info.failure_info) == (0, None)
    error = refused(job.reactivate_task, "job", "task")
    assert (error.status_code, error.error.code) == (409, "TaskSucceeded")


def test_only_constraints_change(job: BatchClient) -> None:
    """PUT changes constraints and moves the ETag."""
    job.create_task("job", {"id": "task", "commandLine": "true", "dependsOn": {"taskIds": ["never"]}})
    before = job.get_task("job", "task")
    job.replace_task("job", "task", {"constraints": {"maxTaskRetryCount": 3, "retentionTime": "PT1H"}})
    after = job.get_task("job", "task")
    assert (after.constraints.max_task_retry_count, after.command_line) == (3, "true")
    assert after["eTag"] != before["eTag"]


def test_collection_gives_each_task_its_result(job: BatchClient) -> None:
    """An existing id is a ClientError among successes."""
    job.create_task("job", {"id": "a", "commandLine": "true"})
    result = job.create_task_collection(
        "job", {"value": [{"id": n, "commandLine": "true"} for n in ("a", "b")]}
    )
    found = {item["taskId"]: item for item in result["value"]}
    assert found["b"]["status"] == "Success"
    assert found["a"]["status"] == "ClientError"
    assert found["a"]["error"]["code"] == "TaskExists"
    assert found["b"]["location"].endswith("/jobs/job/tasks/b")


def test_collection_limits(client: BatchClient) -> None:
    """More than 100 tasks are refused, and more than 1 MB is 413."""
    client.create_job(job_body())
    many = {"value": [{"id": f"t{n}", "commandLine": "true"} for n in range(101)]}
    assert refused(client.create_task_collection, "job", many).status_code == 400
    large = {"value": [{"id": "t", "commandLine": "x" * (1 << 20)}]}
    error = refused(client.create_task_collection, "job", large)
    assert (error.status_code, error.error.code) == (413, "RequestBodyTooLarge")


def test_create_tasks_of_the_sdk(client: BatchClient) -> None:
    """The SDK's own chunking adds a thousand tasks, and lists them ordered by id over pages."""
    client.create_job(job_body())
    client.create_tasks("job", [{"id": f"t{n:04}", "commandLine": "true"} for n in range(1000)])
    assert [task.id for task in client.list_tasks("job", max_results=300)] == [
        f"t{n:04}" for n in range(1000)
    ]


def test_filter_and_select(job: BatchClient) -> None:
    """$filter finds by state, exit code and time; $select leaves only what it names."""
    run_task(job, id="zero", commandLine="true")
    run_task(job, id="one", commandLine="false")
    job.create_task("job", {"id": "waits", "commandLine": "true", "dependsOn": {"taskIds": ["never"]}})

    def ids(text: str) -> list[str]:
        return [task.id for task in job.list_tasks("job", filter=text)]

    assert ids("state eq 'completed'") == ["one", "zero"]
    assert ids("state ne 'completed' or executionInfo/exitCode gt 0") == ["one", "waits"]
    assert ids("executionInfo/result eq 'Success'") == ["zero"]
    assert ids("executionInfo/endTime ge DateTime'2001-01-01T00:00:00Z' and startswith(id,'z')") == ["zero"]
    (task,) = job.list_tasks("job", filter="id eq 'zero'", select=["id", "executionInfo"])
    assert set(task.as_dict()) == {"id", "executionInfo"}
    (task,) = job.list_tasks("job", filter="id eq 'zero'", select=["id", "state"])
    assert task.as_dict() == {"id": "zero", "state": "completed"}
    for wrong in (
        "state xx 'active'",
        "commandLine eq 'x'",
        "state eq",
        "state eq 'a",
        "(state eq 'a'",
        "id eq 5",
    ):
        error = refused(list, job.list_tasks("job", filter=wrong))
        assert (error.status_code, error.error.code) == (400, "InvalidQueryParameterValue")


def test_dependencies_by_id_and_range(job: BatchClient) -> None:
    """A task waits for those it depends on; one that failed blocks it, unless it is told to satisfy."""
    note = "/bin/bash -c 'echo $AZ_BATCH_TASK_ID >> $AZ_BATCH_NODE_SHARED_DIR/order; {}'"
    satisfy = {"default": {"dependencyAction": "satisfy"}}
    tasks: list[dict[str, Any]] = [
        {"id": "last", "commandLine": note.format("true"), "dependsOn": {"taskIds": ["middle"]}},
        {
            "id": "middle",
            "commandLine": note.format("true"),
            "dependsOn": {"taskIdRanges": [{"start": 1, "end": 3}]},
        },
        {"id": "blocked", "commandLine": note.format("true"), "dependsOn": {"taskIds": ["bad"]}},
        {"id": "bad", "commandLine": "false"},
        *(
            {"id": str(n), "commandLine": note.format(f"exit {n % 2}"), "exitConditions": satisfy}
            for n in (1, 2, 3)
        ),
    ]
    for task in tasks:
        job.create_task("job", task)
    node = completed(job, "job", "last").node_info.node_id
    order = text(job.download_node_file("pool", node, "shared/order")).split()
    assert order == ["1", "2", "3", "middle", "last"]
    completed(job, "job", "bad")
    assert job.get_task("job", "blocked").state == "active"


def _files(characters: int) -> list[dict[str, Any]]:
    """A list of resource files of this length as JSON."""
    link = "http://127.0.0.1/c/" + "x" * 481
    files = [{"httpUrl": link, "filePath": f"{n:04d}"} for n in range(40)]
    short = characters - len(json.dumps(files, separators=(",", ":")))
    files[0]["filePath"] += "y" * short
    return files


def test_resource_files_of_a_task_have_a_limit(job: BatchClient, served: Served) -> None:
    """32,768 characters of resource files are taken, one more is refused, alone and in a collection, everywhere."""
    fits, too_long = {"resourceFiles": _files(32_768)}, {"resourceFiles": _files(32_769)}
    line = {"commandLine": "true"}
    job.create_task("job", {"id": "fits", **line, **fits})
    error = refused(job.create_task, "job", {"id": "long", **line, **too_long})
    assert (error.status_code, error.error.code) == (400, "InvalidPropertyValue")
    assert [(item.code, item.message) for item in error.error.details] == [
        ("PropertyName", "resourceFiles"),
        ("Reason", "Total size of resourceFiles cannot be more than 32768 characters"),
    ]
    both = {"value": [{"id": "good", **line}, {"id": "bad", **line, **too_long}]}
    results = served.raw("POST", "/jobs/job/addtaskcollection", both).json()["value"]
    assert [result["status"] for result in results] == ["Success", "ClientError"]
    start_task = {"startTask": {**line, **too_long}}
    refused(job.create_pool, pool_body("other", **start_task))
    refused(job.update_pool, "pool", start_task)
    refused(job.create_job, job_body("other", jobPreparationTask={**line, **too_long}))


def test_dependencies_need_the_job_to_say_so(client: BatchClient) -> None:
    """dependsOn is refused on a job without usesTaskDependencies."""
    client.create_job(job_body())
    error = refused(
        client.create_task, "job", {"id": "t", "commandLine": "true", "dependsOn": {"taskIds": ["x"]}}
    )
    assert (error.status_code, error.error.code) == (400, "TaskDependenciesNotSpecifiedOnJob")


def test_exit_conditions_act_on_the_job(client: BatchClient) -> None:
    """With performexitoptionsjobaction the action of the exit code met is taken; without it, naming one is refused."""
    ready_pool(client)
    client.create_job(job_body("plain"))
    codes = [{"code": 3, "exitOptions": {"jobAction": "terminate"}}]
    conditions = {"exitCodes": codes, "default": {"jobAction": "none"}}
    body = {"id": "t", "commandLine": "/bin/bash -c 'exit 3'", "exitConditions": conditions}
    assert refused(client.create_task, "plain", body).error.code == "InvalidPropertyValue"
    client.create_job(job_body("acts", onTaskFailure="performexitoptionsjobaction"))
    client.create_task("acts", {**body, "id": "other", "commandLine": "/bin/bash -c 'exit 4'"})
    completed(client, "acts", "other")
    assert client.get_job("acts").state == "active"
    client.create_task("acts", body)
    job = in_state(lambda: client.get_job("acts"), "completed")
    assert job.execution_info["terminateReason"] == "TaskFailed"


def test_slots_and_fill(client: BatchClient) -> None:
    """requiredSlots bounds what shares a node; spread uses all nodes, pack fills one."""
    ready_pool(
        client, targetDedicatedNodes=2, taskSlotsPerNode=4, taskSchedulingPolicy={"nodeFillType": "pack"}
    )
    client.create_job(job_body())
    for n in range(2):
        client.create_task("job", {"id": f"t{n}", "commandLine": "sleep 30", "requiredSlots": 2})
        in_state(lambda n=n: client.get_task("job", f"t{n}"), "running")  # type: ignore[misc]
    assert len({client.get_task("job", f"t{n}").node_info.node_id for n in range(2)}) == 1
    client.create_task("job", {"id": "t2", "commandLine": "sleep 30", "requiredSlots": 3})
    in_state(lambda: client.get_task("job", "t2"), "running")
    assert client.get_task("job", "t2").node_info.node_id != client.get_task("job", "t1").node_info.node_id
    counts = {node.id: node.running_task_slots_count for node in client.list_nodes("pool")}
    assert sorted(counts.values()) == [3, 4]


def test_preempted_spot_node(served: Served, client: BatchClient) -> None:
    """A Spot node taken away lists as preempted, its task runs again uncounted, and it comes back under its id."""
    nodes = ready_pool(client, targetDedicatedNodes=0, targetLowPriorityNodes=1)
    client.create_job(job_body())
    client.create_task("job", {"id": "task", "commandLine": "sleep 0.5"})
    in_state(lambda: client.get_task("job", "task"), "running")
    served.control("POST", f"/_local/nodes/{nodes[0].id}/preempt")
    task = completed(client, "job", "task")
    assert (task.execution_info.requeue_count, task.execution_info.retry_count) == (0, 0)
    assert idle_nodes(client, 1)[0].id == nodes[0].id


def test_failed_node(served: Served, client: BatchClient) -> None:
    """A dead node is unusable; its task runs on another one, uncounted."""
    ready_pool(client, targetDedicatedNodes=2)
    client.create_job(job_body())
    client.create_task("job", {"id": "task", "commandLine": "sleep 0.5"})
    node = in_state(lambda: client.get_task("job", "task"), "running").node_info.node_id
    served.control("POST", f"/_local/nodes/{node}/fail")
    task = completed(client, "job", "task")
    assert task.node_info.node_id != node
    assert task.execution_info.requeue_count == 0
    wait_until(lambda: client.get_node("pool", node).state == "unusable")


def test_subtasks_of_a_plain_task_are_none(client: BatchClient) -> None:
    """A task that is not multi-instance has no subtasks."""
    client.create_job(job_body())
    client.create_task("job", {"id": "task", "commandLine": "true"})
    assert list(client.list_subtasks("job", "task")) == []


def test_resize_lets_tasks_finish(client: BatchClient) -> None:
    """With taskcompletion a node stays until its task is done; the pool is steady after that."""
    ready_pool(client)
    client.create_job(job_body())
    client.create_task("job", {"id": "task", "commandLine": "sleep 0.5"})
    in_state(lambda: client.get_task("job", "task"), "running")
    client.begin_resize_pool(
        "pool", {"targetDedicatedNodes": 0, "nodeDeallocationOption": "taskcompletion"}
    ).result()
    task = client.get_task("job", "task")
    assert (task.state, task.execution_info.exit_code) == ("completed", 0)
    assert list(client.list_nodes("pool")) == []


def test_resize_ends_tasks(client: BatchClient) -> None:
    """With terminate a task on a node that goes is completed as ended."""
    ready_pool(client)
    client.create_job(job_body())
    client.create_task("job", {"id": "task", "commandLine": "sleep 60"})
    in_state(lambda: client.get_task("job", "task"), "running")
    client.begin_resize_pool(
        "pool", {"targetDedicatedNodes": 0, "nodeDeallocationOption": "terminate"}
    ).result()
    assert completed(client, "job", "task").execution_info.failure_info.code == "TaskEnded"


def test_tasks_outlive_their_pool(client: BatchClient) -> None:
    """A deleted pool's tasks are queued again and run on the next pool with its id."""
    ready_pool(client)
    client.create_job(job_body())
    client.create_task("job", {"id": "task", "commandLine": "sleep 1"})
    in_state(lambda: client.get_task("job", "task"), "running")
    client.begin_delete_pool("pool").result()
    task = client.get_task("job", "task")
    assert (task.state, task.node_info, task.execution_info.requeue_count) == ("active", None, 1)
    ready_pool(client)
    assert completed(client, "job", "task").execution_info.exit_code == 0


def test_a_wide_task_waits_for_a_wide_pool(client: BatchClient) -> None:
    """A task that needs more slots than a node has stays active until the pool's nodes have them."""
    ready_pool(client)
    client.create_job(job_body())
    client.create_task("job", {"id": "wide", "commandLine": "true", "requiredSlots": 3})
    run_task(client, id="narrow", commandLine="true")
    assert client.get_task("job", "wide").state == "active"
    client.begin_resize_pool("pool", {"targetDedicatedNodes": 0}).result()
    client.update_pool("pool", {"taskSlotsPerNode": 4})
    client.begin_resize_pool("pool", {"targetDedicatedNodes": 1}).result()
    assert completed(client, "job", "wide").execution_info.exit_code == 0
