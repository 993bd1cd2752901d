"""Adding tasks, where the answers are mixed, incomplete, or say that a task is there already (R-11, R-13, R-14)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from secrets import token_hex
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from main_job.wire import Cut, Heard, Moment, wired
from main_job.workload import Workload, wait_until

from batchspec.engine.run.sending import uploads
from batchspec.errors import ServiceError, TasksFailedError
from batchspec.service.batch import job as job_service
from batchspec.service.batch.client import Batch
from batchspec.service.batch.task_collection import Packed, TaskCollection, add
from batchspec.service.embedded import LocalAccount
from batchspec.service.http.retry import Patience
from faults.conftest import Run
from faults.whole import BIG_BYTES, state, write

NAMES = "abcdefg"


@pytest.fixture
def seven(workload: Workload) -> Workload:
    """A workload of seven tasks."""
    write(workload, ending="terminatejob")
    for name in NAMES:
        (workload.clips / name).write_text(name)
    return workload


def strike(workload: Workload, **fault: Any) -> None:
    workload.batch("POST", "/_local/faults", {"operation": "create_task_collection", **fault})


def is_whole(workload: Workload) -> None:
    """Each task is there once, in one job, and did its work."""
    found = state(workload)
    assert sorted(id.split("-")[0] for id in found["tasks"]) == list(NAMES)
    assert {tuple(task) for task in found["tasks"].values()} == {("completed", "success")}
    assert len(found["jobs"]) == 1


@pytest.mark.parametrize("times", [1, 0], ids=["once", "always"])
@pytest.mark.parametrize("every", [2, 3, 7])
@pytest.mark.parametrize("status", ["unstored", "unanswered", "servererror", "ServerError", "SERVERERROR"])
def test_r14_one_task_in_so_many_is_dropped(
    seven: Workload, run: Run, status: str, every: int, times: int
) -> None:
    """Not added or not answered for, once or in every collection: all tasks are there in the end, each once."""
    strike(seven, tasks={"every": every, "as": status}, times=times)
    assert run("apply") is None
    is_whole(seven)
    assert not run.has_changes()


@pytest.mark.parametrize("status", ["unstored", "servererror"])
def test_r14_every_task_is_always_dropped(
    seven: Workload, run: Run, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """A service that never takes them is told aloud when the budget is spent; the next run adds them."""
    monkeypatch.setenv("BATCHSPEC_PATIENCE", "5")
    strike(seven, tasks={"every": 1, "as": status}, times=0)
    error = run("apply")
    assert isinstance(error, TasksFailedError)
    assert "7 tasks failed" in str(error)
    assert "refused: " in run.said
    assert seven.all_task_ids() == []
    seven.batch("DELETE", "/_local/faults")
    assert run("apply") is None
    assert sorted(id.split("-")[0] for id in seven.all_task_ids()) == list(NAMES)
    assert not run.has_changes()


@pytest.mark.parametrize("status", ["clienterror", "ClientError", "CLIENTERROR"])
def test_r14_a_refused_task_does_not_keep_the_others_out(
    seven: Workload, run: Run, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is refused is told by its name; six run, and the next run adds only this one."""
    monkeypatch.setattr(uploads, "_LINGER_S", 60)  # all in one collection, however long their inputs take
    strike(seven, tasks={"every": 7, "as": status}, code="InvalidPropertyValue")
    error = run("apply")
    assert isinstance(error, TasksFailedError)
    assert str(error) == "1 task failed"
    assert "(InvalidPropertyValue)" in run.said
    assert len(seven.tasks()) == 6
    assert run("apply") is None
    assert sorted(id.split("-")[0] for id in seven.all_task_ids()) == list(NAMES)


@pytest.mark.parametrize("times", [1, 2])
def test_r13_a_collection_that_is_too_large_is_halved(seven: Workload, run: Run, times: int) -> None:
    """413, again and again: smaller collections, the same tasks."""
    strike(seven, status=413, times=times)
    assert run("apply") is None
    is_whole(seven)


@pytest.fixture
def batch(local_account: LocalAccount) -> Iterator[Batch]:
    key = AzureNamedKeyCredential(local_account.batch_account, local_account.batch_key)
    with closing(Batch(local_account.batch_endpoint, key, Patience(5))) as connected:
        yield connected


@pytest.fixture
def job_id(batch: Batch) -> Iterator[str]:
    """An empty job."""
    job_id = f"collections-{token_hex(5)}"
    batch.post("/jobs", {"id": job_id, "poolInfo": {"poolId": job_id}}, doing="create a job")
    yield job_id
    job_service.delete(batch, job_id)


