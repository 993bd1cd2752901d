"""The pool operations."""

from typing import Any

from batchspec.emulator.http.reply import Reply
from batchspec.emulator.life.account import applications
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.account.containers import require_engine
from batchspec.emulator.life.account.model import Body, Pool
from batchspec.emulator.life.jobs.creation import look_again, make_pool
from batchspec.emulator.life.pools import node as node_life
from batchspec.emulator.life.pools import pool as pool_life
from batchspec.emulator.life.pools import scaling
from batchspec.emulator.life.pools.allocation import set_allocation
from batchspec.emulator.life.pools.pool import cores
from batchspec.emulator.operations.call import (
    Call,
    created,
    done,
    entity,
    list_of,
    require_conditions,
    version_headers,
)
from batchspec.emulator.state import defaults, images
from batchspec.emulator.state.clock import TICKS_PER_S, parse_time
from batchspec.emulator.state.errors import ApiError, invalid_property

# An update of one of these needs a pool without nodes (SDK, BatchPoolUpdateOptions).
_EMPTY_ONLY = {
    "displayName",
    "vmSize",
    "virtualMachineConfiguration",
    "taskSlotsPerNode",
    "taskSchedulingPolicy",
    "enableInterNodeCommunication",
    "networkConfiguration",
    "userAccounts",
    "mountConfiguration",
    "upgradePolicy",
}
_COUNTS = {
    "startTaskFailed": "starttaskfailed",
    "leavingPool": "leavingpool",
    "waitingForStartTask": "waitingforstarttask",
    "upgradingOS": "upgradingos",
}
_COUNTED = (
    *("creating", "deallocated", "deallocating", "idle", "leavingPool", "offline", "preempted", "rebooting"),
    *("reimaging", "running", "starting", "startTaskFailed", "unusable", "unknown", "upgradingOS"),
    "waitingForStartTask",
)


def find(call: Call) -> Pool:
    pool = call.account.pools.get(call.ids[0].lower())
    if pool is None:
        raise ApiError("PoolNotFound")
    return pool


def shown(call: Call, pool: Pool) -> Body:
    return {
        **pool.doc,
        "url": f"{call.account.endpoint}/pools/{pool.id}",
        "currentDedicatedNodes": pool.count(dedicated=True),
        "currentLowPriorityNodes": pool.count(dedicated=False),
    }


def create_pool(call: Call) -> Reply:
    account, body = call.account, call.body
    existing = account.pools.get(body["id"].lower())
    if existing:
        raise ApiError("PoolBeingDeleted" if existing.doc["state"] == "deleting" else "PoolExists")
    if len(account.pools) >= account.settings.pools:
        raise ApiError("PoolQuotaReached")
    check_pool(account, body)
    pool = make_pool(account, body["id"], body)
    return created(f"{account.endpoint}/pools/{pool.id}", pool.doc)


def check_pool(account: Account, body: Body) -> None:
    """What no schema says of a new pool."""
    _require_support(account, body)
    require_engine(account, body)
    applications.require(account, body)
    slots, size = body.get("taskSlotsPerNode", 1), body["vmSize"]
    most = min(4 * cores(size), 256)
    if slots > most:
        raise invalid_property("taskSlotsPerNode", slots, f"The maximum value for this VM size is {most}")
    if body.get("enableAutoScale"):
        if "autoScaleFormula" not in body:
            raise ApiError("MissingRequiredProperty", ("PropertyName", "autoScaleFormula"))
        if "targetDedicatedNodes" in body or "targetLowPriorityNodes" in body:
            name = "targetDedicatedNodes" if "targetDedicatedNodes" in body else "targetLowPriorityNodes"
            raise invalid_property(
                name, body[name], "The property cannot be specified when autoscaling is enabled"
            )
        scaling.require_formula(body["autoScaleFormula"])
    elif "autoScaleFormula" in body:
        raise invalid_property(
            "autoScaleFormula", "", "The property cannot be specified when autoscaling is not enabled"
        )


