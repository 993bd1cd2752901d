"""Job schedules, through the SDK."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.exceptions import ResourceNotFoundError

from .conftest import Served, job_body, wait_until
from .steps import in_state, ready_pool, refused


def schedule_body(**changes: Any) -> dict[str, Any]:
    return {
        "id": "nightly",
        "schedule": {"startWindow": "PT01H00M00S", "recurrenceInterval": "P1D"},
        "jobSpecification": {"poolInfo": {"poolId": "pool"}},
        **changes,
    }


def test_first_job_is_made_at_once(client: BatchClient) -> None:
    """A schedule that is due has its first job, named after it, and the moment of the next one."""
    client.create_job_schedule(schedule_body())
    found = client.get_job_schedule("nightly").as_dict()
    assert found["schedule"] == {"startWindow": "PT1H", "recurrenceInterval": "P1D"}
    assert found["executionInfo"]["recentJob"]["id"] == "nightly:job-1"
    assert "nextRunTime" in found["executionInfo"]
    assert found["jobSpecification"]["onTaskFailure"] == "noaction"
    assert [job.id for job in client.list_jobs_from_schedule("nightly")] == ["nightly:job-1"]
    assert client.get_job("nightly:job-1").pool_info.pool_id == "pool"
    assert client.job_schedule_exists("nightly")


def test_next_job_waits_for_the_last(start: Callable[..., Served], clock: Any) -> None:
    """One job at a time: when the interval is over the next one comes, once the last has ended."""
    with start(clock).client() as client:
        client.create_job_schedule(schedule_body(schedule={"recurrenceInterval": "PT1H"}))
        clock.advance(3601)
        wait_until(lambda: client.get_job_schedule("nightly"))
        assert len(list(client.list_jobs_from_schedule("nightly"))) == 1
        client.begin_terminate_job("nightly:job-1", options={"terminateReason": "x"})
        wait_until(lambda: len(list(client.list_jobs_from_schedule("nightly"))) == 2)
        recent = client.get_job_schedule("nightly").execution_info.recent_job.id
        assert recent == "nightly:job-2"


def test_tasks_of_a_scheduled_job_run(client: BatchClient) -> None:
    """A job with a colon in its id takes tasks; their folder lies under the schedule's."""
    ready_pool(client)
    client.create_job_schedule(schedule_body())
    client.create_task("nightly:job-1", {"id": "t", "commandLine": "true"})
    task = in_state(lambda: client.get_task("nightly:job-1", "t"), "completed")
    assert task.node_info.task_root_directory == "workitems/nightly/job-1/t"


def test_a_schedule_without_recurrence_ends_with_its_job(client: BatchClient) -> None:
    """A schedule that runs once is completed when its job is."""
    client.create_job_schedule(schedule_body(schedule={}))
    client.begin_terminate_job("nightly:job-1", options={"terminateReason": "x"}).result()
    done = in_state(lambda: client.get_job_schedule("nightly"), "completed")
    assert done.execution_info.end_time is not None


def test_a_schedule_of_the_future_waits(start: Callable[..., Served], clock: Any) -> None:
    """doNotRunUntil holds the first job back, doNotRunAfter ends the schedule."""
    now = datetime.now(UTC)
    plan = {
        "doNotRunUntil": (now + timedelta(hours=1)).isoformat(),
        "doNotRunAfter": (now + timedelta(hours=2)).isoformat(),
        "recurrenceInterval": "P1D",
    }
    with start(clock).client() as client:
        client.create_job_schedule(schedule_body(schedule=plan))
        assert list(client.list_jobs_from_schedule("nightly")) == []
        clock.advance(3700)
        wait_until(lambda: list(client.list_jobs_from_schedule("nightly")))
        clock.advance(3700)
        in_state(lambda: client.get_job_schedule("nightly"), "completed")


def test_put_resets_and_patch_replaces(client: BatchClient) -> None:
    """PUT drops what it leaves out; PATCH replaces the element given; the ETag moves."""
    client.create_job_schedule(schedule_body(metadata=[{"name": "a", "value": "b"}]))
    first = client.get_job_schedule("nightly")["eTag"]
    pool_info = {"poolInfo": {"poolId": "pool"}}
    client.replace_job_schedule(
        "nightly", {"schedule": {"recurrenceInterval": "PT10H00M00S"}, "jobSpecification": pool_info}
    )
    found = client.get_job_schedule("nightly").as_dict()
    assert found["schedule"] == {"recurrenceInterval": "PT10H"}
    assert "metadata" not in found
    assert found["eTag"] != first
    client.update_job_schedule("nightly", {"schedule": {"recurrenceInterval": "PT05H00M00S"}})
    assert client.get_job_schedule("nightly").as_dict()["schedule"] == {"recurrenceInterval": "PT5H"}


def test_disable_enable_terminate_delete(client: BatchClient) -> None:
    """The life of a schedule to its end, and its jobs' with it."""
    client.create_job_schedule(schedule_body())
    client.disable_job_schedule("nightly")
    assert client.get_job_schedule("nightly").state == "disabled"
    client.enable_job_schedule("nightly")
    assert client.get_job_schedule("nightly").state == "active"
    client.begin_terminate_job_schedule("nightly").result()
    assert in_state(lambda: client.get_job_schedule("nightly"), "completed").previous_state == "active"
    job = in_state(lambda: client.get_job("nightly:job-1"), "completed")
    assert job.execution_info["terminateReason"] == "TerminateJobSchedule"
    client.begin_delete_job_schedule("nightly").result()
    with pytest.raises(ResourceNotFoundError):
        client.get_job_schedule("nightly")
    assert list(client.list_jobs()) == []


def test_jobs_and_schedules_share_their_ids(client: BatchClient) -> None:
    """Neither takes an id that the other has."""
    client.create_job_schedule(schedule_body())
    assert refused(client.create_job, job_body("nightly")).error.code == "JobScheduleWithSameIdExists"
    client.create_job(job_body("other"))
    assert refused(client.create_job_schedule, schedule_body(id="other")).error.code == "JobWithSameIdExists"
    assert refused(client.create_job_schedule, schedule_body()).error.code == "JobScheduleExists"
