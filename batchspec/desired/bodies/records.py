"""What a record says of the work that made it, so that a plan can say what has changed since.

It is text in the metadata of a blob: the parameters that the command used, and of every other part a short digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from batchspec.desired.artifacts.files import PACKED, TaskRead
from batchspec.language.model import TaskGroup
from batchspec.language.schema.secrets import may_be_secret
from batchspec.resources.task import digest

_ROOM = 900  # characters: with our other metadata beside it, less than a kilobyte
_DIGEST_LENGTH = 8
INPUTS = "in"
"""What stands for the inputs of a task beside the names of its files."""
_COMMAND = ("words", "script", "line")
_MARK = "~"  # ends the name of what is said by its digest; no other name has it

Said = dict[str, str | None]
"""What a record says, by name: `params.bitrate` with its value, None for what is known by its digest only."""


def recorded(group: TaskGroup) -> str:
    """What the records of *group* say: ASCII, and no character to which a header gives a meaning."""
    return _recorded(json.dumps(group.parts, sort_keys=True))


@lru_cache(maxsize=64)
def _recorded(text: str) -> str:
    parts = json.loads(text)
    command = [parts[name] for name in _COMMAND]
    rest = {name: value for name, value in parts.items() if name not in (*_COMMAND, "params", "fields")}
    others = _digests({"command": command, **rest, **parts["fields"]})
    params = {f"params.{name}": _text(value) for name, value in parts["params"].items()}
    values = {name: value for name, value in params.items() if not may_be_secret(name, value)}
    while values and len(_written(params, values, others)) > _ROOM:
        del values[max(values, key=lambda name: len(values[name]))]
    whole = _written(params, values, others)
    return whole if len(whole) <= _ROOM else urlencode(others | _digests({"params": params}))


def recorded_reads(group: TaskGroup, reads: Iterable[TaskRead]) -> str:
    """What a record says of the files that a task of *group* reads, and of its inputs as one: a short digest each.

    Nothing where there is no room for it.
    """
    contents: dict[str, list[list[str]]] = {}
    for read in reads:
        if read.name != PACKED:
            contents.setdefault(read.name or INPUTS, []).append([read.path, read.item.content])
    text = urlencode({name: digest(json.dumps(found))[:_DIGEST_LENGTH] for name, found in contents.items()})
    return text if len(text) + len(recorded(group)) <= _ROOM else ""


def changed_reads(then: str, now: str) -> list[str]:
    """The names of what differs in two such texts; none where one of them says nothing."""
    before, after = dict(parse_qsl(then)), dict(parse_qsl(now))
    if not (before and after):
        return []
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _written(params: Mapping[str, str], values: Mapping[str, str], others: Mapping[str, str]) -> str:
    """The *params* that are among *values* as they are, all else by digest."""
    unsaid = {name: value for name, value in params.items() if name not in values}
    return urlencode({**values, **_digests(unsaid), **others})


def _digests(parts: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{name}{_MARK}": digest(json.dumps(value, sort_keys=True))[:_DIGEST_LENGTH]
        for name, value in parts.items()
        if value is not None
    }


def differing(then: str, now: str) -> tuple[Said, Said]:
    """What of two records is not in both of them; of nothing but digests no more than the names is said."""
    before, after = (dict(parse_qsl(text, keep_blank_values=True)) for text in (then, now))
    names = {name for name in {**before, **after} if before.get(name) != after.get(name)}
    return _said(before, names), _said(after, names)


def _said(record: Mapping[str, str], names: set[str]) -> Said:
    return {
        name.removesuffix(_MARK): None if name.endswith(_MARK) else value
        for name, value in record.items()
        if name in names
    }
