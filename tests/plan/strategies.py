"""Specs of every field that the published schema has for a pool and a job, made at random.

What the schema cannot say, and would make most of what is drawn useless, is said here by
the name of a definition or by the path of a field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "batchspec" / "language" / "spec.schema.json").read_text("utf-8"))

SECRET_VARIABLE = "BATCHSPEC_TEST_SECRET"

Node = Mapping[str, Any]
Strategy = st.SearchStrategy[Any]

_MOST_OPTIONAL = 3  # members of an object beside those it must have
_MOST_ITEMS = 2
_IMAGES = ("canonical:ubuntu-24_04-lts:server", "Canonical:ubuntu-24_04-lts:server-gen1:latest")
_GROUP = "/subscriptions/2f1c0d5e-1111-4a7b-9d3c-0a1b2c3d4e5f/resourceGroups/g/providers"
_ARM = f"{_GROUP}/p/t"
_GALLERY = f"{_GROUP}/Microsoft.Compute/galleries/g/images"
_SUBNETS = f"{_GROUP}/Microsoft.Network/virtualNetworks/v/subnets"
_ADDRESSES = f"{_GROUP}/Microsoft.Network/publicIPAddresses"

# Not Batch's: what batchspec does with the pool, and the shorthands, which `pools` gives.
_OURS = {
    "whenDone",
    "rollout",
    "nodeDeallocationOption",
    "protect",
    "image",
    "spot",
    "autoscale",
    "applicationPackages",
}
_SCALING = {
    "enableAutoScale",
    "autoScaleFormula",
    "autoScaleEvaluationInterval",
    "targetDedicatedNodes",
    "targetLowPriorityNodes",
}


PACKAGES = (("tool", "1"), ("tool", "2.0"), ("B-2", "1"))
"""The application packages of the account, as (id, version)."""


def _texts(*values: str) -> Strategy:
    return st.sampled_from(values)


_BY_DEFINITION: dict[str, Callable[[], Strategy]] = {
    "secret": lambda: st.just({"fromEnvironment": SECRET_VARIABLE}),
    "text": lambda: _texts("a", "B-2", "two words", "größer"),
    "id": lambda: _texts("one", "Two_2"),
    "armId": lambda: _texts(f"{_ARM}/one", f"{_ARM}/Two"),
    "duration": lambda: _texts("PT5M", "PT300S", "PT0H10M", "PT15M", "PT5M0.5S"),
    "commandLine": lambda: _texts("/bin/true", "/bin/bash -c 'echo ready'"),
    "imageReference": lambda: st.one_of(
        st.fixed_dictionaries(
            {
                "publisher": _texts("canonical", "Canonical"),
                "offer": st.just("ubuntu-24_04-lts"),
                "sku": _texts("server", "server-gen1"),
            },
            optional={"version": _texts("latest", "24.04.1")},
        ),
        st.fixed_dictionaries({"virtualMachineImageId": _texts(f"{_GALLERY}/one", f"{_GALLERY}/Two")}),
        st.fixed_dictionaries({"sharedGalleryImageId": st.just("/SharedGalleries/G/Images/I")}),
        st.fixed_dictionaries({"communityGalleryImageId": st.just("/CommunityGalleries/G/Images/I")}),
    ),
    "resourceFile": lambda: st.one_of(
        members("resourceFile", {"httpUrl", "filePath"}, {"fileMode", "identityReference"}),
        members("resourceFile", {"storageContainerUrl"}, {"blobPrefix", "filePath", "identityReference"}),
        members("resourceFile", {"autoStorageContainerName"}, {"blobPrefix", "filePath", "fileMode"}),
    ),
    "applicationPackage": lambda: st.sampled_from(
        [{"applicationId": id, "version": version} for id, version in PACKAGES]
    ),
    "containerRegistry": lambda: st.one_of(
        members("containerRegistry", {"username", "password"}, {"registryServer"}),
        members("containerRegistry", {"identityReference"}, {"registryServer"}),
    ),
    "virtualMachineConfiguration": lambda: _object(
        SCHEMA["definitions"]["virtualMachineConfiguration"], {"imageReference", "nodeAgentSKUId"}
    ).map(_one_system),
}

_BY_NAME: dict[str, Callable[[], Strategy]] = {
    "vmSize": lambda: _texts("Standard_D2ds_v5", "STANDARD_D4DS_V5", "standard_d2ds_v5"),
    "taskSlotsPerNode": lambda: st.integers(1, 8),  # as many as two cores take
    "nodeAgentSKUId": lambda: _texts("batch.node.ubuntu 24.04", "batch.node.ubuntu 22.04"),
    "subnetId": lambda: _texts(f"{_SUBNETS}/one", f"{_SUBNETS}/Two"),
    "ipAddressIds": lambda: st.sampled_from(
        [[], [f"{_ADDRESSES}/one"], [f"{_ADDRESSES}/one", f"{_ADDRESSES}/Two"]]
    ),
    "inboundNATPools": lambda: _array({"items": {"$ref": "#/definitions/inboundNatPool"}}).map(_apart),
    "dataDisks": lambda: _array({"items": {"$ref": "#/definitions/dataDisk"}}).map(_numbered),
    "sourceAddressPrefix": lambda: _texts("*", "10.0.0.0/24", "Internet"),
    "fileMode": lambda: _texts("0770", "0755", "644"),
    "keyUrl": lambda: st.just("https://vault.example/keys/k"),
    "sourcePortRanges": lambda: st.sampled_from([["*"], ["22"], ["22", "100-200"], ["100-200", "22"]]),
    "requiredSlots": lambda: st.just(1),
    "linuxUserConfiguration": lambda: st.sampled_from(
        [{}, {"uid": 1001, "gid": 1002}, {"sshPrivateKey": {"fromEnvironment": SECRET_VARIABLE}}]
    ),
    "httpUrl": lambda: _texts("https://example.org/a", "https://example.org/a?version=2"),
    "containerUrl": lambda: _texts("https://a.example/c", "https://b.example/c"),
    "storageContainerUrl": lambda: _texts("https://a.example/c", "https://b.example/c"),
}

_PUBLIC = {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
_DOCKER = {"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"}
_WINDOWS = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-datacenter"}


def _one_system(machine: dict[str, Any]) -> dict[str, Any]:
    """*machine* with an image and an agent that go with the rest of it."""
    image, agent = machine["imageReference"], "batch.node.ubuntu 24.04"
    if "windowsConfiguration" in machine:
        image, agent = _WINDOWS, "batch.node.windows amd64"
    elif "publisher" not in image and "diskEncryptionConfiguration" not in machine:
        return machine
    elif "containerConfiguration" in machine:
        image = _DOCKER
    elif "publisher" not in image:
        image = _PUBLIC
    left = {"containerConfiguration"} if image is _WINDOWS else set()
    kept = {name: value for name, value in machine.items() if name not in left}
    return {**kept, "imageReference": image, "nodeAgentSKUId": agent}


def _apart(pools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Inbound NAT pools with ports and priorities of their own."""
    for i, pool in enumerate(pools):
        first = 15000 + 1000 * i
        pool |= {"name": f"{pool['name']}{i}", "backendPort": 22 + i}
        pool |= {"frontendPortRangeStart": first, "frontendPortRangeEnd": first + 100}
        for j, rule in enumerate(pool.get("networkSecurityGroupRules", ())):
            rule["priority"] = 150 + 10 * i + j
    return pools


