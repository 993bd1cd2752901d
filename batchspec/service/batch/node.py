"""The users of a node, and how to reach it. Source: Batch REST API 2025-06-01, Nodes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from batchspec.service.batch.client import Batch, path_of


class Login(NamedTuple):
    """Where a node takes remote logins."""

    address: str
    port: int


def add_user(batch: Batch, pool_id: str, node_id: str, name: str, public_key: str, expires: datetime) -> None:
    """The node has an administrator *name*, who signs in with a key, until *expires*."""
    body = {
        "name": name,
        "isAdmin": True,
        "expiryTime": expires.isoformat().replace("+00:00", "Z"),
        "sshPublicKey": public_key,
    }
    batch.post(_users(pool_id, node_id), body, doing=f"add the user {name} to the node {node_id}")


def delete_user(batch: Batch, pool_id: str, node_id: str, name: str) -> None:
    """The node has no such user."""
    path = f"{_users(pool_id, node_id)}/{name}"
    batch.delete(path, doing=f"remove the user {name} from the node {node_id}")


def login(batch: Batch, pool_id: str, node_id: str) -> Login:
    path = path_of("pools", pool_id, "nodes", node_id, "remoteloginsettings")
    found = batch.get(path, doing=f"ask how to reach the node {node_id}").body
    return Login(str(found["remoteLoginIPAddress"]), int(found["remoteLoginPort"]))


def _users(pool_id: str, node_id: str) -> str:
    return path_of("pools", pool_id, "nodes", node_id, "users")
