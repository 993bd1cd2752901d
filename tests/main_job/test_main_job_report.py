"""What remains of a run: `report` while the job is there, and after job, pool and logs are gone."""

from __future__ import annotations

from datetime import datetime

import pytest

import batchspec
from batchspec.errors import UsageError
from main_job.workload import Workload, wait_until

SPEC = "specs/ffmpeg.yaml"
TWO_GROUPS = """\
copy:
  inputs: clips/*
  matrix: {size: [1, 2]}
  command: [cp, "{{ input.path }}", "{{ output.path }}"]
  output: "{{ input.name }}.{{ matrix.size }}"
bad:
  inputs: clips/a
  command: for i in {1..20}; do echo "line $i" >&2; done; exit 7
"""


def test_a_report_outlives_job_and_pool(bare: Workload) -> None:
    """The trace is the same after a destroy, and the page has what a failed task wrote; with the outputs, it goes."""
    bare.write(TWO_GROUPS)
    for name in ("a", "b"):
        (bare.clips / name).write_text(name * 10)
    bare.apply(code=3)
    live = bare.tasks()
    with batchspec.Workload.load(bare.spec) as loaded:
        before = {row.name: row for row in loaded.report().trace}
        bare.destroy()
        bare.command("report", SPEC, "-o", "report.html")
        (run,) = loaded.runs()
        after = loaded.report(run.id)
        assert {row.name: row for row in after.trace} == before
        assert after.jobs == ()
        bare.destroy("--outputs")
        assert loaded.runs() == []
        with pytest.raises(UsageError, match="has not run yet"):
            loaded.report()
    assert (run.succeeded, run.failed, run.jobs, run.resumes) == (4, 1, (bare.job_id,), False)
    assert {row.name: row.state for row in before.values()} == {
        **dict.fromkeys(
            ("copy/a[size=1]", "copy/a[size=2]", "copy/b[size=1]", "copy/b[size=2]"), "succeeded"
        ),
        "bad/a": "failed",
    }
    row = before["copy/b[size=2]"]
    ran = live[row.id]
    assert (row.group, row.axes, row.input, row.exit_code, row.attempts) == ("copy", {"size": "2"}, "b", 0, 1)
    assert (row.input_bytes, row.output_bytes, row.node) == (10, 10, ran["nodeInfo"]["nodeId"])
    for ours, theirs in ((row.created, ran["creationTime"]), (row.ended, ran["executionInfo"]["endTime"])):
        assert ours == datetime.fromisoformat(theirs)
    page = (bare.folder / "report.html").read_text("utf-8")
    assert all(line in page for line in ("line 1\n", "line 20\n", "node hours", run.id))


def test_what_a_run_did_not_see_is_read_off_the_job(bare: Workload) -> None:
    """A run that ended early says why, and how many tasks it left; what became of them, the job knows."""
    bare.write_held()
    bare.apply("--timeout", "1s", code=1)
    with batchspec.Workload.load(bare.spec) as loaded:
        (run,) = loaded.runs()
        assert (run.unfinished, run.succeeded, run.problem.partition(":")[0]) == (2, 0, "time is up")
        assert {row.state for row in loaded.report().trace} <= {"waiting", "running"}
        bare.let_go()
        wait_until(lambda: {row.state for row in loaded.report().trace} == {"succeeded"})
        rows = {row.name: row for row in loaded.report().trace}
    assert {row.input: row.group for row in rows.values()} == {"a": "wait", "b": "wait"}