def packed(number: int, fingerprint: str, more: str = "") -> Packed:
    settings = [
        {"name": "BATCHSPEC_FINGERPRINT", "value": fingerprint},
        *([{"name": "MORE", "value": more}] if more else []),
    ]
    body = {"id": f"t{number}", "commandLine": "true", "environmentSettings": settings}
    return Packed(str(body["id"]), json.dumps(body).encode())


def test_r11_a_task_that_exists_is_ours_by_its_fingerprint(batch: Batch, job_id: str) -> None:
    """Added twice it is there; with the work of another it is refused, and nothing of it is changed."""
    ours = [packed(number, f"work {number}") for number in range(3)]
    assert add(batch, job_id, TaskCollection(ours)) == {}
    assert add(batch, job_id, TaskCollection(ours)) == {}
    others = [ours[0], packed(1, "other work"), ours[2]]
    refused = add(batch, job_id, TaskCollection(others))
    assert {id: str(error) for id, error in refused.items()} == {
        "t1": "refused: a task with this id exists and does other work"
    }
    assert add(batch, job_id, TaskCollection(ours)) == {}


def test_r13_a_task_that_is_too_large_alone(batch: Batch, job_id: str) -> None:
    """It is refused by itself, with its size; those beside it are added."""
    large = packed(1, "work", more="x" * (1 << 20))
    refused = add(batch, job_id, TaskCollection([packed(0, "work"), large, packed(2, "work")]))
    assert list(refused) == ["t1"]
    assert refused["t1"].code == "RequestBodyTooLarge"
    size = len(large.json) + len(b'{"value":[]}')
    assert str(refused["t1"]) == (
        f"refused: its body of {size} bytes is more than the service takes (RequestBodyTooLarge)"
    )
    assert add(batch, job_id, TaskCollection([packed(0, "work"), packed(2, "work")])) == {}


def test_a_lost_answer_and_a_job_that_is_over_when_it_is_asked_again(
    seven: Workload, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first try added, and the job did before its end, is not added to the next generation as well."""
    lost: list[Heard] = []

    def lose(now: Moment, heard: Heard) -> None:
        if now is Moment.AFTER and heard.path.endswith("/addtaskcollection") and not lost:
            lost.append(heard)
            wait_until(lambda: all(task["state"] == "completed" for task in seven.tasks().values()))
            seven.batch("POST", f"/jobs/{seven.job_id}/terminate", {})
            wait_until(lambda: seven.jobs()[0]["state"] == "completed")
            raise Cut

    monkeypatch.setenv("BATCHSPEC_PATIENCE", "60")
    with wired() as wire:
        wire.hook = lose
        assert run("apply") is None
    assert lost
    assert sorted(id.split("-")[0] for id in seven.all_task_ids()) == list(NAMES)
    assert not run.has_changes()


def test_a_collection_that_is_halved_while_its_job_ends(seven: Workload, run: Run) -> None:
    """The first half is in; the second, which the job takes no more, goes into the next generation alone."""
    strike(seven, status=413)
    strike(seven, status=409, code="JobCompleted", after=1)
    assert run("apply") is None
    assert [len(seven.tasks(1)), len(seven.tasks(2))] == [3, 4]
    assert sorted(id.split("-")[0] for id in seven.all_task_ids()) == list(NAMES)


def test_a_collection_that_is_refused_ends_the_run_in_the_middle_of_an_upload(
    seven: Workload, run: Run
) -> None:
    """While the last input is still sent, in blocks, the others' tasks are refused: it is not sent to its end."""
    strike(seven, status=400, code="InvalidRequestBody", times=0)
    with (seven.clips / "big").open("wb") as file:
        file.truncate(4 * BIG_BYTES)
    refused = threading.Event()

    def refuse(now: Moment, heard: Heard) -> None:
        if now is Moment.AFTER and heard.path.endswith("/addtaskcollection"):
            time.sleep(0.2)  # a service that takes its time: who waits for uploads does not wait for it
            refused.set()
        if now is Moment.BEFORE and heard.path.endswith("/big?comp=block"):
            assert refused.wait(60)
            time.sleep(0.5)

    with wired() as wire:
        wire.hook = refuse
        error = run("apply")
    assert isinstance(error, ServiceError)
    assert error.code == "InvalidRequestBody"
    assert not [heard for heard in wire.heard if heard.path.endswith("/big?comp=blocklist")]
