"""`python -m tests.crash`: the crash matrix in full. An apply is killed before and after each of its calls (SIGKILL).

After each kill the plan in between has to show what is left and only that, and the same apply has to
come to the same whole. Prints every point that fails, with what `--point` needs to try it again; at
the end the number of points and the pass rate. The exit code is 0 when all points that were reached
passed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from tests.bench.account import local
from tests.crash.first import make_large
from tests.crash.matrix import REFERENCES, Point, Result, point_of, points_of, try_point


def main() -> int:
    options = _options()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="batchspec-crash-") as name, local() as account:
        folder = Path(name)
        make_large(folder / "large")
        points: list[Point] = options.point or [
            point
            for reference in REFERENCES
            if options.of in (None, reference.name)
            for point in points_of(reference, folder / reference.name, account, folder / "large")
        ]
        print(f"{len(points)} points", flush=True)
        numbers = count(1)

        def run(point: Point) -> Result:
            return try_point(folder / f"point-{next(numbers)}", account, folder / "large", point)

        with ThreadPoolExecutor(options.jobs) as workers:
            results = list(_told(workers.map(run, points), options.verbose))
    return _sum_up(results, time.monotonic() - began)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--of", choices=[reference.name for reference in REFERENCES], help="this apply only")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="points at once (default: 2)")
    parser.add_argument("--point", action="append", type=point_of, metavar="POINT", help="this point only")
    parser.add_argument("--verbose", action="store_true", help="a line for the points that pass, too")
    return parser.parse_args()


def _told(results: Iterator[Result], verbose: bool) -> Iterator[Result]:
    """*results*, with a line for each as it comes."""
    for result in results:
        if not result.reached:
            print(f"not reached: {result.point}", flush=True)
        if result.flaws:
            print(f"FAILED: --point '{result.point}'", *result.flaws, sep="\n    ", flush=True)
        elif verbose and result.reached:
            print(f"passed: {result.point}", flush=True)
        yield result


def _sum_up(results: Sequence[Result], seconds: float) -> int:
    """Prints the figures; the exit code. A run that was not killed counts for nothing, unless it failed."""
    counted = [result for result in results if result.reached or result.flaws]
    passed = sum(1 for result in counted if not result.flaws)
    rate = 100 * passed / len(counted) if counted else 0
    print(
        f"crash matrix: {len(counted)} points, {passed} passed ({rate:.1f} %), "
        f"{len(results) - len(counted)} not reached, {seconds:.0f} s"
    )
    return 0 if counted and passed == len(counted) else 1


sys.exit(main())
