"""What the service answers, as far as it is only believed: codes, letter case, order of things."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from secrets import token_hex
from typing import Any

import pytest
import requests

from batchspec.errors import ServiceError
from batchspec.service.batch.client import Batch, path_of
from batchspec.service.connect import Account
from live.facts import Facts, pool_body


@pytest.fixture
def job(azure: Account) -> Iterator[str]:
    """A job of this test's own, on a pool that is never there, so that its tasks wait."""
    name = f"live-{token_hex(4)}"
    body = {
        "id": name,
        "poolInfo": {"poolId": f"{name}-none"},
        "usesTaskDependencies": True,
        "constraints": {"maxWallClockTime": "PT1H", "maxTaskRetryCount": 2},
    }
    azure.batch.post("/jobs", body, doing="create the job")
    yield name
    with suppress(ServiceError):
        azure.batch.delete(path_of("jobs", name), doing="delete the job")


def refusal(batch: Batch, method: str, path: str, body: Any) -> tuple[int, str]:
    """(status, code) with which the service refuses the call."""
    call = batch.post if method == "POST" else batch.patch
    with pytest.raises(ServiceError) as caught:
        call(path, body, doing="see it refused")
    return caught.value.status, caught.value.code


def test_case_of_the_status_of_a_collection(azure: Account, job: str) -> None:
    """A task that is there already is `ClientError` with `TaskExists`, a good one `Success`. [FACTS 0.1: [EXP]]"""
    path = path_of("jobs", job, "addtaskcollection")
    task = {"id": "one", "commandLine": "/bin/true"}
    azure.batch.post(path, {"value": [task]}, doing="add it")
    answer = azure.batch.post(path, {"value": [task, {**task, "id": "two"}]}, doing="add it again").body
    found = {
        item["taskId"]: (item["status"], (item.get("error") or {}).get("code")) for item in answer["value"]
    }
    assert found["two"] == ("Success", None)
    assert found["one"][1] == "TaskExists"
    assert found["one"][0] == "ClientError"


def test_a_task_whose_target_is_not_there_waits(azure: Account, job: str) -> None:
    """A dependency on a task that nobody added is taken, and the task is active. [FACTS 5.4: [K]]"""
    body = {"id": "waits", "commandLine": "/bin/true", "dependsOn": {"taskIds": ["nobody"]}}
    azure.batch.post(path_of("jobs", job, "tasks"), body, doing="add the task")
    assert azure.batch.get(path_of("jobs", job, "tasks", "waits"), doing="read it").body["state"] == "active"


def test_patched_constraints_replace_the_whole(azure: Account, job: str) -> None:
    """A PATCH of a job's constraints with one of two sets the other back. [FACTS 4.2: [K]]"""
    body = {"constraints": {"maxWallClockTime": "PT2H"}}
    azure.batch.patch(path_of("jobs", job), body, doing="patch the job")
    constraints = azure.batch.get(path_of("jobs", job), doing="read the job").body["constraints"]
    assert (constraints["maxWallClockTime"], constraints.get("maxTaskRetryCount", 0)) == ("PT2H", 0)


def test_an_unknown_property_is_refused(azure: Account) -> None:
    """A body with a property that the API does not know is 400 `InvalidRequestBody`. [FACTS 3.1: [K]]"""
    name = f"live-{token_hex(4)}"
    body = {"id": name, "poolInfo": {"poolId": name}, "noSuchProperty": 1}
    assert refusal(azure.batch, "POST", "/jobs", body) == (400, "InvalidRequestBody")


def test_filters_compare_values_without_case(azure: Account, job: str) -> None:
    """`startswith(id,…)` finds an id in other letters. [FACTS 1.4: documented, not seen]"""
    upper = job.upper()
    listed = azure.batch.items("/jobs", doing="list jobs", filter=f"startswith(id,'{upper}')", select="id")
    assert [found["id"] for found in listed] == [job]


def test_a_completed_job_takes_no_task(azure: Account, job: str) -> None:
    """Adding to it is 409 `JobCompleted`, to the collection too. [FACTS 1.3, 9: body not seen]"""
    azure.batch.post(path_of("jobs", job, "terminate"), {}, doing="terminate the job")
    _wait(azure.batch, path_of("jobs", job), "state", "completed")
    task = {"id": "late", "commandLine": "/bin/true"}
    assert refusal(azure.batch, "POST", path_of("jobs", job, "tasks"), task) == (409, "JobCompleted")
    together = path_of("jobs", job, "addtaskcollection")
    assert refusal(azure.batch, "POST", together, {"value": [task]}) == (409, "JobCompleted")


def test_a_job_that_is_being_deleted_keeps_its_id(azure: Account, job: str) -> None:
    """A create meanwhile is 409 `JobBeingDeleted`. [FACTS 4.1: [K]; DESIGN 3 never waits for it]"""
    azure.batch.delete(path_of("jobs", job), doing="delete the job")
    body = {"id": job, "poolInfo": {"poolId": job}}
    _refused_or_gone(azure.batch, "/jobs", body, "JobBeingDeleted")


def test_a_pool_that_is_being_deleted_keeps_its_id(azure: Account) -> None:
    """A create meanwhile is 409 `PoolBeingDeleted`. [FACTS 3.1: [K]; apply waits by this code]"""
    body = pool_body(f"live-{token_hex(4)}", targetDedicatedNodes=0)
    azure.batch.post("/pools", body, doing="create the pool")
    azure.batch.delete(path_of("pools", body["id"]), doing="delete the pool")
    _refused_or_gone(azure.batch, "/pools", body, "PoolBeingDeleted")


def test_a_pool_with_nodes_cannot_change_its_size_of_machine(facts: Facts) -> None:
    """A PATCH of vmSize is 409 while there are nodes. [FACTS 3.4: the error was not seen]"""
    path = path_of("pools", facts.name)
    status, code = refusal(facts.account.batch, "PATCH", path, {"vmSize": "Standard_D4ds_v5"})
    print(f"the code is {code}")
    assert status == 409


def test_a_bad_token_is_401_with_a_challenge(azure: Account) -> None:
    """A bearer token that is none is 401 and names the authority. [FACTS 1.2: [K]]"""
    answer = requests.get(
        f"{azure.batch.endpoint}/jobs?api-version=2025-06-01",
        headers={"Authorization": "Bearer none"},
        timeout=60,
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "AuthenticationFailed")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


def test_a_version_that_is_none(azure: Account, operator: Mapping[str, str]) -> None:
    """An api-version that the service does not know is 400 `UnsupportedRequestVersion`. [FACTS 1.1: not seen]"""
    with pytest.raises(ServiceError) as caught:
        azure.batch.get("/jobs", doing="ask in no version", **{"api-version": "1999-01-01"})
    assert (caught.value.status, caught.value.code) == (400, "UnsupportedRequestVersion")


def _wait(batch: Batch, path: str, field: str, value: str) -> None:
    until = time.monotonic() + 300
    while batch.get(path, doing="look again").body[field] != value:
        assert time.monotonic() < until
        time.sleep(1)


def _refused_or_gone(batch: Batch, path: str, body: Mapping[str, Any], code: str) -> None:
    """It is refused with *code*; where the deletion was faster, what was made instead is taken away."""
    try:
        batch.post(path, body, doing="make it again")
    except ServiceError as error:
        answered = (error.status, error.code)
    else:
        batch.delete(f"{path}/{body['id']}", doing="take it away")
        pytest.skip("the deletion was over before the create")
    assert answered == (409, code)
