"""The management plane, with bearer tokens over TLS: quota, pools with a managed identity, application packages."""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobClient, BlobSasPermissions, BlobServiceClient, generate_blob_sas

import batchspec
from batchspec.events import NoteEvent, StepEvent
from batchspec.plan.model import Plan
from batchspec.service.batch.client import Batch, path_of
from entra.arm import Arm, Refused, arm_of
from entra.endpoints import Endpoints
from entra.issuer import BATCH, STORAGE, Identity
from entra.test_entra_main_job import Token
from entra.workload import Workload

QUOTA = {
    "poolAllocationMode": "BatchService",
    "dedicatedCoreQuota": 20,
    "lowPriorityCoreQuota": 10,
    "dedicatedCoreQuotaPerVMFamily": [{"name": "standardDDSv5Family", "coreQuota": 20}],
    "dedicatedCoreQuotaPerVMFamilyEnforced": True,
    "poolQuota": 100,
}


@pytest.fixture
def arm(
    endpoints: Endpoints, signed_in: Identity, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Arm]:
    """The account's resource, which this process's environment names."""
    with arm_of(endpoints) as found:
        found.properties = dict(QUOTA)
        for name, value in {**endpoints.environment, **signed_in.environment, **found.environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("XDG_CACHE_HOME", str(workload.folder / ".cache"))
        yield found


def planned(workload: Workload) -> Plan:
    with batchspec.Workload.load(workload.spec) as loaded:
        return loaded.plan().plan


def delete_pools(endpoints: Endpoints) -> None:
    """Of other tests, which use the quota up, too."""
    batch = Batch(endpoints.batch, Token(endpoints.issuer, BATCH))
    while found := list(batch.items("/pools", doing="list pools")):
        for pool in found:
            if pool["state"] != "deleting":
                batch.delete(path_of("pools", pool["id"]), doing="delete a pool")
        time.sleep(0.05)
    batch.close()


def findings(plan: Plan) -> list[tuple[str, str, str]]:
    return [(f.code, f.severity.value, f.label) for f in plan.findings if f.code == "BS0718"]


def unread(plan: Plan) -> list[str]:
    return [what for what in plan.not_checked if what.startswith("quota")]


def test_a_plan_is_held_against_the_quota(arm: Arm, workload: Workload, endpoints: Endpoints) -> None:
    """Five Spot nodes of two cores are ten: that is within a quota of ten, and beyond one of nine."""
    delete_pools(endpoints)
    plan = planned(workload)
    assert (findings(plan), unread(plan)) == ([], [])
    assert arm.asked == ["GET /", "GET sizes", "GET sizes"]
    arm.properties["lowPriorityCoreQuota"] = 9
    assert findings(planned(workload)) == [("BS0718", "error", "the account's quota is 9 cores")]


def test_a_quota_that_cannot_be_read_is_said(arm: Arm, workload: Workload) -> None:
    """The plan is made all the same."""
    arm.refuses = (403, "AuthorizationFailed", "The client does not have authorization.")
    (what,) = unread(planned(workload))
    assert what.startswith(
        "quota: could not read the account's quota: The client does not have authorization."
    )
    arm.refuses = None
    arm.properties = {"poolAllocationMode": "UserSubscription", "poolQuota": 100}
    assert unread(planned(workload)) == ["quota: this account uses that of its subscription"]


def test_r39_without_its_group_the_quota_is_not_checked(
    arm: Arm, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data plane does not tell quotas: a plan that asks for nodes says that nobody looked."""
    monkeypatch.delenv("AZURE_RESOURCE_GROUP")
    assert unread(planned(workload)) == [
        "quota: not available from the Batch data plane; see `az batch account show`"
    ]
    assert arm.asked == []


IDENTITY = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/media/providers/"
    "Microsoft.ManagedIdentity/userAssignedIdentities/encoder"
)
POOL_SPEC = """\
version: 1
name: {name}
identity: {identity}
pool:
  id: {name}-pool
  vmSize: Standard_D2ds_v5
  image: canonical:ubuntu-24_04-lts:server
  targetDedicatedNodes: 1
  taskSlotsPerNode: 2
  rollout: reboot
  startTask: {{commandLine: 'true', waitForSuccess: true}}
  metadata: [{{name: team, value: media}}]
"""


@pytest.fixture
def batch(endpoints: Endpoints) -> Iterator[Batch]:
    found = Batch(endpoints.batch, Token(endpoints.issuer, BATCH))
    yield found
    found.close()


def gives_pools(arm: Arm, batch: Batch) -> list[dict[str, Any]]:
    """The resource makes pools, as the specification has them; what it was sent."""
    sent: list[dict[str, Any]] = []

    def put(names: list[str], body: dict[str, Any]) -> dict[str, Any]:
        (pool_id,) = names
        if any(pool["id"] == pool_id for pool in batch.items("/pools", doing="list the pools")):
            raise Refused(412, "PreconditionFailed", "The pool is there already.")  # as If-None-Match: * asks
        sent.append(body)
        properties = dict(body["properties"])
        machine = properties.pop("deploymentConfiguration")["virtualMachineConfiguration"]
        sizes = properties.pop("scaleSettings")["fixedScale"]
        agent = {"nodeAgentSKUId": machine.pop("nodeAgentSkuId")}
        batch.post(
            "/pools",
            {"id": pool_id, **properties, **sizes, "virtualMachineConfiguration": machine | agent},
            doing="make the pool",
        )
        assert body["identity"]["type"] == "UserAssigned"
        ids = list(body["identity"]["userAssignedIdentities"])
        path = f"/_local/pools/{pool_id}/identity"
        batch.post(path, {"resourceIds": ids}, doing="give the pool its identity")
        return {"name": pool_id, "properties": {"provisioningState": "Succeeded"}}

    arm.answers["PUT", "pools"] = put
    return sent


def test_a_pool_is_made_with_its_identity(arm: Arm, workload: Workload, batch: Batch) -> None:
    """The management plane gets id, size, image, stamps and no nodes; the rest is patched, and then it is quiet.

    That its first answer is lost changes nothing.
    """
    workload.spec.write_text(POOL_SPEC.format(name=workload.name, identity=IDENTITY), "utf-8")
    sent = gives_pools(arm, batch)
    arm.loses.add("PUT")
    with batchspec.Workload.load(workload.spec) as loaded:
        events = list(loaded.plan().apply())
        assert not [event for event in events if isinstance(event, NoteEvent) and event.warning]
        assert any(isinstance(event, StepEvent) for event in events)
        assert list(loaded.plan()) == []
    (body,) = sent
    assert body["identity"]["userAssignedIdentities"] == {IDENTITY: {}}
    assert set(body["properties"]) == {"vmSize", "deploymentConfiguration", "scaleSettings", "metadata"}
    live = batch.get(path_of("pools", f"{workload.name}-pool"), doing="read the pool").body
    assert live["identity"]["userAssignedIdentities"][0]["resourceId"] == IDENTITY
    assert (live["taskSlotsPerNode"], live["targetDedicatedNodes"]) == (2, 1)
    assert live["startTask"]["commandLine"] == "true"
    assert arm.asked.count(f"PUT /pools/{workload.name}-pool") == 2
    batch.delete(path_of("pools", f"{workload.name}-pool"), doing="clean up")


def test_a_pool_that_was_cut_off_is_made_whole_without_asking(
    arm: Arm, workload: Workload, batch: Batch
) -> None:
    """It was made, and nothing patched: the next apply does that, and no answer is needed for an empty pool."""
    workload.spec.write_text(POOL_SPEC.format(name=workload.name, identity=IDENTITY), "utf-8")
    gives_pools(arm, batch)
    put = arm.answers["PUT", "pools"]

    def lost(names: list[str], body: dict[str, Any]) -> dict[str, Any]:
        put(names, body)
        raise Refused(400, "Cut", "off")

    arm.answers["PUT", "pools"] = lost
    with batchspec.Workload.load(workload.spec) as loaded:
        with pytest.raises(batchspec.errors.ServiceError, match="off"):
            list(loaded.plan().apply())
        again = loaded.plan()
        assert not again.plan.consents
        list(again.apply())
        assert list(loaded.plan()) == []
    batch.delete(path_of("pools", f"{workload.name}-pool"), doing="clean up")


PACKED_SPEC = """\
version: 1
name: {name}
pool:
  id: {name}-pool
  vmSize: Standard_D2ds_v5
  image: canonical:ubuntu-24_04-lts:server
  applicationPackages: {{{name}: {{version: "7.1", file: tool.zip}}}}
"""


def takes_packages(arm: Arm, batch: Batch, endpoints: Endpoints) -> list[str]:
    """The resource takes packages: it names a blob to upload to, and has the package once it is activated."""
    done: list[str] = []
    urls: dict[str, str] = {}
    storage = BlobServiceClient(endpoints.blob, credential=Token(endpoints.issuer, STORAGE))
    now = datetime.now(UTC)
    key = storage.get_user_delegation_key(now - timedelta(minutes=5), now + timedelta(hours=1))

    def get(names: list[str], _body: Any) -> dict[str, Any]:
        if "application" not in done:
            raise Refused(404, "ApplicationNotFound", "The specified application does not exist.")
        return {"name": names[0]}

    def put(names: list[str], _body: Any) -> dict[str, Any]:
        done.append("application")
        return {"name": names[0]}

    def put_version(names: list[str], _body: Any) -> dict[str, Any]:
        done.append("version")
        container = f"app-{names[0]}"
        with suppress(ResourceExistsError):
            storage.create_container(container)
        may = BlobSasPermissions(read=True, write=True, create=True)
        sas = generate_blob_sas(
            storage.account_name,
            container,
            names[1],
            user_delegation_key=key,
            permission=may,
            expiry=now + timedelta(hours=1),
        )
        urls[names[1]] = f"{storage.url.rstrip('/')}/{container}/{names[1]}?{sas}"
        return {"properties": {"state": "Pending", "storageUrl": urls[names[1]]}}

    def activate(names: list[str], body: Any) -> dict[str, Any]:
        assert body == {"format": "zip"}
        done.append("activate")
        id, version, *_ = names
        content = BlobClient.from_blob_url(urls[version]).download_blob().readall()
        package = {"url": urls[version], "md5": hashlib.md5(content).hexdigest()}
        batch.post(f"/_local/applications/{id}/{version}", package, doing="add the package")
        return {"properties": {"state": "Active"}}

    arm.answers |= {
        ("GET", "applications"): get,
        ("PUT", "applications"): put,
        ("PUT", "applications/versions"): put_version,
        ("POST", "applications/versions/activate"): activate,
    }
    return done


def test_an_application_package_is_uploaded_once(
    arm: Arm, workload: Workload, batch: Batch, endpoints: Endpoints
) -> None:
    """Its blob is the file, and it is there before the pool that refers to it; the next plan is quiet."""
    done = takes_packages(arm, batch, endpoints)
    with zipfile.ZipFile(workload.spec.parent / "tool.zip", "w") as archive:
        archive.writestr("tool", "echo hello")
    workload.spec.write_text(PACKED_SPEC.format(name=workload.name), "utf-8")
    with batchspec.Workload.load(workload.spec) as loaded:
        plan = loaded.plan()
        assert [(action.operation.name, action.kind.value) for action in plan] == [
            ("CREATE", "package"),
            ("CREATE", "pool"),
        ]
        list(plan.apply())
        assert list(loaded.plan()) == []
    assert done == ["application", "version", "activate"]
    listed = batch.get(path_of("applications", workload.name), doing="read the application").body
    assert listed["versions"] == ["7.1"]
    batch.delete(path_of("pools", f"{workload.name}-pool"), doing="clean up")
