"""Changing a pool that is there: patches, sizes, autoscale, and emptying it for what only an empty pool takes.

Source: Batch REST API 2025-06-01; FACTS 3.2 to 3.4.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from batchspec.errors import RunError, ServiceError
from batchspec.language.model import Pool
from batchspec.resources.base import STAMP_ROLLOUT, Change, Effect, Json, has, updated_metadata, with_live
from batchspec.resources.equality import duration_s
from batchspec.resources.pool import FIELDS, SIZE, nodes_of, target_nodes
from batchspec.resources.resize_errors import said
from batchspec.service.batch.client import Batch, path_of
from batchspec.service.batch.pool import (
    STEADY_LIMIT_S,
    WHILE_RESIZED,
    nodes,
    read,
    resize,
    wait_until_steady,
    with_agent,
)
from batchspec.service.batch.secrets import with_secrets
from batchspec.service.batch.waiting import Passing, Progress, insist
from batchspec.service.http.errors import accepting, as_it_was_read
from batchspec.source import Path

_PATCHED = (Effect.IN_PLACE, Effect.REJOIN, Effect.DRAIN)
_OURS = frozenset({"protect", "rollout"})  # told to the service as metadata
_WHILE_ENABLED = {
    "TooManyEnableAutoScaleRequests": Passing(
        "the service: it takes one change of autoscale in 30 seconds", 60
    )
}

# What to send for a field that the spec leaves out and the live pool has.
_ABSENT: dict[str, Any] = {
    "displayName": "",
    "taskSlotsPerNode": 1,
    "taskSchedulingPolicy": {"nodeFillType": "spread", "jobDefaultOrder": "none"},
    "enableInterNodeCommunication": False,
    "applicationPackageReferences": [],
    "networkConfiguration": {"dynamicVNetAssignmentScope": "none", "enableAcceleratedNetworking": False},
    "userAccounts": [],
    "mountConfiguration": [],
}


def update(
    batch: Batch,
    pool: Pool,
    desired: Json,
    changes: Sequence[Change],
    progress: Progress,
    ignored: Collection[Path] = (),
) -> None:
    """Makes the live pool as *desired* says, for the fields in *changes*; *ignored* paths stay as they are live.

    Whatever empties the pool goes first: autoscale off, nodes away, patch, nodes back. What
    is cut off in between is seen by the next plan.
    """
    effects = {change.effect for change in changes}
    live = _require(batch, pool.id)
    if live.get("enableAutoScale") and (
        Effect.DRAIN in effects or (Effect.AUTOSCALE in effects and not desired.get("enableAutoScale"))
    ):
        _no_autoscale(batch, pool.id)
    if Effect.DRAIN in effects:
        _drain(batch, pool, desired, progress)
    if patched := [change for change in changes if change.effect in _PATCHED and not _resumes(change)]:
        _patch(batch, pool, desired, patched, progress, ignored)
    if Effect.REJOIN in effects:
        _reboot_failed(batch, pool.id, progress)
    if desired.get("enableAutoScale"):
        if effects & {Effect.AUTOSCALE, Effect.DRAIN}:
            _autoscale(batch, desired, live, changes, progress)
    elif effects & {Effect.RESIZE, Effect.DRAIN}:
        sizes = {"id": pool.id, **_values(SIZE, desired, live, changes)}
        wait_until_steady(batch, pool.id, progress)
        resize(batch, sizes, pool.deallocation, progress)


def _resumes(change: Change) -> bool:
    """Whether it only goes on with a rollout: a patch would make nodes that are done count as behind again."""
    return change.path == ("rollout",) and change.effect is Effect.REJOIN


def _require(batch: Batch, pool_id: str) -> dict[str, Any]:
    live = read(batch, pool_id)
    if live is None:
        raise RunError(f"the pool {pool_id} was deleted in the meantime", help="run the same command again")
    return live


def _values(names: Collection[str], desired: Json, live: Json, changes: Sequence[Change]) -> dict[str, Any]:
    """The fields *names*: those that change as they will be, others as they are live."""
    changed = {change.path[0]: change.after for change in changes}
    found = {name: changed.get(name, live.get(name, desired.get(name))) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _drain(batch: Batch, pool: Pool, desired: Json, progress: Progress) -> None:
    """Returns when the pool has no nodes. Its tasks are treated as the spec's `nodeDeallocationOption` says.

    Nodes that wait for their tasks have the spec's `resizeTimeout` to go. Raises `RunError` when
    some stay.
    """
    live = wait_until_steady(batch, pool.id, progress)
    if not (target_nodes(live) or nodes_of(live)):
        return
    progress(f"emptying the pool of {nodes_of(live)} nodes")
    timeout = desired.get("resizeTimeout", "PT15M")
    resize(batch, {"id": pool.id, "resizeTimeout": timeout}, pool.deallocation, progress)
    live = wait_until_steady(batch, pool.id, progress, STEADY_LIMIT_S + duration_s(timeout))
    if nodes_of(live):
        why = said(live.get("resizeErrors") or ())
        raise RunError(
            f"{nodes_of(live)} nodes are still in the pool {pool.id}" + (f" ({why})" if why else ""),
            help="run the same command again; a longer pool.resizeTimeout gives tasks more time to end",
        )


def _patch(
    batch: Batch,
    pool: Pool,
    desired: Json,
    changes: Sequence[Change],
    progress: Progress,
    ignored: Collection[Path],
) -> None:
    """Sends the top-level fields that change. An omitted field of a patch stays, so absence is said."""
    live = _require(batch, pool.id)
    names = {str(change.path[0]) for change in changes} - _OURS
    body = {name: desired.get(name, _ABSENT.get(name)) for name in names}
    body = dict(
        with_live(body, live, [path[1:] for path in ignored if path[0] == "pool" and path[1] in names])
    )
    rolls = pool.rollout is not None and any(change.effect is Effect.REJOIN for change in changes)
    stamps = {STAMP_ROLLOUT: "pending"} if rolls else {}
    body["metadata"] = updated_metadata(desired, live, changes, stamps)
    if "virtualMachineConfiguration" in body:
        body = dict(with_agent(batch, body))
    etag = live["eTag"]
    if "startTask" in body and body["startTask"] is None:
        del body["startTask"]
        _take_start_task_away(batch, pool.id, body, live)
        etag = _require(batch, pool.id)["eTag"]

    def is_done() -> bool:
        return has(FIELDS, _require(batch, pool.id), body)

    with as_it_was_read(f"pool {pool.id}", is_done):
        where, doing = path_of("pools", pool.id), f"update the pool {pool.id}"
        sent = with_secrets(body)
        insist(batch, lambda: batch.patch(where, sent, doing=doing, etag=etag), WHILE_RESIZED, progress)


def _take_start_task_away(batch: Batch, pool_id: str, body: Json, live: Json) -> None:
    """A patch cannot; updateproperties replaces start task, packages and metadata together (FACTS 3.4)."""
    name = "applicationPackageReferences"
    whole = {"metadata": body["metadata"], name: body.get(name, live.get(name, []))}

    def is_done() -> bool:
        return has(FIELDS, _require(batch, pool_id), {**whole, "startTask": None})

    with as_it_was_read(f"pool {pool_id}", is_done):
        where, doing = path_of("pools", pool_id, "updateproperties"), f"update the pool {pool_id}"
        batch.post(where, whole, doing=doing, etag=live["eTag"])


def _no_autoscale(batch: Batch, pool_id: str) -> None:
    """Switches autoscale off; where it is off already, that may be our own doing, whose answer got lost."""
    try:
        batch.post(path_of("pools", pool_id, "disableautoscale"), None, doing="switch autoscale off")
    except ServiceError as error:
        if error.status != 409 or _require(batch, pool_id).get("enableAutoScale"):
            raise


def _autoscale(
    batch: Batch, desired: Json, live: Json, changes: Sequence[Change], progress: Progress
) -> None:
    """Switches autoscale on, or gives it another formula."""
    pool_id = desired["id"]
    body = _values(("autoScaleFormula", "autoScaleEvaluationInterval"), desired, live, changes)

    def enable() -> None:
        wait_until_steady(batch, pool_id, progress)
        batch.post(path_of("pools", pool_id, "enableautoscale"), body, doing="switch autoscale on")

    insist(batch, enable, WHILE_RESIZED | _WHILE_ENABLED, progress)


def _reboot_failed(batch: Batch, pool_id: str, progress: Progress) -> None:
    """Reboots the nodes whose start task failed: they run nothing, and only so do they get the new one."""
    failed = [str(node["id"]) for node in nodes(batch, pool_id) if node.get("state") == "starttaskfailed"]
    if failed:
        progress(f"rebooting {len(failed)} nodes whose start task failed")
    for node_id in failed:
        where = path_of("pools", pool_id, "nodes", node_id, "reboot")
        with accepting(404, 409):  # gone, or on its way already
            batch.post(where, {"nodeRebootOption": "requeue"}, doing=f"reboot the node {node_id}")
