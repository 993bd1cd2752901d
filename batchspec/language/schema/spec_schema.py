"""The schema of a spec: the rules that values must keep, and its form for editors.

`spec.schema.json` speaks of values. Editors see a file in which a placeholder may still stand in
place of one, so what is published lets every value be a placeholder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from batchspec.document.scalar import json_type
from batchspec.language.schema.fits import Schema, resolved
from batchspec.source import Path

_FILE = FilePath(__file__).parents[1] / "spec.schema.json"
_PLACEHOLDER = {
    "title": "Placeholder",
    "description": "A value that is put in: {{ params.NAME }}, in quotes.",
    "type": "string",
    "pattern": r"\{\{",
}
_ANNOTATIONS = frozenset({"title", "description", "default", "examples"})
_DECIDING = frozenset({"enum", "pattern", "minimum", "maximum", "minLength"})
_LITERAL = frozenset({"version", "requires", "params", "param", "fromEnvironment"})
"""Fields in which a placeholder is none."""


@cache
def spec_schema() -> Schema:
    """What the values of a spec must be."""
    schema: Schema = json.loads(_FILE.read_text(encoding="utf-8"))
    return schema


def published_text() -> str:
    """The schema for editors and other tools, which read a spec before its placeholders are values."""
    published: dict[str, Any] = _published(spec_schema())
    published["definitions"]["placeholder"] = _PLACEHOLDER
    return json.dumps(published, indent=2, ensure_ascii=False) + "\n"


def _published(schema: Any) -> Any:
    """*schema*, in which wherever one value is asked for a placeholder may stand."""
    members = {key: _published_member(key, value) for key, value in schema.items()}
    if not _is_of_one_value(schema):
        return members
    kept = {key: value for key, value in members.items() if key in _ANNOTATIONS}
    rules = {key: value for key, value in members.items() if key not in _ANNOTATIONS}
    return {**kept, "if": {"$ref": "#/definitions/placeholder"}, "else": rules}


def _published_member(key: str, value: Any) -> Any:
    if key in ("properties", "definitions"):
        return {name: member if name in _LITERAL else _published(member) for name, member in value.items()}
    if key == "allOf":
        return [_published(member) for member in value]
    if key in ("items", "additionalProperties", "then", "else") and isinstance(value, dict):
        return _published(value)
    return value


def _is_of_one_value(schema: Schema) -> bool:
    """Whether a number, a text of some form, true or false, or one of a few is asked for."""
    kinds = schema.get("type", ())
    return "enum" in schema or "pattern" in schema or kinds in ("integer", "number", "boolean")


def types_at(path: Path) -> frozenset[str]:
    """The JSON types of the values that the field at *path* takes."""
    return frozenset(name for rule in rules_at(path) for name in _types(rule))


def rules_at(path: Path) -> list[Schema]:
    """The parts of the schema that speak of the value at *path*, whatever stands beside it."""
    rules = [*_branches(spec_schema())]
    for part in path:
        rules = [branch for rule in rules for member in _members(rule, part) for branch in _branches(member)]
    return rules


def decides(rule: Schema) -> bool:
    """Whether *rule* says more of a value that is put in than that it is some text.

    What only forbids the field does not, nor what is about mappings: a placeholder never becomes one.
    """
    kinds = {*_types(rule)} - {"object"}
    return "not" not in rule and bool(_DECIDING & rule.keys() or (kinds and "string" not in kinds))


def _branches(schema: Schema) -> Iterator[Schema]:
    """*schema*, what it refers to, and all that may hold beside it."""
    yield schema
    if "$ref" in schema:
        yield from _branches(resolved(schema, spec_schema()))
        return
    for key in ("then", "else"):
        if key in schema:
            yield from _branches(schema[key])
    for member in schema.get("allOf", ()):
        yield from _branches(member)


def _members(schema: Schema, part: str | int) -> Iterator[Schema]:
    if isinstance(part, int):
        found = schema.get("items")
    else:
        found = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    if isinstance(found, dict):
        yield found


def _types(rule: Schema) -> Iterator[str]:
    kinds = rule.get("type", [])
    yield from [kinds] if isinstance(kinds, str) else kinds
    yield from (json_type(value) for value in rule.get("enum", ()))
