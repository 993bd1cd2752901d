"""`identity:`: tasks reach their blobs by the pool's managed identity, and nothing is signed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from main_job.wire import Wire
from main_job.workload import Workload

from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.bodies.body import Links, task_body
from batchspec.desired.bodies.fold import Bodies
from batchspec.desired.expansion.expand import expand
from batchspec.desired.task import Input
from batchspec.document.parser import parse
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.service.blob.blobs import BlobStorage
from batchspec.source import Source

IDENTITY = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/media/providers"
    "/Microsoft.ManagedIdentity/userAssignedIdentities/encoder"
)
SPEC = f"""\
version: 1
name: work
identity: {IDENTITY}
pool: {{existing: nodes}}
job: {{id: one}}
tasks:
  copy:
    inputs: {{container: input, prefix: work/}}
    command: [cp, "{{{{ input.path }}}}", "{{{{ output.path }}}}"]
    output: "{{{{ input.name }}}}.out"
"""


def spec_of(text: str) -> Spec:
    return build(parse(Source("work.yaml", text)))


def references(task: dict[str, Any]) -> list[str]:
    """The identities by which a task reaches its blobs, one for each file in and out."""
    places = [*task["resourceFiles"], *(file["destination"]["container"] for file in task["outputFiles"])]
    return [place["identityReference"]["resourceId"] for place in places]


def test_r31_folded_bodies_have_the_identity_too() -> None:
    """What goes over the wire for many tasks is what rendering gives: bare addresses, each with the identity."""
    spec = spec_of(SPEC)
    inputs = [Input(f"{n}.mp4", "input", f"work/{n}.mp4", n, "0" * 32) for n in range(6)]
    bodies = Bodies(spec, "https://a.example/output")
    for task in expand(spec, Readable({"copy": inputs})).tasks:
        assert task.input is not None
        link = f"https://a.example/input/{task.input.blob}"
        found = json.loads(bodies.json(task, "id", link))
        assert found == task_body(spec, task, "id", Links(link, "https://a.example/output"))
        assert references(found) == [IDENTITY] * 4


def test_r31_who_makes_the_tasks_result_does_not_change_it() -> None:
    """The way to the blobs is not part of the work: with or without an identity a task has the same fingerprint."""
    without = spec_of(SPEC.replace(f"identity: {IDENTITY}\n", ""))
    assert [group.digest for group in spec_of(SPEC).groups] == [group.digest for group in without.groups]


@pytest.mark.parametrize("name", ["a/b.mp4", "a b/c~d.mp4", "ü/%41+&?#.mp4", "'()*!,;:@=$"])
def test_r31_a_bare_address_is_the_link_without_its_signature(name: str) -> None:
    """A node with an identity asks for the very blob that a signed link would have named."""
    key = "a2V5" * 16
    blobs = BlobStorage.from_connection_string(
        f"DefaultEndpointsProtocol=https;AccountName=some;AccountKey={key};EndpointSuffix=core.windows.net"
    )
    assert blobs.url("input", name) == blobs.read_url("input", name).partition("?")[0]
    assert blobs.url("output") == blobs.write_url("output").partition("?")[0]
    blobs.close()


def test_r31_an_apply_with_an_identity_signs_nothing(bare: Workload, wire: Wire) -> None:
    """Files go up, are worked on and come home, and no request to Batch or to Storage has a signature in it."""
    bare.write_copies()
    bare.edit(f"name: {bare.name}", f"name: {bare.name}\nidentity: {IDENTITY}")
    said = bare.plan()
    assert said["notChecked"] == ["identity: pools of this account have whatever identity a task names"]
    bare.apply(env=wire.environment)
    assert bare.downloaded() == {"a.out", "b.out"}
    tasks = bare.tasks()
    assert [references(task) for task in tasks.values()] == [[IDENTITY] * 4] * 2
    assert len(wire.sent) > 10
    assert [target for target, body in wire.sent if b"sig=" in target.encode() + body] == []
    assert [target for target, _ in wire.sent if "userdelegationkey" in target] == []
    assert bare.actions() == []


def as_azure(work: Workload) -> dict[str, str]:
    """The variables by which the local account is an account like any other."""
    account = work.account
    return {
        "AZURE_BATCH_ENDPOINT": account.batch_endpoint,
        "AZURE_BATCH_ACCOUNT": account.batch_account,
        "AZURE_BATCH_ACCESS_KEY": account.batch_key,
        "AZURE_STORAGE_CONNECTION_STRING": account.connection_string,
    }


def test_r31_a_pool_gets_its_identity_before_the_first_apply(bare: Workload) -> None:
    """On an account like Azure the plan refuses a pool without the identity, and takes it once the pool has it."""
    bare.write_copies()
    bare.edit(f"name: {bare.name}", f"name: {bare.name}\nidentity: {IDENTITY}")
    bare.environment |= as_azure(bare)
    ended = bare.apply(code=1)
    assert "one that is made here cannot have encoder" in ended.said
    assert bare.pool() is None
    bare.batch("POST", "/pools", {"id": bare.pool_id, "vmSize": "standard_d2ds_v5", **MACHINE})
    text = bare.spec.read_text("utf-8")
    start, end = text.index("pool:"), text.index("job:")
    bare.spec.write_text(f"{text[:start]}pool: {{existing: {bare.pool_id}}}\n{text[end:]}", "utf-8")
    assert "does not have encoder" in bare.apply(code=1).said
    assert bare.jobs() == []
    bare.batch("POST", f"/_local/pools/{bare.pool_id}/identity", {"resourceIds": [IDENTITY.lower()]})
    bare.apply()
    assert bare.downloaded() == {"a.out", "b.out"}
    assert bare.actions() == []


def test_r31_a_pool_with_an_identity_is_adopted(bare: Workload) -> None:
    """Made elsewhere, with its identity, and imported: then it is this spec's own, and tasks use the identity."""
    bare.environment |= as_azure(bare)
    bare.batch("POST", "/pools", {"id": bare.pool_id, "vmSize": "standard_d2ds_v5", **MACHINE})
    bare.batch("POST", f"/_local/pools/{bare.pool_id}/identity", {"resourceIds": [IDENTITY]})
    found = bare.command("import", "pool", bare.pool_id, "--name", bare.name, "--adopt", "--auto-approve").out
    assert f"#   identity: {IDENTITY}\n" in found
    assert "No part of a spec" not in found
    bare.write_copies()
    rest = bare.spec.read_text("utf-8")
    rest = rest[rest.index("job:") :].replace("download", f"identity: {IDENTITY}\ndownload")
    bare.spec.write_text(found + rest, "utf-8")
    bare.apply()
    assert bare.downloaded() == {"a.out", "b.out"}
    assert [references(task) for task in bare.tasks().values()] == [[IDENTITY] * 4] * 2
    assert bare.actions() == []


MACHINE = {
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
    },
    "targetLowPriorityNodes": 2,
}
