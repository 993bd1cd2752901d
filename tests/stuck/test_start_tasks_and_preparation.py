"""R-42, R-43, R-48: start tasks and job preparation tasks that fail, and what they wrote."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from pathlib import Path

from main_job.workload import SAMPLE, Workload, wait_until

from batchspec.document.parser import decode, parse
from batchspec.language.build import build

from .conftest import Luck

_ALL_FAIL = (
    "  startTask: {commandLine: /bin/bash -c 'echo to stdout; echo cannot reach the mirror >&2; exit 7'}\n"
)


def _with_start_task(work: Workload, line: str, more: str = "") -> None:
    work.edit("  targetLowPriorityNodes: 2\n", f"  targetLowPriorityNodes: 2\n{line}{more}")


def test_r42_the_sample_s_start_task_may_run_twice_and_waits_for_the_package_lock(tmp_path: Path) -> None:
    """A lock that is taken at first, then the install, then a second run that finds it done: all end with 0."""
    spec = build(parse(decode((SAMPLE / "ffmpeg.yaml").read_bytes(), "ffmpeg.yaml")))
    assert spec.pool is not None
    line = spec.pool.body["startTask"]["commandLine"]
    programs = {
        "apt-get": f'echo "$*" >> {tmp_path}/calls; test -e {tmp_path}/locked && rm {tmp_path}/locked && exit 100\n'
        f"test $1 = install && ln -s /bin/true {tmp_path}/ffmpeg; exit 0",
        "sleep": "exit 0",
    }
    for name, text in programs.items():
        file = tmp_path / name
        file.write_text(f"#!/bin/bash\n{text}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    for name in ("rm", "ln", "bash"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    (tmp_path / "locked").touch()
    for _ in range(2):
        words = shlex.split(line)
        ended = subprocess.run(
            words, env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["update", "update", "install -y ffmpeg"]


def test_r43_both_streams_are_shown_and_the_pool_is_put_away_after(work: Workload, luck: Luck) -> None:
    """What the start task wrote is fetched before `whenDone` takes the nodes, and shown with the reason."""
    _with_start_task(work, _ALL_FAIL, "  whenDone: delete\n")
    ended = work.apply(code=1)
    assert (
        "error: STUCK(start_task_failed): the start task failed on 2 of 2 nodes with exit code 7" in ended.err
    )
    assert "    stderr | cannot reach the mirror\n    stdout | to stdout\n" in ended.err
    wait_until(lambda: work.pool() is None)


def test_r43_three_first_nodes_that_fail_alike_are_enough(work: Workload, luck: Luck) -> None:
    """Two of five nodes have not booted yet: the run does not wait for them."""
    _with_start_task(work, _ALL_FAIL)
    work.edit("targetLowPriorityNodes: 2", "targetLowPriorityNodes: 5")
    luck.hold("starting", times=2)
    ended = work.apply(code=1)
    assert "STUCK(start_task_failed): the start task failed on 3 of 5 nodes" in ended.err
    assert sorted(node["state"] for node in luck.nodes()).count("starting") == 2


def test_r43_a_start_task_that_fails_on_one_node_is_told_with_what_it_wrote(
    work: Workload, luck: Luck
) -> None:
    """The other node does the work; `status` shows the trouble as well."""
    once = f"mkdir {work.folder / 'first'} && exit 0; echo no luck here >&2; exit 9"
    _with_start_task(work, f"  startTask: {{commandLine: /bin/bash -c '{once}'}}\n")
    ended = work.apply()
    assert "DEGRADED(start_task_failed): the start task failed on 1 of 2 nodes with exit code 9" in ended.err
    assert "stderr | no luck here" in ended.err
    assert [entry["reason"] for entry in luck.status()["degraded"]] == ["start_task_failed"]


def test_r43_what_a_start_task_wrote_is_shown_before_its_nodes_boot_again(work: Workload) -> None:
    """A mended start task reboots the nodes that failed, which overwrites what the old one wrote."""
    _with_start_task(work, _ALL_FAIL)
    work.apply(code=1)
    work.edit("exit 7'", "exit 0'")
    ended = work.apply()
    assert ended.err.index("stderr | cannot reach the mirror") < ended.err.index("create pool: done")
    assert work.downloaded() == {"a.out", "b.out"}


def test_r48_a_preparation_task_that_fails_everywhere_ends_the_run(work: Workload, luck: Luck) -> None:
    """The nodes stay idle and the tasks wait: STUCK with the exit code and what the preparation wrote."""
    prepare = "{commandLine: /bin/bash -c 'echo no licence >&2; exit 5'}"
    work.edit(f"job: {{id: {work.job_id},", f"job: {{id: {work.job_id}, jobPreparationTask: {prepare},")
    ended = work.apply(code=1)
    assert (
        "STUCK(job_preparation_failed): the job preparation task failed on 2 of 2 nodes with exit code 5"
        in ended.err
    )
    assert "stderr | no licence" in ended.err
    assert luck.status()["stuck"] == "job_preparation_failed"


def test_r48_a_preparation_task_that_fails_on_one_node_is_told_of(work: Workload, luck: Luck) -> None:
    """The tasks run where it went well."""
    once = f"mkdir {work.folder / 'first'} && exit 0; echo no luck here >&2; exit 9"
    prepare = f"{{commandLine: /bin/bash -c '{once}'}}"
    work.edit(f"job: {{id: {work.job_id},", f"job: {{id: {work.job_id}, jobPreparationTask: {prepare},")
    ended = work.apply()
    assert "DEGRADED(job_preparation_failed): the job preparation task failed on 1 of 2 nodes" in ended.err
    assert work.downloaded() == {"a.out", "b.out"}
