"""The schema as `validate` reads it: quickly when all is well, in our words when not (F12, F13)."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchspec.codes import Code
from batchspec.language.schema import findings as schema
from batchspec.language.schema.fits import fits
from batchspec.language.schema.spec_schema import published_text, spec_schema

from .front_end import parse, resolved

SCHEMA = spec_schema()
GOOD = [
    resolved(parse(path.read_text(encoding="utf-8"))).data
    for folder in (Path(__file__).parent / "cases", Path(__file__).parents[1] / "schema" / "cases")
    for path in sorted((folder / "accepted").glob("*.yaml"))
]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2000)
    | st.sampled_from([0.0, 1.5, 2.0])
    | st.text("aZ5 :{}ä日", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abid", max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)


def _places(value: object) -> list[tuple[Any, Any]]:
    """Every container in *value* with each of its keys or indexes."""
    if isinstance(value, dict):
        return [place for key in value for place in ((value, key), *_places(value[key]))]
    if isinstance(value, list):
        return [place for i in range(len(value)) for place in ((value, i), *_places(value[i]))]
    return []


@given(st.sampled_from(GOOD), st.data())
@settings(max_examples=400)
def test_the_quick_answer_is_that_of_jsonschema(good: dict[str, object], draw: st.DataObject) -> None:
    """Good specs, changed in up to three places, fit exactly when jsonschema has no error."""
    spec = copy.deepcopy(good)
    for _ in range(draw.draw(st.integers(0, 3))):
        container, key = draw.draw(st.sampled_from(_places(spec)))
        change = draw.draw(st.sampled_from(["replace", "remove", "rename", "swap", "repeat"]))
        if change == "replace":
            container[key] = draw.draw(JSON)
        elif change == "swap":
            other, other_key = draw.draw(st.sampled_from(_places(draw.draw(st.sampled_from(GOOD)))))
            container[key] = copy.deepcopy(other[other_key])
        elif change == "remove":
            del container[key]
        elif change == "rename" and isinstance(container, dict):
            container[draw.draw(st.sampled_from(["id", "existing", "spot", "x", "image", "command"]))] = (
                container.pop(key)
            )
        elif change == "repeat" and isinstance(container, list):
            container.append(container[key])
    assert fits(spec, SCHEMA, SCHEMA) == (next(schema._errors(spec, SCHEMA), None) is None)


def test_the_quick_answer_knows_every_keyword_of_the_schema() -> None:
    """No good spec has to wait for jsonschema."""
    code = (
        "import sys, json; from batchspec.document import parser;"
        "from batchspec.language.schema import findings as schema;"
        "from batchspec.source import Source;"
        "texts = json.load(sys.stdin);"
        "found = [schema.check(parser.parse(Source('spec.yaml', text))) for text in texts];"
        "sys.exit(any(found) or 'jsonschema' in sys.modules)"
    )
    texts = json.dumps([json.dumps(good) for good in GOOD])
    assert subprocess.run([sys.executable, "-c", code], input=texts, text=True, check=False).returncode == 0


@given(st.sampled_from(GOOD), JSON, st.data())
@settings(max_examples=150)
def test_every_error_has_words_and_a_place(
    good: dict[str, object], wrong: object, draw: st.DataObject
) -> None:
    """Whatever stands wherever, no rule of the schema is without its own sentence."""
    spec = copy.deepcopy(good)
    container, key = draw.draw(st.sampled_from(_places(spec)))
    container[key] = wrong
    for finding in schema.check(parse(json.dumps(spec))):
        assert finding.code != Code.OTHER_RULE.value
        assert finding.position is not None or finding.path == ()


def test_the_schema_for_editors_is_up_to_date() -> None:
    """The published file is what `batchspec schema` prints: `batchspec schema > schemas/batchspec-v1.schema.json`."""
    published = Path(__file__).parents[2] / "schemas" / "batchspec-v1.schema.json"
    assert published_text() == published.read_text(encoding="utf-8")


SMALL = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 2},
        "name": {"type": "string", "maxLength": 3},
        "mode": {"enum": ["fixed", "autoscale"]},
        "items": {"type": "array", "maxItems": 1, "items": {"$ref": "#/definitions/item"}},
        "odd": {"multipleOf": 2, "description": "An even number."},
        "limit": {"not": {"const": 0}},
    },
    "if": {"properties": {"mode": {"const": "fixed"}}, "required": ["mode"]},
    "then": {"required": ["count"]},
    "dependencies": {"name": ["mode"]},
    "definitions": {"item": {"type": ["number", "null"]}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mode: Fixed", [("1:7", "BS0122", "`Fixed` is not a valid value", "allowed: fixed, autoscale")]),
        ("mode: fixed", [("spec.yaml", "BS0102", "missing field `count`", "a spec needs it")]),
        ("count: 1", [("1:8", "BS0124", "1 is too small", "allowed: 2 or more")]),
        ("count: true", [("1:8", "BS0121", "expected a whole number, found true or false", "allowed: 2 or more")]),
        ("count: 2.0", [("1:8", "BS0121", "expected a whole number, found a number", "allowed: 2 or more")]),
        ("name: abcd\nmode: x", [("1:7", "BS0125", "too many characters: 4", "allowed: up to 3"),
                                ("2:7", "BS0122", "`x` is not a valid value", "allowed: fixed, autoscale")]),
        ("name: abc", [("1:1", "BS0102", "missing field `mode`", "`name` needs `mode`")]),
        ("items: [1, a]", [("1:8", "BS0126", "too many items: 2", "allowed: up to 1"),
                           ("1:12", "BS0121", "expected a number or nothing, found text", "")]),
        ("odd: 3", [("1:6", "BS0129", "breaks the rule `multipleOf` of the schema", "")]),
        ("limit: 0", [("1:8", "BS0128", "`0` is not allowed here", "")]),
    ],
)  # fmt: skip
def test_rules_and_their_words(text: str, expected: list[tuple[str, str, str, str]]) -> None:
    """Each rule of a schema gives place, code, summary and label; a condition gives those of its branch alone."""
    found = schema.check(parse(text), schema=SMALL)
    assert [(f.place.removeprefix("spec.yaml:"), f.code, f.summary, f.label) for f in found] == expected


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("vmsize", "vmSize"),
        ("vm_size", "vmSize"),
        ("VmSize", "vmSize"),
        ("starttask", "startTask"),
        ("zzz", ""),
    ],
)
def test_the_nearest_name(wrong: str, near: str) -> None:
    """Case and separators do not count, small slips are forgiven, and nothing is guessed from nothing."""
    assert schema.nearest(wrong, ["id", "vmSize", "startTask"]) == near


def test_messages_do_not_show_secrets() -> None:
    """A key that ended in the wrong field is hidden before the text is shortened."""
    key = "k" * 86 + "=="
    found = schema.check(parse(f"version: 1\nname: {key}\ntarget: {key}\n"))
    assert [finding.summary for finding in found] == [
        "`(88 characters hidden)` is not a valid name",
        "`(88 characters hidden)` is not a valid value",
    ]


def test_s10_a_long_list_is_compared_in_one_pass() -> None:
    """Repeated items are found by their JSON, not each with each; and findings end at a hundred."""
    items = ", ".join(["pool.a", "1"] * 20_000)
    found = schema.check(parse(f"version: 1\nname: x\nignoreChanges: [{items}]"))
    assert len(found) == 100
