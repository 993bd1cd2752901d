"""The ports of a node that its pool makes reachable from outside; here they are told, and nobody listens there."""

from itertools import count

from batchspec.emulator.life.account.model import Body, Pool


def endpoints(pool: Pool) -> Body:
    """A new node's `endpointConfiguration`, by its name; nothing where the pool opens no ports.

    Ports are given out from the first of each range on, by the node's number, which is also the end of the
    endpoint's name (recorded 2026).
    """
    network = pool.doc.get("networkConfiguration", {})
    nat_pools = network.get("endpointConfiguration", {}).get("inboundNATPools", [])
    if not nat_pools:
        return {}
    number = _free_number(pool)
    return {"endpointConfiguration": {"inboundEndpoints": [_endpoint(nat, number) for nat in nat_pools]}}


def _free_number(pool: Pool) -> int:
    taken = {
        endpoint["name"].rpartition(".")[2]
        for node in pool.nodes.values()
        for endpoint in node.doc.get("endpointConfiguration", {}).get("inboundEndpoints", [])
    }
    return next(number for number in count() if str(number) not in taken)


def _endpoint(nat_pool: Body, number: int) -> Body:
    return {
        "name": f"{nat_pool['name']}.{number}",
        "protocol": nat_pool["protocol"],
        "publicIPAddress": "127.0.0.1",
        "publicFQDN": "localhost",
        "frontendPort": nat_pool["frontendPortRangeStart"] + number,
        "backendPort": nat_pool["backendPort"],
    }
