"""What two plans have in common: their id is the same exactly when they would do the same on the same account."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from batchspec.plan.model import Action, Plan
from batchspec.source import path_text
from batchspec.version import __version__

_SHOWN = 10  # hexadecimal digits
_ENCODER = json.JSONEncoder(sort_keys=True)


def plan_digest(plan: Plan, account: str) -> str:
    """Of all that the plan would send or do. Where in the spec that is decided, and why, is not in it."""
    state = blake2b(_ENCODER.encode([__version__, account, plan.spec_name, plan.terms]).encode())
    for action in plan.actions:
        state.update(_ENCODER.encode(_done(action)).encode())
    return state.hexdigest()


def plan_id(digest: str) -> str:
    """What people know a plan by: the beginning of its digest."""
    return digest[:_SHOWN]


def _done(action: Action) -> list[Any]:
    """What an action does. What exists is in it as far as it changes: a task that has begun meanwhile is no news."""
    changes = [[path_text(change.path), change.before, change.after] for change in action.changes]
    return [action.operation.value, action.kind.value, action.id, action.after, changes]


def action_line(action: Action) -> str:
    """An action in one line: `~ pool encode (vmSize: "a" -> "b")`."""
    changed = ", ".join(f"{path_text(c.path)}: {c.before!r} -> {c.after!r}" for c in action.changes)
    text = f"{action.operation.value} {action.kind.value} {action.id}"
    return f"{text} ({changed})" if changed else text


def differences(then: Plan, now: Plan) -> Iterator[str]:
    """What two plans do not have in common, a line each."""
    before, after = (dict(map(_entry, plan.actions)) for plan in (then, now))
    for action in then.actions:
        if _subject(action) not in after:
            yield f"would no longer be done: {action_line(action)}"
    for action in now.actions:
        subject, done = _entry(action)
        if subject not in before:
            yield f"would be done now: {action_line(action)}"
        elif before[subject] != done:
            was = next(other for other in then.actions if _subject(other) == subject)
            yield f"would be done otherwise: {_difference(was, action)}"
    yield from (f"{path}: {one} -> {other}" for path, one, other in _differing(then.terms, now.terms))


def _subject(action: Action) -> tuple[str, str, str]:
    return action.operation.value, action.kind.value, action.id


def _entry(action: Action) -> tuple[tuple[str, str, str], bytes]:
    """An action by its subject, in few bytes: there may be a million."""
    return _subject(action), blake2b(_ENCODER.encode(_done(action)).encode(), digest_size=16).digest()


def _difference(then: Action, now: Action) -> str:
    """An action that both plans have, with what of it differs."""
    found = [f"{path}: {one} -> {other}" for path, one, other in _differing(then.after, now.after)]
    text = f"{now.operation.value} {now.kind.value} {now.id}"
    return f"{text} ({', '.join(found)})" if found else action_line(now)


def _differing(one: Any, other: Any, above: str = "") -> Iterator[tuple[str, str, str]]:
    """Where two JSON values differ: the path of each place, and both values as JSON."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in {**one, **other}:
            path = f"{above}.{name}" if above else str(name)
            yield from _differing(one.get(name), other.get(name), path)
    elif one != other:
        yield above, _ENCODER.encode(one), _ENCODER.encode(other)
