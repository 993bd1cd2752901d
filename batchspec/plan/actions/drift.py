"""Drift: where the pool and the open job that exist differ from the spec. Says nothing about what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from batchspec.desired.task import Desired
from batchspec.language.model import WhenDone
from batchspec.plan.actions.action import place_of, update_action
from batchspec.plan.actions.job import current_job
from batchspec.plan.actions.owner import refuse_foreign
from batchspec.plan.actions.pool import as_sized
from batchspec.plan.model import Kind
from batchspec.resources import job as jobs
from batchspec.resources import pool as pools
from batchspec.resources.base import Change, Json


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs: `change.before` is live, `change.after` the spec's; `place` is its `file:line`."""

    change: Change
    place: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A live pool or job held against the spec. Without differences it is as the spec says."""

    kind: Kind
    id: str
    differences: tuple[Difference, ...]


def find_drift(desired: Desired, pool: Json | None, generations: Sequence[Json]) -> tuple[Compared, ...]:
    """What exists, compared. Raises `RefusedError` for a pool or job that is not the spec's."""
    return tuple(_compared(desired, pool, generations))


def _compared(desired: Desired, pool: Json | None, generations: Sequence[Json]) -> Iterator[Compared]:
    current = current_job(desired.spec, generations)
    if desired.pool is not None and pool is not None and pool.get("state") != "deleting":
        refuse_foreign(pool, desired.spec.name, "pool")
        sized = as_sized(desired, pool).pool or desired.pool
        body = sized if current is not None else _idle(desired, sized)
        found = pools.changes(body, pool, compare_size=True)
        yield _held(desired, Kind.POOL, pool, body, found)
    if desired.job is not None and current is not None:
        yield _held(desired, Kind.JOB, current, desired.job, jobs.changes(desired.job, current))


def _idle(desired: Desired, body: Json) -> Json:
    """The pool as it is to be between two runs. A plan does not compare its nodes, but they cost money as ever."""
    pool = desired.spec.pool
    if (
        pool is None
        or pool.when_done is WhenDone.KEEP
        or not desired.spec.groups
        or body.get("enableAutoScale")
    ):
        return body
    return {**body, "targetDedicatedNodes": 0, "targetLowPriorityNodes": 0}


def _held(desired: Desired, kind: Kind, live: Json, body: Json, found: Iterable[Change]) -> Compared:
    action = update_action(desired, kind, live, body, found)
    changes = action.changes if action else ()
    differences = (Difference(change, place_of(desired, (kind.value, *change.path))) for change in changes)
    return Compared(kind, live["id"], tuple(differences))
