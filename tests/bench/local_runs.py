"""Runs on the local account, by the shipped `apply`, against `xargs -P2` of the same programs."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from batchspec.service.embedded import LocalAccount
from tests.bench import account
from tests.bench.measure import Figure, Sample, ask, compile_package, in_turn, median, program, ratio
from tests.bench.startup import BATCHSPEC

_WARM = """\
version: 1
name: warm
pool:
  id: bench-pool
  vmSize: Standard_D2ds_v5
  image: canonical:ubuntu-24_04-lts:server:latest
  targetDedicatedNodes: 2
job: {id: warm-job}
tasks:
  one: {command: ["true"]}
"""
_RUN = """\
version: 1
name: NAME
pool: {existing: bench-pool}
job: {id: NAME-job}
tasks:
  work:
    inputs: in/*
"""
_TRIVIAL = _RUN + '    command: ["true"]\n'
_BUSY = _RUN + "    command: COMMAND\n"
_PROCESSES = ("apply", "endpoint", "Azurite", "tasks")
PACKAGES = ("starlette", "uvicorn", "azure-batch", "azure-storage-blob")


def figures(trivial: int, busy: int, busy_s: float, rounds: int) -> Iterator[Figure]:
    """Whole commands on a warm account: planning, uploads, tasks with their logs."""
    compile_package()
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name, account.local() as local:
        folder = Path(name)
        (folder / "warm.yaml").write_text(_WARM, encoding="utf-8")
        program([*BATCHSPEC, "apply", folder / "warm.yaml"])
        yield from _trivial(local, folder, trivial, rounds)
        yield _busy(local, folder, busy, busy_s, rounds)


def _trivial(local: LocalAccount, folder: Path, count: int, rounds: int) -> Iterator[Figure]:
    files = _inputs(folder / "trivial", count)
    bare = ["xargs", "-a", _names(folder / "trivial", files), "-n1", "-P2", "true"]
    runs = _Runs(local, folder / "trivial", _TRIVIAL)
    found = in_turn(rounds, {"ours": runs.measure, "xargs": lambda: program(bare)})
    ours, xargs = found["ours"], found["xargs"]
    spans = sorted(float(sample.more["span_s"]) for sample in ours)
    parts = (
        f"{count:,} tasks with an input and two logs each: apply {median(ours):.2f} s, of it from the first "
        f"start to the last end {spans[len(spans) // 2]:.2f} s; xargs -P2 {median(xargs):.2f} s"
    )
    value = (median(ours) - median(xargs)) / count * 1e3
    yield Figure("local account, a task on top of xargs", value, " ms", 20, 12, parts, PACKAGES, smaller=True)
    spent = ", ".join(f"{name} {_median_of(ours, name) / count * 1e3:.1f}" for name in _PROCESSES)
    parts = (
        f"{count:,} tasks: all processes {median(ours, 'cpu_s'):.2f} s, xargs -P2 {median(xargs, 'cpu_s'):.2f} s; "
        f"ms a task: {spent}"
    )
    value = (median(ours, "cpu_s") - median(xargs, "cpu_s")) / count * 1e3
    yield Figure(
        "local account, CPU of a task beyond its own", value, " ms", 20, 12, parts, PACKAGES, smaller=True
    )


def _busy(local: LocalAccount, folder: Path, count: int, busy_s: float, rounds: int) -> Figure:
    """Commands that each take *busy_s* of CPU, as real work does."""
    files = _inputs(folder / "busy", count)
    command = [sys.executable, "-c", f"import time\nwhile time.process_time() < {busy_s}: pass"]
    bare = ["xargs", "-a", _names(folder / "busy", files), "-n1", "-P2", *command]
    runs = _Runs(local, folder / "busy", _BUSY.replace("COMMAND", json.dumps(command)))
    found = in_turn(rounds, {"ours": runs.measure, "xargs": lambda: program(bare)})
    ours, xargs = found["ours"], found["xargs"]
    parts = (
        f"{count} tasks of {busy_s:g} s of CPU on two slots: apply {median(ours):.1f} s; "
        f"xargs -P2 {median(xargs):.1f} s; CPU of all {ratio(ours, xargs, 'cpu_s'):.2f}x"
    )
    value = ratio(ours, xargs)
    return Figure(
        "local account, commands of a second / xargs", value, "x", 1.08, 1.03, parts, PACKAGES, smaller=True
    )


def _inputs(folder: Path, count: int) -> list[Path]:
    """Writes the inputs below `in/`, each with a content of its own."""
    (folder / "in").mkdir(parents=True)
    files = [folder / "in" / f"clip-{number:05d}.txt" for number in range(count)]
    for number, file in enumerate(files):
        file.write_bytes(b"%d" % number)
    return files


def _names(folder: Path, files: list[Path]) -> Path:
    """A file that names *files* for xargs."""
    names = folder / "names"
    names.write_text("\n".join(map(str, files)), encoding="utf-8")
    return names


class _Runs:
    """Applies of one workload under ever new names, so that each uploads, runs and downloads everything."""

    def __init__(self, local: LocalAccount, folder: Path, text: str) -> None:
        self._local = local
        self._folder = folder
        self._text = text
        self._number = 0

    def measure(self) -> Sample:
        self._number += 1
        name = f"{self._folder.name}-{self._number}"
        spec = self._folder / "bench.yaml"
        spec.write_text(self._text.replace("NAME", name), encoding="utf-8")
        before = _cpu_s(self._local.pid)
        sample = program([*BATCHSPEC, "apply", spec])
        sample.more["apply"] = sample.cpu_s
        for process, used in _cpu_s(self._local.pid).items():
            sample.more[process] = used - before[process]
            sample.cpu_s += sample.more[process]
        sample.more["span_s"] = ask(__name__, "span", f"{name}-job")
        return sample


def _cpu_s(pid: int) -> dict[str, float]:
    """The CPU that the local account has used so far: its processes, and the tasks that have ended."""
    import psutil

    daemon = psutil.Process(pid)
    own = daemon.cpu_times()
    others = [child.cpu_times() for child in daemon.children(recursive=True)]
    azurite = sum(sum(times[:2]) for times in others)
    return {"endpoint": sum(own[:2]), "Azurite": azurite, "tasks": sum(own[2:4])}


def _median_of(samples: list[Sample], process: str) -> float:
    return statistics.median(float(sample.more[process]) for sample in samples)


def span(job_id: str) -> None:
    """Prints the seconds from the first task's start to the last one's end. All of them have to have succeeded."""
    from azure.batch import BatchClient
    from azure.core.credentials import AzureNamedKeyCredential

    from batchspec.service import embedded

    found = embedded.find()
    assert found is not None
    client = BatchClient(found.batch_endpoint, AzureNamedKeyCredential(found.batch_account, found.batch_key))
    starts: list[datetime] = []
    ends: list[datetime] = []
    for task in client.list_tasks(job_id, select=["id", "executionInfo"]):
        execution = task.execution_info
        assert execution is not None
        assert execution.exit_code == 0
        assert execution.start_time is not None
        assert execution.end_time is not None
        starts.append(execution.start_time)
        ends.append(execution.end_time)
    client.close()
    print(json.dumps((max(ends) - min(starts)).total_seconds()))


if __name__ == "__main__":
    {"span": span}[sys.argv[1]](*sys.argv[2:])
