"""What running nodes and tasks go through, on the local account: drains, rollouts, protection."""

from collections.abc import Iterable
from typing import Any

from azure.batch.models import BatchMetadataItem, BatchPoolUpdateOptions

from batchspec.errors import RunError

from .conftest import Workload

ONE_NODE = "vmSize: Standard_D2ds_v5\ntargetDedicatedNodes: 1"


def start_task(word: str, nodes: int, more: str = "") -> str:
    """A pool whose start task says *word*."""
    command = f"startTask: {{commandLine: /bin/bash -c '{word}'}}"
    return f"vmSize: Standard_D2ds_v5\ntargetDedicatedNodes: {nodes}\n{command}\n{more}"


def said(workload: Workload, nodes: Iterable[Any]) -> set[str]:
    """What the start tasks of *nodes* wrote."""
    found = set()
    for node in nodes:
        text = b"".join(workload.sdk.download_node_file(workload.id, node.id, "startup/stdout.txt"))
        found.add(text.decode().strip())
    return found


def stamps(workload: Workload) -> dict[str, str]:
    return {entry.name: entry.value for entry in workload.pool.metadata}


def test_a_drain_needs_consent_and_names_what_runs(workload: Workload) -> None:
    """Without consent nothing is touched (exit 4); the plan names the task that would be interrupted."""
    rest = workload.with_task("[sleep, '600']")
    workload.says(ONE_NODE, rest)
    workload.apply()
    task = workload.running_task()
    workload.says(ONE_NODE.replace("D2ds", "D4ds"), rest)
    result = workload.run("apply", code=4)
    assert f"      ! task {task} is requeued\n" in result.stdout
    assert workload.pool.vm_size == "standard_d2ds_v5"
    assert workload.sdk.get_task(workload.id, task).state == "running"


def test_a_drained_pool_comes_back_under_its_id(workload: Workload) -> None:
    """With consent the pool goes to zero, is changed, and comes back; its task runs again on a new node."""
    rest = workload.with_task("[sleep, '600']")
    workload.says(ONE_NODE, rest)
    workload.apply()
    task = workload.running_task()
    (old,) = workload.nodes
    created = workload.pool.creation_time
    workload.says(ONE_NODE.replace("D2ds", "D4ds"), rest)
    workload.apply()
    assert workload.running_task() == task
    (new,) = workload.nodes
    assert (new.id != old.id, new.vm_size) == (True, "standard_d4ds_v5")
    assert (workload.pool.creation_time, workload.pool.target_dedicated_nodes) == (created, 1)
    assert "0 tasks up to date" in workload.run("plan").stdout
    assert workload.run("drift").stdout.endswith("No drift.\n")


def test_a_drain_may_wait_for_tasks(workload: Workload) -> None:
    """`nodeDeallocationOption: taskcompletion` lets the running task end before its node goes."""
    rest = workload.with_task("[sleep, '2']")
    pool = f"{ONE_NODE}\nnodeDeallocationOption: taskcompletion"
    workload.says(pool, rest)
    workload.apply()
    task = workload.running_task()
    workload.says(pool.replace("D2ds", "D4ds"), rest)
    assert f"task {task} is waited for" in workload.run("plan").stdout
    workload.apply()
    ended = workload.sdk.get_task(workload.id, task)
    assert (ended.state, ended.execution_info.requeue_count, ended.execution_info.exit_code) == (
        "completed",
        0,
        0,
    )


def test_without_rollout_nodes_keep_the_old_start_task(workload: Workload) -> None:
    """A new start task reaches no node that runs; the plan says how many keep the old one."""
    workload.says(start_task("echo one", 2))
    workload.apply()
    nodes = workload.idle_nodes(2)
    workload.says(start_task("echo two", 2))
    note = "2 nodes keep the old start task until the next reboot"
    assert note in workload.run("plan").stdout
    workload.apply()
    assert said(workload, workload.idle_nodes(2)) == {"one"}
    assert {node.last_boot_time for node in workload.nodes} == {node.last_boot_time for node in nodes}


