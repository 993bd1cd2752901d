"""Why a run does not get on: nodes whose start task failed, a pool that cannot grow, a job that was ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from batchspec.errors import NoNodesError, RunError, without_signatures
from batchspec.resources.base import Json
from batchspec.resources.pool import target_nodes
from batchspec.service import job as job_service
from batchspec.service import pool as pool_service
from batchspec.service.connect import Account

_WORKING = {"idle", "running", "creating", "starting", "waitingforstarttask", "rebooting", "reimaging"}
_LAST_LINES = 12
_LINE_LENGTH = 300


def check_progress(account: Account, pool_id: str, job_id: str) -> str:
    """What the nodes are doing, in a few words.

    Raises `NoNodesError` when no node will ever run a task, another `RunError` when the job will not go on.
    """
    pool = pool_service.read(account.batch, pool_id)
    if pool is None:
        raise RunError(
            f"the pool {pool_id} is gone, so its tasks wait for ever",
            help="run the same command again to make it",
        )
    _check_job(account, job_id)
    nodes = pool_service.nodes(account.batch, pool_id)
    if nodes and not _WORKING.intersection(_states(nodes)):
        _explain_nodes(account, pool_id, nodes)
    _check_size(pool, nodes)
    return _in_words(_states(nodes))


def nodes_in_words(account: Account, pool_id: str) -> str:
    """The states of the pool's nodes, `3 idle, 2 running`."""
    return _in_words(_states(pool_service.nodes(account.batch, pool_id)))


def _states(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(node.get("state", "unknown")) for node in nodes]


def _check_job(account: Account, job_id: str) -> None:
    state = job_service.state(account.batch, job_id)
    if state in (None, "completed", "terminating", "deleting"):
        what = "is gone" if state is None else f"is {state}"
        raise RunError(
            f"the job {job_id} {what}, but not all of its tasks ended", help="run the same command again"
        )
    if state in ("disabled", "disabling"):
        raise RunError(
            f"the job {job_id} is {state}: no task of it runs",
            help=f"enable it (az batch job enable --job-id {job_id}), then run the same command again",
        )


def _check_size(pool: Json, nodes: Sequence[Json]) -> None:
    if nodes or pool.get("allocationState") != "steady":
        return
    errors = pool.get("resizeErrors") or []
    if errors:
        said = "; ".join(f"{error.get('code')}: {error.get('message')}" for error in errors)
        raise NoNodesError(
            f"the pool {pool['id']} got no node: {said}", help="ask for fewer nodes, or for more quota"
        )
    if target_nodes(pool) == 0 and not pool.get("enableAutoScale"):
        raise NoNodesError(
            f"the pool {pool['id']} has no nodes and asks for none, so its tasks wait for ever",
            help="set pool.targetDedicatedNodes or pool.targetLowPriorityNodes",
        )


def _explain_nodes(account: Account, pool_id: str, nodes: Sequence[Mapping[str, Any]]) -> None:
    """Raises the explanation when every node came to a bad end. Preempted ones come back by themselves."""
    failed = [node for node in nodes if node.get("state") == "starttaskfailed"]
    if failed:
        node = failed[0]
        info = node.get("startTaskInfo") or {}
        code = f" with exit code {info['exitCode']}" if "exitCode" in info else ""
        tail = last_lines(_start_output(account, pool_id, str(node["id"])))
        raise NoNodesError(
            f"the start task failed on {len(failed)} of {len(nodes)} nodes{code}, so no task can run"
            + "".join(f"\n    {line}" for line in tail),
            help="mend pool.startTask and run the same command again: it reboots these nodes; where it only failed by "
            f"chance, `az batch node reboot --pool-id {pool_id} --node-id ID`; `batchspec destroy` to stop paying",
        )
    if all(node.get("state") == "unusable" for node in nodes):
        said = "; ".join(str(e.get("message") or e.get("code")) for n in nodes for e in n.get("errors") or [])
        raise NoNodesError(f"all {len(nodes)} nodes of {pool_id} are unusable: {said or 'no reason given'}")


def _start_output(account: Account, pool_id: str, node_id: str) -> str:
    said = pool_service.node_file(account.batch, pool_id, node_id, "startup/stderr.txt")
    return said.strip() or pool_service.node_file(account.batch, pool_id, node_id, "startup/stdout.txt")


def last_lines(text: str, count: int = _LAST_LINES) -> tuple[str, ...]:
    """The last lines of *text* that say something, without signatures: programs write the URLs they get."""
    said = [line.rstrip() for line in text.splitlines() if line.strip()]
    return tuple(_ending(without_signatures(line)) for line in said[-count:])


def _ending(line: str) -> str:
    """*line*, or the end of it: programs that draw progress write one line without end."""
    return line if len(line) <= _LINE_LENGTH else f"…{line[-_LINE_LENGTH:]}"


def _in_words(states: Sequence[str]) -> str:
    """`3 idle, 2 running`, the common ones first."""
    counts = sorted(((states.count(state), state) for state in set(states)), reverse=True)
    return ", ".join(f"{count} {state}" for count, state in counts) or "no nodes yet"
