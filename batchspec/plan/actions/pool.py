"""What becomes of the pool: made, brought into line, or put away; and what that does to running work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from batchspec.counts import count_text
from batchspec.desired.task import Desired
from batchspec.errors import RefusedError
from batchspec.language.model import Pool, WhenDone
from batchspec.plan.actions.action import is_ignored, new_action, task_lines, update_action
from batchspec.plan.actions.owner import refuse_foreign
from batchspec.plan.model import Action, Kind, Operation, Reason, Work
from batchspec.plan.observed import Observed
from batchspec.resources import pool as pools
from batchspec.resources.base import STAMP_ROLLOUT, Change, Effect, Json, is_protected, metadata_of, owner
from batchspec.resources.equality import caseless
from batchspec.resources.resize_errors import said
from batchspec.source import path_text

_TREATED = {
    "requeue": "is requeued",
    "terminate": "is ended",
    "taskcompletion": "is waited for",
}
"""What becomes of a task on a node that goes, by nodeDeallocationOption."""


def pool_action(desired: Desired, observed: Observed, work: Work) -> Action | None:
    """What the spec's own pool needs, given the work at hand. Raises `RefusedError` for a pool that is not its own."""
    spec, desired = desired.spec, as_sized(desired, observed.pool)
    if spec.pool is None:
        return None
    if desired.pool is None:
        if observed.pool is None and work.needed:
            raise RefusedError(
                f"the pool {spec.pool.id} does not exist",
                help="`existing:` only uses pools that are there; name another, or describe the pool in the spec",
            )
        return None
    if observed.pool is None or observed.pool.get("state") == "deleting":
        return _missing(desired, desired.pool) if work.needed or not spec.groups else None
    refuse_foreign(observed.pool, spec.name, "pool")
    if not spec.groups or work.needed:
        return _compared(desired, observed, compare_size=True)
    ending = sum(1 for removal in work.deletions if removal.state == "running")  # they keep nobody's node
    others = replace(observed, pool_running_tasks=max(0, observed.pool_running_tasks - ending))
    return _put_away(desired, others, _compared(desired, observed, compare_size=False))


def as_sized(desired: Desired, live: Json | None) -> Desired:
    """*desired*, whose pool has the VM size of the *live* one where the spec lists that, too."""
    pool, body = desired.spec.pool, desired.pool
    if pool is None or body is None or live is None:
        return desired
    same = next((size for size in pool.vm_sizes if caseless(size, live.get("vmSize"))), body["vmSize"])
    return replace(desired, pool={**body, "vmSize": same})


def _missing(desired: Desired, body: Json) -> Action:
    action = new_action(
        desired, Operation.CREATE, Kind.POOL, body["id"], Reason.MISSING, ("pool", "id"), after=body
    )
    return action._replace(notes=tuple(_of_sizes(desired, body)))


def _of_sizes(desired: Desired, body: Json) -> Iterator[str]:
    """What is done where Azure has no nodes of the VM size that *body* has."""
    pool = desired.spec.pool
    others = [size for size in pool.vm_sizes if size != body["vmSize"]] if pool else []
    if others:
        then = ", then ".join(others)
        yield f"if Azure has no {body['vmSize']} nodes, apply tries {then} (only while it is watching)"


def _compared(desired: Desired, observed: Observed, *, compare_size: bool) -> Action | None:
    """What brings the live pool into line; None when nothing differs.

    Raises `RefusedError` when that would empty a protected pool.
    """
    pool, live = desired.spec.pool, observed.pool
    if pool is None or desired.pool is None or live is None:
        return None
    found = [*pools.changes(desired.pool, live, compare_size=compare_size), *_own_changes(pool, live)]
    missing = [*pools.missing_nodes(desired.pool, live)] if compare_size else []
    links = [*_new_links(observed, found)] if compare_size else []
    action = update_action(desired, Kind.POOL, live, desired.pool, [*found, *missing, *links])
    if action is None:
        return None
    if missing and any(change in action.changes for change in missing):
        again = f"requested again; last time: {said(live['resizeErrors'])}"
        action = action._replace(notes=(again, *_of_sizes(desired, desired.pool)))
    _refuse_protected(pool, action)
    if action.changes[0].path == ("rollout",):
        action = action._replace(reason=Reason.ROLLOUT)
    if Effect.DRAIN in action.effects:
        is_empty = not (pools.nodes_of(live) or pools.target_nodes(live))
        return action._replace(interrupts=_tasks_on(pool, observed), agreed=is_empty)
    return _told_of_rollout(pool, observed, action) if Effect.REJOIN in action.effects else action


