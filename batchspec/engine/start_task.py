"""How the start task of a node went, and what it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batchspec.engine.health.nodes import node_meant, nodes_of
from batchspec.engine.ran import Ran
from batchspec.errors import RunError
from batchspec.language.model import Spec
from batchspec.resources.base import Json
from batchspec.resources.task import failure_of, moment_of
from batchspec.secrecy import without_secrets
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account

_FOLDER = "startup"


def read_start_task(account: Account, spec: Spec, named: str) -> Ran:
    """How the start task of the node *named* went: an id, or the beginning of only one.

    Without a name the first node is meant whose start task failed, else the first that has run one.
    """
    nodes = nodes_of(account, spec)
    node = node_meant(nodes, named) if named else min(nodes, key=_order)
    if "startTaskInfo" not in node:
        raise RunError(f"the node {node['id']} ({node.get('state')}) has not run a start task")
    return _ran(node)


def start_task_streams(account: Account, spec: Spec, node_id: str, names: Sequence[str]) -> dict[str, str]:
    """The text of each of the start task's files *names* that can be had; none of one that is empty."""
    pool_id = spec.pool.id if spec.pool else ""
    found = {
        name: pool_service.node_file(account.batch, pool_id, node_id, f"{_FOLDER}/{name}") for name in names
    }
    return {name: text for name, text in found.items() if text}


def _order(node: Json) -> tuple[bool, bool, str]:
    info = node.get("startTaskInfo") or {}
    return not _failure(info), not info, str(node["id"])


def _failure(info: Json) -> str:
    return failure_of(info) if str(info.get("state", "")).lower() == "completed" else ""


def _ran(node: Json) -> Ran:
    info: dict[str, Any] = node["startTaskInfo"]
    return Ran(
        id=str(node["id"]),
        name="start task",
        state=str(info["state"]).lower(),
        failure=without_secrets(_failure(info)),
        exit_code=info.get("exitCode"),
        retries=int(info.get("retryCount") or 0),
        node=f"{node['id']} ({node.get('state')})",
        started=moment_of(info.get("startTime")),
        ended=moment_of(info.get("endTime")),
    )
