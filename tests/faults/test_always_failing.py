"""R-12: a service that always fails ends every command within its deadline, with the last error and exit code 1."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobLeaseClient
from main_job.wire import Cut, Heard, Moment, Said, wired
from main_job.workload import Workload

from batchspec.cli.main import cli
from batchspec.errors import BatchspecError, ServiceError
from faults.conftest import Run
from faults.whole import write

PATIENCE_S = 2.0
SLACK_S = 20.0  # for slow machines: beside the five minutes without BATCHSPEC_PATIENCE it is nothing

COMMANDS = {
    "plan": ["plan", "SPEC"],
    "apply": ["apply", "SPEC", "--auto-approve"],
    "drift": ["drift", "SPEC"],
    "status": ["status", "SPEC"],
    "logs": ["logs", "a", "--spec", "SPEC"],
    "destroy": ["destroy", "SPEC", "--auto-approve"],
    "import": ["import", "pool", "POOL"],
}
OF_BATCH: dict[str, dict[str, Any]] = {
    "503": {"status": 503},
    "429 with Retry-After": {"status": 429, "retryAfter": 3600},
    "reset": {"reset": "before"},
    "no answer": {"delay": PATIENCE_S / 2},
}
STEPS = ("create_pool", "create_job", "create_task_collection", "update_job", "get_job_task_counts")


@pytest.fixture
def short(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> Workload:
    """The workload; its commands have very little patience."""
    monkeypatch.setenv("BATCHSPEC_PATIENCE", str(PATIENCE_S))
    write(workload, ending="terminatejob")
    with workload.spec.open("a") as spec:
        spec.write("download: ../outputs/\n")
    return workload


@pytest.fixture
def done(short: Workload, run: Run) -> Workload:
    """The workload after an apply, with an input that is new."""
    assert run("apply") is None
    (short.clips / "c").write_text("c")
    return short


def fails(workload: Workload, words: list[str]) -> BatchspecError:
    """The error that the command ends with, in time."""
    words = [{"SPEC": "specs/ffmpeg.yaml", "POOL": workload.pool_id}.get(word, word) for word in words]
    began = time.monotonic()
    with pytest.raises(ServiceError) as raised:
        cli.main(words, standalone_mode=False)
    # R-12 is a statement of time; a command that waits twice as long as it may still passes, no loop does.
    assert time.monotonic() - began < PATIENCE_S + SLACK_S
    assert raised.value.exit_code == 1
    assert raised.value.help
    return raised.value


def strike(workload: Workload, **fault: Any) -> None:
    workload.batch("POST", "/_local/faults", {**fault, "times": 0})


@pytest.mark.parametrize("name", OF_BATCH)
def test_r12_batch_always_fails(done: Workload, run: Run, name: str) -> None:
    """Whatever the command, however it fails: the last error, and when it is over a command works again."""
    fault = OF_BATCH[name]
    strike(done, **fault)
    try:
        errors = [fails(done, words) for words in COMMANDS.values()]
    finally:
        done.batch("DELETE", "/_local/faults")
    for error in errors:
        assert isinstance(error, ServiceError)
        assert error.status == fault.get("status", 0)
        assert str(error).startswith("could not ")
    assert run("apply", "--auto-approve") is None


@pytest.mark.parametrize("operation", STEPS)
def test_r12_one_step_of_an_apply_always_fails(short: Workload, run: Run, operation: str) -> None:
    """The others go well, this one never does; the next apply goes on from there."""
    strike(short, operation=operation, status=500)
    error = fails(short, COMMANDS["apply"])
    assert isinstance(error, ServiceError)
    assert (error.status, error.code) == (500, "InternalError")
    short.batch("DELETE", "/_local/faults")
    assert run("apply") is None
    assert not run.has_changes()


@pytest.mark.parametrize("how", ["busy", "cut"])
def test_r12_storage_always_fails(done: Workload, run: Run, how: str) -> None:
    """As with Batch: one budget, the last error, exit code 1, and then a command works again."""

    def fail(now: Moment, heard: Heard) -> None:
        if heard.path.startswith(f"/{done.account.storage_account}/") and now is Moment.BEFORE:
            raise Said(503, {"x-ms-error-code": "ServerBusy"}) if how == "busy" else Cut

    with wired() as wire:
        wire.hook, wire.hooks_reads = fail, True
        for command in ("plan", "apply", "download", "destroy"):
            fails(done, COMMANDS.get(command, [command, "SPEC"]))
    assert run("apply", "--auto-approve") is None


@pytest.mark.parametrize("after", [4, 7])
def test_r12_both_fail_in_the_middle(short: Workload, run: Run, after: int) -> None:
    """The budgets do not add up: the lock that cannot be given back, uploads and pool all end with the first one."""
    changing: list[Heard] = []

    def fail(now: Moment, heard: Heard) -> None:
        if now is Moment.BEFORE and not heard.reads:
            changing.append(heard)
        if len(changing) > after:
            raise Cut

    with wired() as wire:
        wire.hook, wire.hooks_reads = fail, True
        fails(short, COMMANDS["apply"])
    with short.blob_service() as service:  # as time would; the process that held it is this one
        blob = service.get_blob_client(f"{short.name}-out", f"{short.name}/.batchspec/lock")
        with suppress(ResourceNotFoundError, ResourceExistsError):
            BlobLeaseClient(blob).break_lease(0)
    assert run("apply") is None
    assert not run.has_changes()
