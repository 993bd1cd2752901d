"""Whether a run can get on: a function of what the pool, its nodes and the job are.

Pure. `judge` sorts all that is wrong into what stops everything (`Judgement.stuck`), and
what only makes it slower (`Judgement.degraded`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from batchspec.dataclass import dataclass
from batchspec.resources.base import Json
from batchspec.resources.equality import duration_s
from batchspec.resources.pool import nodes_of, target_nodes
from batchspec.resources.resize_errors import ADVICE, Shortage, said, shortage
from batchspec.secrecy import without_secrets

PATIENCE = timedelta(minutes=30)
"""How long what should pass may last: a node that starts, a resize, tasks that wait beside nodes that are ready."""

_READY = frozenset({"idle", "running"})
_PASSING = frozenset(
    {
        *("creating", "starting", "waitingforstarttask", "rebooting", "reimaging", "upgradingos"),
        "unknown",  # the service has lost sight of it, which may be the network's fault
    }
)
_COMES_BACK = frozenset({"preempted"})
_ALIKE = 3  # so many first nodes that fail alike are enough to know
_NAMED = 3


class StuckReason(Enum):
    """Why nothing gets on, or not as it should; the value is what people and JSON see."""

    POOL_MISSING = "pool_missing"
    POOL_DELETING = "pool_deleting"
    NO_NODES_ASKED = "no_nodes_asked"
    AUTOSCALE = "autoscale_failed"
    VM_SIZE = Shortage.VM_SIZE.value
    QUOTA = Shortage.QUOTA.value
    RESIZE_STOPPED = Shortage.STOPPED.value
    ALLOCATION = Shortage.ALLOCATION.value
    REMOVAL = Shortage.REMOVAL.value
    RESIZING = "resizing"
    START_TASK = "start_task_failed"
    UNUSABLE = "nodes_unusable"
    NOT_READY = "nodes_not_ready"
    OFFLINE = "nodes_offline"
    SLOTS = "slots"
    PREPARATION = "job_preparation_failed"
    JOB_DISABLED = "job_disabled"
    JOB_OVER = "job_over"
    NO_PROGRESS = "no_progress"

    @property
    def leaves_nodes(self) -> bool:
        """Whether nodes are there, or still come, that run nothing and cost as much as others."""
        return self not in _WITHOUT_NODES


_WITHOUT_NODES = frozenset(
    {
        StuckReason.POOL_MISSING,
        StuckReason.POOL_DELETING,
        StuckReason.NO_NODES_ASKED,
        StuckReason.RESIZING,
        StuckReason.JOB_DISABLED,
        StuckReason.JOB_OVER,
    }
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong. `nodes` are those concerned; `since` tells one time of it from another."""

    reason: StuckReason
    text: str
    help: str = ""
    nodes: tuple[str, ...] = ()
    since: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a judgement is made from, as the service has it. `now` is by the service's clock.

    `job_state` None: it is gone; `is_stopped`: a run has disabled it by `safety.maxFailures`. `slots` are the
    fewest and the most that a task which has not ended needs. `preparation` are the entries of the job's
    preparation tasks, one for each node.
    """

    now: datetime
    pool_id: str
    job_id: str
    pool: Json | None
    nodes: Sequence[Json]
    job_state: str | None
    slots: tuple[int, int] = (1, 1)
    preparation: Sequence[Json] = ()
    is_stopped: bool = False


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
    return is_steady and not states.isdisjoint(_READY) and states.isdisjoint(_PASSING)


def in_words(states: Sequence[str]) -> str:
    """`3 idle, 2 running`, the common ones first."""
    counts = sorted(((states.count(state), state) for state in set(states)), reverse=True)
    return ", ".join(f"{count} {state}" for count, state in counts) or "no nodes yet"


def _troubles(facts: Facts) -> Iterator[tuple[bool, Trouble]]:
    """(whether it stops everything, the trouble), the first cause first."""
    if trouble := _of_job(facts):
        yield True, trouble
    if facts.pool is None or facts.pool.get("state") == "deleting":
        yield True, _no_pool(facts)
        return
    yield from _of_slots(facts, facts.pool)
    yield from _of_preparation(facts)
    yield from _of_nodes(facts, facts.pool)
    yield from _of_size(facts, facts.pool)


# The job and the pool ---------------------------------------------------------------------


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
    failed = _ids([{"id": entry["nodeId"]} for entry in entries])
    usable = {str(node["id"]) for node in facts.nodes if node.get("state") in _READY} - set(failed)
    if entries:
        waiting = any(node.get("state") in _PASSING | _COMES_BACK for node in facts.nodes)
        yield (
            not usable and not waiting,
            Trouble(
                StuckReason.PREPARATION,
                f"the job preparation task failed on {len(failed)} of {len(facts.nodes)} nodes"
                f"{_exit_of(_info(entries[0]))}, so no task of {facts.job_id} runs there",
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


def _exit_of(info: Mapping[str, Any]) -> str:
    return f" with exit code {info['exitCode']}" if "exitCode" in info else ""


# The nodes --------------------------------------------------------------------------------


def _of_nodes(facts: Facts, pool: Json) -> Iterator[tuple[bool, Trouble]]:
    """What is wrong with nodes, a trouble for each kind; it stops everything when none is left to hope for."""
    late = [node for node in facts.nodes if _is_late(node, facts.now)]
    evicted = [node for node in facts.nodes if _is_evicted(node, facts.now)]
    coming = [
        node for node in facts.nodes if node.get("state") in _PASSING | _COMES_BACK and node not in late
    ] + evicted
    ready = any(node.get("state") in _READY for node in facts.nodes)
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
    return node.get("state") in _PASSING | _COMES_BACK and _lasts(node, now)


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
    why = _exit_of(info) or (f" ({failure['code']})" if failure.get("code") else "")
    only = "no task can run" if len(failed) == len(facts.nodes) else "they run no tasks"
    return Trouble(
        StuckReason.START_TASK,
        f"the start task failed on {len(failed)} of {len(facts.nodes)} nodes{why}, so {only}",
        "fix pool.startTask and run the same command again: it reboots these nodes; where it only failed by "
        f"chance, `az batch node reboot --pool-id {facts.pool_id} --node-id ID`; destroy the workload to stop paying",
        _ids(failed),
    )


def _unusable(facts: Facts, nodes: Sequence[Json]) -> Trouble:
    whole = "all " if len(nodes) == len(facts.nodes) else ""
    of = "" if whole else f" of {len(facts.nodes)}"
    return Trouble(
        StuckReason.UNUSABLE,
        f"{whole}{len(nodes)}{of} nodes of {facts.pool_id} are unusable: {_errors(nodes) or 'no reason given'}",
        f"they cost as much as other nodes: `az batch node reboot --pool-id {facts.pool_id} --node-id ID`, or "
        "remove them with `az batch pool resize`",
        _ids(nodes),
    )


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
        _ids(nodes),
    )


def _offline(facts: Facts, nodes: Sequence[Json]) -> Trouble:
    states = in_words([str(node["state"]) for node in nodes])
    return Trouble(
        StuckReason.OFFLINE,
        f"nodes of {facts.pool_id} accept no tasks: {states}",
        f"`az batch node scheduling enable --pool-id {facts.pool_id} --node-id ID`, or start the node again",
        _ids(nodes),
    )


def _ids(nodes: Sequence[Json]) -> tuple[str, ...]:
    return tuple(str(node["id"]) for node in nodes)


def _errors(nodes: Sequence[Json]) -> str:
    """What nodes say of themselves, each thing once."""
    said = [
        f"{e.get('code')}: {e.get('message') or ''}".rstrip(": ")
        for n in nodes
        for e in n.get("errors") or []
    ]
    return without_secrets("; ".join(list(dict.fromkeys(said))[:_NAMED]))


# The size of the pool ---------------------------------------------------------------------


def _of_size(facts: Facts, pool: Json) -> Iterator[tuple[bool, Trouble]]:
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


def without(judgement: Judgement, since: str, *, again: bool) -> Judgement:
    """*judgement* less what the resize of the time *since* came to: that is no news.

    It still stops everything, unless the resize is being done *again*.
    """
    if not since:
        return judgement
    news = tuple(trouble for trouble in judgement.degraded if trouble.since != since)
    is_old = again and judgement.stuck is not None and judgement.stuck.since == since
    return replace(judgement, stuck=None if is_old else judgement.stuck, degraded=news)
