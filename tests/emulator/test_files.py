"""Files of tasks and nodes, through the SDK."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from azure.batch import BatchClient
from azure.core.exceptions import ResourceExistsError

from tests.emulator.clock import ManualClock

from .conftest import Served, job_body, wait_until
from .steps import ready_pool, refused, run_task, text


@pytest.fixture
def job(client: BatchClient) -> BatchClient:
    """The client, with a task done that left `wd/a/b.txt` behind."""
    ready_pool(client)
    client.create_job(job_body())
    run_task(
        client,
        commandLine="/bin/bash -c 'mkdir a; echo 0123456789 > a/b.txt; ln -s /etc/passwd out; echo hi'",
    )
    return client


def test_lists_are_flat_unless_recursive(job: BatchClient) -> None:
    """A list has the entries of the task's folder; recursive=true has all below, named relative to it."""
    assert [file.name for file in job.list_task_files("job", "task")] == ["stderr.txt", "stdout.txt", "wd"]
    names = [file.name for file in job.list_task_files("job", "task", recursive=True)]
    assert {"wd/a", "wd/a/b.txt"} <= set(names)
    assert [f.name for f in job.list_task_files("job", "task", filter="startswith(name,'std')")] == [
        "stderr.txt",
        "stdout.txt",
    ]


def test_entries(job: BatchClient, served: Served) -> None:
    """Lengths are strings on the wire; folders have no properties."""
    entries = {item["name"]: item for item in served.raw("GET", "/jobs/job/tasks/task/files").json()["value"]}
    assert entries["stdout.txt"]["properties"]["contentLength"] == "3"
    assert entries["stdout.txt"]["properties"]["contentType"] == "text/plain"
    assert entries["wd"]["isDirectory"] is True
    assert "properties" not in entries["wd"]


def test_node_has_the_layout_of_the_service(job: BatchClient) -> None:
    """The root of a node has the service's folders."""
    (node,) = job.list_nodes("pool")
    names = [file.name for file in job.list_node_files("pool", node.id)]
    assert names == ["applications", "fsmounts", "shared", "startup", "volatile", "workitems"]
    assert text(job.download_node_file("pool", node.id, "workitems/job/job-1/task/stdout.txt")) == "hi\n"


def test_properties_and_ranges(job: BatchClient, served: Served) -> None:
    """HEAD tells size and kind; a range gives its bytes; one past the end is refused."""
    properties = job.get_task_file_properties("job", "task", "wd/a/b.txt")
    assert (properties.content_length, properties.is_directory) == (11, False)
    assert text(job.download_task_file("job", "task", "wd/a/b.txt", ocp_range="bytes=2-4")) == "234"
    # Not through the SDK: it leaves the connection of a refused download open.
    past = served.raw("GET", "/jobs/job/tasks/task/files/wd%2Fa%2Fb.txt", headers={"ocp-range": "bytes=99-"})
    assert (past.status, past.json()["code"]) == (416, "InvalidRange")


def test_slashes_in_paths_come_either_way(job: BatchClient, served: Served) -> None:
    """A file's path is found with its slashes encoded or not, and nothing outside the folder is."""
    assert served.raw("GET", "/jobs/job/tasks/task/files/wd/a/b.txt").body == b"0123456789\n"
    assert served.raw("GET", "/jobs/job/tasks/task/files/wd%2Fa%2Fb.txt").body == b"0123456789\n"
    for path in ("..%2F..%2F..%2F..%2F..%2Fbatch.sqlite", "wd%2Fout", "%2Fetc%2Fpasswd"):
        assert served.raw("GET", f"/jobs/job/tasks/task/files/{path}").status == 404


def test_delete(job: BatchClient, served: Served) -> None:
    """A file is deleted; a folder only with recursive, unless it is empty."""
    assert refused(job.delete_task_file, "job", "task", "wd/a").status_code == 409
    job.delete_task_file("job", "task", "wd/a", recursive=True)
    job.delete_task_file("job", "task", "stdout.txt")
    gone = served.raw("GET", "/jobs/job/tasks/task/files/stdout.txt")
    assert (gone.status, gone.json()["code"]) == (404, "FileNotFound")


def test_files_before_and_after(client: BatchClient) -> None:
    """A task that has not run has no files yet; one whose node is gone has none any more."""
    ready_pool(client)
    client.create_job(job_body(usesTaskDependencies=True))
    client.create_task("job", {"id": "waits", "commandLine": "true", "dependsOn": {"taskIds": ["x"]}})
    error = refused(list, client.list_task_files("job", "waits"))
    assert (error.status_code, error.error.code) == (409, "TaskFilesUnavailable")
    run_task(client, commandLine="true")
    client.begin_resize_pool("pool", {"targetDedicatedNodes": 0}).result()
    error = refused(list, client.list_task_files("job", "task"))
    assert (error.status_code, error.error.code) == (409, "TaskFilesCleanedup")


def test_files_go_when_their_time_is_over(start: Callable[..., Served], clock: ManualClock) -> None:
    """After retentionTime a task's files are TaskFilesCleanedup; the task itself stays."""
    with start(clock).client() as client:
        ready_pool(client)
        client.create_job(job_body())
        run_task(client, commandLine="true", constraints={"retentionTime": "PT1H"})
        clock.advance(3500)
        assert list(client.list_task_files("job", "task"))
        clock.advance(200)

        def gone() -> bool:
            clock.advance(61)
            return client.get_task("job", "task").state == "completed" and not _has_files(client)

        wait_until(gone)
        assert refused(list, client.list_task_files("job", "task")).error.code == "TaskFilesCleanedup"


def _has_files(client: BatchClient) -> bool:
    with suppress(ResourceExistsError):  # the SDK's name for any 409
        return bool(list(client.list_task_files("job", "task")))
    return False


def test_what_is_made_again_is_not_removed(client: BatchClient) -> None:
    """A task, a job and a pool that take the place of deleted ones keep their files."""
    for _ in range(5):
        ready_pool(client)
        for _ in range(3):
            client.create_job(job_body())
            for _ in range(3):
                run_task(client, commandLine="/bin/bash -c 'echo hi > wd.txt'")
                assert text(client.download_task_file("job", "task", "wd/wd.txt")) == "hi\n"
                client.delete_task("job", "task")
            run_task(client, commandLine="/bin/bash -c 'echo hi > wd.txt'")
            client.begin_delete_job("job").result()
        client.begin_delete_pool("pool").result()


def test_jobs_of_a_schedule_keep_their_files(start: Callable[..., Served], clock: ManualClock) -> None:
    """Deleting one job of a schedule leaves the files of its others."""
    with start(clock).client() as client:
        ready_pool(client)
        body = {
            "id": "s",
            "schedule": {"recurrenceInterval": "PT1H"},
            "jobSpecification": {"poolInfo": {"poolId": "pool"}},
        }
        client.create_job_schedule(body)
        run_task(client, "s:job-1", commandLine="true")
        client.begin_terminate_job("s:job-1", options={"terminateReason": "x"}).result()
        clock.advance(3700)
        wait_until(lambda: len(list(client.list_jobs_from_schedule("s"))) == 2)
        run_task(client, "s:job-2", commandLine="echo hi")
        client.begin_delete_job("s:job-1").result()
        assert text(client.download_task_file("s:job-2", "task", "stdout.txt")) == "hi\n"
