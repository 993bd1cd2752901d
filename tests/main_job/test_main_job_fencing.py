"""An apply that was frozen until its lock was another's changes nothing any more (R-19 to R-21)."""

import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from batchspec.service.embedded import LocalAccount
from main_job.wire import Cut, Heard, Moment, Wire, listening
from main_job.workload import Workload, make_workload, wait_until

# The product's lease lasts a minute; this one as short as Storage has them, and given back for no longer than a second.
_SHORT_LEASE = """
import functools
from batchspec.cli.main import main
from batchspec.engine.run.progress import lock
lock.locked = functools.partial(lock.locked, lease_s=15, give_back_s=1.0)
main()
"""


# No program can promise more than to look at its lock right before it sends: who is frozen between the look and the
# sending sends. So an apply is frozen when only the one call is under way: nothing else has changed for so long.
_QUIET_S = 2.0


class Freeze(NamedTuple):
    """Where an apply is frozen: while it waits for the answer to a call. `lost`: then the line is cut."""

    method: str
    ending: str
    lost: bool = False

    def __str__(self) -> str:
        return f"{'lost' if self.lost else 'answered'} {self.method} {self.ending}"


FREEZES = (
    Freeze("PUT", "/clips/a"),
    Freeze("POST", "/pools"),
    Freeze("POST", "/jobs"),
    Freeze("POST", "/addtaskcollection"),
    Freeze("POST", "/pools", lost=True),
    Freeze("POST", "/addtaskcollection", lost=True),
)


def test_r21_a_frozen_apply_changes_nothing_after_another_took_its_lock(
    tmp_path: Path, local_account: LocalAccount
) -> None:
    """SIGSTOP until the lease is over, another apply, SIGCONT: not one changing call more, exit 6, and why."""

    def run(freeze: Freeze) -> None:
        folder = tmp_path / str(FREEZES.index(freeze))
        folder.mkdir()
        for workload in make_workload(folder, local_account):
            workload.write_copies()
            with listening() as wire:
                _is_fenced(workload, wire, freeze)

    with ThreadPoolExecutor(len(FREEZES)) as workers:
        list(workers.map(run, FREEZES))


def _is_fenced(workload: Workload, wire: Wire, freeze: Freeze) -> None:
    frozen, goes_on = threading.Event(), threading.Event()

    def stop(moment: Moment, heard: Heard) -> None:
        wanted = heard.method == freeze.method and heard.path.endswith(freeze.ending)
        if wanted and moment is (Moment.BEFORE if freeze.lost else Moment.AFTER) and not frozen.is_set():
            _wait_for_quiet(wire)
            process.send_signal(signal.SIGSTOP)
            frozen.set()
            assert goes_on.wait(120)
            if freeze.lost:
                raise Cut

    wire.hook = stop
    program = (sys.executable, "-c", _SHORT_LEASE)
    with workload.started("apply", "specs/ffmpeg.yaml", env=wire.environment, program=program) as process:
        assert frozen.wait(60), freeze
        workload.apply("--lock-timeout", "60s")
        before, tasks = len(_changes(wire)), workload.all_task_ids()
        process.send_signal(signal.SIGCONT)
        goes_on.set()
        _, said = process.communicate(timeout=60)
    assert _changes(wire)[before:] == [], freeze
    assert process.returncode == 6, f"{freeze}: {said}"
    assert "error: the lock was lost: " in said
    assert "help: nothing more was changed; run the same command again" in said
    assert workload.all_task_ids() == tasks
    assert workload.actions() == []


def _changes(wire: Wire) -> list[Heard]:
    return [heard for heard in wire.changing if not heard.path.endswith("?comp=lease")]


def _wait_for_quiet(wire: Wire) -> None:
    heard = -1
    while heard != len(_changes(wire)):
        heard = len(_changes(wire))
        time.sleep(_QUIET_S)


