"""Bringing the nodes of a pool to its start task and packages: some at a time, each after its tasks are dealt with.

A node takes what the pool has when it boots. So a node that booted after the pool was last
changed has it already, and a rollout that was cut off goes on where it was.

Source: Batch REST API 2025-06-01; FACTS 3.4 and 3.5.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from http import HTTPStatus
from threading import Event
from typing import Any

from batchspec.errors import RunError, ServiceError, StuckError
from batchspec.language.model import Pool, Rollout
from batchspec.resources.base import Json, updated_metadata
from batchspec.service.batch.client import Batch, path_of
from batchspec.service.batch.pool import read, wait_until_steady
from batchspec.service.batch.waiting import poll_waits
from batchspec.service.http.errors import accepting

_SHARE = 5  # one node in so many is away at a time, so that work goes on meanwhile
_MOST_AT_ONCE = 20
_NODE_LIMIT_S = 6 * 60 * 60  # tasks that are waited for may take their time
_UNMARK_TRIES = 5
_OPTIONS = {Rollout.REBOOT: "nodeRebootOption", Rollout.REIMAGE: "nodeReimageOption"}
_READY = frozenset({"idle", "running", "offline"})
_BOOTING = frozenset({"rebooting", "reimaging", "starting", "waitingforstarttask"})
_UNSETTLED = _BOOTING | {"starttaskfailed"}
_BROKEN = frozenset({"starttaskfailed", "unusable"})
_GOING = frozenset(
    {"preempted", "leavingpool", "deallocating", "deallocated"}
)  # if they come back, they boot


def roll_out(
    batch: Batch, pool: Pool, desired: Json, progress: Callable[[str], None], check: Callable[[], None]
) -> None:
    """Returns when every node runs with what the pool has now, and the pool says so.

    *check* raises when nothing more may be begun. Raises `RunError` as soon as a node does
    not come back: the others keep what they have.
    """
    live = wait_until_steady(batch, pool.id, progress)
    since = datetime.fromisoformat(live["lastModified"])
    nodes = _nodes(batch, pool.id)
    # Those of which an earlier rollout has yet to see whether they come back are first: until then no other one goes.
    unsettled = [node for node in nodes if node["state"] in _UNSETTLED]
    others = [node for node in nodes if node["state"] not in _UNSETTLED and not _booted_after(node, since)]
    behind = [*unsettled, *others]
    at_once = min(max(len(behind) // _SHARE, 1), _MOST_AT_ONCE)
    with ThreadPoolExecutor(at_once, "rollout") as hands:
        broken = Event()
        moves = [hands.submit(_move, batch, pool, str(node["id"]), since, check, broken) for node in behind]
        for number, move in enumerate(as_completed(moves), 1):
            move.result()
            progress(f"{number} of {len(behind)} nodes have the new start task and packages")
    _unmark(batch, pool.id, desired)


def _move(
    batch: Batch, pool: Pool, node_id: str, since: datetime, check: Callable[[], None], broken: Event
) -> None:
    """Moves one node, unless another one is *broken* by then, and says so of itself."""
    if broken.is_set():
        return
    try:
        _move_on(batch, pool, node_id, since, check)
    except BaseException:
        broken.set()
        raise


def _move_on(batch: Batch, pool: Pool, node_id: str, since: datetime, check: Callable[[], None]) -> None:
    """Reboots or reimages one node and waits for it; a node that is gone by then is fine."""
    deadline = time.monotonic() + _NODE_LIMIT_S
    asked = False
    for wait_s in poll_waits():
        node = _read(batch, pool.id, node_id)
        if (
            node is None
            or node["state"] in _GOING
            or (node["state"] in _READY and _booted_after(node, since))
        ):
            return
        if node["state"] in _BROKEN and _booted_after(node, since):
            raise RunError(
                f"the node {node_id} is {node['state']} after its {_how(pool).value}, so no other one is touched",
                help="the start task's stderr.txt says why; fix pool.startTask and run the same command again",
            )
        if time.monotonic() > deadline:
            raise StuckError(
                "nodes_not_ready",
                f"the node {node_id} is still {node['state']} after {_NODE_LIMIT_S // 3600} hours, so no other one is "
                "touched",
                help="a task that the rollout waits for, or a start task that does not end, looks like this; "
                "run the same command again and the rollout continues",
            )
        check()
        asked = asked or (node["state"] not in _BOOTING and _ask(batch, pool, node_id))
        if not asked and node["state"] in _BROKEN:
            return  # it takes no reboot, and no tasks either
        batch.patience.pause(wait_s)


def _ask(batch: Batch, pool: Pool, node_id: str) -> bool:
    """Whether the node is told to go; one that is on its way somewhere is asked again later."""
    how = _how(pool)
    where = path_of("pools", pool.id, "nodes", node_id, how.value)
    with accepting(404, 409):
        batch.post(where, {_OPTIONS[how]: pool.deallocation}, doing=f"{how.value} the node {node_id}")
        return True
    return False


def _how(pool: Pool) -> Rollout:
    if pool.rollout is None:
        raise ValueError(f"the pool {pool.id} has no rollout")
    return pool.rollout


def _unmark(batch: Batch, pool_id: str, desired: Json) -> None:
    """Takes the mark of an unfinished rollout off the pool, and nothing that somebody else puts on it meanwhile."""
    for left in reversed(range(_UNMARK_TRIES)):
        live = read(batch, pool_id)
        if live is None:
            return
        body = {"metadata": updated_metadata(desired, live, ())}
        try:
            batch.patch(
                path_of("pools", pool_id), body, doing=f"update the pool {pool_id}", etag=live["eTag"]
            )
            return
        except ServiceError as error:
            if error.status != HTTPStatus.PRECONDITION_FAILED or not left:
                raise


def _nodes(batch: Batch, pool_id: str) -> list[dict[str, Any]]:
    where = path_of("pools", pool_id, "nodes")
    return list(batch.items(where, doing="list the nodes", select="id,state,lastBootTime"))


def _read(batch: Batch, pool_id: str, node_id: str) -> dict[str, Any] | None:
    where = path_of("pools", pool_id, "nodes", node_id)
    with accepting(404):
        return batch.get(where, doing=f"read the node {node_id}", select="id,state,lastBootTime").body
    return None


def _booted_after(node: Mapping[str, Any], since: datetime) -> bool:
    return "lastBootTime" in node and datetime.fromisoformat(node["lastBootTime"]) > since