def _require_support(account: Account, body: Body) -> None:
    """`ApiError` for an image whose day is over."""
    image = body.get("virtualMachineConfiguration", {}).get("imageReference", {})
    if "publisher" not in image:
        return
    names = image["publisher"], image["offer"], image["sku"]
    known = images.find(*names)
    if known is not None and known.end and parse_time(f"{known.end}T00:00:00Z") <= account.clock.now():
        raise invalid_property("imageReference", image, images.not_supported(*names))


def get_pool(call: Call) -> Reply:
    pool = find(call)
    require_conditions(call, pool.doc)
    return entity(call, "pools/@Element", shown(call, pool))


def pool_exists(call: Call) -> Reply:
    pool = find(call)
    require_conditions(call, pool.doc)
    return Reply(200, version_headers(pool.doc))


def list_pools(call: Call) -> Reply:
    return list_of(call, "pools", ((pool.key, shown(call, pool)) for pool in call.account.pools.values()))


def delete_pool(call: Call) -> Reply:
    pool = changeable(call)
    with call.account.store.transaction():
        pool_life.delete(call.account, pool)
    return Reply(202)


def changeable(call: Call) -> Pool:
    pool = find(call)
    if pool.doc["state"] == "deleting":
        raise ApiError("PoolBeingDeleted")
    require_conditions(call, pool.doc)
    return pool


def update_pool(call: Call) -> Reply:
    """PATCH: what is given replaces what was there, element by element."""
    pool, body = changeable(call), call.body
    if pool.nodes and (given := sorted(_EMPTY_ONLY & body.keys())):
        reason = f"The properties {', '.join(given)} can be updated only when the pool has no nodes"
        raise ApiError("OperationInvalidForCurrentState", ("Reason", reason))
    changes = dict(body)
    _require_support(call.account, body)
    require_engine(call.account, body)
    applications.require(call.account, body)
    if "vmSize" in changes:
        changes["vmSize"] = changes["vmSize"].lower()
    if "taskSchedulingPolicy" in changes:
        changes["taskSchedulingPolicy"] = {"jobDefaultOrder": "none", **changes["taskSchedulingPolicy"]}
    defaults.pool_parts(changes)
    _edit(call, pool, changes)
    return done(call, 200, pool.doc)


def replace_pool_properties(call: Call) -> Reply:
    """Replaces all of them: a start task that is left out is removed."""
    pool = changeable(call)
    applications.require(call.account, call.body)
    pool.doc.pop("startTask", None)
    changes = dict(call.body)
    if not changes["applicationPackageReferences"]:
        del changes["applicationPackageReferences"]
        pool.doc.pop("applicationPackageReferences", None)
    defaults.pool_parts(changes)
    _edit(call, pool, changes)
    return done(call, 204, pool.doc)


def _edit(call: Call, pool: Pool, changes: Body) -> None:
    pool.doc.update(changes)
    look_again(call.account, pool)
    call.account.touch(pool.doc)
    call.account.save_pool(pool)


def resize_pool(call: Call) -> Reply:
    pool, body = changeable(call), call.body
    _refuse_scaling(pool)
    _require_steady(pool)
    if "targetDedicatedNodes" not in body and "targetLowPriorityNodes" not in body:
        raise ApiError("MissingRequiredProperty", ("PropertyName", "targetDedicatedNodes"))
    sizes = {**pool.doc, **body}
    dedicated, low_priority = sizes["targetDedicatedNodes"], sizes["targetLowPriorityNodes"]
    pool.doc["resizeTimeout"] = body.get("resizeTimeout", "PT15M")
    call.account.touch(pool.doc)
    pool_life.resize(
        call.account, pool, dedicated, low_priority, body.get("nodeDeallocationOption", "requeue")
    )
    return done(call, 202, pool.doc)


def _refuse_scaling(pool: Pool) -> None:
    if pool.doc["enableAutoScale"]:
        raise ApiError("OperationNotValidOnPool", ("Reason", "The pool is enabled for automatic scaling"))


