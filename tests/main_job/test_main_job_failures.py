"""Tasks, start tasks and jobs that fail: said clearly, grouped, and mended by the same command (issue 4.5, 4.6)."""

import re
import shlex

import pytest

from main_job.workload import Workload, make_clip, wait_until


def test_4_5_r33_a_clip_that_is_no_video_fails_alone_and_alone_runs_again(workload: Workload) -> None:
    """Four succeed; the fifth is told with its reason and the end of its stderr, exit code 3; again runs one."""
    (workload.clips / "LowPriVMs-3.mp4").write_text("this is no video\n" * 20)
    ended = workload.apply(code=3)
    assert "1 failed, 4 succeeded" in ended.out
    assert "1 failed: exit code 183" in ended.out or "1 failed: exit code 1" in ended.out
    assert "LowPriVMs-3.mp4" in ended.out
    assert "      | " in ended.out
    assert "Invalid data found when processing input" in ended.out
    assert workload.downloaded() == {f"LowPriVMs-{i}.mp3" for i in (1, 2, 4, 5)}
    assert workload.actions() == [("create", "job", "completed"), ("run", "task", "failed_last_time")]
    again = workload.apply(code=3)
    assert "1 failed, 0 succeeded, 4 up to date" in again.out
    assert len(workload.tasks(2)) == 1
    make_clip(workload.clips / "LowPriVMs-3.mp4")
    workload.apply()
    assert len(workload.downloaded()) == 5
    assert workload.actions() == []


def test_4_5_s30_the_command_that_goes_on_is_whole(workload: Workload) -> None:
    """What the help says to run again has this run's settings, quoted: copied as it is, it runs only what failed."""
    (workload.clips / "LowPriVMs-3.mp4").write_text("no video")
    workload.edit("params:\n", "params:\n  title: none\n")
    workload.edit("-vn,", '-vn, -metadata, "title={{ params.title }}",')
    words = ("--set", "title=it's; me")
    ended = workload.apply(*words, code=3)
    assert "1 task failed" in ended.err
    (said,) = re.findall(r"`(batchspec apply .*?)`: only the failed", ended.err)
    assert shlex.split(said) == ["batchspec", "apply", "specs/ffmpeg.yaml", *words]
    assert workload.actions(*words) == [("create", "job", "completed"), ("run", "task", "failed_last_time")]


def test_4_5_failures_are_grouped_by_reason(bare: Workload) -> None:
    """Tasks that failed for one reason are one paragraph, with the last lines of one of them."""
    bare.write(
        """
        work:
          inputs: clips/*
          command: echo about {{ input.name }} >&2; exit $(cat {{ input.path }})
        """.replace("\n        ", "\n"),
        rest="",
    )
    for number, code in enumerate([3, 3, 3, 4, 0]):
        (bare.clips / f"f{number}").write_text(str(code))
    ended = bare.apply(code=3)
    assert "4 failed, 1 succeeded" in ended.out
    assert "  3 failed: exit code 3\n      work/f0, work/f1, work/f2\n      | about f0\n" in ended.out
    assert "  1 failed: exit code 4\n      work/f3\n      | about f3\n" in ended.out
    (summary,) = bare.apply("--format", "json", code=3).of_type("summary")
    assert [(group["reason"], len(group["tasks"])) for group in summary["failures"]] == [
        ("exit code 3", 3),
        ("exit code 4", 1),
    ]


def test_4_5_r33_a_task_that_ends_well_without_its_output_has_failed(bare: Workload) -> None:
    """Exit code 0 and no output file: the task failed, the run ends with 3, and the reason says so."""
    bare.write(
        """
        work:
          inputs: clips/*
          command: [/bin/true]
          output: "{{ input.name }}.out"
        """.replace("\n        ", "\n")
    )
    (bare.clips / "a").write_text("a")
    ended = bare.apply(code=3)
    assert "1 failed: output missing: out/a.out" in ended.out
    assert bare.downloaded() == set()


def test_4_6_r43_a_start_task_that_fails_everywhere_is_explained_within_a_minute(workload: Workload) -> None:
    """Every node's start task fails: within a minute the command ends with its stderr, the exit code and a way out."""
    workload.edit("command -v ffmpeg && exit 0;", "echo cannot reach the mirror >&2; exit 7;")
    with workload.started("apply", "specs/ffmpeg.yaml") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the start task failed on 2 of 2 nodes with exit code 7" in said
    assert "cannot reach the mirror" in said
    assert "pool.startTask" in said


def test_4_6_after_the_start_task_is_mended_the_same_command_goes_on(workload: Workload) -> None:
    """The mended start task reaches the nodes, or the help says how, and the five files are made."""
    good = "command -v ffmpeg && exit 0;"
    workload.edit(good, "exit 7;")
    workload.apply(code=1)
    workload.edit("exit 7;", good)
    workload.apply()
    assert len(workload.downloaded()) == 5


def test_a_job_that_was_ended_while_tasks_wait_does_not_hold_them_for_ever(bare: Workload) -> None:
    """Tasks still queued in a job that somebody terminated run in its next generation."""
    _never_ready(bare)
    bare.apply("--detach")
    bare.batch("POST", f"/jobs/{bare.job_id}/terminate")
    wait_until(lambda: (bare.job() or {})["state"] == "completed")
    bare.edit("commandLine: /bin/sleep 600", "commandLine: /bin/true")
    bare.edit("targetLowPriorityNodes: 0", "targetLowPriorityNodes: 2")
    assert ("create", "job", "completed") in bare.actions()
    bare.apply()
    assert bare.downloaded() == {"a.out", "b.out"}


def test_another_spec_s_job_with_an_id_like_a_next_generation_is_passed_over(bare: Workload) -> None:
    """A job of somebody else called JOB-2 neither counts as ours nor stops us: the next one is JOB-3."""
    bare.write_copies()
    bare.apply()
    bare.batch("POST", "/jobs", {"id": f"{bare.job_id}-2", "poolInfo": {"poolId": bare.pool_id}})
    (bare.clips / "c").write_text("c")
    bare.apply()
    assert bare.tasks(2) == {}
    assert len(bare.tasks(3)) == 1
    assert bare.actions() == []


@pytest.mark.parametrize("what", ["pool", "job"])
def test_what_is_not_ours_is_never_touched(bare: Workload, what: str) -> None:
    """A pool or job of the spec's id that batchspec did not make: exit code 4, and it stays as it was."""
    bare.write_copies()
    machine = {
        "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
    }
    pool = {"id": bare.pool_id, "vmSize": "standard_d4s_v3", "virtualMachineConfiguration": machine}
    job = {"id": bare.job_id, "poolInfo": {"poolId": bare.pool_id}}
    bare.batch("POST", "/pools" if what == "pool" else "/jobs", pool if what == "pool" else job)
    before = bare.pool() if what == "pool" else bare.job()
    ended = bare.apply(code=4)
    assert "exists and was not created by batchspec" in ended.err
    assert (bare.pool() if what == "pool" else bare.job()) == before
    bare.destroy()
    assert (bare.pool() if what == "pool" else bare.job()) == before


def _never_ready(bare: Workload) -> None:
    """Two tasks on a pool whose nodes never get ready, so that the tasks wait."""
    bare.write_copies()
    text = bare.spec.read_text("utf-8").replace("targetLowPriorityNodes: 2", "targetLowPriorityNodes: 0")
    start = "  startTask: {commandLine: /bin/sleep 600, waitForSuccess: true}\n"
    bare.spec.write_text(text.replace("job:", start + "job:", 1), "utf-8")
