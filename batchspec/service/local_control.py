"""What `batchspec local` asks of the running local account: what it holds, and rehearsals of bad luck."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from azure.core.credentials import AzureNamedKeyCredential

from batchspec.errors import ServiceError
from batchspec.secrecy import keep_secret
from batchspec.service.batch.client import Batch
from batchspec.service.embedded import LocalAccount
from batchspec.service.http.retry import Patience


class Node(NamedTuple):
    id: str
    state: str
    spot: bool


class Pool(NamedTuple):
    id: str
    state: str  # of its allocation: steady, resizing, stopping
    nodes: tuple[Node, ...]


class Job(NamedTuple):
    id: str
    state: str


def read(account: LocalAccount) -> tuple[list[Pool], list[Job]]:
    """The pools with their nodes, and the jobs, in the endpoint's order."""
    with _talking(account) as batch:
        pools = [_pool(batch, found) for found in batch.items("/pools", doing="list pools")]
        jobs = [Job(found["id"], found["state"]) for found in batch.items("/jobs", doing="list jobs")]
    return pools, jobs


def container_engine(batch: Batch) -> str:
    """What runs containers there: podman, docker, `host` for the machine itself; nothing where nothing does."""
    return str(batch.get("/_local/status", doing="ask for the container engine").body["containers"])


def engine_of(account: LocalAccount) -> str:
    with _talking(account) as batch:
        return container_engine(batch)


def preempt(account: LocalAccount, node: str) -> None:
    """Azure takes the Spot node back: its tasks are queued again. *node* is an id, or a beginning that one has."""
    _do(account, node, "preempt")


def fail_node(account: LocalAccount, node: str) -> None:
    """The node is dead (`unusable`): its tasks run elsewhere."""
    _do(account, node, "fail")


def _do(account: LocalAccount, node: str, what: str) -> None:
    with _talking(account) as batch:
        try:
            batch.post(f"/_local/nodes/{node}/{what}", None, doing=f"{what} node {node}")
        except ServiceError as error:
            if error.status == 404:
                error.help = "`batchspec local status` lists the nodes"
            raise


@contextmanager
def _talking(account: LocalAccount) -> Iterator[Batch]:
    keep_secret(account.batch_key)
    key = AzureNamedKeyCredential(account.batch_account, account.batch_key)
    batch = Batch(account.batch_endpoint, key, Patience.of())
    try:
        yield batch
    finally:
        batch.close()


def _pool(batch: Batch, found: dict[str, Any]) -> Pool:
    nodes = batch.items(f"/pools/{found['id']}/nodes", doing="list nodes")
    return Pool(
        found["id"],
        found.get("allocationState", ""),
        tuple(Node(node["id"], node["state"], not node.get("isDedicated", True)) for node in nodes),
    )
