"""The schema as a document: valid, closed, described, and pleasant to validate against."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from azure.batch.models import _enums, _models
from batch_fields import load_schema, resolve

from batchspec.language.schema.spec_schema import published_text

SCHEMA = load_schema()
ANNOTATIONS = {"$ref", "title", "description", "default", "examples"}
MAPS = {"properties", "definitions"}
LITERAL = {"/definitions/secret/properties/fromEnvironment", "/properties/requires"}
"""Values in which a placeholder is none."""
SCHEMAS = {"items", "additionalProperties", "propertyNames", "if", "then", "else", "not"}


def nodes(node: Any = SCHEMA, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in the schema, with a path for people."""
    yield path, node
    for key, value in node.items():
        if key in MAPS:
            for name, child in value.items():
                yield from nodes(child, f"{path}/{key}/{name}")
        elif key in SCHEMAS and isinstance(value, dict):
            yield from nodes(value, f"{path}/{key}")
        elif key == "allOf":
            for index, child in enumerate(value):
                yield from nodes(child, f"{path}/{key}{index}")


def described() -> Iterator[tuple[str, dict[str, Any]]]:
    """The nodes that stand for a value of the spec; conditions are not among them."""
    hidden = re.compile(r"/(if|not)(/|$)|/(then|else|allOf\d+)$|/allOf\d+/(then|else)$|/(then|else)/else$")
    return ((path, node) for path, node in nodes() if not hidden.search(path))


def test_schema_is_valid_draft_07() -> None:
    """Editors read draft 7 at most (F13), and the file is that."""
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "schemas").glob("*.json")), ids=lambda p: p.name
)
def test_no_schema_claims_an_address(path: Path) -> None:
    """An `$id` with a host would be that host's word; a name is that of the file, wherever it is served."""
    assert json.loads(path.read_text("utf-8"))["$id"] == path.name


def test_f12_no_alternatives_without_discriminator() -> None:
    """Nothing is decided by oneOf or anyOf, whose errors cannot say which branch was meant."""
    assert [path for path, node in nodes() if {"oneOf", "anyOf"} & node.keys()] == []


def test_every_mapping_is_closed() -> None:
    """A misspelt field is refused everywhere."""
    open_ones = [p for p, n in nodes() if n.get("type") == "object" and "properties" in n]
    assert [p for p in open_ones if dict(nodes())[p].get("additionalProperties") is not False] == []


def test_every_reference_leads_somewhere_and_every_definition_is_used() -> None:
    """There is no dead and no missing definition."""
    used = {node["$ref"].removeprefix("#/definitions/") for _, node in nodes() if "$ref" in node}
    assert used == SCHEMA["definitions"].keys()


def test_nothing_that_decides_stands_beside_a_reference() -> None:
    """Draft 7 ignores what stands beside `$ref`, so only annotations do."""
    assert [p for p, n in nodes() if "$ref" in n and not n.keys() <= ANNOTATIONS] == []


def test_every_value_is_described() -> None:
    """Each field, item and definition says what it is, itself or by what it refers to."""
    missing = [
        p for p, n in described() if not (n.get("description") or resolve(SCHEMA, n)[1].get("description"))
    ]
    assert missing == []
    assert sum(1 for _ in described()) > 300


def test_descriptions_are_short() -> None:
    """A description fits an editor's hover: 220 characters, a few more for the whole file."""
    assert [p for p, n in nodes() if p and len(n.get("description", "")) > 220] == []


def test_descriptions_are_our_own_words() -> None:
    """No sentence of the schema is one of the SDK's."""
    sdk = _plain(" ".join(Path(module.__file__ or "").read_text("utf-8") for module in (_models, _enums)))
    sentences = [
        s for _, n in nodes() for s in re.split(r"(?<=[.;:])\s", n.get("description", "")) if len(s) > 24
    ]
    assert [s for s in sentences if _plain(s) in sdk] == []


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).lower().strip()


@pytest.mark.parametrize("keyword", ["default", "examples"])
def test_defaults_and_examples_are_valid(keyword: str) -> None:
    """What the schema shows as a default or an example, it accepts."""
    for path, node in nodes():
        shown = [node["default"]] if keyword == "default" and keyword in node else node.get("examples", [])
        closed = {"definitions": SCHEMA["definitions"], **resolve(SCHEMA, node)[1]}
        for value in shown:
            assert list(jsonschema.Draft7Validator(closed).iter_errors(value)) == [], path


def test_a_value_may_be_a_placeholder_in_an_editor() -> None:
    """Wherever the published schema asks for one value of some form, it takes a placeholder in its place."""
    published = json.loads(published_text())
    valued = [node for path, node in nodes(published) if "if" in node and path not in LITERAL]
    for node in valued:
        validator = jsonschema.Draft7Validator({**node, "definitions": published["definitions"]})
        if node["if"] == {"$ref": "#/definitions/placeholder"}:
            assert validator.is_valid("x {{ params.x }}")
            assert not validator.is_valid("../not a value of that form!")
    loose = [
        path
        for path, node in nodes(published)
        if {"pattern", "enum", "minimum"} & node.keys()
        and not re.search("/(if|not|else)(/|$)|propertyNames|placeholder|definitions/param/", path)
    ]
    assert sorted(loose) == sorted(LITERAL)


@pytest.mark.parametrize("definition", ["id", "blobContainerName", "duration"])
def test_patterns_end_at_the_end(definition: str) -> None:
    """A line feed after a good value is not a good value."""
    pattern = SCHEMA["definitions"][definition]["pattern"]
    good = "PT15M" if definition == "duration" else "abc"
    assert re.search(pattern, good)
    assert not re.search(pattern, good + "\n")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("PT15M", True),
        ("PT06M00S", True),
        ("P10675199DT2H48M5.4775807S", True),
        ("P7D", True),
        ("P", False),
        ("PT", False),
        ("P1DT", False),
        ("P1M", False),
        ("15m", False),
    ],
)
def test_durations(text: str, good: bool) -> None:
    """A duration is ISO 8601 in units of fixed length."""
    assert bool(re.search(SCHEMA["definitions"]["duration"]["pattern"], text)) is good


def test_an_editor_explains_every_key_and_offers_what_is_meant() -> None:
    """Each property has a description, its own or that of what it refers to; `inputs` is text first."""
    for path, node in described():
        for name, value in node.get("properties", {}).items():
            said = value.get("description") or resolve(SCHEMA, value)[1].get("description")
            assert said, f"{path}/{name}"
    inputs = SCHEMA["definitions"]["taskGroup"]["properties"]["inputs"]
    assert inputs["type"][0] == "string"
    assert isinstance(inputs["examples"][0], str)
    empty = jsonschema.Draft7Validator(SCHEMA).iter_errors({"version": 1, "name": "a", "pool": {}})
    assert sorted(error.message for error in empty) == [
        "'id' is a required property",
        "'image' is a required property",
        "'vmSize' is a required property",
    ]
