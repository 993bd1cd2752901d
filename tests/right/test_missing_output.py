"""A task that ends well without its output has failed, and everything that speaks of it says so."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from azure.core.exceptions import ResourceExistsError
from main_job.workload import Workload

SCRIPT = 'command: "true {{ input.path }} || cp x {{ output.path }}"'
LINE = 'commandLine: "true {{ input.path }} {{ output.path }}"'


@pytest.mark.parametrize("command", [SCRIPT, LINE], ids=["wrapped", "raw"])
def test_one_truth(command: str, bare: Workload) -> None:
    """The task's line, `run tasks: done`, the `task` event and the summary: each with the path on the node."""
    write(bare, command)
    ended = bare.apply(code=3)
    assert "task      enc/a.txt  failed: output missing: out/a.mkv\n" in ended.said
    assert re.search(
        r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  task      enc/a\.txt  failed", ended.err, re.MULTILINE
    )
    assert "enc/a.txt  ok" not in ended.said
    assert "run tasks: done 0 succeeded, 1 failed\n" in ended.said
    assert "1 failed, 0 succeeded" in ended.out
    assert "  1 failed: output missing: out/a.mkv\n      enc/a.txt\n" in ended.out
    again = bare.apply("--format", "json", code=3)
    (task,), (summary,) = again.of_type("task"), again.of_type("summary")
    assert (task["name"], task["failure"]) == ("enc/a.txt", "output missing: out/a.mkv")
    assert (summary["succeeded"], summary["failed"]) == (0, 1)
    assert [group["reason"] for group in summary["failures"]] == ["output missing: out/a.mkv"]
    assert bare.downloaded() == bare.results() == set()


def test_the_node_says_it_too(bare: Workload) -> None:
    """The task has failed to Batch, so that nothing that depends on it starts; its stderr and `status` say why."""
    write(bare, SCRIPT)
    ended = bare.apply(code=3)
    (task,) = bare.tasks().values()
    assert task["executionInfo"]["exitCode"] == 66
    assert "      | batchspec: out/a.mkv is missing\n" in ended.out
    assert "output missing (exit code 66)" in bare.command("status", "specs/ffmpeg.yaml").out


def test_of_many_missing_outputs_the_first_are_named(bare: Workload) -> None:
    """Tasks that failed alike are one paragraph."""
    write(bare, SCRIPT)
    for name in "bcde":
        (bare.clips / f"{name}.txt").write_text(name)
    ended = bare.apply(code=3)
    assert "  5 failed: output missing: out/a.mkv, out/b.mkv, out/c.mkv, …\n" in ended.out


def test_an_output_without_its_fingerprint_is_missing(bare: Workload) -> None:
    """Another's file of that name is not the result of this work, whoever put it there."""
    write(bare, LINE)
    with bare.blob_service() as service:
        with suppress(ResourceExistsError):
            service.create_container("output")
        service.get_blob_client("output", f"{bare.name}/a.mkv").upload_blob(b"theirs")
    assert "output missing: out/a.mkv" in bare.apply(code=3).out


def test_files_that_no_output_takes_are_reported(bare: Workload) -> None:
    """They would be lost without a word."""
    write(bare, "command: cp {{ input.path }} {{ output.path }}; touch out/frames.log out/.cache")
    ended = bare.apply()
    assert (
        "  advice      enc/a.txt left out/frames.log, out/.cache behind, "
        "which is not part of an output and was not kept\n" in ended.out
    )


def write(bare: Workload, command: str) -> None:
    bare.write(f'enc:\n  inputs: clips/*\n  {command}\n  output: "{{{{ input.stem }}}}.mkv"\n')
    (bare.clips / "a.txt").write_text("a")
