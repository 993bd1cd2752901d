"""Faults on demand: a test asks the endpoint for bad luck, by call number or by pattern, and gets just that."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.exceptions import ServiceResponseError
from azure.storage.blob import ContainerClient

from .conftest import Served, job_body, pool_body, wait_until
from .steps import idle_nodes, ready_pool, run_task
from .test_transfers import blob_url, container, output, url

__all__ = ["container", "url"]  # fixtures


def ask(served: Served, **fault: Any) -> None:
    assert served.raw("POST", "/_local/faults", fault).status == 202


def left(served: Served) -> int:
    return int(served.control("GET", "/_local/faults")["left"])


def statuses(served: Served, count: int) -> list[int]:
    return [served.raw("GET", "/jobs").status for _ in range(count)]


def test_none_without_being_asked_for(served: Served) -> None:
    """In normal use there is no fault, and what was asked for can be taken back."""
    assert left(served) == 0
    ask(served, status=503, times=0)
    assert served.raw("GET", "/jobs").status == 503
    assert served.raw("DELETE", "/_local/faults").status == 202
    assert (left(served), served.raw("GET", "/jobs").status) == (0, 200)


def test_unreachable_without_the_key(served: Served) -> None:
    """Neither another key nor no key at all brings a fault, or takes one away."""
    other = "b3RoZXI="
    for method in ("POST", "GET", "DELETE"):
        body = {"status": 503} if method == "POST" else None
        assert served.raw(method, "/_local/faults", body, key=other).status == 403
        assert served.raw(method, "/_local/faults", body, headers={"authorization": ""}).status in (401, 403)
    assert left(served) == 0
    assert statuses(served, 2) == [200, 200]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"status": "x"}', b'{"sttus": 503}', b'{"reset": "x"}', b'{"tasks": {}}']
)
def test_what_is_no_fault_is_refused(served: Served, body: bytes) -> None:
    """A misspelt fault would be one that never comes: 400 instead."""
    assert served.raw("POST", "/_local/faults", body).status == 400
    assert left(served) == 0


def test_the_end_of_the_process_is_theirs(start: Callable[..., Served]) -> None:
    """A fault is not part of the state: an endpoint that starts has none."""
    first = start()
    ask(first, status=503, times=0)
    assert "503" not in "".join(p.read_text() for p in first.settings.home.rglob("*.json*"))
    assert left(start()) == 0


def test_by_call_number(served: Served) -> None:
    """The third and fourth of all calls are struck, the others are not."""
    ask(served, status=500, after=2, times=2)
    assert statuses(served, 6) == [200, 200, 500, 500, 200, 200]


def test_by_pattern(served: Served) -> None:
    """A fault strikes the operations and the paths that it names, and leaves all others alone."""
    ask(served, operation="*_pool", status=500, times=0)
    ask(served, path="/jobs/b*", status=503, times=0)
    paths = ("/pools", "/pools/a", "/jobs", "/jobs/a", "/jobs/b1")
    assert [served.raw("GET", path).status for path in paths] == [200, 500, 200, 404, 503]


def test_a_status_with_its_code_and_retry_after(served: Served) -> None:
    """The answer has the code asked for, else the status's usual one, and Retry-After only on demand."""
    ask(served, status=429, retryAfter=7)
    ask(served, status=409, code="PoolBeingResized")
    first, second = served.raw("GET", "/jobs"), served.raw("GET", "/jobs")
    assert (first.json()["code"], first.headers["retry-after"]) == ("TooManyRequests", "7")
    assert (second.json()["code"], "retry-after" in second.headers) == ("PoolBeingResized", False)


def test_a_delay(served: Served) -> None:
    """A client that does not wait so long gives up, and the others are answered meanwhile."""
    ask(served, operation="list_jobs", delay=1.5)
    with served.client(read_timeout=0.2) as client, pytest.raises(ServiceResponseError):
        list(client.list_jobs())
    assert statuses(served, 1) == [200]


