"""R-16: every 409 that one of our calls can get, by its name: waited for, read back, planned anew, or told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from main_job.workload import Workload

from batchspec.errors import ServiceError
from batchspec.service.http.errors import WHAT_NOW
from faults.conftest import Run
from faults.whole import edit, write

REFERENCE = Path(__file__).parents[2].parent / "shared" / "azure-batch-api" / "error-codes.json"

ROLLOUT = """\
  rollout: reboot
  startTask: {commandLine: echo one, waitForSuccess: true}
"""


class Conflict(NamedTuple):
    """*operation* is refused with *code*, twice; the command says that it waits, or goes on, or stops."""

    operation: str
    code: str
    outcome: str
    status: int = 409


def waits(operation: str, code: str, what: str, status: int = 409) -> Conflict:
    return Conflict(operation, code, f"waiting for {what}", status)


def done(operation: str, code: str) -> Conflict:
    return Conflict(operation, code, "done")


def stops(operation: str, *codes: str) -> list[Conflict]:
    return [Conflict(operation, code, "stops") for code in codes]


CREATING = [
    waits("create_pool", "PoolBeingDeleted", "the old pool NAME-pool to be gone"),
    *stops("create_pool", "PoolExists", "PoolBeingCreated", "PoolQuotaReached"),
    waits("create_job", "JobBeingDeleted", "the old job NAME-job to be gone"),
    waits("create_job", "ActiveJobAndScheduleQuotaReached", "another job to end"),
    *stops("create_job", "JobExists", "JobScheduleWithSameIdExists"),
    *stops("create_task_collection", "JobNotActive", "JobDisabled"),
    done("update_job", "JobCompleted"),  # this one is the seal
    done("update_job", "JobBeingTerminated"),
    *stops("update_job", "JobBeingDeleted"),
]
UPDATING = [
    waits("update_pool", "PoolBeingResized", "the pool to become steady"),
    *stops("update_pool", "PoolBeingDeleted", "OperationInvalidForCurrentState"),
    *(
        Conflict("update_job", code, "has ended meanwhile: planning again")
        for code in ("JobBeingDeleted", "JobBeingTerminated", "JobCompleted")
    ),
    *stops("update_job", "JobDisabled", "JobNotDisabled", "OperationInvalidForCurrentState"),
]
RESIZING = [
    waits("resize_pool", "PoolBeingResized", "the pool to become steady"),
    *stops("resize_pool", "OperationNotValidOnPool", "PoolBeingDeleted"),
]
SCALING = [
    waits("enable_pool_auto_scale", "PoolBeingResized", "the pool to become steady"),
    *stops("enable_pool_auto_scale", "PoolBeingDeleted"),
]
REBOOTING = [
    Conflict("reboot_node", code, "nodes have the new start task")
    for code in ("NodeBeingCreated", "NodeBeingStarted", "NodeBeingRebooted", "NodeBeingReimaged")
]
DESTROYING = [done("delete_pool", "PoolBeingDeleted"), done("delete_job", "JobBeingDeleted")]

# No call of ours gets these.
ELSEWHERE = {
    "JobWithSameIdExists": "no job schedule is made; its twin JobScheduleWithSameIdExists is above",
    **dict.fromkeys(
        ("JobScheduleBeingTerminated", "JobScheduleBeingDeleted", "JobScheduleExists"), "no job schedules"
    ),
    **dict.fromkeys(("JobScheduleDisabled", "JobScheduleCompleted"), "no job schedules"),
    "NodeUserExists": "no users are added to nodes",
    **dict.fromkeys(("NodeAlreadyInTargetSchedulingState",), "nodes are not disabled"),
    **dict.fromkeys(("TaskCompleted", "TaskNotCompleted", "TaskSucceeded"), "neither ended nor reactivated"),
    **dict.fromkeys(("TaskFilesUnavailable", "TaskFilesCleanedup"), "a file that cannot be read is none"),
    **dict.fromkeys(("JobPreparationTaskNotSpecified", "JobReleaseTaskNotSpecified"), "there is none then"),
    **dict.fromkeys(
        ("TaskIdSameAsJobPreparationTask", "TaskIdSameAsJobReleaseTask"), "our ids end in two hashes"
    ),
    "InvalidApplicationPackageReferences": "a refusal of the spec, told as it comes",
    "TaskExists": "an entry of a collection: test_collections",
    "NodeStateUnusable": "such a node is not asked: test_rollout",
    "OperationNotValidOnNode": "as NodeBeingRebooted: any 409 of a node is asked again",
}


def strike(workload: Workload, conflict: Conflict, times: int = 2) -> None:
    fault = {
        "operation": conflict.operation,
        "status": conflict.status,
        "code": conflict.code,
        "times": times,
    }
    workload.batch("POST", "/_local/faults", fault)


def check(workload: Workload, run: Run, conflict: Conflict) -> None:
    """Runs `apply`, which ends as it says; where it stops, the sentence is there and the next one goes on."""
    strike(workload, conflict, times=1 if conflict.outcome == "done" else 2)
    error = run("apply", "--auto-approve", "--format", "json")
    if conflict.outcome == "stops":
        assert isinstance(error, ServiceError)
        assert (error.code, error.exit_code, error.help) == (conflict.code, 1, WHAT_NOW[conflict.code])
        workload.batch("DELETE", "/_local/faults")
        error = run("apply", "--auto-approve")
    elif conflict.outcome == "done":
        assert error is None
        error = run("apply", "--auto-approve")  # what was said to be so was not
    else:
        assert conflict.outcome.replace("NAME", workload.name) in run.said
    assert error is None
    assert not run.has_changes()


def named(conflict: Conflict) -> str:
    return f"{conflict.operation}-{conflict.code}"


@pytest.mark.parametrize("conflict", CREATING, ids=named)
def test_r16_of_a_create(workload: Workload, run: Run, conflict: Conflict) -> None:
    """An old pool or job that is going is waited for, a quota too; what will not pass is told with what to do."""
    write(workload, ending="terminatejob")
    check(workload, run, conflict)


@pytest.mark.parametrize("code", ["JobCompleted", "JobBeingTerminated", "JobBeingDeleted", "JobNotFound"])
def test_r16_of_a_job_that_is_over(workload: Workload, run: Run, code: str) -> None:
    """Tasks that their job takes no more go into its next generation."""
    write(workload, ending="terminatejob")
    conflict = Conflict("create_task_collection", code, "next", 404 if code.endswith("Found") else 409)
    strike(workload, conflict, times=1)
    assert run("apply") is None
    assert (len(workload.tasks(1)), len(workload.tasks(2))) == (0, 2)


@pytest.mark.parametrize("conflict", UPDATING, ids=named)
def test_r16_of_an_update(workload: Workload, run: Run, conflict: Conflict) -> None:
    """A pool that is resized is waited for; a job or pool that came to its end meanwhile is told of."""
    write(workload, ending="noaction")
    assert run("apply") is None
    edit(workload)
    check(workload, run, conflict)


@pytest.mark.parametrize("conflict", RESIZING, ids=named)
def test_r16_r18_of_a_resize(workload: Workload, run: Run, conflict: Conflict) -> None:
    """Another resize is waited for; autoscale that somebody switched on meanwhile is not overruled."""
    _write_pool(workload)
    assert run("apply") is None
    workload.edit("targetLowPriorityNodes: 2", "targetLowPriorityNodes: 1")
    check(workload, run, conflict)


@pytest.mark.parametrize("conflict", SCALING, ids=named)
def test_r16_of_autoscale(workload: Workload, run: Run, conflict: Conflict) -> None:
    """A pool is steady before autoscale is switched on, whoever resizes it meanwhile."""
    _write_pool(workload)
    assert run("apply") is None
    workload.edit(
        "targetLowPriorityNodes: 2", "enableAutoScale: true\n  autoScaleFormula: $TargetDedicatedNodes = 0;"
    )
    check(workload, run, conflict)


@pytest.mark.parametrize("conflict", REBOOTING, ids=named)
def test_r16_of_a_node(workload: Workload, run: Run, conflict: Conflict) -> None:
    """A node that is on its way somewhere is asked again later."""
    _write_pool(workload, ROLLOUT)
    assert run("apply") is None
    workload.edit("echo one", "echo two")
    check(workload, run, conflict)


@pytest.mark.parametrize("conflict", DESTROYING, ids=named)
def test_r16_of_a_deletion(workload: Workload, run: Run, conflict: Conflict) -> None:
    """What is going already is as good as deleted."""
    write(workload, ending="terminatejob")
    assert run("apply") is None
    strike(workload, conflict, times=1)
    assert run("destroy", "--auto-approve") is None


def test_r16_names_every_conflict() -> None:
    """Each 409 of the service's own list is in a table here, or among those that no call of ours gets."""
    if not REFERENCE.exists():
        pytest.skip(f"the API reference data is not here: {REFERENCE}")
    tables = (CREATING, UPDATING, RESIZING, SCALING, REBOOTING, DESTROYING)
    handled = {conflict.code for table in tables for conflict in table} | ELSEWHERE.keys()
    assert set(json.loads(REFERENCE.read_text())["service"]["409"]) <= handled


def _write_pool(workload: Workload, more: str = "") -> None:
    """A spec of a pool only: without tasks it is made, and kept as the spec says."""
    write(workload, ending="noaction")
    text = workload.spec.read_text()
    workload.spec.write_text(text[: text.index("job:")] + more)
