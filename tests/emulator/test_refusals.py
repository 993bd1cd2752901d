"""What the service refuses is refused here; each sentence of the SDK that says so has its row in `refusals.TABLE`."""

import re
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient

from .conftest import Served, job_body, pool_body
from .refusals import SEEN, TABLE, WINDOWS, Body, Left, Proven, Refused, sentences
from .steps import idle_nodes, refused, steady

_ROWS = {**{text: row for text, row in TABLE.items() if isinstance(row, Refused)}, **SEEN}
_PATHS = {"pool": "/pools", "job": "/jobs", "schedule": "/jobschedules", "task": "/jobs/frame/tasks"}
_FRAME = {
    "jobPreparationTask": {"commandLine": "true"},
    "jobReleaseTask": {"commandLine": "true"},
    "poolInfo": {"poolId": "none"},
}


def _body(kind: str, changes: Body) -> Body:
    good: dict[str, Body] = {
        "pool": {key: value for key, value in pool_body("pool").items() if key != "targetDedicatedNodes"},
        "job": job_body(),
        "schedule": {"id": "schedule", "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "none"}}},
        "task": {"id": "task", "commandLine": "true"},
    }
    return {**good[kind], **changes}


def test_every_sentence_of_the_sdk_has_its_row() -> None:
    """No sentence that speaks of a refusal is without a row, and no row is of a sentence that is gone."""
    said = sentences()
    assert sorted(said.keys() - TABLE.keys()) == []
    assert sorted(TABLE.keys() - said.keys()) == []


@pytest.mark.parametrize("name", _ROWS, ids=lambda name: re.sub(r"\W+", "-", name)[:80])
def test_refused_and_its_neighbour_taken(served: Served, name: str) -> None:
    """The body is refused with the row's code; the one beside it is taken."""
    row = _ROWS[name]
    if row.kind == "task":
        assert served.raw("POST", "/jobs", {"id": "frame", **_FRAME}).status == 201
    wrong = served.raw("POST", _PATHS[row.kind], _body(row.kind, row.refused))
    assert (wrong.status, wrong.json().get("code")) == (row.status, row.code)
    right = served.raw("POST", _PATHS[row.kind], _body(row.kind, row.taken))
    assert right.status == 201, right.json()


def test_tests_that_rows_name_are_there() -> None:
    """A row that names a test names one that exists."""
    for row in TABLE.values():
        if isinstance(row, Proven):
            file, _, function = row.test.partition("::")
            assert f"def {function}(" in (Path(__file__).parent / file).read_text(), row.test


def test_a_row_without_a_test_says_why() -> None:
    """What is not refused has a reason."""
    assert all(row.reason for row in TABLE.values() if isinstance(row, Left))


def test_enabling_automatic_scaling_needs_a_formula(client: BatchClient) -> None:
    """A pool that never had a formula does not get one by being told to scale."""
    client.create_pool(pool_body(targetDedicatedNodes=0))
    steady(client)
    error = refused(client.enable_pool_auto_scale, "pool", {"autoScaleEvaluationInterval": "PT5M"})
    assert (error.status_code, error.error.code) == (400, "MissingRequiredProperty")


def test_a_key_for_ssh_is_refused_on_windows(client: BatchClient) -> None:
    """A user with a public key is made on Linux, refused on Windows, both when made and when replaced."""
    client.create_pool(pool_body("linux"))
    client.create_pool(pool_body("windows", virtualMachineConfiguration=WINDOWS))
    user: dict[str, Any] = {"name": "u", "sshPublicKey": "ssh-rsa AAAA"}
    (linux,), (windows,) = (idle_nodes(client, 1, name) for name in ("linux", "windows"))
    client.create_node_user("linux", linux.id, user)
    client.replace_node_user("linux", linux.id, "u", {"sshPublicKey": "ssh-rsa BBBB"})
    client.create_node_user("windows", windows.id, {"name": "u", "password": "p"})
    for error in (
        refused(client.create_node_user, "windows", windows.id, {**user, "name": "v"}),
        refused(client.replace_node_user, "windows", windows.id, "u", {"sshPublicKey": "k"}),
    ):
        assert (error.status_code, error.error.code) == (400, "InvalidPropertyValue")


def test_a_long_list_of_dependencies_is_refused(client: BatchClient) -> None:
    """64,000 characters of ids are taken, one more is not."""
    client.create_job({"id": "job", "poolInfo": {"poolId": "none"}, "usesTaskDependencies": True})
    ids = [f"{n:064}" for n in range(1000)]
    client.create_task("job", {"id": "a", "commandLine": "true", "dependsOn": {"taskIds": ids}})
    body = {"id": "b", "commandLine": "true", "dependsOn": {"taskIds": [*ids, "c"]}}
    error = refused(client.create_task, "job", body)
    assert (error.status_code, error.error.code) == (400, "TaskDependencyListTooLong")


def test_the_reasons_are_the_services_own(served: Served) -> None:
    """Sentences that were recorded, or that Azure's own tests expect, are word for word."""
    nobody = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/test/providers"
    subnet = f"{nobody}/Microsoft.Network/virtualNetworks/vnet1/subnets/subnet1"
    answer = served.raw("POST", "/pools", pool_body(networkConfiguration={"subnetId": subnet})).json()
    reason = {pair["key"]: pair["value"] for pair in answer["values"]}
    assert (reason["PropertyName"], reason["PropertyValue"]) == ("subnetId", subnet)
    sentence = "The specified subnetId is in a different subscription and cannot be used with the current Batch account"
    assert reason["Reason"].startswith(sentence)
    machine = {
        **pool_body()["virtualMachineConfiguration"],
        "containerConfiguration": {"type": "dockerCompatible"},
    }
    answer = served.raw("POST", "/pools", pool_body(virtualMachineConfiguration=machine)).json()
    assert {"key": "Reason", "value": _NO_CONTAINERS} in answer["values"]


_NO_CONTAINERS = (
    "The specified imageReference with publisher canonical offer ubuntu-24_04-lts sku server"
    " does not support container feature."
)
