"""How cost grows: CPU, memory and requests at three sizes of everything there can be many of, with the exponents.

`python -m tests.bench --growth [WHAT ...]`. An exponent of 1 is in proportion; N log N is 1.1 at these sizes.
What it costs with only two of them is taken off before, from the sizes too.
"""

from __future__ import annotations

import math
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import account, stub
from tests.bench.listing import TASKS_PATH, write_tasks
from tests.bench.measure import Sample, ask, command, way
from tests.bench.planning import NO_OTHERS, Others, listings, plan, prepare_plan
from tests.bench.shapes import write_sheet
from tests.bench.startup import write_spec

MOST = 1.3
"""An exponent above this is a fault: N log N, and the machine's moods."""

_ROUNDS = 3
_FEW = 2
_SEEN_S = 0.03  # what two runs of one command may differ by
_SMALL = 20_000  # bytes
Measure = Callable[[int], Sample]


@dataclass(frozen=True)
class Growth:
    """What was measured at each size, less what there is with next to none."""

    what: str
    sizes: Sequence[int]
    cpu_s: Sequence[float]
    more_mb: Sequence[float]
    requests: Sequence[int] = ()

    @property
    def exponent(self) -> float:
        return _exponent(self.sizes, self.cpu_s, _SEEN_S)

    def line(self) -> str:
        found = zip(self.sizes, self.cpu_s, self.more_mb, strict=True)
        parts = ", ".join(f"{size:,}: {cpu * 1e3:,.0f} ms {more:.0f} MB" for size, cpu, more in found)
        memory = _exponent(self.sizes, self.more_mb, 1.0)
        verdict = "; grows faster than it may" if self.exponent > MOST else ""
        asked = f" | requests: {', '.join(map(str, self.requests))}" if any(self.requests) else ""
        return f"{self.what}: CPU N^{self.exponent:.2f}, memory N^{memory:.2f}{verdict} | {parts}{asked}"


def _exponent(sizes: Sequence[int], values: Sequence[float], least: float) -> float:
    """Of the power of the size that comes nearest to *values*; what is below *least* is not seen, and does not grow."""
    more = [math.log(size - _FEW) for size in sizes]
    return statistics.linear_regression(more, [math.log(max(value, least)) for value in values]).slope


def growths(names: Sequence[str]) -> Iterator[Growth]:
    for what in names or WAYS:
        ready, sizes = WAYS[what]
        with ready(sizes[-1]) as measure:
            start = _least(measure, _FEW)
            found = [_least(measure, size) for size in sizes]
        more_s = [each.cpu_s - start.cpu_s for each in found]
        more_mb = [each.peak_mb - start.peak_mb for each in found]
        yield Growth(what, sizes, more_s, more_mb, [each.more.get("requests", 0) for each in found])


def _least(measure: Measure, size: int) -> Sample:
    return min((measure(size) for _ in range(_ROUNDS)), key=lambda sample: sample.cpu_s)


@contextmanager
def _submitted(_most: int) -> Iterator[Measure]:
    with stub.running() as server:
        yield lambda size: way("tests.bench.submission", "ours", size, server.port)()


@contextmanager
def _listed(_most: int) -> Iterator[Measure]:
    """Each size has a stub of its own, which serves so many."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="batchspec-bench-")))

        def measure(size: int) -> Sample:
            file = folder / f"{size}.jsonl"
            if not file.exists():
                write_tasks(file, size)
            with stub.running(stub.Listing("json", TASKS_PATH, file)) as server:
                return way("tests.bench.listing", "ours", size, server.port)()

        yield measure


@contextmanager
def _inputs(_most: int) -> Iterator[Measure]:
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:
        yield lambda size: _planned(Path(name) / str(size), size)


@contextmanager
def _others(kind: str) -> Iterator[Measure]:
    """What is not ours, beside ten inputs: as many of *kind*."""
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:
        yield lambda size: _planned(Path(name) / str(size), 10, Others(**{kind: size}))


@contextmanager
def _uploaded(most: int) -> Iterator[Measure]:
    """The first so many of these files, to a stub."""
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:

        def measure(size: int) -> Sample:
            folder = Path(name) / str(size)
            if not folder.exists():
                ask("tests.bench.uploads", "prepare", folder, size, _SMALL)
            with stub.running() as server:
                return way("tests.bench.uploads", "to_stub", folder, server.port)()

        yield measure


@contextmanager
def _downloaded(_most: int) -> Iterator[Measure]:
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:

        def measure(size: int) -> Sample:
            folder = Path(name) / str(size)
            prepare_plan(folder, size)
            spec = folder / "download.yaml"
            spec.write_text((folder / "bench.yaml").read_text() + "download: outputs\n", encoding="utf-8")
            shutil.rmtree(folder / "outputs", ignore_errors=True)
            return _asked(
                folder, NO_OTHERS, lambda environment: command("download", spec, environment=environment)
            )

        yield measure


@contextmanager
def _sheets(_most: int) -> Iterator[Measure]:
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:
        yield lambda size: command("validate", write_sheet(Path(name), size))


def _planned(folder: Path, inputs: int, others: Others = NO_OTHERS) -> Sample:
    """What `plan` of unchanged inputs takes, beside what is not ours."""
    prepare_plan(folder, inputs, others)
    return _asked(folder, others, lambda environment: plan(folder, inputs, environment))


def _asked(folder: Path, others: Others, measure: Callable[[dict[str, str]], Sample]) -> Sample:
    """What a command takes with what was prepared in *folder*, and how often it asks the stub."""
    environment = {"XDG_CACHE_HOME": str(folder / "cache")}
    with stub.running(*listings(folder, others.blobs)) as server:
        sample = measure(environment | account.environment_of(server.port))
        sample.more["requests"] = server.counts()["requests"]
        return sample


@contextmanager
def _groups(_most: int) -> Iterator[Measure]:
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:

        def measure(size: int) -> Sample:
            folder = Path(name) / str(size)
            if not folder.exists():
                folder.mkdir()
                write_spec(folder, size)
            return command("validate", folder / "bench.yaml")

        yield measure


@contextmanager
def _stages(_most: int) -> Iterator[Measure]:
    yield lambda size: way("tests.bench.stages", 500, size)()


WAYS: dict[str, tuple[Callable[[int], AbstractContextManager[Measure]], tuple[int, int, int]]] = {
    "submitted-tasks": (_submitted, (10_000, 20_000, 40_000)),
    "listed-tasks": (_listed, (50_000, 100_000, 200_000)),
    "inputs": (_inputs, (2_000, 4_000, 8_000)),
    "groups": (_groups, (25, 50, 100)),
    "stages": (_stages, (4, 8, 16)),
    "sheet-rows": (_sheets, (10_000, 20_000, 40_000)),
    "uploads": (_uploaded, (1_000, 2_000, 4_000)),
    "downloads": (_downloaded, (1_000, 2_000, 4_000)),
    "other-pools": (lambda _: _others("pools"), (125, 250, 500)),
    "other-jobs": (lambda _: _others("jobs"), (250, 500, 1_000)),
    "other-blobs": (lambda _: _others("blobs"), (10_000, 100_000, 1_000_000)),
}


def main(names: Sequence[str]) -> None:
    """Prints a line for each; fails where one grows too fast."""
    failed = False
    for growth in growths(names):
        print(growth.line(), flush=True)
        failed = failed or growth.exponent > MOST
    sys.exit(failed)
