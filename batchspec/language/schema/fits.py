"""Whether a value fits a JSON Schema: yes or no, nothing more, in well under a millisecond.

Knows the part of draft-07 that the published schema uses. A keyword that it
does not know makes the answer no, and jsonschema has the last word on every no;
so only a wrong yes could do harm, and a property test holds the two together.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from batchspec.document.scalar import is_type
from batchspec.language.templates.deferred import Deferred

Schema = Mapping[str, Any]

_ANNOTATIONS = frozenset(
    {"$schema", "$id", "title", "description", "default", "examples", "format", "definitions", "then", "else"}
)


def fits(value: object, schema: Schema, root: Schema) -> bool:
    """Whether *value* is valid; *root* is the whole schema, for its `$ref`s. What is deferred may yet be."""
    if isinstance(value, Deferred):
        return True
    if "$ref" in schema:
        return fits(value, resolved(schema, root), root)
    for keyword, argument in schema.items():
        check = _CHECKS.get(keyword)
        if check is None:
            if keyword not in _ANNOTATIONS:
                return False
        elif not check(value, argument, schema, root):
            return False
    return True


def resolved(schema: Schema, root: Schema) -> Schema:
    """*schema*, or what its `$ref` names inside *root* (beside a `$ref`, draft-07 ignores everything)."""
    while "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def repeated(items: list[Any]) -> Iterator[tuple[int, int]]:
    """Each item of *items* that an earlier one equals: its index and the index of the first."""
    first: dict[str, int] = {}
    for i, item in enumerate(items):
        earlier = first.setdefault(json.dumps(item, sort_keys=True), i)
        if earlier != i:
            yield i, earlier


def _same(left: object, right: object) -> bool:
    """Equality of JSON values: 1 is 1.0, but true is not 1."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _type(value: object, names: Any, _schema: Schema, _root: Schema) -> bool:
    return any(is_type(value, name) for name in ([names] if isinstance(names, str) else names))


def _properties(value: object, properties: Any, _schema: Schema, root: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    return all(fits(member, properties[key], root) for key, member in value.items() if key in properties)


def _additional(value: object, rest: Any, schema: Schema, root: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    known = schema.get("properties", {})
    others = [member for key, member in value.items() if key not in known]
    if isinstance(rest, bool):
        return rest or not others
    return all(fits(member, rest, root) for member in others)


def _if(value: object, condition: Any, schema: Schema, root: Schema) -> bool:
    branch = schema.get("then" if fits(value, condition, root) else "else")
    return branch is None or fits(value, branch, root)


def _dependencies(value: object, needs: Any, _schema: Schema, _root: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    return all(
        isinstance(names, list) and set(names) <= value.keys() for key, names in needs.items() if key in value
    )


def _unique(value: object, wanted: Any, _schema: Schema, _root: Schema) -> bool:
    return not wanted or not isinstance(value, list) or next(repeated(value), None) is None


def _number(test: Callable[[Any, Any], bool]) -> Callable[[object, Any, Schema, Schema], bool]:
    return lambda value, limit, _schema, _root: not is_type(value, "number") or test(value, limit)


def _size(kind: type, test: Callable[[int, Any], bool]) -> Callable[[object, Any, Schema, Schema], bool]:
    return lambda value, limit, _schema, _root: not isinstance(value, kind) or test(len(value), limit)  # type: ignore[arg-type]


_CHECKS: dict[str, Callable[[object, Any, Schema, Schema], bool]] = {
    "type": _type,
    "enum": lambda value, allowed, _schema, _root: any(_same(value, item) for item in allowed),
    "const": lambda value, wanted, _schema, _root: _same(value, wanted),
    "pattern": lambda value, pattern, _schema, _root: (
        not isinstance(value, str) or bool(re.search(pattern, value))
    ),
    "minimum": _number(lambda value, limit: value >= limit),
    "maximum": _number(lambda value, limit: value <= limit),
    "minLength": _size(str, lambda length, limit: length >= limit),
    "maxLength": _size(str, lambda length, limit: length <= limit),
    "minItems": _size(list, lambda length, limit: length >= limit),
    "maxItems": _size(list, lambda length, limit: length <= limit),
    "minProperties": _size(dict, lambda length, limit: length >= limit),
    "maxProperties": _size(dict, lambda length, limit: length <= limit),
    "uniqueItems": _unique,
    "required": lambda value, names, _schema, _root: (
        not isinstance(value, dict) or set(names) <= value.keys()
    ),
    "dependencies": _dependencies,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": lambda value, rule, _schema, root: (
        not isinstance(value, dict) or all(fits(key, rule, root) for key in value)
    ),
    "items": lambda value, rule, _schema, root: (
        not isinstance(value, list) or all(fits(item, rule, root) for item in value)
    ),
    "allOf": lambda value, rules, _schema, root: all(fits(value, rule, root) for rule in rules),
    "if": _if,
    "not": lambda value, rule, _schema, root: not fits(value, rule, root),
}
