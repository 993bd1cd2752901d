"""What is wrong with the size of a pool: nodes that nobody asked for, that did not come, that a formula keeps away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from batchspec.engine.health.trouble import PATIENCE, Facts, StuckReason, Trouble
from batchspec.resources.base import Json
from batchspec.resources.equality import duration_s
from batchspec.resources.pool import nodes_of, target_nodes
from batchspec.resources.resize_errors import ADVICE, Shortage, said, shortage
from batchspec.secrecy import without_secrets


def size_troubles(facts: Facts, pool: Json) -> Iterator[tuple[bool, Trouble]]:
    empty = not facts.nodes
    scales_itself = bool(pool.get("enableAutoScale"))
    if pool.get("allocationState") != "steady":
        if trouble := _resizing(facts, pool):
            yield empty, trouble
        return
    errors = pool.get("resizeErrors") or []
    if empty and not scales_itself and target_nodes(pool) == 0:
        yield (
            True,
            Trouble(
                StuckReason.NO_NODES_ASKED,
                f"the pool {facts.pool_id} has no nodes and requests none, so its tasks will never run",
                "set pool.targetDedicatedNodes or pool.targetLowPriorityNodes",
            ),
        )
    elif kind := shortage(errors):
        waits = scales_itself and kind is Shortage.ALLOCATION and not _is_old(facts, pool)
        yield empty and not waits, _short(facts, pool, kind, errors)
    if error := (pool.get("autoScaleRun") or {}).get("error"):
        yield (
            empty,
            Trouble(
                StuckReason.AUTOSCALE,
                without_secrets(
                    f"the autoscale formula of {facts.pool_id} fails: {error.get('code')}: {error.get('message')}"
                ),
                "fix pool.autoScaleFormula and run the same command again",
            ),
        )


def _short(facts: Facts, pool: Json, kind: Shortage, errors: Sequence[Json]) -> Trouble:
    has, wanted = nodes_of(pool), target_nodes(pool)
    got = "got no node" if not has else f"has {has} of the {wanted} requested nodes"
    return Trouble(
        StuckReason(kind.value),
        f"the pool {facts.pool_id} {got}: {said(errors)}",
        ADVICE[kind],
        since=str(pool.get("allocationStateTransitionTime", "")),
    )


def _resizing(facts: Facts, pool: Json) -> Trouble | None:
    if not _is_old(facts, pool):
        return None
    return Trouble(
        StuckReason.RESIZING,
        f"the pool {facts.pool_id} is {pool.get('allocationState')} since {pool['allocationStateTransitionTime']}, "
        f"with {nodes_of(pool)} of {target_nodes(pool)} nodes",
        f"`az batch pool resize --pool-id {facts.pool_id} --abort` ends it; then run the same command again",
    )


def _is_old(facts: Facts, pool: Json) -> bool:
    """Whether the last resize, or its end, lies further back than its own limit in time and our patience."""
    changed = pool.get("allocationStateTransitionTime")
    limit = PATIENCE + timedelta(seconds=duration_s(str(pool.get("resizeTimeout", "PT15M"))))
    return bool(changed) and facts.now - datetime.fromisoformat(str(changed)) > limit