@pytest.mark.parametrize(("end", "code"), [("a signal", 130), ("the last task", 0)])
def test_r22_a_lock_that_cannot_be_renewed_holds_nobody_up_in_the_end(
    bare: Workload, wire: Wire, end: str, code: int
) -> None:
    """Storage does not answer renewals, and whoever ends does not wait until it is given up; the next one goes on."""
    bare.write_held()
    renewing, goes_on = threading.Event(), threading.Event()

    def hang(now: Moment, heard: Heard) -> None:
        is_watching = any(one.path.endswith("/taskcounts") for one in wire.heard)
        if now is Moment.BEFORE and heard.path.endswith("/lock?comp=lease") and is_watching:
            renewing.set()
            goes_on.wait(120)
            raise Cut

    wire.hook = hang
    program = (sys.executable, "-c", _SHORT_LEASE)
    with bare.started("apply", "specs/ffmpeg.yaml", env=wire.environment, program=program) as process:
        try:
            assert renewing.wait(60)
            if end == "a signal":
                process.send_signal(signal.SIGINT)
            else:
                bare.let_go()
            _, said = process.communicate(timeout=50)  # renewals are tried for minutes
        finally:
            goes_on.set()
    assert process.returncode == code, said
    bare.let_go()
    bare.apply()
    assert bare.downloaded() == {"a.out", "b.out"}


def test_r19_the_refusal_says_who_where_since_when_and_which_plan(bare: Workload) -> None:
    """While an apply is at work another ends with 6, and names its holder, its machine, its start and its plan id."""
    bare.write_held()
    plan_id = bare.plan()["planId"]
    with bare.started("apply", "specs/ffmpeg.yaml") as process:
        wait_until(lambda: len(bare.tasks()) == 2)
        said = bare.apply(code=6).err
        bare.let_go()
        process.communicate(timeout=60)
    line = next(line for line in said.splitlines() if line.startswith("error: "))
    year = time.strftime("%Y", time.gmtime())
    assert line.startswith("error: another apply of this spec is running: ")
    assert f" process {process.pid} since {year}-" in line
    assert line.endswith(f"Z, plan id {plan_id}")


def test_lock_timeout_waits_for_another_apply(bare: Workload) -> None:
    """The second says for whom it waits, goes on when that one has ended, and finds nothing left to do."""
    bare.write_held()
    with bare.started("apply", "specs/ffmpeg.yaml") as first:
        wait_until(lambda: len(bare.tasks()) == 2)
        with bare.started("apply", "specs/ffmpeg.yaml", "--lock-timeout", "5m") as second:
            assert second.stderr is not None
            waiting = next(line for line in second.stderr if "waiting for it to end" in line)
            assert f" process {first.pid} since " in waiting
            bare.let_go()
            first.communicate(timeout=60)
            _, said = second.communicate(timeout=60)
        assert (first.returncode, second.returncode) == (0, 0), said
    assert bare.downloaded() == {"a.out", "b.out"}


def test_lock_timeout_ends(bare: Workload) -> None:
    """When the time is over and the other one still at work, it is as without."""
    bare.write_held()
    with bare.started("apply", "specs/ffmpeg.yaml") as process:
        wait_until(lambda: len(bare.tasks()) == 2)
        said = bare.command(
            "destroy", "specs/ffmpeg.yaml", "--auto-approve", "--lock-timeout", "1s", code=6
        ).err
        bare.let_go()
        process.communicate(timeout=60)
    assert "another apply of this spec is running" in said


@pytest.mark.parametrize("moment", Moment, ids=lambda moment: moment.name.lower())
@pytest.mark.parametrize("call", ["sign", "lease"])
def test_r20_killed_while_it_takes_the_lock_and_nobody_waits_for_the_dead(
    bare: Workload, wire: Wire, call: str, moment: Moment
) -> None:
    """Wherever between signing the lock and holding it an apply is killed, the next one on the machine goes on."""
    bare.write_copies()
    ending = {"sign": "/lock", "lease": "/lock?comp=lease"}[call]
    killed = threading.Event()

    def kill(now: Moment, heard: Heard) -> None:
        if heard.path.endswith(ending) and now is moment and not killed.is_set():
            process.kill()
            process.wait()
            killed.set()
        if killed.is_set():
            raise Cut

    wire.hook = kill
    with bare.started("apply", "specs/ffmpeg.yaml", env=wire.environment) as process:
        process.communicate(timeout=60)
    assert killed.is_set()
    bare.apply()
    assert bare.results() == {"a.out", "b.out"}