def test_a_rollout_brings_every_node_along(workload: Workload) -> None:
    """With `rollout: reboot` every node boots into the new start task, and the plan is quiet again."""
    workload.says(start_task("echo one", 3))
    workload.apply()
    before = {node.id for node in workload.idle_nodes(3)}
    workload.says(start_task("echo two", 3, "rollout: reboot"))
    workload.run("apply", code=4)
    assert said(workload, workload.nodes) == {"one"}
    workload.apply()
    assert said(workload, workload.idle_nodes(3)) == {"two"}
    assert {node.id for node in workload.nodes} == before
    assert "batchspec.rollout" not in stamps(workload)
    assert "No changes" in workload.run("plan").stdout


def test_a_rollout_ends_at_the_first_node_that_does_not_come_back(workload: Workload) -> None:
    """A start task that fails stops the rollout after one node; mended, the next apply brings all along."""
    workload.says(start_task("echo one", 3))
    workload.apply()
    workload.idle_nodes(3)
    workload.says(start_task("echo two; exit 7", 3, "rollout: reboot"))
    result = workload.run("apply", "--auto-approve", "--detach", code=1)
    assert isinstance(result.exception, RunError)
    assert "is starttaskfailed after its reboot" in str(result.exception)
    workload.run("apply", "--auto-approve", "--detach", code=1)  # the same command again takes no other node
    assert sorted(node.state for node in workload.nodes) == ["idle", "idle", "starttaskfailed"]
    workload.says(start_task("echo three", 3, "rollout: reboot"))
    workload.apply()
    assert said(workload, workload.idle_nodes(3)) == {"three"}


def test_a_rollout_that_was_cut_off_goes_on(workload: Workload) -> None:
    """The mark on the pool brings along the nodes that did not boot since it was changed, and no other."""
    workload.says(start_task("date +%N", 2, "rollout: reimage"))
    workload.apply()
    done, behind = workload.idle_nodes(2)
    pending = [BatchMetadataItem(name=n, value=v) for n, v in stamps(workload).items()]
    pending.append(BatchMetadataItem(name="batchspec.rollout", value="pending"))
    workload.sdk.update_pool(workload.id, BatchPoolUpdateOptions(metadata=pending))
    now: Any = {"nodeRebootOption": "requeue"}  # the SDK has a model for it, and does not export it
    workload.sdk.begin_reboot_node(workload.id, done.id, now, polling_interval=0.1).result()
    boots = {node.id: node.last_boot_time for node in workload.idle_nodes(2)}
    assert "a rollout was cut off" in workload.run("plan").stdout
    workload.apply()
    after = {node.id: node.last_boot_time for node in workload.idle_nodes(2)}
    assert (after[done.id], after[behind.id] > boots[behind.id]) == (boots[done.id], True)
    assert "No changes" in workload.run("plan").stdout


def test_a_protected_pool_is_not_emptied_nor_deleted(workload: Workload) -> None:
    """`protect: true` refuses destroy and drains with exit 4; other changes go through."""
    workload.says("vmSize: Standard_D2ds_v5\nprotect: true")
    workload.apply()
    workload.run("destroy", "--auto-approve", code=4)
    workload.says("vmSize: Standard_D4ds_v5\nprotect: true")
    workload.run("apply", "--auto-approve", code=4)
    workload.says("vmSize: Standard_D2ds_v5\nprotect: true\nmetadata: [{name: team, value: video}]")
    workload.apply()
    assert (workload.pool.vm_size, stamps(workload)["team"]) == ("standard_d2ds_v5", "video")


def test_lifting_a_protection_is_an_apply_of_its_own(workload: Workload) -> None:
    """Taking the line away lifts the protection and does nothing else; the apply after it does the rest."""
    workload.says("vmSize: Standard_D2ds_v5\nprotect: true")
    workload.apply()
    workload.says("vmSize: Standard_D4ds_v5\nmetadata: [{name: team, value: video}]")
    workload.run("destroy", "--auto-approve", code=4)
    workload.apply()
    assert workload.pool.vm_size == "standard_d2ds_v5"
    assert stamps(workload).keys() & {"team", "batchspec.protect"} == set()
    workload.apply()
    assert (workload.pool.vm_size, stamps(workload)["team"]) == ("standard_d4ds_v5", "video")
    workload.run("destroy", "--auto-approve")
