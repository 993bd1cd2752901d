"""How an action comes about: what exists and what will be, and the line of the spec that decides it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from batchspec.desired.task import Desired
from batchspec.ledger.database import Many
from batchspec.plan.hidden import hidden, suspects_of
from batchspec.plan.model import Action, Kind, Operation, Reason
from batchspec.resources import job as jobs
from batchspec.resources import pool as pools
from batchspec.resources.base import Change, Effect, Json, known, with_live
from batchspec.source import Path

FIELDS = {Kind.POOL: pools.FIELDS, Kind.JOB: jobs.FIELDS}

_NAMED = 5
"""How many running tasks a plan names."""


def new_action(
    desired: Desired,
    operation: Operation,
    kind: Kind,
    id: str,
    reason: Reason,
    path: Path,
    *,
    before: Json | None = None,
    after: Json | None = None,
    changes: Sequence[Change] = (),
) -> Action:
    """An action on a pool or a job. *before* is live, *after* a body to send; both become fit to be shown."""
    suspects = suspects_of(desired.spec)

    def shown(body: Json | None) -> Json | None:
        return None if body is None else hidden(known(FIELDS[kind], body), suspects)

    return Action(
        operation,
        kind,
        id,
        reason,
        path,
        place_of(desired, path),
        before=shown(before),
        after=shown(after),
        changes=tuple(
            change._replace(before=hidden(change.before, suspects), after=hidden(change.after, suspects))
            for change in changes
        ),
    )


def update_action(
    desired: Desired, kind: Kind, live: Json, body: Json, found: Iterable[Change]
) -> Action | None:
    """The update that *found* needs, less what `ignoreChanges` names; None when nothing is left.

    Where a field cannot change it is a replacement, and *before* and *after* are whole; else they are the fields
    that change. Metadata goes out with every change, since our stamps are in it.
    """
    changes = tuple(change for change in found if not is_ignored(desired, (kind.value, *change.path)))
    if not changes:
        return None
    fixed = next((change for change in changes if change.effect is Effect.REPLACE), None)
    names = {str(change.path[0]) for change in changes} | {"metadata"}
    kept = [path[1:] for path in desired.spec.ignored if path[0] == kind.value and path[1] in names]
    return new_action(
        desired,
        Operation.REPLACE if fixed else Operation.UPDATE,
        kind,
        str(live["id"]),
        Reason.CANNOT_CHANGE if fixed else Reason.DIFFERS,
        (kind.value, *(fixed or changes[0]).path),
        before=live if fixed else _only(names, live),
        after=body if fixed else with_live(_only(names, body), live, kept),
        changes=changes,
    )


def _only(names: set[str], body: Json) -> Json:
    return {name: value for name, value in body.items() if name in names}


def is_ignored(desired: Desired, path: Path) -> bool:
    """Whether `ignoreChanges` names *path* or something above it."""
    return any(path[:length] in desired.spec.ignored for length in range(1, len(path) + 1))


def place_of(desired: Desired, path: Path) -> str:
    """The `file:line` of the value at *path*; of what is not there, the line of what it would be in."""
    document = desired.spec.document
    return f"{document.source.name}:{document.position(path).line}"


def task_lines(running: Many[str], count: int, what: str) -> tuple[str, ...]:
    """A line for each running task, at most a few; *count* is how many run, those of other jobs too."""
    named = [f"task {id} {what}" for id in islice(running, _NAMED)]
    more = max(count, len(running)) - len(named)
    if more:
        noun = "running task" if more == 1 else "running tasks"
        named.append(f"{more} more {noun}: each {what}" if named else f"{more} {noun}: each {what}")
    return tuple(named)