@pytest.mark.parametrize(("moment", "there"), [("before", False), ("after", True)])
def test_a_reset(served: Served, client: BatchClient, moment: str, there: bool) -> None:
    """The connection is reset before the operation, which is then not done, or after it, which then is."""
    ask(served, operation="create_job", reset=moment)
    with pytest.raises((ServiceResponseError, ConnectionResetError)) as caught:
        client.create_job(job_body())
    assert "reset" in str(caught.value).lower()
    assert [job.id for job in client.list_jobs()] == (["job"] if there else [])


TASKS = {
    "ServerError": (["t0", "t1", "t3"], ["t0", "t1", "t2", "t3"]),
    "clienterror": (["t0", "t1", "t3"], ["t0", "t1", "t2", "t3"]),
    "unstored": (["t0", "t1", "t3"], ["t0", "t1", "t3"]),
    "unanswered": (["t0", "t1", "t2", "t3"], ["t0", "t1", "t3"]),
}


@pytest.mark.parametrize("status", TASKS)
def test_a_partial_answer_to_a_collection(served: Served, client: BatchClient, status: str) -> None:
    """One task in three is refused, left out, or taken without a word; the others are added and answered."""
    client.create_job(job_body())
    ask(served, operation="create_task_collection", tasks={"every": 3, "as": status})
    body = {"value": [{"id": f"t{number}", "commandLine": "true"} for number in range(4)]}
    answer = served.raw("POST", "/jobs/job/addtaskcollection", body).json()
    stored, answered = TASKS[status]
    assert sorted(task.id for task in client.list_tasks("job")) == stored
    assert sorted(result["taskId"] for result in answer["value"]) == answered
    if "error" in status.lower():
        (struck,) = (result for result in answer["value"] if result["taskId"] == "t2")
        assert (struck["status"], "code" in struck["error"]) == (status, True)


def test_a_node_is_preempted(served: Served, client: BatchClient) -> None:
    """With the call that is struck a Spot node of the pool is taken away; it comes back under its id."""
    client.create_pool(pool_body(targetDedicatedNodes=0, targetLowPriorityNodes=1))
    (node,) = idle_nodes(client, 1)
    ask(served, operation="list_jobs", preempt="pool")
    list(client.list_jobs())
    wait_until(lambda: client.get_node("pool", node.id).last_boot_time > node.last_boot_time)


@pytest.mark.parametrize(
    ("operation", "code"), [("read_blob", "BlobAccessDenied"), ("write_blob", "FileUploadAccessDenied")]
)
def test_an_expired_link(
    served: Served,
    client: BatchClient,
    container: ContainerClient,
    url: str,
    operation: str,
    code: str,
) -> None:
    """Storage refuses the link with which the node reads, or writes, and the task fails by it; the next does not."""
    container.upload_blob("in.txt", b"hello")
    ready_pool(client)
    client.create_job(job_body())
    ask(served, operation=operation, path=f"*/{container.container_name}*", expired=True)
    body = {
        "commandLine": "cp in.txt out.txt",
        "resourceFiles": [{"httpUrl": blob_url(url, "in.txt"), "filePath": "in.txt"}],
        "outputFiles": [output(url, "out.txt", path="out.txt")],
    }
    task = run_task(client, **body)
    assert task.execution_info.failure_info.code == code
    assert task.execution_info.failure_info.details
    assert run_task(client, **{**body, "id": "again"}).execution_info.result == "success"


def test_a_reset_is_in_the_request_log(served: Served) -> None:
    """A call that was cut has the status 0 there: no answer left the endpoint."""
    ask(served, operation="list_jobs", reset="before")
    with served.client() as client, pytest.raises((ServiceResponseError, ConnectionResetError)):
        list(client.list_jobs())
    found = served.control("GET", "/_local/requests", query="since=0")["value"]
    assert [entry["status"] for entry in found if entry["path"] == "/jobs"] == [0]