def _numbered(disks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**disk, "lun": disk["lun"] + i} for i, disk in enumerate(disks)]


_PLAIN: dict[str, Callable[[Node], Strategy]] = {
    "string": lambda node: _texts("a", "Other") if node.get("minLength") else _texts("", "a", "Other"),
    "integer": lambda node: st.integers(
        node.get("minimum", 0), min(node.get("maximum", 50), node.get("minimum", 0) + 50)
    ),
    "boolean": lambda _: st.booleans(),
}


def _value(node: Node, name: str = "") -> Strategy:
    if name in _BY_NAME:
        return _BY_NAME[name]()
    if "$ref" in node:
        definition = node["$ref"].rpartition("/")[2]
        if definition in _BY_DEFINITION:
            return _BY_DEFINITION[definition]()
        return _value(SCHEMA["definitions"][definition])
    if "else" in node and "type" not in node:  # a text, or a secret, which is never compared
        return _value(node["else"])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if node["type"] == "array":
        return _array(node)
    if node["type"] == "object":
        return _object(node)
    found = _PLAIN[node["type"]](node)
    return found.filter(lambda value: value != node["not"].get("const")) if "not" in node else found


def _array(node: Node) -> Strategy:
    unique = json.dumps if node.get("uniqueItems") else None
    return st.lists(
        _value(node["items"]),
        min_size=node.get("minItems", 0),
        max_size=max(_MOST_ITEMS, node.get("minItems", 0)),
        unique_by=unique,
    )


