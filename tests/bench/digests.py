"""Inputs on this machine that did not change: finding them again, against hashing all of them."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import Figure, in_turn, median, ratio, report, timed, way

_SIZE = 20_000
_LONG_AGO_S = 60  # a file that changed just now is not remembered


def figures(files: int, rounds: int) -> Iterator[Figure]:
    from tests.bench.workload import FROM_FILES, write_files

    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:
        folder = Path(name)
        write_files(folder / "clips", files, _SIZE)
        (folder / "bench.yaml").write_text(FROM_FILES, encoding="utf-8")
        environment = {"XDG_CACHE_HOME": str(folder / "cache")}
        ways = {name: way(__name__, name, folder, files, environment=environment) for name in WAYS}
        way(__name__, "ours", folder, files, _LONG_AGO_S, environment=environment)()
        found = in_turn(rounds, ways)
    ours, hashing = found["ours"], found["hashing"]
    parts = (
        f"{files:,} files of {_SIZE // 1000} KB: found again {median(ours) / files * 1e6:.0f} us each, "
        f"hashed {median(hashing) / files * 1e6:.0f} us"
    )
    yield Figure(
        "unchanged inputs / hashing them, wall", ratio(ours, hashing), "x", 0.5, 0.2, parts, (), smaller=True
    )


def ours(folder: str, count: str, later_s: str = "0") -> None:
    """Finds the inputs as `plan` does: glob, checks, digests out of the cache.

    The clock is *later_s* ahead, so that files made a moment ago count as settled.
    """
    import time

    from batchspec.desired.places import Places
    from batchspec.engine.look.inputs import find_inputs
    from batchspec.engine.look.machine.project import Project
    from batchspec.engine.look.remembered.cache import cache_path
    from batchspec.engine.look.remembered.digests import Digests
    from tests.bench.workload import FROM_FILES, spec_of

    now = time.time_ns
    time.time_ns = lambda: now() + int(later_s) * 1_000_000_000
    spec = spec_of(FROM_FILES, os.path.join(folder, "bench.yaml"))  # noqa: PTH118 (as a person names it)
    with timed() as taken, Digests(cache_path()) as digests:
        found = list(find_inputs(spec, None, Project(Places.of(spec).folder), digests, [])["audio"])
    if len(found) != int(count):
        raise SystemExit(f"{len(found)} inputs were found, not {count}")
    report(taken())


def hashing(folder: str, count: str) -> None:
    """Reads and hashes every file once; the walk is not counted."""
    files = [os.path.join(at, name) for at, _, names in os.walk(Path(folder) / "clips") for name in names]  # noqa: PTH118
    assert len(files) == int(count)
    with timed() as taken:
        for file in files:
            with open(file, "rb", buffering=0) as stream:  # noqa: PTH123
                hashlib.md5(stream.read(), usedforsecurity=False).hexdigest()
    report(taken())


WAYS = {"ours": ours, "hashing": hashing}

if __name__ == "__main__":
    WAYS[sys.argv[1]](*sys.argv[2:])
