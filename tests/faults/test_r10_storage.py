"""R-10 for Storage: containers, the lock, uploads in one piece and in blocks, each with each fault.

Faults come from a proxy between the command and Storage, in each call that changes something, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from main_job.wire import Cut, Heard, Hook, Moment, Said, wired
from main_job.workload import Workload

from faults.conftest import PATIENCE_S, Run
from faults.whole import BIG_BYTES, state, write

TOO_LONG_S = 1.5 * PATIENCE_S / 5


def _say(status: int, **headers: str) -> Callable[[Moment], None]:
    def say(now: Moment) -> None:
        if now is Moment.BEFORE:
            raise Said(status, {name.replace("_", "-"): value for name, value in headers.items()})

    return say


def _cut(at: Moment) -> Callable[[Moment], None]:
    def cut(now: Moment) -> None:
        if now is at:
            raise Cut

    return cut


def _linger(at: Moment) -> Callable[[Moment], None]:
    def linger(now: Moment) -> None:
        if now is at:
            time.sleep(TOO_LONG_S)
            raise Cut

    return linger


FAULTS = {
    **{str(status): _say(status) for status in (408, 429, 500, 502, 503, 504)},
    "429 with Retry-After": _say(429, Retry_After="1"),
    "cut before": _cut(Moment.BEFORE),
    "cut after": _cut(Moment.AFTER),
    "no answer, and lost": _linger(Moment.BEFORE),
    "no answer, and done": _linger(Moment.AFTER),
}

# What an apply asks of Storage: each has to be struck, else the matrix has a hole.
CALLS = {
    "the container of the inputs": ("PUT", "{name}-in"),
    "the container of the outputs": ("PUT", "{name}-out"),
    "the lock's blob": ("PUT", "{name}-out/{name}/.batchspec/lock"),
    "the lease": ("PUT", "{name}-out/{name}/.batchspec/lock?comp=lease"),
    "the note of the file": ("PUT", "{name}-out/{name}/.batchspec/spec"),
    "an upload": ("PUT", "{name}-in/{name}/{a}"),
    "a block": ("PUT", "{name}-in/{name}/{big}?comp=block"),
    "a list of blocks": ("PUT", "{name}-in/{name}/{big}?comp=blocklist"),
}


def each_once(workload: Workload, fault: Callable[[Moment], None], struck: set[Heard]) -> Hook:
    """Strikes each call to Storage the first time that it comes."""
    storage = f"/{workload.account.storage_account}/"
    under_way: set[Heard] = set()

    def hook(now: Moment, heard: Heard) -> None:
        if not heard.path.startswith(storage) or heard in struck - under_way:
            return
        if now is Moment.BEFORE:
            struck.add(heard)
            under_way.add(heard)
        else:
            under_way.discard(heard)
        try:
            fault(now)
        except (Cut, Said):
            under_way.discard(heard)
            raise

    return hook


@pytest.mark.parametrize("name", FAULTS)
def test_r10_every_call_to_storage_with_each_fault(workload: Workload, run: Run, name: str) -> None:
    """Containers, lock and inputs are there once and whole, and the lock is free again."""
    write(workload, ending="terminatejob", big=True)
    struck: set[Heard] = set()
    with wired() as wire:
        wire.hook = each_once(workload, FAULTS[name], struck)
        assert run("apply") is None
    account = workload.account.storage_account
    clips = {name: workload.stored(name) for name in ("a", "b", "big")}
    wanted = {
        Heard(method, f"/{account}/{path.format(name=workload.name, **clips)}")
        for method, path in CALLS.values()
    }
    assert wanted <= struck
    found = state(workload)
    assert {blob[0]: blob[2] for blob in found["blobs"]["NAME-out"]}["NAME/.batchspec/lock"] == "available"
    assert {blob[0] for blob in found["blobs"]["NAME-in"]} == {f"NAME/{blob}" for blob in clips.values()}
    with workload.blob_service() as service:
        big = service.get_blob_client(f"{workload.name}-in", f"{workload.name}/{clips['big']}")
        assert big.get_blob_properties().size > BIG_BYTES
    assert len(found["tasks"]) == 3
