"""What only this endpoint has, under `/_local/`: request log, faults on demand, the end of nodes. Signed too.

GET  /_local/requests?since=N          {"value": [{"n", "time", "method", "path", "query", "status"}, ...]}
GET  /_local/applications              {"value": [{"id", "version", "md5"}, ...]}: the account's application packages
POST /_local/applications/ID/VERSION   {"url", "md5"}: the zip file in Storage is that package, as the management plane
                                       makes it one
GET  /_local/status                    counts of pools, nodes, jobs; what runs containers; whether it is busy
POST /_local/faults                    a fault, see `faults`; GET says how many are left, DELETE takes them away
POST /_local/pools/POOL/identity       {"resourceIds": [...]}: the pool has them, as the management plane gives them
POST /_local/nodes/NODE/preempt        the Spot node is taken away, as Azure takes it
POST /_local/nodes/NODE/fail           the node is dead: `unusable`, its tasks run elsewhere; {"code", "message"}
POST /_local/resizes                   {"pool", "code", "message", "nodes", "times", "vmSize"}: resizes that get too few
                                       nodes, those of one VM size only where it is given
POST /_local/holds                     {"pool", "state", "seconds", "times"}: nodes, or the pool, stay in a state
DELETE /_local/holds/POOL              they go on
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool

from batchspec.emulator.http.reply import Reply
from batchspec.emulator.life.account import rehearsal
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.model import Node
from batchspec.emulator.life.pools import node as node_life
from batchspec.emulator.life.running import busy
from batchspec.emulator.state.errors import ApiError


async def answer(account: Account, method: str, path: str, query: dict[str, str], raw: bytes) -> Reply:
    parts = [unquote(part) for part in path.removeprefix("/_local/").split("/")]
    match method, *parts:
        case "GET", "requests":
            since = query.get("since", "0")
            return _json({"value": account.requests.since(int(since) if since.isdigit() else 0)})
        case "GET", "status":
            engine = await run_in_threadpool(account.container_engine)
            return _json({**_status(account), "containers": engine})
        case "GET", "applications":
            return _json({"value": list(_packages(account))})
        case "GET", "faults":
            return _json({"left": len(account.faults)})
        case "POST", "applications", id, version:
            _add_package(account, id, version, raw)
            return Reply(201)
    _do(account, (method, *parts), raw)
    return Reply(202)


def _do(account: Account, words: tuple[str, ...], raw: bytes) -> None:
    """Does what a request asks for that has no answer but that it is done."""
    match words:
        case "POST", "faults":
            account.faults.add(raw)
        case "DELETE", "faults":
            account.faults.clear()
        case "POST", "pools", pool_id, "identity":
            _give_identity(account, pool_id, raw)
        case "POST", "nodes", node_id, "preempt":
            node_life.preempt(account, _node(account, node_id))
        case "POST", "nodes", node_id, "fail":
            node_life.fail(account, _node(account, node_id), rehearsal.node_error(raw))
        case "POST", "resizes":
            rehearsal.ask_shortage(account, raw)
        case "POST", "holds":
            rehearsal.ask_hold(account, raw)
        case "DELETE", "holds", pool_id:
            rehearsal.let_go(account, pool_id)
        case _:
            raise ApiError("ResourceNotFound")


def _json(body: Any) -> Reply:
    return Reply(200, {"Content-Type": "application/json"}, json.dumps(body).encode())


def _status(account: Account) -> dict[str, Any]:
    return {
        "account": account.settings.name,
        "endpoint": account.endpoint,
        "busy": busy(account),
        "pools": {pool.id: len(pool.nodes) for pool in account.pools.values()},
        "jobs": {job.id: job.state for job in account.jobs.values()},
    }


def _node(account: Account, node_id: str) -> Node:
    """By its whole id, or by a beginning that only one has."""
    nodes = [
        node for pool in account.pools.values() for node in pool.nodes.values() if node.id.startswith(node_id)
    ]
    if len(nodes) != 1:
        raise ApiError("NodeNotFound")
    return nodes[0]


def _packages(account: Account) -> Iterator[dict[str, str]]:
    for application in account.applications:
        for version, blob in application["versions"].items():
            yield {"id": application["id"], "version": version, "md5": blob["md5"]}


def _add_package(account: Account, id: str, version: str, raw: bytes) -> None:
    try:
        body = json.loads(raw)
        blob = {"url": str(body["url"]), "md5": str(body["md5"])}
    except (ValueError, KeyError, TypeError):
        raise ApiError("InvalidRequestBody") from None
    account.applications.add(id, version, blob)


def _give_identity(account: Account, pool_id: str, raw: bytes) -> None:
    pool = account.pools.get(pool_id.lower())
    if pool is None:
        raise ApiError("PoolNotFound")
    try:
        ids = [str(id) for id in json.loads(raw)["resourceIds"]]
    except (ValueError, KeyError, TypeError):
        raise ApiError("InvalidRequestBody") from None
    pool.doc["identity"] = {
        "type": "UserAssigned" if ids else "None",
        "userAssignedIdentities": [{"resourceId": id} for id in ids],
    }
    account.touch(pool.doc)
    account.save_pool(pool)


def preempt_one(account: Account, pool_id: str) -> None:
    """The first Spot node of the pool is taken away, where it has one."""
    pool = account.pools.get(pool_id.lower())
    for node in pool.nodes.values() if pool is not None else ():
        if not node.doc["isDedicated"] and node.state != "preempted":
            node_life.preempt(account, node)
            return
