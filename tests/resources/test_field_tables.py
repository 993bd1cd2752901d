"""The tables of a pool's and a job's fields, held against the published schema and against what the service answers."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from batchspec.resources import job, pool
from batchspec.resources.base import UNSTATED, Change, Field, differences, same_value
from batchspec.resources.equality import never_compared

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "batchspec" / "language" / "spec.schema.json").read_text("utf-8"))
RECORDINGS = ROOT.parent / "shared" / "azure-batch-api" / "recordings"

TABLES = {"pool": pool.FIELDS, "job": job.FIELDS}
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
}
"""Fields of a spec that are not Batch's: they become other fields, or say what batchspec does."""

NOT_IN_A_SPEC = {"pool": set[str](), "job": {"poolInfo", "poolInfo.poolId"}}
"""Fields that batchspec fills in itself."""


def fields_of_schema(definition: str) -> dict[str, Mapping[str, Any]]:
    """Every field below *definition*, by its path; items of a list stand under the list's own path."""
    return dict(_members(SCHEMA["definitions"][definition], ""))


def _members(node: Mapping[str, Any], above: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, member in node.get("properties", {}).items():
        path = f"{above}.{name}".removeprefix(".")
        yield path, member
        inner = _inner(member)
        if inner is not None:
            yield from _members(inner, path)


def _inner(node: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The object that *node* is, or is a list of; None for a secret, whose form is not Batch's."""
    while "$ref" in node or "items" in node:
        if node.get("$ref") == "#/definitions/secret":
            return None
        node = SCHEMA["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node["items"]
    return node


def entries(table: Mapping[str, Field], above: str = "") -> Iterator[tuple[str, Field]]:
    """Every entry of *table*, by its path."""
    for name, described in table.items():
        path = f"{above}.{name}".removeprefix(".")
        yield path, described
        yield from entries(described.fields, path)


def default_of(node: Mapping[str, Any]) -> Any:
    """The default the schema tells editors: the field's own, or its type's."""
    if "default" in node or "$ref" not in node:
        return node.get("default")
    return default_of(SCHEMA["definitions"][node["$ref"].rpartition("/")[2]])


@pytest.mark.parametrize("kind", TABLES)
def test_the_tables_have_the_fields_of_the_schema(kind: str) -> None:
    """A field of the schema without an entry, or an entry without a field, is found."""
    wanted = {path for path in fields_of_schema(kind) if path.partition(".")[0] not in OURS[kind]}
    assert set(dict(entries(TABLES[kind]))) == wanted | NOT_IN_A_SPEC[kind]


@pytest.mark.parametrize("kind", TABLES)
def test_every_top_level_field_has_an_effect(kind: str) -> None:
    """How Batch takes a change is said for every field, once, at the top."""
    for path, described in entries(TABLES[kind]):
        assert (described.effect is None) == ("." in path), path


@pytest.mark.parametrize("kind", TABLES)
def test_the_tables_have_the_defaults_of_the_schema(kind: str) -> None:
    """What an editor shows as a field's default is what its absence is compared as."""
    table = dict(entries(TABLES[kind]))
    for path, node in fields_of_schema(kind).items():
        default = default_of(node)
        if path not in table or default is None:
            continue
        assert table[path].default is not None, f"{path} has a default in the schema"
        assert table[path].default is not UNSTATED, f"{path} has a default in the schema"
        assert same_value(table[path], table[path].default, default), path


@pytest.mark.parametrize("kind", TABLES)
def test_s14_secrets_are_never_compared(kind: str) -> None:
    """A field that takes a secret, and no other, is left out of every comparison."""
    schema = fields_of_schema(kind)
    secret = {path for path, node in schema.items() if node.get("$ref") == "#/definitions/secret"}
    secret |= {path for path in schema if path.endswith("protectedSettings")}
    assert {path for path, described in entries(TABLES[kind]) if described.same is never_compared} == secret


def created_and_read() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Recorded on the service: (kind, body of a create, the same resource as read before any update of it)."""
    for file in sorted(RECORDINGS.glob("*.json")):
        created: dict[str, tuple[str, dict[str, Any]]] = {}
        for call in json.loads(file.read_text("utf-8"))["interactions"]:
            where = call["path"].partition("?")[0]
            body = call["response"]
            if call["method"] == "POST" and where in ("/pools", "/jobs"):
                created[f"{where}/{call['request']['id']}"] = (where[1:-1], call["request"])
            elif call["method"] == "GET" and where in created and isinstance(body, dict) and "id" in body:
                kind, request = created.pop(where)
                yield kind, request, body
            elif call["method"] != "GET":
                created = {path: made for path, made in created.items() if not where.startswith(path)}


def test_what_the_service_fills_in_is_no_difference() -> None:
    """A pool or job read back from the real service differs in nothing from what was sent."""
    if not RECORDINGS.is_dir():
        pytest.skip("the API reference data is not beside this checkout")
    found = list(created_and_read())
    assert len(found) >= 5
    for kind, sent, read in found:
        # Ours is terminatejob; the service's own default is noaction.
        body = {"onAllTasksComplete": "noaction", **sent} if kind == "job" else sent
        assert list(differences(TABLES[kind], body, read)) == [], sent["id"]


COMPARED = [
    ("vmSize", "Standard_D2ds_v5", "standard_d2ds_v5", True),
    ("resizeTimeout", "PT06M00S", "PT6M", True),
    ("resizeTimeout", "PT6M", "PT7M", False),
    ("displayName", "Nodes", "nodes", False),
    ("userAccounts", [{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}], True),
    ("userAccounts", [{"name": "a", "password": {"fromEnvironment": "P"}}], [{"name": "a"}], True),
    ("userAccounts", [{"name": "a", "elevationLevel": "admin"}], [{"name": "a"}], False),
    ("mountConfiguration", [], None, True),
    (
        "mountConfiguration",
        [{"azureFileShareConfiguration": {"azureFileUrl": "https://a/b", "accountKey": {"fromEnvironment": "K"}}}],
        [{"azureFileShareConfiguration": {"azureFileUrl": "https://a/b?sv=1&sig=x"}}],
        True,
    ),
    ("taskSchedulingPolicy", {"nodeFillType": "pack"}, {"nodeFillType": "Pack", "jobDefaultOrder": "none"}, True),
    ("taskSchedulingPolicy", {"nodeFillType": "pack"}, None, False),
    ("startTask", {"commandLine": "a"}, None, False),
    ("startTask", {"commandLine": "a", "waitForSuccess": True}, {"commandLine": "a"}, True),
    ("startTask", {"commandLine": "a"}, {"commandLine": "A"}, False),
    (
        "startTask",
        {"commandLine": "a", "userIdentity": {"username": "me"}},
        {"commandLine": "a", "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}}},
        False,
    ),
    ("upgradePolicy", None, {"mode": "manual"}, True),
    ("upgradePolicy", {"mode": "manual"}, {"mode": "rolling"}, False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "desired", "live", "same"), COMPARED)
def test_equality_is_the_field_s_own(name: str, desired: Any, live: Any, same: bool) -> None:
    """Case, spelling of durations, order, signatures and defaults make no difference where Batch sees none."""
    found = list(differences(pool.FIELDS, {"vmSize": "x", name: desired}, {"vmSize": "x", name: live}))
    assert (found == []) == same


def test_an_object_is_entered_and_a_list_is_one_change() -> None:
    """A difference in an object is told at the member, one in a list at the list."""
    desired = {"vmSize": "x", "startTask": {"commandLine": "b"}, "userAccounts": [{"name": "b"}]}
    live = {"vmSize": "x", "startTask": {"commandLine": "a"}, "userAccounts": [{"name": "a"}]}
    assert list(differences(pool.FIELDS, desired, live)) == [
        Change(("startTask", "commandLine"), "a", "b", pool.FIELDS["startTask"].effect),
        Change(("userAccounts",), [{"name": "a"}], [{"name": "b"}], pool.FIELDS["userAccounts"].effect),
    ]