def _object(node: Node, needed: set[str] | None = None) -> Strategy:
    members = node.get("properties")
    if members is None:  # a map
        return st.dictionaries(_texts("x", "y"), _value(node["additionalProperties"]), max_size=2)
    needed = needed or set(node.get("required", ()))
    least, most = node.get("minProperties", 0), node.get("maxProperties", len(needed) + _MOST_OPTIONAL)
    others = sorted(members.keys() - needed)

    def chosen(names: set[str]) -> Strategy:
        wanted = sorted(needed | names | _companions(node, names))
        return st.fixed_dictionaries({name: _value(members[name], name) for name in wanted})

    if not others:
        return chosen(set())
    sizes = {"min_size": max(0, least - len(needed)), "max_size": max(0, most - len(needed))}
    return st.sets(st.sampled_from(others), **sizes).flatmap(chosen)


def _companions(node: Node, names: set[str]) -> set[str]:
    """Members that those of *names* do not go without."""
    return {other for name in names for other in node.get("dependencies", {}).get(name, ())}


def members(definition: str, needed: set[str], optional: set[str]) -> Strategy:
    members = SCHEMA["definitions"][definition]["properties"]
    return st.fixed_dictionaries(
        {name: _value(members[name], name) for name in sorted(needed)},
        optional={name: _value(members[name], name) for name in sorted(optional)},
    )


def _scaling() -> Strategy:
    """How many nodes: none of any, so that nothing runs; by targets, or by a formula."""
    formula = st.sampled_from(["$TargetDedicatedNodes = 0;", "$TargetLowPriorityNodes = 0;"])
    interval = st.sampled_from(["PT5M", "PT15M", "PT900S", "PT168H"])
    return st.one_of(
        st.fixed_dictionaries({}, optional={name: st.just(0) for name in ("targetDedicatedNodes", "spot")}),
        st.fixed_dictionaries({"enableAutoScale": st.just(False), "targetLowPriorityNodes": st.just(0)}),
        st.fixed_dictionaries(
            {"enableAutoScale": st.just(True), "autoScaleFormula": formula},
            optional={"autoScaleEvaluationInterval": interval},
        ),
    )


def pools() -> Strategy:
    """The `pool` of a spec; any field of the schema may be in it."""
    definition = SCHEMA["definitions"]["pool"]
    others = {n: m for n, m in definition["properties"].items() if n not in _OURS | _SCALING}
    del others["id"], others["virtualMachineConfiguration"]
    body = _object({"properties": others}, {"vmSize"})
    image = st.one_of(
        st.fixed_dictionaries({"image": st.sampled_from(_IMAGES)}),
        st.fixed_dictionaries(
            {"virtualMachineConfiguration": _BY_DEFINITION["virtualMachineConfiguration"]()}
        ),
    )
    return st.builds(
        lambda *parts: {k: v for part in parts for k, v in part.items()}, body, image, _scaling()
    )


def jobs() -> Strategy:
    """The `job` of a spec; any field of the schema may be in it."""
    definition = SCHEMA["definitions"]["job"]
    members = {name: node for name, node in definition["properties"].items() if name != "id"}
    return _object({**definition, "properties": members, "required": ()}).map(_lasting)


def _lasting(job: dict[str, Any]) -> dict[str, Any]:
    """*job* with a time that it does not come to the end of: `QuickClock` runs through five minutes in 0.3 s."""
    constraints = dict(job.get("constraints") or {})
    if limit := constraints.get("maxWallClockTime"):
        constraints["maxWallClockTime"] = {"PT5M": "P1D", "PT300S": "PT24H", "PT0H10M": "PT1440M"}.get(
            limit, "P2D"
        )
        return {**job, "constraints": constraints}
    return job


def specs() -> Strategy:
    """A spec's text but for its name: a pool, and often a job with one task, which no node is there to run."""
    job = st.fixed_dictionaries({"job": jobs(), "tasks": st.just({"only": {"command": ["true"]}})})
    pool = st.fixed_dictionaries({"pool": pools()})
    return st.builds(lambda one, other: _contained({**one, **other}), pool, st.one_of(st.just({}), job))


def _contained(spec: dict[str, Any]) -> dict[str, Any]:
    """*spec* with its task in a container where the pool is for containers."""
    machine = spec["pool"].get("virtualMachineConfiguration", {})
    if "tasks" in spec and "containerConfiguration" in machine:
        spec["tasks"] = {"only": {"command": ["true"], "containerSettings": {"imageName": "busybox"}}}
    return spec
