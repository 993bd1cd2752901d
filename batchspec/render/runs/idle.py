"""Idle pools that are let go, as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from batchspec.engine.idle import Fate, IdlePool
from batchspec.render.runs.holdings import pool_json, pool_text
from batchspec.render.show import page
from batchspec.version import __version__

_DONE = {Fate.DELETE: "deleted", Fate.ZERO: "scaled", Fate.KEEP: "kept"}
_SIGNS = {Fate.DELETE: "-", Fate.ZERO: "~", Fate.KEEP: "="}


def idle_text(pools: Sequence[IdlePool]) -> str:
    """What will become of each pool, and what it costs."""
    return page([_line(idle) for idle in pools] or ["no idle pools"])


def _line(idle: IdlePool) -> str:
    what = {Fate.DELETE: "", Fate.ZERO: f"; scaled to 0 nodes: {idle.why}", Fate.KEEP: f"; kept: {idle.why}"}
    return (
        f"  {_SIGNS[idle.fate]} pool {idle.pool.id} of {idle.spec}: {pool_text(idle.pool)}{what[idle.fate]}"
    )


def let_go_text(idle: IdlePool) -> str:
    """What became of a pool, in one line."""
    done = {
        Fate.DELETE: f"deleted pool {idle.pool.id}",
        Fate.ZERO: f"scaled pool {idle.pool.id} to 0 nodes",
        Fate.KEEP: f"kept pool {idle.pool.id}: {idle.why}",
    }
    return done[idle.fate]


def idle_json(pools: Iterable[IdlePool], account: str) -> dict[str, Any]:
    """What will become of each pool, as one object."""
    found = [{"spec": idle.spec, **pool_json(idle.pool), **_fate_json(idle)} for idle in pools]
    return {"type": "idle", "batchspecVersion": __version__, "account": account, "pools": found}


def let_go_json(idle: IdlePool) -> dict[str, Any]:
    """What became of a pool."""
    return {"type": _DONE[idle.fate], "kind": "pool", "id": idle.pool.id, "count": 1, "why": idle.why}


def _fate_json(idle: IdlePool) -> dict[str, str]:
    return {"fate": idle.fate.value, "why": idle.why}
