"""A plan's id: the same for two plans exactly when they would do the same things on the same account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from batchspec.plan.model import Action, Plan
from batchspec.source import path_text

_LENGTH = 10
_ENCODER = json.JSONEncoder(sort_keys=True)


def plan_id(plan: Plan, account: str) -> str:
    """Ten hexadecimal digits. Where in the spec an action is decided is not in it: comments may come and go."""
    state = blake2b(json.dumps([account, plan.spec_name]).encode(), digest_size=_LENGTH // 2)
    for action in plan.actions:
        state.update(_ENCODER.encode(_what(action)).encode())
    return state.hexdigest()


def describe(action: Action) -> str:
    """An action in one line: `~ pool encode (vmSize)`. Two that differ read differently."""
    changed = ", ".join(f"{path_text(c.path)}: {c.before!r} -> {c.after!r}" for c in action.changes)
    text = f"{action.operation.value} {action.kind.value} {action.id}"
    return f"{text} ({changed})" if changed else text


def differences(then: list[str], now: list[str]) -> Iterator[str]:
    """What two plans, as lists of `describe`, do not have in common."""
    before, after = frozenset(then), frozenset(now)
    yield from (f"would no longer be done: {line}" for line in then if line not in after)
    yield from (f"would be done now: {line}" for line in now if line not in before)


def _what(action: Action) -> list[Any]:
    changes = [[list(map(str, c.path)), c.before, c.after] for c in action.changes]
    return [action.operation.value, action.kind.value, action.id, action.reason.name, changes]