def _put_away(desired: Desired, observed: Observed, action: Action | None) -> Action | None:
    """*action* with what `whenDone` says of a pool that nothing in the spec needs any more.

    A run does it at its end; this is for one that was cut off, or left. Nodes that others need stay.
    """
    pool, live = desired.spec.pool, observed.pool
    if pool is None or live is None or pool.when_done is WhenDone.KEEP:
        return action
    if observed.pool_running_tasks or observed.pool_needed:
        return action
    if pool.when_done is WhenDone.DELETE:
        return action if pool.protect else _deleted(desired, live)
    changes = [
        Change((name,), live[name], 0, Effect.RESIZE)
        for name in ("targetDedicatedNodes", "targetLowPriorityNodes")
        if live.get(name) and not live.get("enableAutoScale") and not is_ignored(desired, ("pool", name))
    ]
    return _resized(desired, action, pool.id, changes) if changes else action


def _deleted(desired: Desired, live: Json) -> Action:
    path = ("pool", "whenDone")
    action = new_action(desired, Operation.DELETE, Kind.POOL, live["id"], Reason.WHEN_DONE, path, before=live)
    return action._replace(agreed=True)


def _resized(desired: Desired, action: Action | None, pool_id: str, changes: list[Change]) -> Action:
    """*action*, or one of its own, with *changes* of the number of nodes."""
    action = action or new_action(
        desired, Operation.UPDATE, Kind.POOL, pool_id, Reason.WHEN_DONE, ("pool", "whenDone")
    )
    return action._replace(
        before={**(action.before or {}), **{str(change.path[0]): change.before for change in changes}},
        after={**(action.after or {}), **{str(change.path[0]): change.after for change in changes}},
        changes=(*action.changes, *changes),
    )


def _own_changes(pool: Pool, live: Json) -> Iterator[Change]:
    """What differs in the pool's fields that are not Batch's: they are kept as stamps."""
    if pool.protect and not is_protected(live):
        yield Change(("protect",), None, True, Effect.IN_PLACE)
    if STAMP_ROLLOUT in metadata_of(live):
        effect = Effect.IN_PLACE if pool.rollout is None else Effect.REJOIN
        yield Change(("rollout",), metadata_of(live)[STAMP_ROLLOUT], None, effect)


def _new_links(observed: Observed, found: Iterable[Change]) -> Iterator[Change]:
    """New links in the start task for nodes that join later; a start task that changes has new ones anyway."""
    if observed.start_links_end and not any(change.path[0] == "startTask" for change in found):
        before = f"links that end on {observed.start_links_end}"
        yield Change(("startTask", "resourceFiles"), before, "new links", Effect.IN_PLACE)


def _refuse_protected(pool: Pool, action: Action) -> None:
    if pool.protect and action.effects & {Effect.DRAIN, Effect.REPLACE}:
        fields = [path_text(c.path) for c in action.changes if c.effect in (Effect.DRAIN, Effect.REPLACE)]
        raise RefusedError(
            f"the pool {pool.id} is protected, and must be drained to change {', '.join(fields)}",
            help="remove `protect: true` from the spec, apply it, then apply the change",
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
    return action._replace(notes=("nothing else is done with it: plan again for the rest",))


def _tasks_on(pool: Pool, observed: Observed) -> tuple[str, ...]:
    """What becomes of the tasks that run on the pool when its nodes go."""
    return task_lines(observed.running, observed.pool_running_tasks, _TREATED[pool.deallocation])


def _told_of_rollout(pool: Pool, observed: Observed, action: Action) -> Action:
    """*action* with what it does to the nodes that run already."""
    count = pools.nodes_of(observed.pool or {})
    if not count:
        return action
    nodes = count_text(count, "node")
    if pool.rollout is None:
        keeps = "keeps" if count == 1 else "keep"
        what = " and ".join(sorted({_NAMES[str(change.path[0])] for change in _rejoining(action)}))
        note = f"{nodes} {keeps} the old {what} until the next reboot; `rollout: reboot` updates them, too"
        return action._replace(notes=(*action.notes, note))
    away = f"{nodes} to {pool.rollout.value}, some at a time"
    return action._replace(interrupts=(away, *_tasks_on(pool, observed)))


_NAMES = {"startTask": "start task", "applicationPackageReferences": "packages", "rollout": "start task"}


def _rejoining(action: Action) -> list[Change]:
    return [change for change in action.changes if change.effect is Effect.REJOIN]
