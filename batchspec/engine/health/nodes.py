"""The nodes of a spec's pool: those that there are, the one that a name means, and one that tasks fail on."""

from __future__ import annotations

from collections.abc import Sequence

from batchspec.errors import RunError, UsageError
from batchspec.language.model import Spec
from batchspec.resources.base import Json
from batchspec.service.batch import pool as pool_service
from batchspec.service.batch import task as task_service
from batchspec.service.connect import Account

_SHOWN = 5  # nodes that could be meant
_SHORT_ID = 18  # characters of a node's id, which has over 60
_FAILED, _SUCCEEDED = ("executionInfo/result eq 'failure'", "executionInfo/result eq 'success'")


def nodes_of(account: Account, spec: Spec) -> Sequence[Json]:
    """The nodes of the pool. Raises `RunError` where it has none."""
    pool_id = spec.pool.id if spec.pool else ""
    nodes = pool_service.nodes(account.batch, pool_id) if pool_id else []
    if not nodes:
        raise RunError(f"the pool {pool_id} has no nodes", help=f"see: batchspec status {spec.arguments}")
    return nodes


def node_meant(nodes: Sequence[Json], named: str) -> Json:
    """The node *named*: its id, or the beginning of only one. Raises `UsageError` for none or several."""
    found = [node for node in nodes if node["id"].startswith(named)]
    exact = [node for node in found if node["id"] == named]
    if len(exact or found) == 1:
        return (exact or found)[0]
    some = ", ".join(node["id"] for node in (found or nodes)[:_SHOWN])
    what = f"{len(found)} nodes have ids that begin with {named}" if found else f"no node is called {named}"
    raise UsageError(what, help=f"one of {some}")


def node_where_tasks_fail(account: Account, job_id: str) -> str | None:
    """The only node that tasks of the job failed on, while others succeeded elsewhere; None: it is not the node."""
    failed: set[str] = set()
    for live in task_service.read_all(account.batch, job_id, filter=_FAILED, select=task_service.PLACED):
        failed |= {live.execution.node} if live.execution.node else set()
        if len(failed) > 1:
            return None
    if not failed:
        return None
    node = failed.pop()
    others = task_service.read_all(account.batch, job_id, filter=_SUCCEEDED, select=task_service.PLACED)
    return node if any(live.execution.node != node for live in others) else None


def look_there(node: str, spec: Spec) -> str:
    """That tasks failed on one node only, and how to see why."""
    shell = f"batchspec ssh {node[:_SHORT_ID]} --spec {spec.arguments}"
    return f"tasks failed only on the node {node}; look there: {shell}"
