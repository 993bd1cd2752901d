"""`cancel`: ends tasks for a run that watches them, for one that adds them, and for nobody."""

from __future__ import annotations

import pytest

import batchspec
from batchspec.engine.cancel import _pattern
from batchspec.errors import UsageError
from main_job.wire import Heard, Moment, Wire
from main_job.workload import Workload, wait_until

SPEC = "specs/ffmpeg.yaml"


@pytest.fixture
def chain(bare: Workload) -> Workload:
    """Three tasks that run until they are let go, on two nodes, each with one that reads it."""
    bare.write_held()
    bare.edit("download:", "  read:\n    inputs: {from: wait}\n    command: 'true'\ndownload:")
    (bare.clips / "c").write_text("c")
    return bare


def test_a_watching_run_reports_what_is_cancelled_and_the_next_runs_exactly_that(chain: Workload) -> None:
    """One task, a group, then all that is left. Nothing starts again, and the run ends with 3."""
    with (
        chain.started("apply", SPEC, "--format", "json") as process,
        batchspec.Workload.load(chain.spec) as loaded,
    ):
        wait_until(lambda: [t["state"] for t in chain.tasks().values()].count("running") == 2)
        running = next(t["displayName"] for t in chain.tasks().values() if t["state"] == "running")
        refused = chain.command("cancel", SPEC, running, code=4)
        assert (
            f"  - {running}  running\n  an apply is at work and will report them as cancelled ("
            in refused.out
        )
        assert (loaded.cancel(running, approve=True), loaded.cancel(running)) == (1, 0)
        for wrong in ({"tasks": ("x",)}, {"tasks": (), "groups": ("reed",)}):
            with pytest.raises(UsageError):
                loaded.cancellation(**{"groups": (), **wrong})
        assert loaded.cancel("read/?.out", groups=["read"], approve=True) == 3
        asked, done = chain.command("cancel", SPEC, "--auto-approve", "--format", "json").objects
        assert (asked["waiting"] + asked["running"], asked["tasks"], done["count"]) == (2, None, 2)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 3, out + err
    assert '"cancelled": 6, "notRun": 0' in out
    assert '"message": "6 tasks were cancelled"' in out
    assert f'"name": "{running}", "failure": "cancelled"' in out
    assert [job["id"] for job in chain.jobs()] == [chain.job_id]
    said = chain.command("status", SPEC, "--tasks", "--group", "read").out
    assert [word for word in ("cancelled", "failed", "not run", "waiting") if f" {word}" in said] == [
        "cancelled"
    ]
    assert f"no task of {chain.name} has failed\n" in chain.command("logs", "--failed", "--spec", SPEC).err
    assert [reason for _, kind, reason in chain.actions() if kind == "task"] == ["cancelled"] * 6
    chain.let_go()
    assert "all 6 tasks succeeded" in chain.apply().out
    assert "nothing to cancel: no task of " in chain.command("cancel", SPEC).out


def test_a_run_that_adds_tasks_does_not_go_on_in_another_job(chain: Workload, wire: Wire) -> None:
    """Its job is cancelled before the first task is in it: no next generation is made, and the way on is told."""
    terminated = []

    def hook(moment: Moment, heard: Heard) -> None:
        if moment is Moment.BEFORE and heard.path.endswith("/addtaskcollection") and not terminated:
            where = f"/jobs/{chain.job_id}/terminate"
            terminated.append(chain.batch("POST", where, {"terminateReason": "Cancelled"}))

    wire.hook = hook
    ended = chain.apply(code=3, env=wire.environment)
    assert f"the job {chain.job_id} was cancelled while its tasks were being added" in ended.err
    assert [job["id"] for job in chain.jobs()] == [chain.job_id]


@pytest.mark.parametrize(
    ("reason", "code", "told"),
    [
        ("MaxWallClockTimeExpiry", 3, "4 not run: job.constraints.maxWallClockTime exceeded\n"),
        ("UserTerminate", 1, "STUCK(job_over): "),
    ],
)
def test_nodes_go_where_the_job_ends_before_its_tasks(
    chain: Workload, reason: str, code: int, told: str
) -> None:
    """`whenDone` holds for such a run, too. Of tasks that a limit has ended, all commands say that they failed."""
    chain.edit("pool:\n", "pool:\n  whenDone: delete\n")
    with chain.started("apply", SPEC) as process:
        wait_until(lambda: [t["state"] for t in chain.tasks().values()].count("running") == 2)
        chain.batch("POST", f"/jobs/{chain.job_id}/terminate", {"terminateReason": reason})
        out, err = process.communicate(timeout=60)
    assert (process.returncode, told in out + err) == (code, True), out + err
    assert (chain.pool() or {"state": "deleting"})["state"] == "deleting"
    if code == 3:
        assert "2 failed, 4 not run" in chain.command("status", SPEC).out
        assert "no task" not in chain.command("logs", "--spec", SPEC, "--failed").out


@pytest.mark.parametrize(
    ("name", "task", "matches"),
    [
        ("encode/*", "encode/a/b.mov", True),
        ("encode/?.mov", "encode/a.mov", True),
        ("encode[title=*]", "encode[title=alpha]", True),
        ("encode[ab]*", "encodea", False),
        ("*.mov", "encode/a.mp4", False),
    ],
)
def test_only_asterisk_and_question_mark_are_wild(name: str, task: str, matches: bool) -> None:
    """Brackets are part of the names of tasks."""
    assert bool(_pattern(name).fullmatch(task)) is matches
