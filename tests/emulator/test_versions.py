"""What older versions of the API say and hear otherwise, by plain requests; real clients are in `test_clients.py`."""

from typing import Any

import pytest

from batchspec.emulator.http.versions import CURRENT, OLDER

from .conftest import UBUNTU, Served, pool_body

_FIRST_OF_SLOTS = "2020-09-01.12.0"


def ask(served: Served, version: str, method: str, path: str, body: Any = None) -> Any:
    return served.raw(method, path, body, f"api-version={version}")


@pytest.mark.parametrize("version", [*OLDER, CURRENT])
def test_slots_have_the_name_of_the_version(served: Served, version: str) -> None:
    """Before slots there was `maxTasksPerNode`; each version refuses the other's name and shows its own."""
    names = ["maxTasksPerNode", "taskSlotsPerNode"]
    own, other = names if version < _FIRST_OF_SLOTS else names[::-1]
    body = pool_body(targetDedicatedNodes=0)
    if version >= _FIRST_OF_SLOTS:
        assert ask(served, version, "POST", "/pools", {**body, other: 4}).status == 400
    assert ask(served, version, "POST", "/pools", {**body, own: 4}).status == 201
    pool = ask(served, version, "GET", "/pools/pool").json()
    assert (pool[own], other in pool) == (4, False)
    assert ask(served, version, "GET", "/pools").json()["value"][0][own] == 4
    assert ask(served, CURRENT, "GET", "/pools/pool").json()["taskSlotsPerNode"] == 4


@pytest.mark.parametrize("version", [*OLDER, CURRENT])
def test_counts_have_the_form_of_the_version(served: Served, version: str) -> None:
    """Flat before there were slots; of tasks and of slots since."""
    assert ask(served, CURRENT, "POST", "/jobs", {"id": "job", "poolInfo": {"poolId": "none"}}).status == 201
    counts = ask(served, version, "GET", "/jobs/job/taskcounts").json()
    expected = {"active": 0, "running": 0, "completed": 0, "succeeded": 0, "failed": 0}
    counts.pop("odata.metadata")
    assert counts == (
        expected if version < _FIRST_OF_SLOTS else {"taskCounts": expected, "taskSlotCounts": expected}
    )


def test_disks_and_addresses_of_older_pools(served: Served) -> None:
    """A disk's kind and a pool's addresses are read and told in the version's words, and are the same to all."""
    address = (
        "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g/providers/Microsoft.Network"
        "/publicIPAddresses/a"
    )
    machine = {**UBUNTU, "dataDisks": [{"lun": 0, "diskSizeGB": 8, "storageAccountType": "premium_lrs"}]}
    body = pool_body(
        targetDedicatedNodes=0,
        virtualMachineConfiguration=machine,
        networkConfiguration={"publicIPs": [address]},
    )
    assert ask(served, "2019-08-01.10.0", "POST", "/pools", body).status == 201
    old = ask(served, "2019-08-01.10.0", "GET", "/pools/pool").json()
    assert old["networkConfiguration"]["publicIPs"] == [address]
    assert old["virtualMachineConfiguration"]["dataDisks"][0]["storageAccountType"] == "premium_lrs"
    new = ask(served, CURRENT, "GET", "/pools/pool").json()
    assert new["networkConfiguration"]["publicIPAddressConfiguration"]["ipAddressIds"] == [address]
    assert new["virtualMachineConfiguration"]["dataDisks"][0]["managedDisk"] == {
        "storageAccountType": "premium_lrs"
    }


def test_operations_of_older_versions(served: Served) -> None:
    """Agents are listed where images are not yet; what was retired says so; what is not done here is 501."""
    agents = ask(served, "2018-12-01.8.0", "GET", "/nodeagentskus").json()["value"]
    assert "batch.node.ubuntu 24.04" in [agent["id"] for agent in agents]
    assert ask(served, "2019-06-01.9.0", "GET", "/nodeagentskus").status == 404
    certificates = ask(served, "2020-09-01.12.0", "GET", "/certificates")
    assert (certificates.status, certificates.json()["code"]) == (400, "CertificateRetired")
    assert ask(served, CURRENT, "GET", "/certificates").status == 404
    desktop = ask(served, "2022-01-01.15.0", "GET", "/pools/pool/nodes/n/rdp")
    assert desktop.status == 501
    assert desktop.json()["values"] == [
        {"key": "Operation", "value": "get_remote_desktop: GET /pools/pool/nodes/n/rdp"}
    ]
