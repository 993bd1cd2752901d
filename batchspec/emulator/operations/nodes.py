"""The node operations."""

import secrets
import uuid
from pathlib import Path
from typing import Any

from batchspec.emulator.http.reply import Reply
from batchspec.emulator.life.account import node_folders
from batchspec.emulator.life.account.model import Body, Node
from batchspec.emulator.life.pools import agent_log
from batchspec.emulator.life.pools import node as node_life
from batchspec.emulator.node import transfer
from batchspec.emulator.operations import pools
from batchspec.emulator.operations.call import Call, created, done, entity, list_of
from batchspec.emulator.state.clock import parse_time
from batchspec.emulator.state.errors import ApiError, invalid_property
from batchspec.emulator.state.images import is_windows


def find(call: Call) -> Node:
    node = pools.find(call).nodes.get(call.ids[1])
    if node is None:
        raise ApiError("NodeNotFound")
    return node


def shown(call: Call, node: Node) -> Body:
    return {
        **node.doc,
        "url": call.account.node_url(node),
        "runningTasksCount": len(node.tasks),
        "runningTaskSlotsCount": node.used_slots,
    }


def get_node(call: Call) -> Reply:
    return entity(call, "nodes/@Element", shown(call, find(call)))


def list_nodes(call: Call) -> Reply:
    pool = pools.find(call)
    return list_of(call, "nodes", ((node.id, shown(call, node)) for node in pool.nodes.values()))


# --- scheduling


def disable_node_scheduling(call: Call) -> Reply:
    node = find(call)
    if node.doc["schedulingState"] == "disabled":
        raise ApiError("NodeAlreadyInTargetSchedulingState")
    node.doc["schedulingState"] = "disabled"
    node_life.stop_tasks(node, call.body.get("nodeDisableSchedulingOption", "requeue"), start_task=False)
    node_life.refresh_state(call.account, node)
    call.account.save_node(node)
    return done(call, 200)


def enable_node_scheduling(call: Call) -> Reply:
    node = find(call)
    if node.doc["schedulingState"] == "enabled":
        raise ApiError("NodeAlreadyInTargetSchedulingState")
    node.doc["schedulingState"] = "enabled"
    node_life.refresh_state(call.account, node)
    call.account.save_node(node)
    call.account.loop.wake()
    return done(call, 200)


# --- reboot, reimage, deallocate, start

_BUSY = {
    "creating": "NodeBeingCreated",
    "starting": "NodeBeingStarted",
    "rebooting": "NodeBeingRebooted",
    "reimaging": "NodeBeingReimaged",
    "leavingpool": "OperationNotValidOnNode",
    "preempted": "OperationNotValidOnNode",
}


def reboot_node(call: Call) -> Reply:
    return _disturb(call, "reboot", "nodeRebootOption")


def reimage_node(call: Call) -> Reply:
    return _disturb(call, "reimage", "nodeReimageOption")


def deallocate_node(call: Call) -> Reply:
    return _disturb(call, "deallocate", "nodeDeallocateOption")


def _disturb(call: Call, how: str, name: str) -> Reply:
    node = find(call)
    if node.state in _BUSY or node.leaving or node.state in ("deallocating", "deallocated"):
        raise ApiError(_BUSY.get(node.state, "OperationNotValidOnNode"))
    option = call.body.get(name, "requeue")
    if option not in ("requeue", "terminate", "taskcompletion", "retaineddata"):
        raise invalid_property(
            name, option, "The value is not one of requeue, terminate, taskcompletion, retaineddata"
        )
    node_life.disturb(call.account, node, how, option)
    return done(call, 202)


def start_node(call: Call) -> Reply:
    node = find(call)
    if node.state != "deallocated":
        raise ApiError("OperationNotValidOnNode")
    node_life.boot(call.account, node, node.epoch)
    return done(call, 202)


# --- users


def create_node_user(call: Call) -> Reply:
    """Remembered, never made on this machine."""
    node, body = find(call), call.body
    _refuse_key_on_windows(node, body)
    if body["name"].lower() in node.users:
        raise ApiError("NodeUserExists")
    node.users[body["name"].lower()] = body
    call.account.save_node(node)
    return created(f"{call.url}/{body['name']}", {})


def replace_node_user(call: Call) -> Reply:
    node = find(call)
    _require_user(node, call.ids[2])
    _refuse_key_on_windows(node, call.body)
    node.users[call.ids[2].lower()].update(call.body)
    call.account.save_node(node)
    return done(call, 200)


def delete_node_user(call: Call) -> Reply:
    node = find(call)
    _require_user(node, call.ids[2])
    del node.users[call.ids[2].lower()]
    call.account.save_node(node)
    return Reply(200)


def _refuse_key_on_windows(node: Node, user: Body) -> None:
    agent = node.pool.doc.get("virtualMachineConfiguration", {}).get("nodeAgentSKUId", "")
    if "sshPublicKey" in user and is_windows(agent):
        raise invalid_property("sshPublicKey", "", "The property can be specified only for a node with Linux")


def _require_user(node: Node, name: str) -> None:
    if name.lower() not in node.users:
        raise ApiError("NodeUserNotFound")


# --- remote login, logs


def get_node_remote_login_settings(call: Call) -> Reply:
    find(call)
    settings: dict[str, Any] = {"remoteLoginIPAddress": "127.0.0.1", "remoteLoginPort": 22}
    kind = "Microsoft.Azure.Batch.Protocol.Entities.ComputeNodeGetRemoteLoginSettingsResult"
    return entity(call, kind, settings)


def upload_node_logs(call: Call) -> Reply:
    """The agent's log goes up, where it tells of the time asked for, and the start task's output."""
    node, account, body = find(call), call.account, call.body
    directory = f"batch-{secrets.token_hex(8).upper()}/{node.pool.id}/{node.id}/{uuid.uuid4()}"
    container, logs = node_folders.writable(account, body), _logs(call, node)

    def send() -> None:
        for path in logs:
            transfer.upload(account.storage, path, container, f"{directory}/{path.name}", {}, lambda: False)

    account.loop.in_thread(send)
    result = {"virtualDirectoryName": directory, "numberOfFilesUploaded": len(logs)}
    return entity(call, "Microsoft.Azure.Batch.Protocol.Entities.UploadBatchServiceLogsResult", result)


def _logs(call: Call, node: Node) -> list[Path]:
    last = parse_time(call.body["endTime"]) if "endTime" in call.body else call.account.clock.now()
    log = agent_log.path(call.account, node)
    found = [log] if agent_log.tells_of(log, parse_time(call.body["startTime"]), last) else []
    folder = node_folders.root(call.account, node) / "startup"
    return found + [path for name in ("stdout.txt", "stderr.txt") if (path := folder / name).is_file()]


# --- extensions: told as installed, never run


def list_node_extensions(call: Call) -> Reply:
    items = ((extension["name"], _shown_extension(extension)) for extension in _extensions(find(call)))
    return list_of(call, "extensions", items)


def get_node_extension(call: Call) -> Reply:
    for extension in _extensions(find(call)):
        if extension["name"] == call.ids[2]:
            return entity(call, "extensions/@Element", _shown_extension(extension))
    raise ApiError("ResourceNotFound")


def _extensions(node: Node) -> list[Body]:
    found: list[Body] = node.pool.doc.get("virtualMachineConfiguration", {}).get("extensions", [])
    return found


def _shown_extension(extension: Body) -> Body:
    return {"provisioningState": "Succeeded", "vmExtension": extension}
