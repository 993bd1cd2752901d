"""`python -m tests.bench [FIGURE ...]`: what batchspec costs, side by side with others, one line a figure.

Each line: the value and how it stands to its goals, its parts, the versions. What cannot be
measured here is said, and passed over. `--quick` is for seeing that everything works: its
values mean nothing, but it fails when one of the recorded counts has grown (`counts.py`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.bench import (
    counts,
    digests,
    growth,
    listing,
    local_runs,
    planning,
    queued,
    shapes,
    startup,
    submission,
    uploads,
    watching,
)
from tests.bench.measure import Figure, Skipped


@dataclass(frozen=True)
class Sizes:
    """How much of everything; the sizes of the goals. `filled` blobs have to be put into Azurite one by one."""

    rounds: int = 3
    starts: int = 11
    submitted: int = 100_000
    many: int = 1_000_000
    slow: int = 20_000
    listed: int = 1_000_000
    planned: int = 100_000
    filled: int = 5_000
    queued: int = 5_000
    watched: int = 100_000
    watched_s: float = 15
    small: tuple[int, int] = (2_000, 20_000)
    large: tuple[int, int] = (3, 200_000_000)
    unchanged: int = 10_000
    trivial: int = 1_000
    busy: tuple[int, float] = (40, 1.0)


QUICK = Sizes(
    rounds=1,
    starts=1,
    submitted=300,
    many=400,
    slow=200,
    listed=2_500,
    planned=200,
    filled=20,
    queued=20,
    watched=150,
    watched_s=1,
    small=(20, 2_000),
    large=(2, 9_000_000),
    unchanged=50,
    trivial=4,
    busy=(2, 0.1),
)

FIGURES: dict[str, Callable[[Sizes], Iterator[Figure]]] = {
    "submission": lambda size: submission.figures(size.submitted, size.many, size.slow, size.rounds),
    "listing": lambda size: listing.figures(size.listed, size.rounds),
    "planning": lambda size: planning.figures(size.planned, size.filled, size.rounds),
    "queued": lambda size: queued.figures(size.queued, size.rounds),
    "watching": lambda size: watching.figures(size.watched, size.watched_s),
    "uploads": lambda size: uploads.figures(*size.small, *size.large, size.rounds),
    "digests": lambda size: digests.figures(size.unchanged, size.rounds),
    "shapes": lambda size: shapes.figures(size.planned, size.rounds),
    "startup": lambda size: startup.figures(size.starts),
    "local": lambda size: local_runs.figures(size.trivial, *size.busy, size.rounds),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "figures", nargs="*", metavar="FIGURE", help=f"of {', '.join(FIGURES)}; without any, all"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes, one round")
    parser.add_argument(
        "--growth", action="store_true", help=f"how cost grows instead, of {', '.join(growth.WAYS)}"
    )
    options = parser.parse_args()
    known = growth.WAYS if options.growth else FIGURES
    if unknown := [name for name in options.figures if name not in known]:
        parser.error(f"no figure {', '.join(unknown)}; there are {', '.join(known)}")
    if options.growth:
        growth.main(options.figures)
    for name in options.figures or FIGURES:
        with _said_if_skipped(name):
            for figure in FIGURES[name](QUICK if options.quick else Sizes()):
                print(figure.line(judged=not options.quick), flush=True)
    if options.quick and not options.figures:
        with _said_if_skipped("counts"):
            counts.check()


@contextmanager
def _said_if_skipped(name: str) -> Iterator[None]:
    try:
        yield
    except Skipped as reason:
        print(f"{name}: not measured, {reason}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
