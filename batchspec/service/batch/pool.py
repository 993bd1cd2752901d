"""Pools and their nodes, over Batch. Source: Batch REST API 2025-06-01; FACTS 3."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from batchspec.errors import RunError, ServiceError, StuckError
from batchspec.resources.base import Json, made_from
from batchspec.resources.pool import nodes_of, target_nodes
from batchspec.service.batch.client import Batch, path_of
from batchspec.service.batch.secrets import with_secrets
from batchspec.service.batch.waiting import Passing, Progress, insist, no_progress, poll_waits
from batchspec.service.http.errors import accepting

STEADY_LIMIT_S = 30 * 60.0
WHILE_RESIZED = {"PoolBeingResized": Passing("the pool to become steady", STEADY_LIMIT_S)}
_GOING_LIMIT_S = 30 * 60.0  # minutes, when it has nodes


def read(batch: Batch, pool_id: str) -> dict[str, Any] | None:
    """The live pool, or None."""
    with accepting(404):
        return batch.get(path_of("pools", pool_id), doing=f"read the pool {pool_id}").body
    return None


def read_with_time(batch: Batch, pool_id: str) -> tuple[dict[str, Any] | None, datetime]:
    """The live pool, or None; and what time it is by the service's clock: ours may be wrong."""
    with accepting(404):
        answer = batch.get(path_of("pools", pool_id), doing=f"read the pool {pool_id}")
        date = answer.headers.get("date")
        return answer.body, parsedate_to_datetime(date) if date else datetime.now(UTC)
    return None, datetime.now(UTC)


def pools(batch: Batch) -> list[dict[str, Any]]:
    """The account's pools that are not going: whose each is, what it is made of, and its nodes."""
    nodes = [
        f"{which}{kind}Nodes" for which in ("current", "target") for kind in ("Dedicated", "LowPriority")
    ]
    select = ",".join(
        ["id", "state", "metadata", "vmSize", "enableAutoScale", "virtualMachineConfiguration", *nodes]
    )
    listed = batch.items("/pools", doing="list the pools", select=select)
    return [pool for pool in listed if pool.get("state") != "deleting"]


def create(batch: Batch, body: Json, progress: Progress = no_progress) -> None:
    """Makes the pool, after one of the same id that is still going.

    A create that was answered too late and repeated finds its own pool, and that is fine.
    """
    sent = with_secrets(with_agent(batch, body))

    def make() -> None:
        try:
            batch.post("/pools", sent, doing=f"create the pool {body['id']}")
        except ServiceError as error:
            live = (read(batch, body["id"]) or {}) if error.code == "PoolExists" else {}
            if live.get("state") != "active" or not made_from(live, body):
                raise

    insist(batch, make, going(body["id"]), progress)


def going(pool_id: str) -> dict[str, Passing]:
    """That the pool of this id is still being deleted."""
    return {"PoolBeingDeleted": Passing(f"the old pool {pool_id} to be gone", _GOING_LIMIT_S)}


def with_agent(batch: Batch, body: Json) -> Json:
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


def resize(
    batch: Batch, desired: Json, deallocation: str = "requeue", progress: Progress = no_progress
) -> None:
    """Asks for the number of nodes that *desired* has, once a resize under way is over.

    Nodes that go treat their tasks as *deallocation* says.
    """
    body = {
        "targetDedicatedNodes": desired.get("targetDedicatedNodes", 0),
        "targetLowPriorityNodes": desired.get("targetLowPriorityNodes", 0),
        "resizeTimeout": desired.get("resizeTimeout", "PT15M"),
        "nodeDeallocationOption": deallocation,
    }
    where, doing = path_of("pools", desired["id"], "resize"), f"resize the pool {desired['id']}"
    insist(batch, lambda: batch.post(where, body, doing=doing), WHILE_RESIZED, progress)


def evaluate(batch: Batch, pool_id: str, formula: str) -> tuple[str, str]:
    """Why the service refuses *formula* for the pool, which scales itself; why it cannot calculate it now.

    Applies nothing. Raises `ServiceError` where the pool has changed meanwhile.
    """
    where, body = path_of("pools", pool_id, "evaluateautoscale"), {"autoScaleFormula": formula}
    try:
        run = batch.post(where, body, doing="evaluate the autoscale formula").body
    except ServiceError as error:
        if error.status != 400:
            raise
        return str(error), ""
    return "", str((run.get("error") or {}).get("message", ""))


def wait_until_steady(
    batch: Batch, pool_id: str, progress: Progress, limit_s: float = STEADY_LIMIT_S
) -> dict[str, Any]:
    """The pool once its allocation is steady. Raises `StuckError` after *limit_s*, `RunError` when it is gone."""
    deadline = time.monotonic() + limit_s
    for wait_s in poll_waits():
        live = read(batch, pool_id)
        if live is None:
            raise RunError(
                f"the pool {pool_id} was deleted in the meantime", help="run the same command again"
            )
        if live.get("allocationState") == "steady":
            return live
        if time.monotonic() > deadline:
            raise StuckError(
                "resizing",
                f"the pool {pool_id} is still {live.get('allocationState')} after {round(limit_s / 60)} minutes, with "
                f"{nodes_of(live)} of {target_nodes(live)} nodes",
                help=f"`az batch pool resize --pool-id {pool_id} --abort` ends it; then run the same command again",
            )
        progress(f"waiting for the pool to become steady ({live.get('allocationState')})")
        batch.patience.pause(wait_s)
    raise AssertionError("the waits have no end")


def delete(batch: Batch, pool_id: str) -> None:
    """Deletes the pool; one that is gone or going is fine."""
    with accepting(404, "PoolBeingDeleted"):
        batch.delete(path_of("pools", pool_id), doing=f"delete the pool {pool_id}")


def nodes(batch: Batch, pool_id: str) -> list[dict[str, Any]]:
    """The pool's nodes, with what a diagnosis needs."""
    times = "stateTransitionTime,allocationTime,lastBootTime"
    select = f"id,state,{times},startTaskInfo,errors,isDedicated,runningTasksCount"
    with accepting(404):
        return list(batch.items(path_of("pools", pool_id, "nodes"), doing="list the nodes", select=select))
    return []


def node_file(batch: Batch, pool_id: str, node_id: str, path: str) -> str:
    """The text of a file on a node (`startup/stderr.txt`); empty where it cannot be had."""
    try:
        where = path_of("pools", pool_id, "nodes", node_id, "files", path)
        return batch.content(where, doing=f"read {path} of the node {node_id}").decode("utf-8", "replace")
    except ServiceError:
        return ""


def supported_images(batch: Batch) -> Iterator[dict[str, Any]]:
    """The images that the account offers, each with its node agent."""
    return batch.items("/supportedimages", doing="list the supported images")
