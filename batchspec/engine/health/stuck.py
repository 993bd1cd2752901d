"""Whether a run can get on: a function of what the pool, its nodes and the job are.

Pure. `judge` sorts all that is wrong into what stops everything (`Judgement.stuck`), and
what only makes it slower (`Judgement.degraded`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from batchspec.engine.health.node_troubles import node_troubles
from batchspec.engine.health.size_troubles import size_troubles
from batchspec.engine.health.trouble import (
    COMES_BACK,
    PASSING,
    READY,
    Facts,
    StuckReason,
    Trouble,
    exit_of,
    ids,
    in_words,
)
from batchspec.resources.base import Json


@dataclass(frozen=True, slots=True)
class Judgement:
    """`words` say what the nodes do: `3 idle, 2 running`."""

    words: str
    stuck: Trouble | None = None
    degraded: tuple[Trouble, ...] = ()


def judge(facts: Facts) -> Judgement:
    """What keeps the tasks of the job from running, if anything does."""
    found = list(_troubles(facts))
    words = in_words([str(node.get("state", "unknown")) for node in facts.nodes])
    stuck = next((trouble for stops, trouble in found if stops), None)
    return Judgement(words, stuck, tuple(trouble for stops, trouble in found if not stops))


def is_up(facts: Facts) -> bool:
    """Whether nodes are ready, and none is still on its way."""
    states = {str(node.get("state")) for node in facts.nodes}
    is_steady = facts.pool is not None and facts.pool.get("allocationState") == "steady"
    return is_steady and not states.isdisjoint(READY) and states.isdisjoint(PASSING)


def _troubles(facts: Facts) -> Iterator[tuple[bool, Trouble]]:
    """(whether it stops everything, the trouble), the first cause first."""
    if trouble := _of_job(facts):
        yield True, trouble
    if facts.pool is None or facts.pool.get("state") == "deleting":
        yield True, _no_pool(facts)
        return
    yield from _of_slots(facts, facts.pool)
    yield from _of_preparation(facts)
    yield from node_troubles(facts, facts.pool)
    yield from size_troubles(facts, facts.pool)


def _of_job(facts: Facts) -> Trouble | None:
    job_id, state = facts.job_id, facts.job_state
    if state in (None, "completed", "terminating", "deleting"):
        what = "is gone" if state is None else f"is {state}"
        return Trouble(
            StuckReason.JOB_OVER,
            f"the job {job_id} {what}, but not all of its tasks completed",
            "run the same command again",
        )
    if state in ("disabled", "disabling") and facts.is_stopped:
        return Trouble(
            StuckReason.JOB_DISABLED,
            f"more tasks of the job {job_id} failed than safety.maxFailures allows: no further task starts",
            "fix the cause, then run `batchspec apply` again",
        )
    if state in ("disabled", "disabling"):
        return Trouble(
            StuckReason.JOB_DISABLED,
            f"the job {job_id} is {state}: no task of it runs",
            f"enable it (az batch job enable --job-id {job_id}), then run the same command again",
        )
    return None


def _no_pool(facts: Facts) -> Trouble:
    if facts.pool is None:
        return Trouble(
            StuckReason.POOL_MISSING,
            f"the pool {facts.pool_id} does not exist, so its tasks will never run",
            "run the same command again to create it",
        )
    return Trouble(
        StuckReason.POOL_DELETING,
        f"the pool {facts.pool_id} is being deleted, so its tasks will never run",
        "run the same command again: it waits for the deletion and creates the pool again",
    )


def _of_slots(facts: Facts, pool: Json) -> Iterator[tuple[bool, Trouble]]:
    fewest, most = facts.slots
    has = int(pool.get("taskSlotsPerNode") or 1)
    if most > has:
        which = "every remaining task needs" if fewest > has else "some tasks need"
        yield (
            fewest > has,
            Trouble(
                StuckReason.SLOTS,
                f"{which} {most} task slots, and a node of {facts.pool_id} has {has}: they will never run",
                "lower requiredSlots, or use a pool with more taskSlotsPerNode",
            ),
        )


def _of_preparation(facts: Facts) -> Iterator[tuple[bool, Trouble]]:
    """Tasks never run on a node where the preparation failed, however idle it is."""
    entries = [entry for entry in facts.preparation if _failed(entry)]
    failed = ids([{"id": entry["nodeId"]} for entry in entries])
    usable = {str(node["id"]) for node in facts.nodes if node.get("state") in READY} - set(failed)
    if entries:
        waiting = any(node.get("state") in PASSING | COMES_BACK for node in facts.nodes)
        yield (
            not usable and not waiting,
            Trouble(
                StuckReason.PREPARATION,
                f"the job preparation task failed on {len(failed)} of {len(facts.nodes)} nodes"
                f"{exit_of(_info(entries[0]))}, so no task of {facts.job_id} runs there",
                "fix job.jobPreparationTask and run the same command again",
                failed,
            ),
        )


def _failed(entry: Json) -> bool:
    info = _info(entry)
    return (
        str(info.get("state", "")).lower() == "completed" and str(info.get("result", "")).lower() == "failure"
    )


def _info(entry: Json) -> Mapping[str, Any]:
    found: Mapping[str, Any] = entry.get("jobPreparationTaskExecutionInfo") or {}
    return found


def without(judgement: Judgement, since: str, *, again: bool) -> Judgement:
    """*judgement* less what the resize of the time *since* came to: that is no news.

    It still stops everything, unless the resize is being done *again*.
    """
    if not since:
        return judgement
    news = tuple(trouble for trouble in judgement.degraded if trouble.since != since)
    is_old = again and judgement.stuck is not None and judgement.stuck.since == since
    return replace(judgement, stuck=None if is_old else judgement.stuck, degraded=news)
