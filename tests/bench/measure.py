"""Measuring: every way of doing a thing is a process of its own, and ways are run in turn, round after round.

The machine drifts by up to two times within minutes, so what counts is the ratio
inside one round; figures are medians over the rounds.
"""

from __future__ import annotations

import compileall
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]


class Skipped(Exception):
    """A figure that cannot be measured here; the message says what is missing."""


@dataclass
class Sample:
    """What one way took. `more` is what it said of itself, besides."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """One line of the result. `smaller` says which way is better; None for a goal: there is none."""

    name: str
    value: float
    unit: str
    must: float | None
    moonshot: float | None
    parts: str
    packages: tuple[str, ...]
    smaller: bool = False

    def line(self, *, judged: bool) -> str:
        """The figure, its goals if it is to be *judged*, its parts and the versions it was measured with."""
        goals = ""
        if judged and self.must is not None:
            sign = "<=" if self.smaller else ">="
            goals = f" ({self.reached}; must {sign} {self.must:g}, moonshot {sign} {self.moonshot:g})"
        versions = ", ".join((f"Python {platform.python_version()}", *map(version, self.packages)))
        return f"{self.name}: {self.value:.3g}{self.unit}{goals} | {self.parts} | {versions}"

    @property
    def reached(self) -> str:
        goals = (("moonshot", self.moonshot), ("must", self.must))
        met = (name for name, goal in goals if goal is not None and self._meets(goal))
        return next(met, "missed")

    def _meets(self, goal: float) -> bool:
        return self.value <= goal if self.smaller else self.value >= goal


def compile_package() -> None:
    """batchspec is compiled, as pip leaves it; the environment may forbid Python to."""
    compileall.compile_dir(PROJECT / "batchspec", quiet=1)


def version(package: str) -> str:
    """`NAME VERSION` of an installed package; a text that names no package as it is."""
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return package


def peak_mb() -> float:
    """The most memory that this process had at once.

    Not `ru_maxrss`, which begins with that of the process that started this one.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def above_start(samples: Sequence[Sample]) -> float:
    """How much more memory a way had at once than before it began: what Python and the SDKs take was there already."""
    return statistics.median(sample.peak_mb - float(sample.more["start_mb"]) for sample in samples)


@contextmanager
def timed() -> Iterator[Callable[[], Sample]]:
    """What the block takes in this process; the function gives it, once the block is over."""
    sample = Sample(0, 0, 0)
    wall, used = time.perf_counter(), time.process_time()
    yield lambda: sample
    sample.wall_s, sample.cpu_s = time.perf_counter() - wall, time.process_time() - used
    sample.peak_mb = peak_mb()


def report(sample: Sample, **more: Any) -> None:
    """What a way says of itself to the process that started it: the last line it prints."""
    print(json.dumps({"wall_s": sample.wall_s, "cpu_s": sample.cpu_s, "peak_mb": sample.peak_mb, **more}))


def way(module: str, *words: object, environment: Mapping[str, str] | None = None) -> Callable[[], Sample]:
    """A way that is a function of a module here: `python -m MODULE WORDS`, which ends with `report`."""

    def measure() -> Sample:
        said = json.loads(ask(module, *words, environment=environment))
        return Sample(said.pop("wall_s"), said.pop("cpu_s"), said.pop("peak_mb"), said)

    return measure


def ask(module: str, *words: object, environment: Mapping[str, str] | None = None) -> str:
    """The last line that `python -m MODULE WORDS` prints. Raises RuntimeError when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)],
        cwd=PROJECT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(map(str, words))} failed:\n{done.stderr[-3000:]}")
    return done.stdout.strip().splitlines()[-1]


def program(
    argv: Sequence[str | Path], *, cwd: Path = PROJECT, environment: Mapping[str, str] | None = None
) -> Sample:
    """What a whole program takes, its start included. Raises RuntimeError when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    process = subprocess.Popen(
        list(map(str, argv)),
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    out, _ = process.communicate()
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise RuntimeError(f"{argv[0]} ended with {process.returncode}:\n{out[-3000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # Of a program we can only know the most that any child of ours had: ways that are compared report their own.
    return Sample(wall, cpu, after.ru_maxrss / 1024, {"out": out})


_WITH_PEAK = """
import atexit, sys
from batchspec.cli.entry import main
from tests.bench.measure import peak_mb
atexit.register(lambda: print(f"peak {peak_mb()}", file=sys.stderr))
main()
"""


def command(*words: str | Path, environment: Mapping[str, str] | None = None) -> Sample:
    """What a command of batchspec takes, with its own peak. Raises RuntimeError when it fails."""
    sample = program([sys.executable, "-c", _WITH_PEAK, *words], environment=environment)
    sample.peak_mb = float(str(sample.more["out"]).rpartition("peak ")[2])
    return sample


def in_turn(rounds: int, ways: Mapping[str, Callable[[], Sample]]) -> dict[str, list[Sample]]:
    """The samples of each way: every round runs each of them once.

    Every other round goes backwards: a server that is still getting warm favours who comes last.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in reversed(ways) if number % 2 else ways:
            samples[name].append(ways[name]())
    return samples


def ratio(above: Sequence[Sample], below: Sequence[Sample], what: str = "wall_s") -> float:
    """The median over the rounds of one way's time (or CPU, or memory) over another's."""
    pairs = zip(above, below, strict=True)
    return statistics.median(getattr(one, what) / getattr(other, what) for one, other in pairs)


def median(samples: Sequence[Sample], what: str = "wall_s") -> float:
    return statistics.median(getattr(sample, what) for sample in samples)
