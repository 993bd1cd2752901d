"""A transfer is complete or failed: lengths, digests, Storage that comes back, and a disk that is full."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from azure.batch import BatchClient
from service.scripted import Answer, answering

from .conftest import Served, job_body, pool_body, wait_until
from .steps import completed, idle_nodes, ready_pool, refused, run_task, text

WHOLE = b"0123456789" * 50_000
BROKEN_OFF = Answer(200, WHOLE[:300_000], length=len(WHOLE))


def named(body: bytes) -> Answer:
    """An answer that names an MD5, which is that of WHOLE, whatever it carries."""
    md5 = base64.b64encode(hashlib.md5(WHOLE).digest()).decode()
    return Answer(200, body, {"Content-MD5": md5})


@pytest.fixture
def job(client: BatchClient) -> BatchClient:
    ready_pool(client)
    client.create_job(job_body())
    return client


def fetch(client: BatchClient, *answers: Answer, task_id: str = "task") -> Any:
    """The task that has read its file from a Storage that answers so."""
    with answering(*answers) as storage:
        files = [{"httpUrl": f"{storage.endpoint}/blob?sig=x", "filePath": "in/x"}]
        return run_task(client, id=task_id, commandLine="md5sum in/x", resourceFiles=files)


@pytest.mark.parametrize(
    "first",
    [BROKEN_OFF, named(WHOLE[:-1] + b"!"), Answer(503), Answer(200, WHOLE, length=-1)],
    ids=["broken-off", "other-content", "busy", "half-a-head"],
)
def test_what_is_not_whole_is_fetched_again(job: BatchClient, first: Answer) -> None:
    """A download that breaks off, or has not the MD5 that Storage names, is done again."""
    task = fetch(job, first, named(WHOLE))
    assert task.execution_info.exit_code == 0
    said = text(job.download_task_file("job", "task", "stdout.txt"))
    assert said.startswith(hashlib.md5(WHOLE).hexdigest())


@pytest.mark.parametrize("always", [BROKEN_OFF, named(WHOLE[1:])], ids=["broken-off", "other-content"])
def test_what_is_never_whole_fails_the_task(job: BatchClient, always: Answer) -> None:
    """No command runs on half a file: the task fails, and says why."""
    info = fetch(job, always).execution_info
    assert (info.failure_info.code, info.exit_code) == ("BlobDownloadMiscError", None)
    details = {item.name: item.value for item in info.failure_info.details}
    assert details["HttpStatusCode"] == "0"
    assert details["Message"].startswith(("IncompleteRead", "HTTPException"))
    names = [file.name for file in job.list_task_files("job", "task", recursive=True)]
    assert "wd/in/x" not in names


def test_a_file_that_does_not_fit_on_the_disk(job: BatchClient) -> None:
    """A resource file that finds the disk full fails its task with DiskFull, and is not asked for again."""
    full = "/bin/bash -c 'mkdir -p in; ln -sf /dev/full in/x; exit 1'"
    run_task(job, id="first", commandLine=full, constraints={"maxTaskRetryCount": 0})
    with answering(named(WHOLE)) as storage:
        files = [{"httpUrl": f"{storage.endpoint}/blob", "filePath": "in/x"}]
        line = "/bin/bash -c 'ln -sf /dev/full in/x; exit 1'"
        limits = {"maxTaskRetryCount": 1}
        task = run_task(job, commandLine=line, resourceFiles=files, constraints=limits)
        assert len(storage.heard_at) == 2
    assert task.execution_info.failure_info.code == "DiskFull"


def test_a_full_disk_under_the_account_is_said(served: Served, client: BatchClient) -> None:
    """With no room for its state the endpoint says so, at once and to all; with room everything goes on."""
    ready_pool(client)
    client.create_job(job_body())
    client.create_task("job", {"id": "task", "commandLine": "sleep 1"})
    database = served.account.store.db
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")
    long = {"metadata": [{"name": f"m{n}", "value": "x" * 1000} for n in range(900)]}
    for call in (lambda: client.create_job(job_body("other", **long)), lambda: client.get_job("job")):
        error = refused(call)
        assert (error.status_code, error.error.code) == (507, "DiskFull")
        assert f"The disk that holds the local account is full: {served.settings.home}" in str(error)
    database.execute("PRAGMA max_page_count = 1073741823")
    assert completed(client, "job", "task").execution_info.exit_code == 0
    client.create_job(job_body("other", **long))


def test_steps_that_found_the_disk_full_are_done_again(served: Served, client: BatchClient) -> None:
    """A node that could not be noted is there once there is room."""
    client.create_job(job_body())
    database = served.account.store.db
    client.create_pool(pool_body(targetDedicatedNodes=0))
    wait_until(lambda: client.get_pool("pool").allocation_state == "steady")
    served.control("POST", "/_local/holds", {"pool": "pool", "state": "resizing"})
    client.begin_resize_pool("pool", {"targetDedicatedNodes": 40})
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages}")
    served.control("DELETE", "/_local/holds/pool")
    wait_until(lambda: served.raw("GET", "/pools").status == 507)
    database.execute("PRAGMA max_page_count = 1073741823")
    with served.client() as later:  # the other's connection may have been closed meanwhile
        idle_nodes(later, 40)


def test_the_log_of_requests_ends_none(served: Served, tmp_path: Path) -> None:
    """A request is answered though its line in the log finds no room."""
    requests = served.account.requests
    requests.close()
    requests.path = Path("/dev/full")
    requests._file = requests._open()
    assert served.raw("GET", "/jobs").status == 200
