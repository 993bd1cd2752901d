"""R-10 for Batch: each call that makes or changes something, with each fault, ends in the same state with one object.

One run has every one of its calls struck once, by the endpoint's own faults.
"""

from __future__ import annotations

from typing import Any

import pytest
from main_job.workload import Workload

from batchspec.cli.main import cli
from faults.conftest import PATIENCE_S, Run
from faults.whole import edit, state, write

CREATES = ("create_pool", "create_job", "create_task_collection", "update_job")  # the last one seals the job
UPDATES = ("update_pool", "update_job")

FAULTS: dict[str, dict[str, Any]] = {
    "408": {"status": 408},
    "429": {"status": 429},
    "429 with Retry-After": {"status": 429, "retryAfter": 1},
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "504": {"status": 504},
    "reset before": {"reset": "before"},
    "reset after": {"reset": "after"},
    "no answer": {"delay": 1.5 * PATIENCE_S / 5},
    "no answer, and lost": {"delay": 1.5 * PATIENCE_S / 5, "reset": "before"},
}


def strike(workload: Workload, operation: str, fault: dict[str, Any]) -> None:
    workload.batch("POST", "/_local/faults", {"operation": operation, **fault})


def struck(workload: Workload) -> bool:
    """Whether all faults that were asked for have come."""
    return bool(workload.batch("GET", "/_local/faults") == {"left": 0})


@pytest.mark.parametrize("name", FAULTS)
def test_r10_every_create_with_each_fault(
    workload: Workload, run: Run, undisturbed: dict[str, dict[str, Any]], name: str
) -> None:
    """Pool, job, tasks and the job's end: one of each, as of a run that nothing befell."""
    write(workload, ending="terminatejob")
    for operation in CREATES:
        strike(workload, operation, FAULTS[name])
    assert run("apply") is None
    assert struck(workload)
    found = state(workload)
    assert [len(found[kind]) for kind in ("pools", "jobs", "tasks")] == [1, 1, 2]
    assert found == undisturbed["created"]
    assert not run.has_changes()


@pytest.mark.parametrize("name", FAULTS)
def test_r10_every_update_with_each_fault(
    workload: Workload, run: Run, undisturbed: dict[str, dict[str, Any]], name: str
) -> None:
    """Changes of a pool and of a job are there, once, and nobody is blamed for them."""
    write(workload, ending="noaction")
    assert run("apply") is None
    edit(workload)
    for operation in UPDATES:
        strike(workload, operation, FAULTS[name])
    assert run("apply") is None
    assert struck(workload)
    found = state(workload)
    assert (found["pools"][0]["metadata"][0]["value"], found["jobs"][0]["priority"]) == ("second", 2)
    assert found == undisturbed["updated"]
    assert not run.has_changes()


@pytest.mark.parametrize("name", FAULTS)
def test_r10_an_adoption_with_each_fault(workload: Workload, run: Run, name: str) -> None:
    """A pool that somebody else made gets its stamp, though the call is repeated, and nobody is blamed for it."""
    image = {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
    machine = {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 24.04"}
    body = {"id": workload.pool_id, "vmSize": "Standard_D2ds_v5", "virtualMachineConfiguration": machine}
    workload.batch("POST", "/pools", body)
    strike(workload, "update_pool", FAULTS[name])
    words = ["import", "pool", workload.pool_id, "--name", workload.name, "--adopt", "--auto-approve"]
    cli.main(words, standalone_mode=False)
    assert struck(workload)
    metadata = (workload.pool() or {})["metadata"]
    assert [entry["value"] for entry in metadata if entry["name"] == "batchspec.spec"] == [workload.name]
