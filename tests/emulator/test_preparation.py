"""Job preparation and release tasks on nodes that fail, boot and are lost."""

from collections.abc import Callable
from typing import Any

from azure.batch import BatchClient

from .conftest import Served, job_body, serve, wait_until
from .steps import completed, idle_nodes, in_state, ready_pool, run_task, text

NOTE = "/bin/bash -c 'echo {} >> $AZ_BATCH_NODE_SHARED_DIR/notes; {}'"


def prepared_job(client: BatchClient, then: str = "true", **changes: Any) -> None:
    preparation = {"commandLine": NOTE.format("prep", then), **changes}
    release = {"commandLine": NOTE.format("release", "true")}
    client.create_job(job_body(jobPreparationTask=preparation, jobReleaseTask=release))


def notes(client: BatchClient) -> list[str]:
    (node,) = client.list_nodes("pool")
    return text(client.download_node_file("pool", node.id, "shared/notes")).split()


def preparation_of(client: BatchClient) -> Any:
    """How the only node's preparation went, once it is over."""

    def found() -> Any:
        statuses = list(client.list_job_preparation_and_release_task_status("job"))
        infos = [status.job_preparation_task_execution_info for status in statuses]
        return next((info for info in infos if info and info.state == "completed"), None)

    return wait_until(found)


def test_a_node_where_it_failed_is_out_until_it_is_reimaged(client: BatchClient) -> None:
    """Neither time, nor another task, nor a reboot brings the job back there; other jobs run there; a reimage does."""
    (node,) = ready_pool(client)
    prepared_job(client, "test -e $AZ_BATCH_NODE_SHARED_DIR/good")
    client.create_task("job", {"id": "first", "commandLine": "true"})
    assert preparation_of(client).result == "failure"
    client.create_task("job", {"id": "second", "commandLine": "true"})
    client.begin_reboot_node("pool", node.id, {"nodeRebootOption": "requeue"})
    idle_nodes(client, 1)
    client.create_job(job_body("other"))
    run_task(client, "other", commandLine=NOTE.format("other", "touch $AZ_BATCH_NODE_SHARED_DIR/good"))
    assert notes(client) == ["prep", "other"]
    assert {task.state for task in client.list_tasks("job")} == {"active"}
    client.begin_reimage_node("pool", node.id, {"nodeReimageOption": "requeue"})
    wait_until(lambda: client.get_node("pool", node.id).state in ("idle", "running"))
    run_task(client, "other", id="again", commandLine="true")
    assert preparation_of(client).result == "failure"
    assert notes(client) == ["prep"]


def test_a_node_stays_out_in_the_next_life(start: Callable[..., Served]) -> None:
    """That the preparation failed on a node outlives the endpoint."""
    served = start()
    with served.client() as client:
        ready_pool(client)
        prepared_job(client, "false")
        client.create_task("job", {"id": "task", "commandLine": "true"})
        preparation_of(client)
    served.stop()
    again = serve(served.settings)
    with again.client() as client:
        client.create_job(job_body("other"))
        run_task(client, "other", commandLine="true")
        assert notes(client) == ["prep"]
        assert client.get_task("job", "task").state == "active"
    again.stop()


def test_it_runs_again_after_a_reboot(client: BatchClient) -> None:
    """Before the next task of its job, unless rerunOnNodeRebootAfterSuccess says no."""
    (node,) = ready_pool(client)
    prepared_job(client)
    run_task(client, id="one", commandLine=NOTE.format("one", "true"))
    client.begin_reboot_node("pool", node.id, {"nodeRebootOption": "requeue"})
    idle_nodes(client, 1)
    run_task(client, id="two", commandLine=NOTE.format("two", "true"))
    assert notes(client) == ["prep", "one", "prep", "two"]


def test_it_does_not_run_again_where_that_is_not_wanted(client: BatchClient) -> None:
    """With rerunOnNodeRebootAfterSuccess false a reboot leaves the node prepared."""
    (node,) = ready_pool(client)
    prepared_job(client, rerunOnNodeRebootAfterSuccess=False)
    run_task(client, id="one", commandLine=NOTE.format("one", "true"))
    client.begin_reboot_node("pool", node.id, {"nodeRebootOption": "requeue"})
    idle_nodes(client, 1)
    run_task(client, id="two", commandLine=NOTE.format("two", "true"))
    assert notes(client) == ["prep", "one", "two"]


def test_a_replaced_spot_node_is_prepared_anew(client: BatchClient, served: Served) -> None:
    """A preempted node ends its preparation task; what takes its place is empty, and is prepared again."""
    (node,) = ready_pool(client, targetDedicatedNodes=0, targetLowPriorityNodes=1)
    seen = served.settings.home / "seen"
    prepared_job(client, f"test -e {seen} || {{ touch {seen}; sleep 60; }}")
    client.create_task("job", {"id": "task", "commandLine": NOTE.format("task", "true")})
    wait_until(seen.exists)
    served.raw("POST", f"/_local/nodes/{node.id}/preempt")
    assert completed(client, "job", "task").execution_info.exit_code == 0
    assert notes(client) == ["prep", "task"]


def test_no_release_where_the_node_was_reimaged(client: BatchClient) -> None:
    """The release task runs only where a preparation task ran since the node was reimaged."""
    (node,) = ready_pool(client)
    prepared_job(client)
    run_task(client, commandLine="true")
    client.begin_reimage_node("pool", node.id, {"nodeReimageOption": "requeue"})
    idle_nodes(client, 1)
    client.begin_terminate_job("job", options={"terminateReason": "done"}).result()
    in_state(lambda: client.get_job("job"), "completed")
    names = [file.name for file in client.list_node_files("pool", node.id, recursive=True)]
    assert "shared/notes" not in names
