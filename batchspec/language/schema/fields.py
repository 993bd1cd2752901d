"""What the schema says of one field of a spec, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from batchspec.language.schema.fits import Schema
from batchspec.language.schema.spec_schema import rules_at
from batchspec.source import Path, path_text


class Field(NamedTuple):
    """`kind` is what it takes in a few words, `fields` those inside it with their descriptions."""

    path: str
    kind: str
    description: str
    examples: tuple[Any, ...]
    fields: dict[str, str]


def field(dotted: str) -> Field | None:
    """The field at `pool.startTask.commandLine`, `tasks.NAME.output`; None where there is none."""
    path = _path(dotted)
    rules = [] if path is None else rules_at(path)
    if path is None or not rules:
        return None
    return Field(
        path_text(path).replace("[0]", "[]"),
        ", ".join(_kind(rules)),
        _first(rules, "description", ""),
        tuple(_first(rules, "examples", ())),
        _described(_holder(path)),
    )


def top_level() -> dict[str, str]:
    """The fields of a spec, each with its description."""
    return _described(())


def names_beside(dotted: str) -> list[str]:
    """The names that could stand where the last of *dotted* stands."""
    before, _, _ = dotted.rpartition(".")
    path = _path(before) if before else ()
    names = _described(_holder(path)) if path is not None else ()
    return [f"{before}.{name}" if before else name for name in names]


def ending_in(name: str) -> list[str]:
    """The fields of the pool, the job and a task group that are called *name*, in any case."""
    holders = ("pool", "job", "tasks.NAME", "job.constraints")
    found = (sibling for holder in holders for sibling in names_beside(f"{holder}.{name}"))
    return [sibling for sibling in found if sibling.lower().endswith(f".{name.lower()}")]


def _path(dotted: str) -> Path | None:
    """*dotted* with a 0 for the item of each list that it goes through."""
    path: Path = ()
    for name in dotted.replace("[]", "").split("."):
        ways = ((*path, name), (*path, 0, name))
        found = next((way for way in ways if rules_at(way)), None)
        if found is None:
            return None
        path = found
    return path


def _holder(path: Path) -> Path:
    """Where the fields of a value are: itself, its items, or what it has under any name."""
    ways = (path, (*path, 0), (*path, "NAME"))
    return next((way for way in ways if _names(rules_at(way))), path)


def _described(path: Path) -> dict[str, str]:
    """The fields of the value at *path*, each with its description."""
    return {name: _first(rules_at((*path, name)), "description", "") for name in _names(rules_at(path))}


def _names(rules: list[Schema]) -> list[str]:
    return list(dict.fromkeys(name for rule in rules for name in rule.get("properties", ())))


def _first(rules: list[Schema], key: str, other: Any) -> Any:
    return next((rule[key] for rule in rules if key in rule), other)


def _kind(rules: list[Schema]) -> Iterator[str]:
    if kinds := _first(rules, "type", None):
        yield kinds if isinstance(kinds, str) else " or ".join(kinds)
    if values := _first(rules, "enum", None):
        yield "one of " + ", ".join(str(value) for value in values)
    least, most = _first(rules, "minimum", None), _first(rules, "maximum", None)
    if least is not None:
        yield f"{least} to {most}" if most is not None else f"at least {least}"
    for rule in rules:
        if "default" in rule:
            yield f"default {rule['default']}"
            return
