"""The local account as people and as programs read it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchspec.counts import times_text
from batchspec.render.show import page
from batchspec.service.embedded import LocalAccount

if TYPE_CHECKING:
    from batchspec.service.local_control import Job, Pool


def started_text(account: LocalAccount) -> str:
    """That it runs, and where."""
    lines = [_containers(account.containers)] if account.containers == "host" else []
    return page(["the local account is running", *_places(account), *lines])


def status_text(
    account: LocalAccount, pools: Sequence[Pool], jobs: Sequence[Job], size: int, engine: str | None
) -> str:
    """How it stands. *size* is in bytes; *engine* runs its containers, None where that is not known."""
    lines = [_containers(engine)] if engine is not None else []
    lines += _held(pools, jobs) if account.pid else []
    return page([_state(account), *_places(account), f"  disk     {megabytes(size)}", *lines])


def status_json(
    account: LocalAccount, pools: Sequence[Pool], jobs: Sequence[Job], size: int, engine: str | None
) -> dict[str, Any]:
    held = {"pools": [_pool_json(pool) for pool in pools], "jobs": [job._asdict() for job in jobs]}
    return account_json(account) | held | {"diskBytes": size, "containers": engine}


def _pool_json(pool: Pool) -> dict[str, Any]:
    return pool._asdict() | {"nodes": [node._asdict() for node in pool.nodes]}


def account_json(account: LocalAccount) -> dict[str, Any]:
    """Where it is: its endpoints, its folder, its process; no key."""
    return {
        "state": _state(account),
        "pid": account.pid or None,
        "home": str(account.home),
        "batch": {"endpoint": account.batch_endpoint, "account": account.batch_account},
        "storage": {
            "endpoint": account.blob_endpoint,
            "account": account.storage_account,
            **_restarts(account),
        },
    }


def unused_text() -> str:
    """That it has never been started."""
    return page(["stopped; it has not been used yet"])


def unused_json(home: Path) -> dict[str, Any]:
    return {"state": "stopped", "home": str(home)}


def stopped_text(was_running: bool) -> str:
    """That it does not run any more."""
    return page(["the local account is stopped" if was_running else "the local account was not running"])


def stopped_json(was_running: bool) -> dict[str, Any]:
    return {"state": "stopped", "wasRunning": was_running}


def emptied_text(size: int) -> str:
    """That nothing is in it any more, and how many bytes that were."""
    return page([f"the local account is empty ({megabytes(size)} freed)"])


def emptied_json(size: int) -> dict[str, Any]:
    return {"state": "stopped", "freedBytes": size}


def preempted_text(node: str) -> str:
    """That the Spot node *node* is taken away."""
    return page([f"node {node} is preempted"])


def unusable_text(node: str) -> str:
    """That *node* has failed."""
    return page([f"node {node} is unusable"])


def exports_text(variables: Mapping[str, str]) -> str:
    """What a shell evaluates to have the variables."""
    return page(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _state(account: LocalAccount) -> str:
    return "running" if account.pid else "stopped"


def _restarts(account: LocalAccount) -> dict[str, Any]:
    """How often Azurite was started again in this life of the account, and how it had ended the last time."""
    run = account.run
    if run is None or not run.restarts:
        return {"restarts": 0}
    at = datetime.fromtimestamp(run.restarted, UTC).isoformat(timespec="seconds")
    return {"restarts": run.restarts, "restarted": at, "ended": run.ended}


def _containers(engine: str) -> str:
    said = {"host": "none: containers run on this machine itself (--containers=host)", "": "none"}
    return f"  engine   {said.get(engine, engine)}"


def _places(account: LocalAccount) -> Iterator[str]:
    yield f"  batch    {account.batch_endpoint}  account {account.batch_account}"
    yield f"  blobs    {account.blob_endpoint}  account {account.storage_account}"
    yield f"  home     {account.home}"
    if account.pid:
        yield f"  process  {account.pid}"
    if account.run is not None and account.run.restarts:
        times = times_text(account.run.restarts)
        last = datetime.fromtimestamp(account.run.restarted).astimezone().strftime("%H:%M:%S")
        yield f"  azurite  ended unexpectedly ({account.run.ended}); restarted {times}, last at {last}"


def _held(pools: Sequence[Pool], jobs: Sequence[Job]) -> list[str]:
    return [
        f"  pools    {len(pools)}",
        *(line for pool in pools for line in _pool_lines(pool)),
        f"  jobs     {len(jobs)}",
        *(f"    {job.id}  {job.state}" for job in jobs),
    ]


def _pool_lines(pool: Pool) -> list[str]:
    kinds = {True: "Spot", False: "dedicated"}
    nodes = [f"      {node.id}  {node.state}  {kinds[node.spot]}" for node in pool.nodes]
    return [f"    {pool.id}  {pool.state}  nodes: {len(pool.nodes)}", *nodes]
