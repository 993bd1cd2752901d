"""R-26: whatever happens to a spec, in whatever order, what it owns stays one, whole and its own.

`BATCHSPEC_TEST_EXAMPLES` says how many lives are tried; the normal run tries a few.
"""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from batchspec.resources.task_fields import NO_LIMIT
from batchspec.service.embedded import LocalAccount

from .machine import JUMPS, Life

FEW = 2
EXAMPLES = int(os.environ.get("BATCHSPEC_TEST_EXAMPLES", FEW))
LIVES = settings(
    max_examples=EXAMPLES,
    stateful_step_count=12 if EXAMPLES == FEW else 30,
    phases=[Phase.reuse, Phase.generate],  # to make a failing life shorter would take an hour
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@pytest.mark.timeout(60 + 120 * EXAMPLES)
def test_r26_any_life_of_a_spec(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every invariant holds, on a local account of its own: its key is rotated, and its clock jumps."""
    tally: Counter[str] = Counter()
    lives = _lives(tmp_path, monkeypatch, tally)
    try:
        run_state_machine_as_test(lives, settings=LIVES)
    finally:
        for what, number in sorted(tally.items()):
            print(f"{number:6} {what}")


def test_r26_whatever_became_of_their_links_an_apply_brings_tasks_to_their_end(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, about to end, ended: with more work than nodes there are tasks of each kind, and each is mended."""
    tally: Counter[str] = Counter()
    life = _lives(tmp_path, monkeypatch, tally)()
    try:
        life.begin(contents={"a"})
        life.edit_pool_or_job(setting=("limit", NO_LIMIT))
        life.the_storage_key_is_rotated(is_busy=True)
        life.apply()
        for jump in JUMPS:
            life.the_clock_jumps(by=jump, is_busy=True)
            life.apply()
        life.no_work_was_done_twice()
    finally:
        life.clear()
    assert tally["planned: run task links_end"]
    assert tally["planned: run task failed_last_time"]


@pytest.mark.parametrize("when_done", ["zero", "delete"])
def test_r26_a_pool_is_put_away_though_tasks_that_nobody_wants_run_on_it(
    local_account: LocalAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when_done: str
) -> None:
    """A life that failed: the apply that ends outdated tasks does with their pool what `whenDone` says."""
    life = _lives(tmp_path, monkeypatch, Counter())()
    try:
        life.begin(contents={"a"})
        life.apply()
        life.change_ones_mind()
        life.edit_pool_or_job(setting=("when_done", when_done))
        life.apply()
    finally:
        life.clear()


def _lives(folder: Path, monkeypatch: pytest.MonkeyPatch, tally: Counter[str]) -> type[Life]:
    """The machine, on the local account of the environment."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    return type("Lives", (Life,), {"projects": folder, "tally": tally})
