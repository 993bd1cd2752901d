"""What a live pool or job that differs from the spec makes of a plan: the action, and what it does to running work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from batchspec.desired.task import Desired
from batchspec.errors import RefusedError
from batchspec.language.model import Pool, WhenDone
from batchspec.ledger.database import Many
from batchspec.plan.model import Action, Kind, Operation, Reason
from batchspec.plan.observed import Observed
from batchspec.resources import pool as pools
from batchspec.resources.base import STAMP_ROLLOUT, Change, Effect, Json, is_protected, metadata_of, owner
from batchspec.resources.resize_errors import said
from batchspec.source import Path, path_text

_NAMED = 5
"""How many running tasks a plan names."""

_TREATED = {
    "requeue": "is put back into the queue",
    "terminate": "is ended",
    "taskcompletion": "is waited for",
}
"""What becomes of a task on a node that goes, by nodeDeallocationOption."""


def change_pool(desired: Desired, observed: Observed, *, compare_size: bool) -> Action | None:
    """What brings the live pool into line; None when nothing differs.

    Raises `RefusedError` when that would empty a protected pool.
    """
    pool, live = desired.spec.pool, observed.pool
    if pool is None or desired.pool is None or live is None:
        return None
    found = [*pools.changes(desired.pool, live, compare_size=compare_size), *_own_changes(pool, live)]
    missing = [*pools.missing_nodes(desired.pool, live)] if compare_size else []
    action = update_action(desired, Kind.POOL, pool.id, [*found, *missing])
    if action is None:
        return None
    if missing and any(change in action.changes for change in missing):
        action = replace(action, notes=(f"asked for again; last time: {said(live['resizeErrors'])}",))
    _refuse_protected(pool, action)
    if action.changes[0].path == ("rollout",):
        action = replace(action, reason=Reason.ROLLOUT)
    if Effect.DRAIN in action.effects:
        return replace(action, interrupts=_tasks_on(pool, observed))
    return _told_of_rollout(pool, observed, action) if Effect.REJOIN in action.effects else action


def put_away(desired: Desired, observed: Observed, action: Action | None) -> Action | None:
    """*action* with what `whenDone` says of a pool that nothing in the spec needs any more.

    A run does it at its end; this is for one that was cut off, or left. Nodes at work for others stay.
    """
    pool, live = desired.spec.pool, observed.pool
    if pool is None or live is None or pool.when_done is WhenDone.KEEP or observed.pool_running_tasks:
        return action
    path = ("pool", "whenDone")
    if pool.when_done is WhenDone.DELETE:
        if pool.protect:
            return action
        gone = new_action(desired, Operation.DELETE, Kind.POOL, pool.id, Reason.WHEN_DONE, path)
        return replace(gone, agreed=True)
    changes = [
        Change((name,), live[name], 0, Effect.RESIZE)
        for name in ("targetDedicatedNodes", "targetLowPriorityNodes")
        if live.get(name) and not live.get("enableAutoScale") and not is_ignored(desired, ("pool", name))
    ]
    if not changes:
        return action
    if action is None:
        return new_action(
            desired, Operation.UPDATE, Kind.POOL, pool.id, Reason.WHEN_DONE, path, changes=changes
        )
    return replace(action, changes=(*action.changes, *changes))


def _own_changes(pool: Pool, live: Json) -> Iterator[Change]:
    """What differs in the pool's fields that are not Batch's: they are kept as stamps."""
    if pool.protect and not is_protected(live):
        yield Change(("protect",), None, True, Effect.IN_PLACE)
    if STAMP_ROLLOUT in metadata_of(live):
        effect = Effect.IN_PLACE if pool.rollout is None else Effect.REJOIN
        yield Change(("rollout",), metadata_of(live)[STAMP_ROLLOUT], None, effect)


def _refuse_protected(pool: Pool, action: Action) -> None:
    if pool.protect and action.effects & {Effect.DRAIN, Effect.REPLACE}:
        fields = [path_text(c.path) for c in action.changes if c.effect in (Effect.DRAIN, Effect.REPLACE)]
        raise RefusedError(
            f"the pool {pool.id} is protected, and must be emptied to change {', '.join(fields)}",
            help="take `protect: true` out of the spec and apply that, then apply the change",
        )


def lifts_protection(desired: Desired, live: Json | None) -> bool:
    """Whether the spec's own live pool is protected, and the spec no longer says so."""
    pool = desired.spec.pool
    if pool is None or pool.existing or pool.protect or live is None:
        return False
    return is_protected(live) and owner(live) == desired.spec.name


