"""Values of templates that are more than text: lists, such as `matrix.frame` of a task with several rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_MEMBERS: Mapping[str, Callable[[Sequence[Any]], object]] = {
    "first": lambda series: series[0],
    "last": lambda series: series[-1],
    "count": len,
}


class Series(tuple[Any, ...]):
    """A list that a template sees. It has `first`, `last` and `count`, and is never empty but in a check."""

    __slots__ = ()


def has_member(value: object, name: str) -> bool:
    """Whether a template may write `.NAME` behind *value*."""
    if isinstance(value, list):  # of a parameter; it may be empty
        return name == "count" or (name in _MEMBERS and bool(value))
    return name in _MEMBERS if isinstance(value, Series) else isinstance(value, Mapping) and name in value


def member(value: object, name: str) -> object:
    """What `.NAME` behind *value* gives. Raises `KeyError`."""
    if isinstance(value, Series):
        return _MEMBERS[name](value) if value else ""
    if isinstance(value, list) and has_member(value, name):
        return _MEMBERS[name](value)
    if isinstance(value, Mapping):
        return value[name]
    raise KeyError(name)
