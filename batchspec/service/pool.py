"""Pools and their nodes, over Batch. Source: Batch REST API 2025-06-01; FACTS 3."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from batchspec.errors import RunError, ServiceError
from batchspec.resources.base import STAMP_DIGEST, Change, Effect, Json, merged_metadata, metadata_of
from batchspec.resources.pool import target_nodes
from batchspec.service.batch import Batch, path_of
from batchspec.service.secrets import with_secrets

_STEADY_POLL_S = 1.0
_STEADY_LIMIT_S = 30 * 60


def read(batch: Batch, pool_id: str) -> dict[str, Any] | None:
    """The live pool, or None."""
    try:
        return batch.get(path_of("pools", pool_id), doing=f"read the pool {pool_id}").body
    except ServiceError as error:
        if error.status == 404:
            return None
        raise


def create(batch: Batch, body: Json) -> None:
    """Makes the pool. A create that was answered too late and repeated finds its own pool, and that is fine."""
    try:
        batch.post("/pools", with_secrets(_with_agent(batch, body)), doing=f"create the pool {body['id']}")
    except ServiceError as error:
        if error.code != "PoolExists" or not _is_ours(read(batch, body["id"]), body):
            raise


def _is_ours(live: Json | None, body: Json) -> bool:
    return live is not None and metadata_of(live).get(STAMP_DIGEST) == metadata_of(body)[STAMP_DIGEST]


def _with_agent(batch: Batch, body: Json) -> Json:
    """*body* with the node agent that the service lists for its image, where the spec names none."""
    machine = body["virtualMachineConfiguration"]
    if "nodeAgentSKUId" in machine:
        return body
    image = machine["imageReference"]
    names = ("publisher", "offer", "sku")
    wanted = [str(image.get(name)).lower() for name in names]
    for entry in supported_images(batch):
        if [str(entry["imageReference"].get(name)).lower() for name in names] == wanted:
            agent = {"nodeAgentSKUId": entry["nodeAgentSKUId"]}
            return {**body, "virtualMachineConfiguration": {**machine, **agent}}
    raise ServiceError(
        f"no node agent is offered for the image {':'.join(wanted)}",
        help="see `az batch pool supported-images list`, or give virtualMachineConfiguration.nodeAgentSKUId",
    )


def update(batch: Batch, desired: Json, changes: Sequence[Change], progress: Callable[[str], None]) -> None:
    """Makes the live pool as *desired* says, for the fields in *changes*.

    Whatever empties the pool goes first: nodes away, patch, nodes back. Autoscale is
    off before a size is set (FACTS 3.3).
    """
    pool_id = desired["id"]
    effects = {change.effect for change in changes}
    autoscales = bool(desired.get("enableAutoScale"))
    if Effect.AUTOSCALE in effects and not autoscales:
        batch.post(path_of("pools", pool_id, "disableautoscale"), None, doing="switch autoscale off")
    if Effect.DRAIN in effects:
        _drain(batch, pool_id, progress)
    patchable = (Effect.IN_PLACE, Effect.REJOIN, Effect.DRAIN)
    if patched := {str(change.path[0]) for change in changes if change.effect in patchable}:
        _patch(batch, desired, patched)
    if Effect.REJOIN in effects:
        _reboot_failed(batch, pool_id, progress)
    if autoscales and effects & {Effect.AUTOSCALE, Effect.DRAIN}:
        wait_until_steady(batch, pool_id, progress)
        names = ("autoScaleFormula", "autoScaleEvaluationInterval")
        body = {name: desired[name] for name in names if name in desired}
        batch.post(path_of("pools", pool_id, "enableautoscale"), body, doing="switch autoscale on")
    elif effects & {Effect.RESIZE, Effect.DRAIN, Effect.AUTOSCALE}:
        wait_until_steady(batch, pool_id, progress)
        resize(batch, desired)


def resize(batch: Batch, desired: Json) -> None:
    """Asks for the number of nodes that *desired* has."""
    body = {
        "targetDedicatedNodes": desired.get("targetDedicatedNodes", 0),
        "targetLowPriorityNodes": desired.get("targetLowPriorityNodes", 0),
        "resizeTimeout": desired.get("resizeTimeout", "PT15M"),
    }
    batch.post(path_of("pools", desired["id"], "resize"), body, doing=f"resize the pool {desired['id']}")


def _drain(batch: Batch, pool_id: str, progress: Callable[[str], None]) -> None:
    live = read(batch, pool_id) or {}
    if live.get("enableAutoScale"):
        batch.post(path_of("pools", pool_id, "disableautoscale"), None, doing="switch autoscale off")
    live = wait_until_steady(batch, pool_id, progress)
    if target_nodes(live) or live.get("currentDedicatedNodes") or live.get("currentLowPriorityNodes"):
        progress("emptying the pool; its tasks go back into the queue")
        empty = {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 0, "nodeDeallocationOption": "requeue"}
        batch.post(path_of("pools", pool_id, "resize"), empty, doing=f"empty the pool {pool_id}")
        wait_until_steady(batch, pool_id, progress)


def _patch(batch: Batch, desired: Json, names: set[str]) -> None:
    """Sends the top-level fields *names*. An omitted field of a patch stays, so absence is said."""
    pool_id = desired["id"]
    live = read(batch, pool_id) or {}
    body = {name: desired.get(name, _ABSENT.get(name)) for name in names}
    body["metadata"] = merged_metadata(desired, live)
    if "virtualMachineConfiguration" in body:
        body |= {"virtualMachineConfiguration": _with_agent(batch, desired)["virtualMachineConfiguration"]}
    if "startTask" in body and body["startTask"] is None:
        # A patch cannot take a start task away; updateproperties replaces all three (FACTS 3.4).
        whole = {
            "metadata": body.pop("metadata"),
            "applicationPackageReferences": desired.get("applicationPackageReferences", []),
        }
        batch.post(path_of("pools", pool_id, "updateproperties"), whole, doing=f"update the pool {pool_id}")
        body = {name: value for name, value in body.items() if name not in {*whole, "startTask"}}
    if body:
        batch.patch(path_of("pools", pool_id), with_secrets(body), doing=f"update the pool {pool_id}")


def _reboot_failed(batch: Batch, pool_id: str, progress: Callable[[str], None]) -> None:
    """Reboots the nodes whose start task failed: they run nothing, and only so do they get the new one."""
    failed = [str(node["id"]) for node in nodes(batch, pool_id) if node.get("state") == "starttaskfailed"]
    if failed:
        progress(f"rebooting {len(failed)} nodes whose start task failed")
    for node_id in failed:
        try:
            where = path_of("pools", pool_id, "nodes", node_id, "reboot")
            batch.post(where, {"nodeRebootOption": "requeue"}, doing=f"reboot the node {node_id}")
        except ServiceError as error:
            if error.status not in (404, 409):  # gone, or on its way already
                raise


# What to send for a field that the spec leaves out and the live pool has.
_ABSENT: dict[str, Any] = {
    "displayName": "",
    "taskSlotsPerNode": 1,
    "taskSchedulingPolicy": {"nodeFillType": "spread"},
    "enableInterNodeCommunication": False,
    "applicationPackageReferences": [],
    "userAccounts": [],
    "mountConfiguration": [],
}


def wait_until_steady(batch: Batch, pool_id: str, progress: Callable[[str], None]) -> dict[str, Any]:
    """The pool once its allocation is steady. Raises `RunError` after half an hour."""
    deadline = time.monotonic() + _STEADY_LIMIT_S
    while True:
        live = read(batch, pool_id)
        if live is None:
            raise RunError(f"the pool {pool_id} was deleted meanwhile", help="run the same command again")
        if live.get("allocationState") == "steady":
            return live
        if time.monotonic() > deadline:
            raise RunError(f"the pool {pool_id} is still {live.get('allocationState')} after half an hour")
        progress(f"waiting for the pool to become steady ({live.get('allocationState')})")
        time.sleep(_STEADY_POLL_S)


def delete(batch: Batch, pool_id: str) -> None:
    """Deletes the pool; one that is gone or going is fine."""
    try:
        batch.delete(path_of("pools", pool_id), doing=f"delete the pool {pool_id}")
    except ServiceError as error:
        if error.status != 404 and error.code != "PoolBeingDeleted":
            raise


def nodes(batch: Batch, pool_id: str) -> list[dict[str, Any]]:
    """The pool's nodes, with what a diagnosis needs."""
    select = "id,state,startTaskInfo,errors,isDedicated,runningTasksCount"
    try:
        pages = batch.pages(path_of("pools", pool_id, "nodes"), doing="list the nodes", select=select)
        return [node for page in pages for node in page]
    except ServiceError as error:
        if error.status == 404:
            return []
        raise


def node_file(batch: Batch, pool_id: str, node_id: str, path: str) -> str:
    """The text of a file on a node (`startup/stderr.txt`); empty where it cannot be had."""
    try:
        where = path_of("pools", pool_id, "nodes", node_id, "files", path)
        return batch.content(where, doing=f"read {path} of the node {node_id}").decode("utf-8", "replace")
    except ServiceError:
        return ""


def supported_images(batch: Batch) -> Iterator[dict[str, Any]]:
    """The images that the account offers, each with its node agent."""
    for page in batch.pages("/supportedimages", doing="list the supported images"):
        yield from page
