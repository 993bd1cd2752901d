"""How cost grows: CPU and memory at three sizes of everything there can be many of, with the exponent of the growth.

`python -m tests.bench --growth [WHAT ...]`. An exponent of 1 is in proportion; N log N is 1.1 at these sizes.
What it costs with only two of them is taken off before, from the sizes too.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import account, stub
from tests.bench.listing import TASKS_PATH, write_tasks
from tests.bench.measure import Sample, ask, command, way
from tests.bench.planning import listings, plan
from tests.bench.startup import write_spec

MOST = 1.3
"""An exponent above this is a fault: N log N, and the machine's moods."""

_ROUNDS = 3
_FEW = 2
Measure = Callable[[int], Sample]


@dataclass(frozen=True)
class Growth:
    """What was measured at each size, less what there is with next to none."""

    what: str
    sizes: Sequence[int]
    cpu_s: Sequence[float]
    more_mb: Sequence[float]

    @property
    def exponent(self) -> float:
        return _exponent(self.sizes, self.cpu_s, 0.002)

    def line(self) -> str:
        found = zip(self.sizes, self.cpu_s, self.more_mb, strict=True)
        parts = ", ".join(f"{size:,}: {cpu * 1e3:,.0f} ms {more:.0f} MB" for size, cpu, more in found)
        memory = _exponent(self.sizes, self.more_mb, 1.0)
        verdict = "; grows faster than it may" if self.exponent > MOST else ""
        return f"{self.what}: CPU N^{self.exponent:.2f}, memory N^{memory:.2f}{verdict} | {parts}"


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
        yield Growth(what, sizes, more_s, more_mb)


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
def _pools(_most: int) -> Iterator[Measure]:
    """Pools of others, beside ten inputs of ours."""

    def measure(size: int) -> Sample:
        pools = [{"id": f"other-{number}", "state": "active", "metadata": []} for number in range(size)]
        return _planned(Path(name) / str(size), 10, "".join(f"{json.dumps(pool)}\n" for pool in pools))

    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:
        yield measure


def _planned(folder: Path, inputs: int, pools: str = "") -> Sample:
    """What `plan` of unchanged inputs takes, beside these *pools*."""
    environment = {"XDG_CACHE_HOME": str(folder / "cache")}
    if not folder.exists():
        folder.mkdir()
        ask("tests.bench.planning", "prepare", folder, inputs, environment=environment)
        (folder / "pools.jsonl").write_text(pools, encoding="utf-8")
    with stub.running(*listings(folder)) as server:
        environment |= account.environment_of(server.port)
        return plan(folder, inputs, environment)


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


WAYS = {
    "submitted-tasks": (_submitted, (10_000, 20_000, 40_000)),
    "listed-tasks": (_listed, (50_000, 100_000, 200_000)),
    "inputs": (_inputs, (2_000, 4_000, 8_000)),
    "groups": (_groups, (25, 50, 100)),
    "stages": (_stages, (4, 8, 16)),
    "other-pools": (_pools, (125, 250, 500)),
}


def main(names: Sequence[str]) -> None:
    """Prints a line for each; fails where one grows too fast."""
    failed = False
    for growth in growths(names):
        print(growth.line(), flush=True)
        failed = failed or growth.exponent > MOST
    sys.exit(failed)
