"""Ends of tasks, and what they do to their job and their dependants: exits, failures to start, and ends by request."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.batch import BatchClient

from .conftest import job_body, wait_until
from .steps import completed, idle_nodes, in_state, ready_pool, run_task

# What every end but exit code 0 meets, if it meets anything.
ANY_FAILURE = {"default": {"jobAction": "terminate", "dependencyAction": "satisfy"}}
TERMINATE_NODE = {"nodeDeallocationOption": "terminate"}


@pytest.fixture
def acting(client: BatchClient) -> BatchClient:
    """The client, with a pool of one node and a job that a task's exit may end."""
    ready_pool(client)
    client.create_job(job_body(onTaskFailure="performexitoptionsjobaction", usesTaskDependencies=True))
    return client


def node_id(client: BatchClient) -> str:
    return str(next(iter(client.list_nodes("pool"))).id)


def terminate_task(client: BatchClient) -> None:
    client.terminate_task("job", "task")


def disable_job(client: BatchClient) -> None:
    client.begin_disable_job("job", {"disableTasks": "terminate"}).result()
    in_state(lambda: client.get_job("job"), "disabled")
    client.begin_enable_job("job").result()


def remove_node(client: BatchClient) -> None:
    client.begin_remove_nodes("pool", {"nodeList": [node_id(client)], **TERMINATE_NODE}).result()
    wait_until(lambda: client.get_pool("pool").allocation_state == "steady")
    client.begin_resize_pool("pool", {"targetDedicatedNodes": 1}).result()


def reboot_node(client: BatchClient) -> None:
    client.begin_reboot_node("pool", node_id(client), {"nodeRebootOption": "terminate"})


def disable_node(client: BatchClient) -> None:
    option = {"nodeDisableSchedulingOption": "terminate"}
    client.disable_node_scheduling("pool", node_id(client), option)
    completed(client, "job", "task")
    client.enable_node_scheduling("pool", node_id(client))


@pytest.mark.parametrize("end", [terminate_task, disable_job, remove_node, reboot_node, disable_node])
def test_a_task_that_was_ended_has_not_exited(
    acting: BatchClient, end: Callable[[BatchClient], None]
) -> None:
    """However a request ends a running task: no exit option is applied, its job goes on, its dependants wait."""
    body = {"id": "task", "commandLine": "sleep 300", "exitConditions": ANY_FAILURE}
    acting.create_task("job", body)
    in_state(lambda: acting.get_task("job", "task"), "running")
    acting.create_task("job", {"id": "child", "commandLine": "true", "dependsOn": {"taskIds": ["task"]}})
    end(acting)
    failure = completed(acting, "job", "task").execution_info.failure_info
    assert (failure.category, failure.code) == ("UserError", "TaskEnded")
    idle_nodes(acting, 1)
    run_task(acting, id="next", commandLine="true")
    assert acting.get_task("job", "child").state == "active"
    assert acting.get_job("job").state == "active"
    acting.reactivate_task("job", "task")


def test_a_task_that_was_ended_while_it_waited(acting: BatchClient) -> None:
    """Ending a task that no node has taken applies no exit option either."""
    body = {"id": "task", "commandLine": "true", "requiredSlots": 2, "exitConditions": ANY_FAILURE}
    acting.create_task("job", body)
    acting.terminate_task("job", "task")
    acting.create_task("job", {"id": "child", "commandLine": "true", "dependsOn": {"taskIds": ["task"]}})
    run_task(acting, id="next", commandLine="true")
    assert acting.get_task("job", "child").state == "active"
    assert acting.get_job("job").state == "active"


@pytest.mark.parametrize(
    ("line", "conditions"),
    [
        ("false", {}),
        ("false", ANY_FAILURE),
        (
            "no-such-program",
            {"preProcessingError": {"jobAction": "terminate"}, "default": {"jobAction": "none"}},
        ),
        ("no-such-program", {}),
    ],
    ids=["exit-code", "exit-code-default", "fails-to-start", "fails-to-start-default"],
)
def test_exits_and_failures_to_start_act_on_the_job(
    acting: BatchClient, line: str, conditions: dict[str, Any]
) -> None:
    """An exit code meets its condition, a command that cannot start preProcessingError; the default is to terminate."""
    acting.create_task("job", {"id": "task", "commandLine": line, "exitConditions": conditions})
    job = in_state(lambda: acting.get_job("job"), "completed")
    assert job.execution_info["terminateReason"] == "TaskFailed"


def test_a_task_over_its_time_has_an_exit_code(acting: BatchClient) -> None:
    """maxWallClockTime kills the process, which then has an exit code for the conditions to meet."""
    conditions = {"exitCodes": [{"code": 137, "exitOptions": {"jobAction": "none"}}]}
    limits = {"maxWallClockTime": "PT0.2S"}
    run_task(acting, commandLine="sleep 60", constraints=limits, exitConditions=conditions)
    assert acting.get_job("job").state == "active"
    acting.create_task("job", {"id": "other", "commandLine": "sleep 60", "constraints": limits})
    assert (
        in_state(lambda: acting.get_job("job"), "completed").execution_info["terminateReason"] == "TaskFailed"
    )


def test_a_listed_exit_code_goes_before_a_failed_upload(acting: BatchClient) -> None:
    """fileUploadError is met by a failed upload, unless the exit code is listed (SDK, ExitConditions)."""
    nowhere = {"containerUrl": "http://127.0.0.1:9/nothing"}  # nobody listens there
    upload = {
        "filePattern": "../stdout.txt",
        "destination": {"container": nowhere},
        "uploadOptions": {"uploadCondition": "taskcompletion"},
    }
    listed = {
        "exitCodes": [{"code": 0, "exitOptions": {"jobAction": "none"}}],
        "fileUploadError": {"jobAction": "terminate"},
    }
    task = run_task(acting, commandLine="true", outputFiles=[upload], exitConditions=listed)
    assert task.execution_info.result == "failure"
    assert acting.get_job("job").state == "active"
    del listed["exitCodes"]
    acting.create_task(
        "job", {"id": "other", "commandLine": "true", "outputFiles": [upload], "exitConditions": listed}
    )
    in_state(lambda: acting.get_job("job"), "completed")


def test_a_node_that_is_lost_ends_no_task(acting: BatchClient) -> None:
    """A task of a removed node is queued again by default; neither job nor dependants hear of it."""
    acting.create_task("job", {"id": "task", "commandLine": "sleep 300", "exitConditions": ANY_FAILURE})
    in_state(lambda: acting.get_task("job", "task"), "running")
    acting.begin_remove_nodes("pool", {"nodeList": [node_id(acting)]}).result()
    in_state(lambda: acting.get_task("job", "task"), "active")
    assert acting.get_job("job").state == "active"
