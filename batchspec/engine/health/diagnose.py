"""What a judgement of a run is made from, read off the account; and what those who failed wrote, for its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from batchspec.engine.health.trouble import Facts, StuckReason, Trouble
from batchspec.engine.health.wrote import excerpt
from batchspec.errors import StuckError
from batchspec.language.model import Spec, TaskGroup
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account

_STREAMS = ("stderr", "stdout")


def read_facts(account: Account, spec: Spec, job_id: str, groups: Iterable[TaskGroup]) -> Facts:
    """The pool, its nodes and the job as they are; *groups* are those whose tasks have not all ended."""
    pool_id = spec.pool.id if spec.pool else ""
    pool, now = pool_service.read_with_time(account.batch, pool_id) if pool_id else (None, datetime.now(UTC))
    prepares = "jobPreparationTask" in (spec.job or {})
    return Facts(
        now=now,
        pool_id=pool_id,
        job_id=job_id,
        pool=pool,
        nodes=pool_service.nodes(account.batch, pool_id) if pool else [],
        job_state=job_service.state(account.batch, job_id) if job_id else None,
        slots=slots_of(groups),
        preparation=job_service.preparations(account.batch, job_id) if prepares and pool else [],
    )


def slots_of(groups: Iterable[TaskGroup]) -> tuple[int, int]:
    """The fewest and the most task slots that a task of *groups* needs."""
    needed = [int(group.body.get("requiredSlots") or 1) for group in groups] or [1]
    return min(needed), max(needed)


def evidence(account: Account, trouble: Trouble, facts: Facts) -> tuple[str, ...]:
    """What a failed start task or preparation task wrote, first and last, read off its node while that is there."""
    if trouble.reason is StuckReason.START_TASK:
        return tuple(_tail(account, facts.pool_id, trouble.nodes[0], "startup"))
    if trouble.reason is StuckReason.PREPARATION:
        infos = {entry["nodeId"]: entry["jobPreparationTaskExecutionInfo"] for entry in facts.preparation}
        folder = str(infos[trouble.nodes[0]].get("taskRootDirectory", ""))
        return tuple(_tail(account, facts.pool_id, trouble.nodes[0], folder))
    return ()


def explained(trouble: Trouble, lines: Iterable[str] = ()) -> StuckError:
    """*trouble* as what ends a run."""
    return StuckError(
        trouble.reason.value,
        trouble.text + "".join(f"\n    {line}" for line in lines),
        help=trouble.help,
    )


def _tail(account: Account, pool_id: str, node_id: str, folder: str) -> Iterator[str]:
    for name in _STREAMS:
        text = pool_service.node_file(account.batch, pool_id, node_id, f"{folder}/{name}.txt")
        yield from (f"{name} | {line}" for line in excerpt(text).lines)
