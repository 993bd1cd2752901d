"""Runs on the local account, by the shipped `apply`, against `xargs -P2` of the same programs."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from batchspec.service.embedded import LocalAccount
from tests.bench import account
from tests.bench.measure import PROJECT, Figure, Sample, Skipped, ask, in_turn, median, program, ratio
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
_FFMPEG = (
    _RUN
    + """\
    command: [ffmpeg, -nostdin, -y, -i, "{{ input.path }}", -vn, "-b:a", 192k, "{{ output.path }}"]
    output: "{{ input.stem }}.mp3"
download: out/
"""
)
PACKAGES = ("starlette", "uvicorn", "azure-batch", "azure-storage-blob")


def figures(trivial: int, clips: int, rounds: int) -> Iterator[Figure]:
    """Whole commands on a warm account: planning, uploads, tasks with their logs, downloads."""
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name, account.local() as local:
        folder = Path(name)
        (folder / "warm.yaml").write_text(_WARM, encoding="utf-8")
        program([*BATCHSPEC, "apply", folder / "warm.yaml"])
        yield _trivial(local, folder, trivial, rounds)
        yield from _ffmpeg(local, folder, clips, rounds)


def _trivial(local: LocalAccount, folder: Path, count: int, rounds: int) -> Figure:
    files = _inputs(folder / "trivial", count, lambda number, file: file.write_bytes(b"%d" % number), "txt")
    names = folder / "trivial" / "names"
    names.write_text("\n".join(map(str, files)), encoding="utf-8")
    bare = ["xargs", "-a", names, "-n1", "-P2", "true"]
    runs = _Runs(local, folder / "trivial", _TRIVIAL)
    found = in_turn(rounds, {"ours": runs.measure, "xargs": lambda: program(bare)})
    ours, xargs = found["ours"], found["xargs"]
    value = (median(ours) - median(xargs)) / count * 1e3
    spans = sorted(float(sample.more["span_s"]) for sample in ours)
    parts = (
        f"{count:,} tasks with an input and two logs each: apply {median(ours):.2f} s, of it from the first "
        f"start to the last end {spans[len(spans) // 2]:.2f} s; xargs -P2 {median(xargs):.2f} s"
    )
    return Figure(
        "local account, a task on top of xargs", value, " ms", 20, 12, parts, PACKAGES, smaller=True
    )


def _ffmpeg(local: LocalAccount, folder: Path, count: int, rounds: int) -> Iterator[Figure]:
    samples = sorted((PROJECT / "specs").rglob("*.mp4"))
    if not samples:
        raise Skipped("there are no sample clips below specs/")
    files = _inputs(
        folder / "clips", count, lambda number, file: shutil.copy(samples[number % len(samples)], file), "mp4"
    )
    ffmpeg = _ffmpeg_program()
    target = folder / "clips" / "xargs"
    target.mkdir()
    names = folder / "clips" / "names"
    names.write_text("\n".join(file.stem for file in files), encoding="utf-8")
    bare = ["xargs", "-a", names, "-I{}", "-P2", ffmpeg, "-loglevel", "error", "-nostdin", "-y"]
    bare += ["-i", folder / "clips" / "in" / "{}.mp4", "-vn", "-b:a", "192k", target / "{}.mp3"]
    runs = _Runs(local, folder / "clips", _FFMPEG)
    found = in_turn(rounds, {"ours": runs.measure, "xargs": lambda: program(bare)})
    ours, xargs = found["ours"], found["xargs"]
    if len(list(target.iterdir())) != count:
        raise RuntimeError("xargs did not make all files")
    spans = sorted(float(sample.more["span_s"]) for sample in ours)
    parts = (
        f"{count} clips of 54 KB: apply {median(ours):.1f} s, CPU of all {median(ours, 'cpu_s'):.1f} s, from the first "
        f"start to the last end {spans[len(spans) // 2]:.1f} s; "
        f"xargs -P2 {median(xargs):.1f} s, CPU {median(xargs, 'cpu_s'):.1f} s"
    )
    packages = (*PACKAGES, ffmpeg.name)
    yield Figure(
        "local account, ffmpeg / xargs, wall",
        ratio(ours, xargs),
        "x",
        1.3,
        1.15,
        parts,
        packages,
        smaller=True,
    )
    value = ratio(ours, xargs, "cpu_s")
    yield Figure("local account, ffmpeg / xargs, CPU", value, "x", 1.3, 1.15, parts, packages, smaller=True)


def _inputs(folder: Path, count: int, write: Callable[[int, Path], object], suffix: str) -> list[Path]:
    """Writes the inputs below `in/`."""
    (folder / "in").mkdir(parents=True)
    files = [folder / "in" / f"clip-{number:05d}.{suffix}" for number in range(count)]
    for number, file in enumerate(files):
        write(number, file)
    return files


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
        shutil.rmtree(self._folder / "out", ignore_errors=True)
        before = _cpu_s(self._local.pid)
        sample = program([*BATCHSPEC, "apply", spec])
        sample.cpu_s += _cpu_s(self._local.pid) - before
        sample.more["span_s"] = ask(__name__, "span", f"{name}-job")
        return sample


def _cpu_s(pid: int) -> float:
    """The CPU that the local account has used: its processes, and the tasks that they ran."""
    import psutil

    daemon = psutil.Process(pid)
    own = daemon.cpu_times()
    others = [child.cpu_times() for child in daemon.children(recursive=True)]
    return float(sum(own[:4]) + sum(sum(times[:2]) for times in others))


def _ffmpeg_program() -> Path:
    """The program that the local account's tasks find, too."""
    if found := shutil.which("ffmpeg"):
        return Path(found)
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise Skipped("there is no ffmpeg, nor the package imageio-ffmpeg") from error
    return Path(imageio_ffmpeg.get_ffmpeg_exe())


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
