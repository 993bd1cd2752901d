"""Nodes and their start tasks, through the SDK."""

from typing import Any

from azure.batch import BatchClient

from .conftest import UBUNTU, Served, job_body, pool_body, wait_until
from .steps import idle_nodes, in_state, ready_pool, refused, steady, text


def start_task(line: str, **changes: Any) -> dict[str, Any]:
    return {"commandLine": f"/bin/bash -c '{line}'", "waitForSuccess": True, **changes}


def test_node_reads_as_recorded(client: BatchClient) -> None:
    """A node has the members that the recordings show, and no ETag."""
    (node,) = ready_pool(client)
    found = client.get_node("pool", node.id).as_dict()
    assert found["id"].startswith("tvmps_")
    assert len(found["id"]) == len("tvmps_") + 64 + len("_d")
    assert found["affinityId"] == f"TVM:{node.id}"
    assert (found["schedulingState"], found["isDedicated"], found["vmSize"]) == (
        "enabled",
        True,
        "standard_d2ds_v5",
    )
    assert found["virtualMachineInfo"]["imageReference"]["exactVersion"] == "latest"
    assert {"allocationTime", "lastBootTime", "ipAddress", "nodeAgentInfo", "totalTasksRun"} <= found.keys()
    assert "eTag" not in found


def test_start_task_runs_before_the_node_is_idle(client: BatchClient) -> None:
    """A node waits for its start task and tells how that went."""
    (node,) = ready_pool(client, startTask=start_task("echo $AZ_BATCH_POOL_ID; test -z $AZ_BATCH_TASK_ID"))
    assert (node.start_task_info.exit_code, node.start_task_info.result) == (0, "success")
    assert text(client.download_node_file("pool", node.id, "startup/stdout.txt")) == "pool\n"


def test_failed_start_task(client: BatchClient) -> None:
    """A start task that fails after its retries leaves the node starttaskfailed, with an error; no task runs there."""
    client.create_pool(pool_body(startTask=start_task("echo x >> tries; exit 3", maxTaskRetryCount=2)))
    node = wait_until(
        lambda: next((n for n in client.list_nodes("pool") if n.state == "starttaskfailed"), None)
    )
    info = node.start_task_info
    assert (info.exit_code, info.retry_count, info.result) == (3, 2, "failure")
    assert info.failure_info.code == "FailureExitCode"
    assert len(node.errors) == 1
    assert text(client.download_node_file("pool", node.id, "startup/wd/tries")) == "x\nx\nx\n"
    client.create_job(job_body())
    client.create_task("job", {"id": "t", "commandLine": "true"})
    assert client.get_task("job", "t").state == "active"


def test_without_waiting_the_node_is_usable(client: BatchClient) -> None:
    """waitForSuccess false: tasks run though the start task failed."""
    (node,) = ready_pool(client, startTask=start_task("exit 1", waitForSuccess=False))
    wait_until(lambda: client.get_node("pool", node.id).start_task_info.state == "completed")
    assert client.get_node("pool", node.id).state == "idle"


def test_new_start_task_comes_with_the_next_boot(client: BatchClient) -> None:
    """A patched start task leaves nodes as they are until they are rebooted; shared files outlive a reboot."""
    (node,) = ready_pool(client, startTask=start_task("echo old >> $AZ_BATCH_NODE_SHARED_DIR/starts"))
    client.update_pool("pool", {"startTask": start_task("echo new >> $AZ_BATCH_NODE_SHARED_DIR/starts")})
    assert "old" in client.get_node("pool", node.id).start_task.command_line
    client.begin_reboot_node("pool", node.id, {"nodeRebootOption": "requeue"})
    wait_until(lambda: "new" in client.get_node("pool", node.id).start_task.command_line)
    idle_nodes(client, 1)
    assert text(client.download_node_file("pool", node.id, "shared/starts")) == "old\nnew\n"


def test_reimage_empties_the_node(client: BatchClient) -> None:
    """A reimaged node keeps its id and loses its files."""
    (node,) = ready_pool(client, startTask=start_task("echo x >> $AZ_BATCH_NODE_SHARED_DIR/starts"))
    boot = client.get_node("pool", node.id).last_boot_time
    client.begin_reimage_node("pool", node.id, {"nodeReimageOption": "requeue"})
    wait_until(lambda: client.get_node("pool", node.id).last_boot_time > boot)
    idle_nodes(client, 1)
    assert text(client.download_node_file("pool", node.id, "shared/starts")) == "x\n"


