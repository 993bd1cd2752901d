"""Bad luck on demand: resizes that get too few nodes, nodes and pools that stay in a state that should pass.

What is asked for is kept in memory only, and happens to the pool of that id, be it there yet or not.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from batchspec.emulator.life.account.model import Body, Node, Pool
from batchspec.emulator.state.clock import TICKS_PER_S, time_text
from batchspec.emulator.state.errors import ApiError

if TYPE_CHECKING:
    from batchspec.emulator.life.account.account import Account

STATES = ("creating", "starting", "resizing", "deleting")


@dataclass(slots=True)
class Shortage:
    """The next *times* resizes of the pool get at most *nodes* more nodes, and end with this error.

    With a *vm_size* only resizes to nodes of that size.
    """

    pool: str
    vm_size: str
    code: str
    message: str
    nodes: int
    times: int


@dataclass(slots=True)
class Hold:
    """The next *times* nodes of the pool, or the pool itself, stay in *state*, as if for *seconds* already."""

    pool: str
    state: str
    seconds: float
    times: int


class Rehearsals:
    """What was asked for and is still to happen, and what is held now."""

    def __init__(self) -> None:
        self.shortages: list[Shortage] = []
        self.holds: list[Hold] = []
        self.held: list[tuple[str, Callable[[], None]]] = []  # by pool


# --- asked for


def ask_shortage(account: "Account", raw: bytes) -> None:
    """`{"pool", "code", "message", "nodes", "times", "vmSize"}`; all but the first two may be left out."""
    body = _object(raw)
    try:
        found = Shortage(
            str(body["pool"]).lower(),
            str(body.get("vmSize", "")).lower(),
            str(body["code"]),
            str(body.get("message", "The resize did not get all of its nodes")),
            int(body.get("nodes", 0)),
            int(body.get("times", 1)),
        )
    except (KeyError, TypeError, ValueError):
        raise ApiError("InvalidRequestBody") from None
    account.rehearsals.shortages.append(found)


def ask_hold(account: "Account", raw: bytes) -> None:
    """`{"pool", "state", "seconds", "times"}`; all but the first two may be left out."""
    body = _object(raw)
    try:
        found = Hold(
            str(body["pool"]).lower(),
            str(body["state"]),
            float(body.get("seconds", 0)),
            int(body.get("times", 1)),
        )
    except (KeyError, TypeError, ValueError):
        raise ApiError("InvalidRequestBody") from None
    if found.state not in STATES:
        raise ApiError("InvalidRequestBody", ("Reason", f"state is one of {', '.join(STATES)}"))
    account.rehearsals.holds.append(found)


def let_go(account: "Account", pool: str) -> None:
    """Nothing of *pool* is held any more, and what was held goes on."""
    asked, pool = account.rehearsals, pool.lower()
    asked.holds = [hold for hold in asked.holds if hold.pool != pool]
    for held, go_on in asked.held:
        if held == pool:
            account.loop.later(0, go_on)
    asked.held = [entry for entry in asked.held if entry[0] != pool]


def node_error(raw: bytes) -> Body | None:
    """The entry of a node's `errors` that `{"code", "message"}` asks for; None where nothing is asked."""
    body = _object(raw) if raw else {}
    if not body:
        return None
    return {"code": str(body.get("code", "")), "message": str(body.get("message", "")), "errorDetails": []}


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        raise ApiError("InvalidRequestBody") from None
    if not isinstance(body, dict):
        raise ApiError("InvalidRequestBody")
    return body


# --- happening


def shortage_of(account: "Account", pool: Pool) -> Shortage | None:
    """What the present resize of *pool* is short of, if that was asked for; it counts as happened."""
    for found in account.rehearsals.shortages:
        if found.pool == pool.key and found.vm_size in ("", pool.doc["vmSize"]):
            found.times -= 1
            if found.times <= 0:
                account.rehearsals.shortages.remove(found)
            return found
    return None


def holds_node(account: "Account", node: Node, state: str, go_on: Callable[[], None]) -> bool:
    """Whether *node* stays in *state* until it is let go; then *go_on* is done."""
    hold = _take(account, node.pool, state, go_on)
    if hold is not None:
        node.doc["stateTransitionTime"] = _ago(account, hold)
        account.save_node(node)
    return hold is not None


def holds_pool(account: "Account", pool: Pool, state: str, go_on: Callable[[], None]) -> bool:
    """Whether *pool* stays `resizing` or `deleting` until it is let go; then *go_on* is done."""
    hold = _take(account, pool, state, go_on)
    if hold is not None:
        name = "allocationStateTransitionTime" if state == "resizing" else "stateTransitionTime"
        pool.doc[name] = _ago(account, hold)
        account.save_pool(pool)
    return hold is not None


def _take(account: "Account", pool: Pool, state: str, go_on: Callable[[], None]) -> Hold | None:
    for hold in account.rehearsals.holds:
        if (hold.pool, hold.state) == (pool.key, state):
            hold.times -= 1
            if hold.times <= 0:
                account.rehearsals.holds.remove(hold)
            account.rehearsals.held.append((pool.key, go_on))
            return hold
    return None


def _ago(account: "Account", hold: Hold) -> str:
    return time_text(account.clock.now() - int(hold.seconds * TICKS_PER_S))
