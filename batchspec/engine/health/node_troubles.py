"""What is wrong with the nodes of a pool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from batchspec.engine.health.trouble import (
    COMES_BACK,
    PASSING,
    PATIENCE,
    READY,
    Facts,
    StuckReason,
    Trouble,
    exit_of,
    ids,
    in_words,
)
from batchspec.resources.base import Json
from batchspec.resources.pool import target_nodes
from batchspec.secrecy import without_secrets

_ALIKE = 3  # nodes: when the first three fail in the same way, the others will, too
_NAMED = 3


def node_troubles(facts: Facts, pool: Json) -> Iterator[tuple[bool, Trouble]]:
    """What is wrong with nodes, a trouble for each kind; it stops everything when none is left to hope for."""
    late = [node for node in facts.nodes if _is_late(node, facts.now)]
    evicted = [node for node in facts.nodes if _is_evicted(node, facts.now)]
    coming = [
        node for node in facts.nodes if node.get("state") in PASSING | COMES_BACK and node not in late
    ] + evicted
    ready = any(node.get("state") in READY for node in facts.nodes)
    hopeless = not ready and not coming
    failed = [node for node in facts.nodes if node.get("state") == "starttaskfailed"]
    if failed:
        enough = min(_ALIKE, max(target_nodes(pool), 1))
        all_alike = len(failed) >= enough and len({_how_it_failed(node) for node in failed}) == 1
        yield hopeless or (not ready and all_alike), _start_task(facts, failed)
    if unusable := [n for n in facts.nodes if n.get("state") == "unusable" and n not in evicted]:
        yield hopeless, _unusable(facts, unusable)
    if late:
        yield hopeless, _late(facts, late)
    if away := [n for n in facts.nodes if n.get("state") in ("offline", "deallocated", "deallocating")]:
        yield hopeless, _offline(facts, away)


def _is_late(node: Json, now: datetime) -> bool:
    return node.get("state") in PASSING | COMES_BACK and _lasts(node, now)


def _is_evicted(node: Json, now: datetime) -> bool:
    """Whether Azure seems to take the node back, and will replace it.

    A Spot node may be `unusable` for a while before it is `preempted` (azure-docs#128508 of 2026-05).
    One that is for another reason says so in its errors, or stays.
    """
    is_spot = not node.get("isDedicated", True)
    return node.get("state") == "unusable" and is_spot and not node.get("errors") and not _lasts(node, now)


def _lasts(node: Json, now: datetime) -> bool:
    """Whether the node has been in its state for longer than what passes may last."""
    changed = node.get("stateTransitionTime")
    return bool(changed) and now - datetime.fromisoformat(str(changed)) > PATIENCE


def _how_it_failed(node: Json) -> tuple[Any, Any]:
    info = node.get("startTaskInfo") or {}
    return info.get("exitCode"), (info.get("failureInfo") or {}).get("code")


def _start_task(facts: Facts, failed: Sequence[Json]) -> Trouble:
    info = failed[0].get("startTaskInfo") or {}
    failure = info.get("failureInfo") or {}
    why = exit_of(info) or (f" ({failure['code']})" if failure.get("code") else "")
    only = "no task can run" if len(failed) == len(facts.nodes) else "they run no tasks"
    return Trouble(
        StuckReason.START_TASK,
        f"the start task failed on {len(failed)} of {len(facts.nodes)} nodes{why}, so {only}",
        "fix pool.startTask and run the same command again: it reboots these nodes; where it only failed by "
        f"chance, `az batch node reboot --pool-id {facts.pool_id} --node-id ID`; destroy the workload to stop paying",
        ids(failed),
    )


def _unusable(facts: Facts, nodes: Sequence[Json]) -> Trouble:
    errors = _errors(nodes)
    image = "check the pool's containerImageNames and containerRegistries; " if "Container" in errors else ""
    return Trouble(
        StuckReason.UNUSABLE,
        f"{_share(facts, nodes)} unusable: {errors or 'no reason given'}",
        f"{image}unusable nodes cost as much as others: `az batch node reboot --pool-id {facts.pool_id} "
        "--node-id ID`, or remove them with `az batch pool resize`",
        ids(nodes),
    )


def _share(facts: Facts, nodes: Sequence[Json]) -> str:
    """`all 5 nodes of POOL are`, `1 of 5 nodes of POOL is`."""
    verb = "is" if len(nodes) == 1 else "are"
    if len(facts.nodes) == 1:
        return f"the only node of {facts.pool_id} {verb}"
    whole = "all " if len(nodes) == len(facts.nodes) else f"{len(nodes)} of "
    return f"{whole}{len(facts.nodes)} nodes of {facts.pool_id} {verb}"


def _late(facts: Facts, nodes: Sequence[Json]) -> Trouble:
    states = in_words([str(node["state"]) for node in nodes])
    since = min(datetime.fromisoformat(str(node["stateTransitionTime"])) for node in nodes)
    minutes = round((facts.now - since).total_seconds() / 60)
    errors = _errors(nodes)
    return Trouble(
        StuckReason.NOT_READY,
        f"nodes of {facts.pool_id} do not become ready: {states}, for up to {minutes} minutes"
        + (f" ({errors})" if errors else ""),
        f"look at one (`az batch node show --pool-id {facts.pool_id} --node-id {nodes[0]['id']}`), reboot it or let it "
        "go; a network that keeps nodes from Batch, or a start task that waits, looks like this",
        ids(nodes),
    )


def _offline(facts: Facts, nodes: Sequence[Json]) -> Trouble:
    states = in_words([str(node["state"]) for node in nodes])
    return Trouble(
        StuckReason.OFFLINE,
        f"nodes of {facts.pool_id} accept no tasks: {states}",
        f"`az batch node scheduling enable --pool-id {facts.pool_id} --node-id ID`, or start the node again",
        ids(nodes),
    )


def _errors(nodes: Sequence[Json]) -> str:
    """What nodes say of themselves, each thing once."""
    said = [
        f"{e.get('code')}: {e.get('message') or ''}".rstrip(": ")
        for n in nodes
        for e in n.get("errors") or []
    ]
    return without_secrets("; ".join(list(dict.fromkeys(said))[:_NAMED]))