def test_reboot_requeues_what_runs(client: BatchClient) -> None:
    """Rebooting with requeue runs the node's task again, counted as requeued."""
    (node,) = ready_pool(client)
    client.create_job(job_body())
    line = "/bin/bash -c 'test -e $AZ_BATCH_NODE_SHARED_DIR/x || { touch $AZ_BATCH_NODE_SHARED_DIR/x; sleep 60; }'"
    client.create_task("job", {"id": "t", "commandLine": line})
    in_state(lambda: client.get_task("job", "t"), "running")
    wait_until(
        lambda: "shared/x" in [f.name for f in client.list_node_files("pool", node.id, recursive=True)]
    )
    client.begin_reboot_node("pool", node.id, {"nodeRebootOption": "requeue"})
    task = in_state(lambda: client.get_task("job", "t"), "completed")
    assert (task.execution_info.exit_code, task.execution_info.requeue_count) == (0, 1)
    assert client.get_node("pool", node.id).total_tasks_run == 1


def test_a_start_task_that_fails_after_a_reboot_can_be_mended(client: BatchClient) -> None:
    """A node that came back with a failed start task can be rebooted again, with a mended one."""
    (node,) = ready_pool(client, startTask=start_task("exit 0"))
    for line, state in [("exit 7", "starttaskfailed"), ("exit 0", "idle")]:
        client.update_pool("pool", {"startTask": start_task(line)})
        client.begin_reboot_node("pool", node.id, {"nodeRebootOption": "requeue"})
        in_state(lambda: client.get_node("pool", node.id), state)


def test_disabled_node_is_offline_and_takes_no_tasks(client: BatchClient) -> None:
    """Disabling drains a node, enabling brings it back; doing either twice is refused."""
    (node,) = ready_pool(client)
    client.disable_node_scheduling("pool", node.id, {"nodeDisableSchedulingOption": "terminate"})
    found = client.get_node("pool", node.id)
    assert (found.state, found.scheduling_state) == ("offline", "disabled")
    error = refused(
        client.disable_node_scheduling, "pool", node.id, {"nodeDisableSchedulingOption": "requeue"}
    )
    assert (error.status_code, error.error.code) == (409, "NodeAlreadyInTargetSchedulingState")
    client.create_job(job_body())
    client.create_task("job", {"id": "t", "commandLine": "true"})
    assert client.get_task("job", "t").state == "active"
    client.enable_node_scheduling("pool", node.id)
    in_state(lambda: client.get_task("job", "t"), "completed")
    assert client.get_node("pool", node.id).recent_tasks[0].task_id == "t"


def test_deallocate_and_start(client: BatchClient) -> None:
    """A deallocated node does nothing until it is started."""
    (node,) = ready_pool(client)
    client.begin_deallocate_node("pool", node.id, {"nodeDeallocateOption": "requeue"})
    in_state(lambda: client.get_node("pool", node.id), "deallocated")
    client.begin_start_node("pool", node.id)
    idle_nodes(client, 1)


def test_users(client: BatchClient) -> None:
    """Node users are remembered, once each; none is made on this machine."""
    (node,) = ready_pool(client)
    client.create_node_user("pool", node.id, {"name": "me", "password": "secret-word", "isAdmin": True})
    error = refused(client.create_node_user, "pool", node.id, {"name": "ME"})
    assert (error.status_code, error.error.code) == (409, "NodeUserExists")
    client.replace_node_user("pool", node.id, "me", {"password": "other-word"})
    client.delete_node_user("pool", node.id, "me")
    assert refused(client.delete_node_user, "pool", node.id, "me").error.code == "NodeUserNotFound"


def test_remote_login_and_unknown_nodes(client: BatchClient) -> None:
    """Login settings point at this machine; a node that is not there is NodeNotFound."""
    (node,) = ready_pool(client)
    assert client.get_node_remote_login_settings("pool", node.id).remote_login_ip_address == "127.0.0.1"
    assert refused(client.get_node, "pool", "none").error.code == "NodeNotFound"
    assert refused(client.get_node, "none", node.id).error.code == "PoolNotFound"


