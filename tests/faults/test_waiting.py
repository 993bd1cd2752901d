"""R-17, R-18: what is going, or being resized, is waited for: told while it lasts, never beyond a bound."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from main_job.workload import Workload

from batchspec.errors import ServiceError
from batchspec.service.batch.client import Batch
from batchspec.service.batch.waiting import Passing, insist
from faults.conftest import Run
from faults.whole import state, write


@contextmanager
def held(workload: Workload, state: str) -> Iterator[None]:
    """Within it the pool stays in *state* once it comes into it."""
    workload.batch("POST", "/_local/holds", {"pool": workload.pool_id, "state": state})
    try:
        yield
    finally:
        workload.batch("DELETE", f"/_local/holds/{workload.pool_id}")


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Returns once the command has said *words*."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"it ended without {words!r}")


def test_r17_a_pool_that_is_being_deleted_is_waited_for(workload: Workload, run: Run) -> None:
    """The new pool comes when the old one is gone, and until then the command says what it waits for."""
    write(workload, ending="terminatejob")
    assert run("apply") is None
    (workload.clips / "c").write_text("c")
    with held(workload, "deleting"):
        workload.batch("DELETE", f"/pools/{workload.pool_id}")
        with workload.started("apply", "specs/ffmpeg.yaml", "--format", "json") as process:
            wait_for(process, f"waiting for the old pool {workload.pool_id} to be gone")
            workload.batch("DELETE", f"/_local/holds/{workload.pool_id}")
            said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert len(state(workload)["pools"]) == 1
    assert not run.has_changes()


def test_r17_a_signal_ends_the_wait(workload: Workload, run: Run) -> None:
    """Ctrl-C while an old pool is waited for: 130, and the way on."""
    write(workload, ending="terminatejob")
    assert run("apply") is None
    (workload.clips / "c").write_text("c")
    with held(workload, "deleting"):
        workload.batch("DELETE", f"/pools/{workload.pool_id}")
        with workload.started("apply", "specs/ffmpeg.yaml", "--format", "json") as process:
            wait_for(process, "waiting for the old pool")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        assert process.returncode == 130


def test_r17_a_job_of_the_same_id_is_not_waited_for(workload: Workload, run: Run) -> None:
    """While the old job is being deleted, the work goes into the next generation; old tasks do not appear in it."""
    write(workload, ending="terminatejob")
    assert run("apply") is None
    (workload.clips / "c").write_text("c")
    old = set(workload.tasks())
    workload.batch("DELETE", f"/jobs/{workload.job_id}")
    assert run("apply") is None
    new = {task["id"] for job in workload.jobs() for task in workload.tasks(_number(job["id"])).values()}
    assert {id for id in new - old if id.startswith("c-")}
    assert not run.has_changes()


def _number(job_id: str) -> int:
    last = job_id.rpartition("-")[2]
    return int(last) if last.isdigit() else 1


def test_r18_a_resize_under_way_is_waited_for(workload: Workload, run: Run) -> None:
    """A pool that is resizing gets its new size after that, and until then the command says so."""
    write(workload, ending="noaction")
    assert run("apply") is None
    workload.edit("targetLowPriorityNodes: 2", "targetLowPriorityNodes: 1")
    (workload.clips / "c").write_text("c")
    with held(workload, "resizing"):
        body = {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 3}
        workload.batch("POST", f"/pools/{workload.pool_id}/resize", body)
        with workload.started("apply", "specs/ffmpeg.yaml", "--format", "json") as process:
            wait_for(process, "waiting for the pool to become steady")
            workload.batch("DELETE", f"/_local/holds/{workload.pool_id}")
            said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert (workload.pool() or {})["targetLowPriorityNodes"] == 1


def test_r10_r18_a_resize_whose_answer_is_lost(workload: Workload, run: Run) -> None:
    """The repeated call finds our own resize under way, waits for its end, and that is fine."""
    write(workload, ending="noaction")
    assert run("apply") is None
    workload.edit("targetLowPriorityNodes: 2", "targetLowPriorityNodes: 1")
    (workload.clips / "c").write_text("c")
    workload.batch("POST", "/_local/faults", {"operation": "resize_pool", "reset": "after"})
    with held(workload, "resizing"):
        with workload.started("apply", "specs/ffmpeg.yaml", "--format", "json") as process:
            wait_for(process, "waiting for the pool to become steady")
            workload.batch("DELETE", f"/_local/holds/{workload.pool_id}")
            said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert (workload.pool() or {})["targetLowPriorityNodes"] == 1
    assert not run.has_changes()


@pytest.fixture
def batch() -> Iterator[Batch]:
    """A connection over which nothing is asked."""
    with closing(Batch("http://127.0.0.1:9", AzureNamedKeyCredential("account", "a2V5"))) as batch:
        yield batch


class Refusing:
    """A call that is refused with *code* so many times."""

    def __init__(self, code: str, times: int) -> None:
        self.code = code
        self.left = times

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise ServiceError("could not do it", status=409, code=self.code, help="do that")
        return "done"


def test_r17_what_passes_is_waited_for(batch: Batch) -> None:
    """Each refusal is told of, and then what the call returns is returned."""
    told: list[str] = []
    passing = {"Going": Passing("the end of it", 60)}
    assert insist(batch, Refusing("Going", 3), passing, told.append) == "done"
    assert told == ["waiting for the end of it"] * 3


def test_r17_the_wait_has_a_bound(batch: Batch) -> None:
    """What does not pass is told with the code, with what was waited for, and with what to do."""
    with pytest.raises(ServiceError) as raised:
        insist(batch, Refusing("Going", 1_000_000), {"Going": Passing("the end of it", 0.3)}, lambda _: None)
    assert str(raised.value) == "could not do it; waited 0 seconds for the end of it"
    assert (raised.value.status, raised.value.code, raised.value.help) == (409, "Going", "do that")


def test_another_refusal_is_not_waited_for(batch: Batch) -> None:
    """Only what is named passes by itself."""
    with pytest.raises(ServiceError, match=r"^could not do it$"):
        insist(batch, Refusing("Gone", 1), {"Going": Passing("the end of it", 60)}, lambda _: None)