def unprotect(desired: Desired) -> Action:
    """Lifts the protection, and does nothing else: so it is never taken away in passing."""
    lifted = Change(("protect",), True, None, Effect.IN_PLACE)
    pool_id = desired.spec.pool.id if desired.spec.pool else ""
    path = ("pool", "protect")
    action = new_action(
        desired, Operation.UPDATE, Kind.POOL, pool_id, Reason.UNPROTECT, path, changes=(lifted,)
    )
    return replace(action, notes=("nothing else is done with it: plan again for the rest",))


def _tasks_on(pool: Pool, observed: Observed) -> tuple[str, ...]:
    """What becomes of the tasks that run on the pool when its nodes go."""
    return task_lines(observed.running, observed.pool_running_tasks, _TREATED[pool.deallocation])


def _told_of_rollout(pool: Pool, observed: Observed, action: Action) -> Action:
    """*action* with what it does to the nodes that run already."""
    count = pools.nodes_of(observed.pool or {})
    if not count:
        return action
    nodes = "1 node" if count == 1 else f"{count} nodes"
    if pool.rollout is None:
        keeps = "keeps" if count == 1 else "keep"
        what = " and ".join(sorted({_NAMES[str(change.path[0])] for change in _rejoining(action)}))
        note = f"{nodes} {keeps} the old {what} until the next reboot; `rollout: reboot` brings them along"
        return replace(action, notes=(*action.notes, note))
    away = f"{nodes} to {pool.rollout.value}, some at a time"
    return replace(action, interrupts=(away, *_tasks_on(pool, observed)))


_NAMES = {"startTask": "start task", "applicationPackageReferences": "packages", "rollout": "start task"}


def _rejoining(action: Action) -> list[Change]:
    return [change for change in action.changes if change.effect is Effect.REJOIN]


def task_lines(running: Many[str], count: int, what: str) -> tuple[str, ...]:
    """A line for each running task, at most a few; *count* is how many run, those of other jobs too."""
    named = [f"task {id} {what}" for id in islice(running, _NAMED)]
    more = max(count, len(running)) - len(named)
    if more:
        noun = "running task" if more == 1 else "running tasks"
        named.append(f"{more} more {noun}: each {what}" if named else f"{more} {noun}: each {what}")
    return tuple(named)


def update_action(desired: Desired, kind: Kind, id: str, found: Iterable[Change]) -> Action | None:
    """The update, or replacement, that *found* needs, less what `ignoreChanges` names; None when nothing is left."""
    changes = tuple(change for change in found if not is_ignored(desired, (kind.value, *change.path)))
    if not changes:
        return None
    replaces = any(change.effect is Effect.REPLACE for change in changes)
    decisive = next((c for c in changes if c.effect is Effect.REPLACE), changes[0])
    return new_action(
        desired,
        Operation.REPLACE if replaces else Operation.UPDATE,
        kind,
        id,
        Reason.CANNOT_CHANGE if replaces else Reason.DIFFERS,
        (kind.value, *decisive.path),
        changes=changes,
    )


def is_ignored(desired: Desired, path: Path) -> bool:
    """Whether `ignoreChanges` names *path* or something above it."""
    return any(path[:length] in desired.spec.ignored for length in range(1, len(path) + 1))


def new_action(
    desired: Desired,
    operation: Operation,
    kind: Kind,
    id: str,
    reason: Reason,
    path: Path,
    *,
    changes: Sequence[Change] = (),
    detail: str = "",
    interrupts: tuple[str, ...] = (),
) -> Action:
    """An action, with the line of *path* in the spec; of what is not there, the line of what it would be in."""
    place = place_of(desired, path)
    return Action(operation, kind, id, reason, path, place, tuple(changes), detail, interrupts)


def place_of(desired: Desired, path: Path) -> str:
    """The `file:line` of the value at *path*."""
    document = desired.spec.document
    return f"{document.source.name}:{document.position(path).line}"
