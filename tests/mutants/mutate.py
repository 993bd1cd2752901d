"""Specs with something wrong in them: good ones, changed at random in their tree or in their text."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import yaml

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 3.5, 10**30, 1e300, float("nan"), [], {}, [[]], [{}], [None]),
    *("", " ", "\n", "x", "a b", "é\u0301", "\u202e", "\x1b[2J", "\0", "::error::x", "##vso[x]", "x" * 70_000),
    *("{{", "}}", "{{ }}", "{{ 1 / 0 }}", "{{ params }}", "{{ params.x }}", "{{ input.path }}", "{{ input }}"),
    *("{{ output.path }}", "{{ matrix.n }}", "{{ files.a.path }}", "{{ 9 | round(-100000000) }}", '{{ "{{" }}'),
    *("{{ params.x | join(',') }}", "{{ input.size // 0 }}", "{{ [1] * 1000000000 }}", "{% if %}", "{# x #}"),
    *("*", "**", "**/**/**/*x*x*x*", "[", "{a,b}", "{a}", "../*", "/", "/dev/zero", "~", "\\", "a//b", "./x/"),
    *("1..9", "9..1", "1..1000000000", "1..3..0", "P1D", "PT0S", "PT1H30M", "-P1D", "100%", "https://x/y"),
    *({"from": "one"}, {"from": "one", "all": True}, {"container": "c"}, {"file": "x.csv"}, {"fromEnvironment": "X"}),
)  # fmt: skip
_PIECES = (
    *("{{", "}}", "{{ input.path }}", "{{ params.x }}", "'", '"', ":", ": ", "- ", "#", "&a ", "*a", "!!x ", "|", ">"),
    *("[", "]", "{", "}", ",", "\n", "\r", "\t", "  ", "\u2028", "\x85", "\ufeff", "\x07", "\ud800", "\\", "$(", "`"),
    *("<<: ", "? ", "---\n", "%TAG ! x\n", "null", "1e999", "0x", "é"),
)  # fmt: skip


def mutant(texts: list[str], text: str, draw: Random) -> str:
    """*text* with one to three changes; parts may come from any of *texts*."""
    if draw.random() < 0.4:
        return _text(text, draw)
    data = yaml.safe_load(text)
    for _ in range(draw.randint(1, 3)):
        _tree(data, yaml.safe_load(draw.choice(texts)), draw)
    return _written(data, draw)


def _written(data: Any, draw: Random) -> str:
    if draw.random() < 0.5:
        return json.dumps(data, default=str)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=draw.random() < 0.5)


def _text(text: str, draw: Random) -> str:
    for _ in range(draw.randint(1, 3)):
        at, length = draw.randrange(len(text) + 1), draw.choice((0, 0, 1, 3, 40))
        lines = text.splitlines(keepends=True)
        line = draw.randrange(len(lines)) if lines else 0
        change = draw.choice(("piece", "piece", "cut", "line", "twice", "indent", "end"))
        if change == "piece":
            text = text[:at] + draw.choice(_PIECES) + text[at + length :]
        elif change == "cut":
            text = text[:at] + text[at + length :]
        elif change == "end":
            text = text[: max(at, 20)]
        elif lines:
            lines[line] = {"line": "", "twice": lines[line] * 2, "indent": f"  {lines[line]}"}[change]
            text = "".join(lines)
    return text


def _tree(data: Any, other: Any, draw: Random) -> None:
    """Changes one place of *data*, perhaps to what *other* has at one of its own."""
    places = list(_places(data))
    if not places:
        return
    holder, key = draw.choice(places)
    draw.choice((_odd, _odd, _foreign, _removed, _renamed, _added, _doubled))(holder, key, other, draw)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield value, key
        yield from _places(member)


Change = Callable[[Any, Any, Any, Random], None]


def _odd(holder: Any, key: Any, _other: Any, draw: Random) -> None:
    holder[key] = copy.deepcopy(draw.choice(_VALUES))


def _foreign(holder: Any, key: Any, other: Any, draw: Random) -> None:
    there, name = draw.choice(list(_places(other)))
    holder[key] = copy.deepcopy(there[name])


def _removed(holder: Any, key: Any, _other: Any, _draw: Random) -> None:
    del holder[key]


def _renamed(holder: Any, key: Any, other: Any, draw: Random) -> None:
    if isinstance(holder, dict):
        holder[draw.choice([str(name) for _, name in _places(other)])] = holder.pop(key)


def _added(holder: Any, _key: Any, other: Any, draw: Random) -> None:
    there, name = draw.choice(list(_places(other)))
    if isinstance(holder, dict):
        holder[str(name)] = copy.deepcopy(there[name])
    else:
        holder.append(copy.deepcopy(there[name]))


def _doubled(holder: Any, key: Any, _other: Any, _draw: Random) -> None:
    if isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[f"{key}2"] = copy.deepcopy(holder[key])
