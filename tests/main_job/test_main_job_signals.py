"""R-22: the first signal finishes what is in flight and says how to go on; the second ends at once."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest
from service.scripted import Answer, answering

from main_job.wire import Heard, Moment, Wire
from main_job.workload import BATCHSPEC, Workload, wait_until

# What an apply is at, and a call that it makes then.
STAGES = {
    "planning": ("GET", "/jobs"),
    "uploading": ("PUT", "/clips/a"),
    "making the pool": ("POST", "/pools"),
    "adding": ("POST", "/addtaskcollection"),
    "watching": ("GET", "/taskcounts"),
    "downloading": ("GET", "/a.out"),
}
ONE_TASK = """
version: 1
name: work
pool: {id: p, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server"}
job: {id: j}
tasks: {one: {command: "true"}}
"""
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
# Stages to which one workload comes, apply after apply. While an upload is held, the pool and the other task are made.
IN_A_ROW = (("planning", "uploading", "adding"), ("making the pool", "watching", "downloading"))


def _id(case: object) -> str:
    return case.name if isinstance(case, signal.Signals) else str(case)


class Gate:
    """Holds every call of a stage until it is opened."""

    def __init__(self, stage: str) -> None:
        self.is_holding = False
        self._method, self._ending = STAGES[stage]
        self._is_open = False

    def hold(self, now: Moment, heard: Heard) -> None:
        if now is Moment.BEFORE and heard.method == self._method and heard.path.endswith(self._ending):
            self.is_holding = True
            wait_until(lambda: self._is_open)

    def open(self) -> None:
        self._is_open = True


@contextmanager
def held_at(workload: Workload, wire: Wire, stage: str) -> Iterator[tuple[subprocess.Popen[str], Gate]]:
    """An apply whose call in *stage* is held on its way."""
    gate = Gate(stage)
    wire.hook, wire.hooks_reads = gate.hold, True
    with workload.started("apply", "specs/ffmpeg.yaml", env=wire.environment) as process:
        try:
            wait_until(lambda: gate.is_holding)
            yield process, gate
        finally:
            gate.open()


def _is_whole_after_another_apply(workload: Workload) -> None:
    workload.apply()
    assert workload.inputs() == {"clips/a", "clips/b"}
    assert workload.results() == workload.downloaded() == {"a.out", "b.out"}
    assert [task_id.split("-")[0] for task_id in workload.all_task_ids()] == ["a", "b"]
    assert workload.actions() == []


@pytest.mark.parametrize(
    "stages", [IN_A_ROW[0][1:], IN_A_ROW[1]], ids=", ".join
)  # planning says it otherwise
def test_r22_the_first_signal_waits_for_the_call_in_flight_and_begins_no_other(
    bare: Workload, wire: Wire, stages: tuple[str, ...]
) -> None:
    """It ends with 143 when that call is over, changes nothing more, and says what goes on from there.

    SIGINT is tried around every call in test_main_job_interrupts.
    """
    bare.write_copies()
    for stage in stages:
        with held_at(bare, wire, stage) as (process, gate):
            process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            before = len(wire.changing)
            gate.open()
            _, said = process.communicate(timeout=60)
        later = [heard for heard in wire.changing[before:] if not _is_its_own(heard.path)]
        assert later == []
        assert process.returncode == CODES[signal.SIGTERM], said
        assert "batchspec apply specs/ffmpeg.yaml" in said
        assert "Traceback" not in said
    _is_whole_after_another_apply(bare)


def _is_its_own(path: str) -> bool:
    """Whether it is the run's lock or its record, which change nothing of the spec's."""
    return path.endswith("?comp=lease") or "/.batchspec/runs/" in path


@pytest.mark.parametrize("number", CODES, ids=_id)
def test_r22_a_signal_while_it_plans_under_the_lock_gives_the_lock_back(
    bare: Workload, wire: Wire, number: signal.Signals
) -> None:
    """It ends with 130 or 143 and a way on, having changed nothing, and nobody has to wait for its lock."""
    bare.write_copies()
    sent = threading.Event()

    def send(now: Moment, heard: Heard) -> None:
        is_locked = any(found.path.endswith("/lock?comp=lease") for found in wire.heard)
        if now is Moment.AFTER and heard.path == "/jobs" and is_locked and not sent.is_set():
            sent.set()
            process.send_signal(number)
            time.sleep(0.2)  # the signal is handled while the call is under way

    wire.hook, wire.hooks_reads = send, True
    with bare.started("apply", "specs/ffmpeg.yaml", env=wire.environment) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == CODES[number], said
    assert "Interrupted. Run the same command again to resume." in said
    assert "Traceback" not in said
    with bare.blob_service() as service:
        lock = service.get_blob_client("output", f"{bare.name}/.batchspec/lock").get_blob_properties()
    assert lock.lease.state == "available"
    assert (bare.inputs(), bare.pool(), bare.jobs()) == (set(), None, [])


@pytest.mark.parametrize("stages", IN_A_ROW, ids=", ".join)
def test_r22_the_second_signal_ends_at_once(bare: Workload, wire: Wire, stages: tuple[str, ...]) -> None:
    """However long the call in flight takes, the second signal does not wait for it; the next apply goes on."""
    bare.write_copies()
    for stage, number in zip(stages, cycle((signal.SIGINT, signal.SIGTERM))):
        with held_at(bare, wire, stage) as (process, _):
            process.send_signal(number)
            time.sleep(0.3)  # two signals at once are one
            process.send_signal(number)
            process.communicate(timeout=30)
            assert process.returncode == CODES[number]
    _is_whole_after_another_apply(bare)


def test_an_end_that_takes_its_time_says_so(bare: Workload, wire: Wire) -> None:
    """A download waits for what is on its way, tells that it does, and leaves nothing half."""
    bare.write_copies()
    bare.apply()
    shutil.rmtree(bare.outputs)
    gate = Gate("downloading")
    wire.hook, wire.hooks_reads = gate.hold, True
    with bare.started("download", "specs/ffmpeg.yaml", env=wire.environment) as process:
        wait_until(lambda: gate.is_holding)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        said = iter(process.stderr.readline, "")
        assert "Interrupted: finishing the calls in flight. Interrupt again to stop at once.\n" in said
        gate.open()
        _, end = process.communicate(timeout=60)
    assert (process.returncode, end.strip()) == (130, "Interrupted. Run the same command again to resume.")
    bare.command("download", "specs/ffmpeg.yaml")
    assert bare.downloaded() == {"a.out", "b.out"}


@pytest.mark.parametrize("number", CODES, ids=_id)
@pytest.mark.parametrize("words", [("plan",), ("apply", "--auto-approve")])
def test_r22_a_signal_ends_the_patience_with_a_service_that_fails(
    tmp_path: Path, words: tuple[str, ...], number: signal.Signals
) -> None:
    """Several calls wait beside each other to be tried again, for five minutes; none of them holds the command up."""
    file = tmp_path / "work.yaml"
    file.write_text(ONE_TASK, "utf-8")
    with answering(Answer(503)) as service:
        process = subprocess.Popen(
            [*BATCHSPEC, *words, str(file)],
            env={**os.environ, **_account(service.endpoint)},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_until(lambda: len(service.heard_at) >= 3)
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == CODES[number]
    assert said.endswith("Interrupted. Run the same command again to resume.\n")


def _account(endpoint: str) -> dict[str, str]:
    key = "a2V5"
    storage = f"DefaultEndpointsProtocol=http;AccountName=one;AccountKey={key};BlobEndpoint={endpoint}/one;"
    return {
        "AZURE_BATCH_ACCOUNT": "one",
        "AZURE_BATCH_ENDPOINT": endpoint,
        "AZURE_BATCH_ACCESS_KEY": key,
        "AZURE_STORAGE_CONNECTION_STRING": storage,
    }