def _require_steady(pool: Pool) -> None:
    if pool.doc["allocationState"] != "steady":
        raise ApiError("PoolBeingResized")


def stop_pool_resize(call: Call) -> Reply:
    """The ETag stays as the resize set it (recorded 2023)."""
    pool = changeable(call)
    if pool.doc["allocationState"] == "resizing":
        pool_life.stop_resize(call.account, pool)
    return done(call, 202, pool.doc)


def remove_nodes(call: Call) -> Reply:
    pool, account = changeable(call), call.account
    _require_steady(pool)
    _refuse_scaling(pool)
    nodes = []
    for node_id in call.body["nodeList"]:
        if node_id not in pool.nodes:
            raise ApiError("NodeNotFound", ("NodeId", node_id))
        nodes.append(pool.nodes[node_id])
    account.touch(pool.doc)
    with account.store.transaction():
        pool.resize_epoch += 1
        pool.doc.pop("resizeErrors", None)
        for node in nodes:
            pool.doc["targetDedicatedNodes" if node.doc["isDedicated"] else "targetLowPriorityNodes"] -= 1
        set_allocation(account, pool, "resizing")
        for node in nodes:
            node_life.leave(account, node, call.body.get("nodeDeallocationOption", "requeue"))
    return done(call, 202, pool.doc)


# --- automatic scaling


def enable_pool_auto_scale(call: Call) -> Reply:
    pool, body, account = changeable(call), call.body, call.account
    _require_steady(pool)
    now = account.clock.now()
    if pool.doc["enableAutoScale"] and now - pool.last_enable < 30 * TICKS_PER_S:
        raise ApiError("TooManyEnableAutoScaleRequests")
    formula = body.get("autoScaleFormula", pool.doc.get("autoScaleFormula"))
    if formula is None:
        raise ApiError("MissingRequiredProperty", ("PropertyName", "autoScaleFormula"))
    scaling.require_formula(formula)
    pool.last_enable = now
    pool.doc["enableAutoScale"], pool.doc["autoScaleFormula"] = True, formula
    pool.doc["autoScaleEvaluationInterval"] = body.get(
        "autoScaleEvaluationInterval", pool.doc.get("autoScaleEvaluationInterval", "PT15M")
    )
    account.touch(pool.doc)
    scaling.start(account, pool)
    return done(call, 200, pool.doc)


def disable_pool_auto_scale(call: Call) -> Reply:
    pool = changeable(call)
    if pool.doc["enableAutoScale"]:
        pool.doc["enableAutoScale"] = False
        for name in ("autoScaleFormula", "autoScaleEvaluationInterval", "autoScaleRun"):
            pool.doc.pop(name, None)
        _edit(call, pool, {})
    return done(call, 200, pool.doc)


def evaluate_pool_auto_scale(call: Call) -> Reply:
    """What the formula would do now; needs automatic scaling to be on."""
    pool, account = changeable(call), call.account
    if not pool.doc["enableAutoScale"]:
        raise ApiError("OperationNotValidOnPool", ("Reason", "The pool is not enabled for automatic scaling"))
    run = scaling.as_run(account, scaling.evaluated(account, pool, call.body["autoScaleFormula"]))
    reply = entity(call, "Microsoft.Azure.Batch.Protocol.Entities.AutoScaleRun", run)
    reply.headers["DataServiceId"] = call.url
    return reply


# --- counts


def list_pool_node_counts(call: Call) -> Reply:
    return list_of(
        call, "poolnodecounts", ((pool.key, _counts(pool)) for pool in call.account.pools.values())
    )


def _counts(pool: Pool) -> Body:
    found: dict[str, Any] = {"poolId": pool.id}
    for name, dedicated in (("dedicated", True), ("lowPriority", False)):
        states = [node.state for node in pool.nodes.values() if node.doc["isDedicated"] == dedicated]
        counts = {shown: states.count(_COUNTS.get(shown, shown)) for shown in _COUNTED}
        found[name] = {**counts, "total": len(states)}
    return found
