"""The fields of Batch's create bodies as flat tables, out of three sources.

Each source gives `{path: Field}`: paths are names on the wire joined by dots, `[]`
stands for the items of a list and `.*` for the values of a map
(`startTask.resourceFiles[].httpUrl`). So the published schema, the installed SDK
and the API reference data compare as plain dictionaries.
"""

import json
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from azure.batch import models
from azure.batch.models import _models

ROOT = Path(__file__).parents[2]
SCHEMA_FILE = ROOT / "batchspec" / "language" / "spec.schema.json"
REFERENCE_FILE = ROOT.parent / "shared" / "azure-batch-api" / "batch-2025-06-01.sdk-derived.openapi.json"

Node = Mapping[str, Any]

BODIES = {
    "pool": ("pool", "BatchPoolCreateOptions"),
    "job": ("job", "BatchJobCreateOptions"),
    "task": ("taskGroup", "BatchTaskCreateOptions"),
}
"""Kind, to its definition in the schema and its model in the SDK."""

OURS = {
    "pool": {
        "image",
        "spot",
        "whenDone",
        "rollout",
        "nodeDeallocationOption",
        "protect",
        "applicationPackages",
        "autoscale",
    },
    "job": set[str](),
    "task": {
        *(
            "inputs",
            "exclude",
            "allowEmpty",
            "command",
            "output",
            "outputs",
            "matrix",
            "when",
            "per",
            "collect",
            "chunk",
            "files",
        ),
        *("temporary", "download", "env", "successCodes", "applicationPackages"),
    },
}
"""Fields that Batch does not know: batchspec turns them into fields that it does."""

EXCUSED = {
    "pool": dict[str, str](),
    "job": {"poolInfo": "the spec's pool is the job's pool; batchspec fills it in"},
    "task": {"id": "made of input and fingerprint, so that the same work has the same id"},
}
"""Fields that the schema leaves out on purpose, each with its reason."""


class Field(NamedTuple):
    """`kind` is string, duration, secret, integer, boolean, object or array; `values` of an enum, sorted."""

    kind: str
    values: tuple[str, ...] = ()


def load_schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text("utf-8"))
    return loaded


def of_schema(schema: Node, definition: str) -> dict[str, Field]:
    """All fields below *definition* of the published schema."""
    return dict(_walk_schema(schema, schema["definitions"][definition], ""))


def _walk_schema(schema: Node, node: Node, path: str) -> Iterator[tuple[str, Field]]:
    for name, child in node.get("properties", {}).items():
        yield from _schema_value(schema, child, f"{path}.{name}".removeprefix("."))


def _schema_value(schema: Node, node: Node, path: str) -> Iterator[tuple[str, Field]]:
    name, node = resolve(schema, node)
    yield path, _schema_field(name, node)
    if name == "secret":
        return
    if "items" in node and path.rsplit(".")[-1] not in ("inputs", "exclude"):
        yield from _schema_value(schema, node["items"], path + "[]")
    if isinstance(node.get("additionalProperties"), dict):
        yield from _schema_value(schema, node["additionalProperties"], path + ".*")
    yield from _walk_schema(schema, node, path)


def resolve(schema: Node, node: Node) -> tuple[str, Node]:
    """The node that *node* refers to and the name of its definition; itself and "" without a reference."""
    name = ""
    while "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        node = schema["definitions"][name]
    return name, node


def _schema_field(name: str, node: Node) -> Field:
    if "enum" in node:
        return Field("string", tuple(sorted(node["enum"])))
    kind = node.get("type") or node.get("else", {}).get("type")  # where it is no secret
    return Field(name if name in {"secret", "duration"} else str(kind))


def of_sdk(model: str) -> dict[str, Field]:
    """All fields of the SDK model named *model* that are sent on create."""
    return dict(_walk_model(getattr(models, model), ""))


def _walk_model(model: Any, path: str) -> Iterator[tuple[str, Field]]:
    model.__new__(model)  # the table of fields is made by the first instance
    hints = typing.get_type_hints(model, {**vars(_models), "_models": models})
    for attribute, field in model._attr_to_rest_field.items():
        if field._visibility is None or "create" in field._visibility:
            yield from _sdk_value(hints[attribute], f"{path}.{field._rest_name}".removeprefix("."))


PLAIN = {str: "string", int: "integer", bool: "boolean", timedelta: "duration"}


def _sdk_value(hint: Any, path: str) -> Iterator[tuple[str, Field]]:
    arguments = [a for a in typing.get_args(hint) if a is not types.NoneType]
    if typing.get_origin(hint) is list:
        yield path, Field("array")
        yield from _sdk_value(arguments[0], path + "[]")
    elif typing.get_origin(hint) is dict:
        yield path, Field("object")
        yield from _sdk_value(arguments[1], path + ".*")
    elif enums := [a for a in [hint, *arguments] if isinstance(a, type) and issubclass(a, Enum)]:
        yield path, Field("string", tuple(sorted(str(member.value) for member in enums[0])))
    elif arguments:
        yield from _sdk_value(arguments[0], path)
    elif hint in PLAIN:
        yield path, Field(PLAIN[hint])
    else:
        yield path, Field("object")
        yield from _walk_model(hint, path)


def of_reference(document: Node, model: str) -> dict[str, Field]:
    """All writable fields below definition *model* of the API reference data."""
    return dict(_walk_reference(document["definitions"], model, ""))


def _walk_reference(definitions: Node, model: str, path: str) -> Iterator[tuple[str, Field]]:
    for name, node in definitions[model].get("properties", {}).items():
        if not node.get("readOnly"):
            yield from _reference_value(definitions, node, f"{path}.{name}".removeprefix("."))


def _reference_value(definitions: Node, node: Node, path: str) -> Iterator[tuple[str, Field]]:
    if "$ref" in node:
        target = node["$ref"].rpartition("/")[2]
        if "enum" in definitions[target]:
            yield path, Field("string", tuple(sorted(definitions[target]["enum"])))
        else:
            yield path, Field("object")
            yield from _walk_reference(definitions, target, path)
        return
    yield path, Field("duration" if node.get("format") == "duration" else node["type"])
    if "items" in node:
        yield from _reference_value(definitions, node["items"], path + "[]")
    if "additionalProperties" in node:
        yield from _reference_value(definitions, node["additionalProperties"], path + ".*")


def without(fields: Mapping[str, Field], roots: set[str]) -> dict[str, Field]:
    """*fields* less those at or below one of *roots*."""
    return {path: field for path, field in fields.items() if path.partition(".")[0].rstrip("[]") not in roots}
