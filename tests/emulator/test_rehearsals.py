"""Bad luck on demand: resizes that fall short, nodes and pools that stay in a state, seen through the SDK."""

from datetime import UTC, datetime

import pytest
from azure.batch import BatchClient

from .conftest import Served, pool_body, wait_until
from .steps import idle_nodes, in_state, ready_pool, steady


def test_a_resize_falls_short_once(served: Served, client: BatchClient) -> None:
    """The resize gets the nodes it was left, ends steady with the error, and the next one gets them all."""
    served.control(
        "POST", "/_local/resizes", {"pool": "Pool", "code": "AllocationTimedOut", "message": "no", "nodes": 1}
    )
    client.create_pool(pool_body(targetDedicatedNodes=3))
    idle_nodes(client, 1)
    pool = steady(client)
    assert [(error.code, error.message) for error in pool.resize_errors] == [("AllocationTimedOut", "no")]
    assert (pool.current_dedicated_nodes, pool.target_dedicated_nodes) == (1, 3)
    client.begin_resize_pool("pool", {"targetDedicatedNodes": 3})
    idle_nodes(client, 3)
    assert steady(client).resize_errors is None


@pytest.mark.parametrize("state", ["creating", "starting"])
def test_a_node_stays_in_a_state_until_it_is_let_go(served: Served, client: BatchClient, state: str) -> None:
    """Of two nodes one stays, as if for an hour already; let go, it becomes idle."""
    served.control("POST", "/_local/holds", {"pool": "pool", "state": state, "seconds": 3600})
    client.create_pool(pool_body(targetDedicatedNodes=2))

    def states() -> list[str]:
        return sorted(node.as_dict()["state"] for node in client.list_nodes("pool"))

    wait_until(lambda: states() == sorted([state, "idle"]))
    (held,) = [node for node in client.list_nodes("pool") if node.state == state]
    assert (datetime.now(UTC) - held.state_transition_time).total_seconds() >= 3600
    served.control("DELETE", "/_local/holds/POOL")
    idle_nodes(client, 2)


def test_a_resize_and_a_deletion_do_not_end_until_let_go(served: Served, client: BatchClient) -> None:
    """The pool stays resizing, and can be stopped; deleted, it stays deleting."""
    served.control("POST", "/_local/holds", {"pool": "pool", "state": "resizing"})
    client.create_pool(pool_body(targetDedicatedNodes=1))
    wait_until(lambda: not served.account.rehearsals.holds)
    assert client.get_pool("pool").allocation_state == "resizing"
    client.begin_stop_pool_resize("pool")
    assert [error.code for error in steady(client).resize_errors] == ["ResizeStopped"]
    served.control("POST", "/_local/holds", {"pool": "pool", "state": "deleting"})
    client.begin_delete_pool("pool")
    wait_until(lambda: not served.account.rehearsals.holds)
    assert client.get_pool("pool").state == "deleting"
    served.control("DELETE", "/_local/holds/pool")
    wait_until(lambda: not list(client.list_pools()))


def test_a_dead_node_says_why(served: Served, client: BatchClient) -> None:
    """The error that a node is failed with is in its `errors`."""
    (node,) = ready_pool(client)
    error = {"code": "DiskFull", "message": "no room on the temporary disk"}
    served.control("POST", f"/_local/nodes/{node.id}/fail", error)
    found = in_state(lambda: client.get_node("pool", node.id), "unusable")
    assert [(entry.code, entry.message) for entry in found.errors] == [tuple(error.values())]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("resizes", {"pool": "pool"}),
        ("resizes", {"pool": "pool", "code": "X", "nodes": "many"}),
        ("holds", {"pool": "pool", "state": "happy"}),
        ("holds", b"[]"),
        ("holds", b"{"),
    ],
    ids=str,
)
def test_what_is_no_rehearsal_is_refused(served: Served, path: str, body: object) -> None:
    """A body that does not say what is meant is a 400, and a request without a signature a 403."""
    assert served.raw("POST", f"/_local/{path}", body).status == 400
    assert served.raw("POST", f"/_local/{path}", body, headers={"Authorization": ""}).status == 403