def test_ports_of_a_pool_are_endpoints_of_its_nodes(client: BatchClient) -> None:
    """Each node has a port of its own out of each range, named after range and number; a free number is used again."""
    ports = {"protocol": "tcp", "frontendPortRangeStart": 15000, "frontendPortRangeEnd": 15100}
    nat_pools = [
        {"name": "ssh", "backendPort": 22, **ports},
        {
            **ports,
            "name": "web",
            "backendPort": 80,
            "frontendPortRangeStart": 16000,
            "frontendPortRangeEnd": 16100,
        },
    ]
    network = {"endpointConfiguration": {"inboundNATPools": nat_pools}}
    nodes = ready_pool(client, targetDedicatedNodes=2, networkConfiguration=network)
    assert sorted(_endpoints(nodes)) == [
        ("ssh.0", 15000, 22),
        ("ssh.1", 15001, 22),
        ("web.0", 16000, 80),
        ("web.1", 16001, 80),
    ]
    gone = next(node for node in nodes if ("ssh.0", 15000, 22) in _endpoints([node]))
    client.begin_remove_nodes("pool", {"nodeList": [gone.id]}).result()
    steady(client)
    client.begin_resize_pool("pool", {"targetDedicatedNodes": 2}).result()
    assert ("ssh.0", 15000, 22) in _endpoints(idle_nodes(client, 2))


def _endpoints(nodes: list[Any]) -> list[tuple[str, int, int]]:
    found = [endpoint for node in nodes for endpoint in node.endpoint_configuration.inbound_endpoints]
    return [(endpoint.name, endpoint.frontend_port, endpoint.backend_port) for endpoint in found]


def test_extensions_of_a_pool_are_told_by_its_nodes(client: BatchClient) -> None:
    """They are listed and read as installed, without their secrets; one that there is not is 404."""
    extension = {"name": "monitor", "publisher": "p", "type": "t", "settings": {"a": "b"}}
    machine = {**UBUNTU, "extensions": [{**extension, "protectedSettings": {"key": "hunter2"}}]}
    (node,) = ready_pool(client, virtualMachineConfiguration=machine)
    (listed,) = client.list_node_extensions("pool", node.id)
    assert listed.as_dict() == {"provisioningState": "Succeeded", "vmExtension": extension}
    assert client.get_node_extension("pool", node.id, "monitor").vm_extension == listed.vm_extension
    assert refused(client.get_node_extension, "pool", node.id, "other").status_code == 404


def test_a_node_without_extensions_lists_none(client: BatchClient) -> None:
    """The list is there and empty."""
    (node,) = ready_pool(client)
    assert list(client.list_node_extensions("pool", node.id)) == []


def test_supported_images(client: BatchClient) -> None:
    """Images are listed as the service lists them, and filtered."""
    images = list(client.list_supported_images())
    ubuntu = next(
        i
        for i in images
        if i.image_reference.offer == "ubuntu-24_04-lts" and i.image_reference.sku == "server"
    )
    assert (ubuntu.node_agent_sku_id, ubuntu.os_type, ubuntu.verification_type) == (
        "batch.node.ubuntu 24.04",
        "linux",
        "verified",
    )
    windows = list(client.list_supported_images(filter="osType eq 'windows'"))
    assert windows
    assert all(image.os_type == "windows" for image in windows)


def test_lists_that_are_empty_here(client: BatchClient) -> None:
    """Applications and usage are empty lists."""
    assert list(client.list_applications()) == []
    assert list(client.list_pool_usage_metrics()) == []
    assert refused(client.get_application, "x").error.code == "ApplicationNotFound"


def test_failed_resource_file_of_a_start_task(client: BatchClient, served: Served) -> None:
    """A start task whose file cannot be had has failed without an exit code."""
    files = [{"httpUrl": f"{served.settings.endpoint}/nothing", "filePath": "x"}]
    client.create_pool(pool_body(startTask=start_task("true", resourceFiles=files)))
    node = wait_until(
        lambda: next((n for n in client.list_nodes("pool") if n.state == "starttaskfailed"), None)
    )
    assert node.start_task_info.exit_code is None
    assert node.start_task_info.failure_info.code in ("BlobNotFound", "BlobAccessDenied")
