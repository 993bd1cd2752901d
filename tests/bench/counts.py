"""Counts that do not depend on the machine: what commands import, requests, bytes, rows. They are recorded beside this.

`python -m tests.bench.counts` says which have grown, `--record` records them as they are; then the commit says why.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bench import account, stub
from tests.bench.measure import program, way
from tests.bench.planning import NO_OTHERS, Others, listings, prepare_plan
from tests.bench.startup import BATCHSPEC, write_spec

FILE = Path(__file__).with_suffix(".json")
_TASKS = 300
_LISTED = 2_500
_PLANNED = 60
_OTHERS = Others(pools=500, jobs=200, blobs=1_000_000)
_SLACK = {"bytes": 0.01, "modules": 0.03}
"""By which part a count may grow: links are longer where their signatures have signs to escape; modules come and go."""

_PRINT = """
import atexit, sys
from batchspec.cli.entry import main
def tell():
    own = sum(name.startswith("batchspec.") for name in sys.modules)
    others = {name.partition(".")[0] for name, module in sys.modules.items()
              if "site-packages" in (getattr(module, "__file__", None) or "")} - {"batchspec"}
    print("imported", own, *sorted(name for name in others if not name.startswith("_")))
atexit.register(tell)
main()
"""


def measured() -> dict[str, int]:
    """Every count by its name."""
    return dict([*_imports(), *_submission(), *_listing(), *_planning(), *_beside_others()])


def _imports() -> Iterator[tuple[str, int]]:
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as folder:
        spec = write_spec(Path(folder))
        yield from _imported("list of commands", "--help")
        yield from _imported("plan --help", "plan", "--help")
        yield from _imported("validate", "validate", spec)


def _imported(
    name: str, *words: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, int]]:
    """The modules of our own that a command imports, and each package of others."""
    sample = program([sys.executable, "-c", _PRINT, *words], environment=environment)
    own, *others = str(sample.more["out"]).rpartition("imported ")[2].split()
    yield f"{name}: modules", int(own)
    yield from ((f"{name}: imports {other}", 1) for other in others)


def _submission() -> Iterator[tuple[str, int]]:
    with stub.running() as server:
        sample = way("tests.bench.submission", "ours", _TASKS, server.port)()
    yield from _of_way(f"submission of {_TASKS} tasks", sample.more)


def _listing() -> Iterator[tuple[str, int]]:
    from tests.bench.listing import TASKS_PATH, write_tasks

    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as folder:
        file = Path(folder) / "tasks.jsonl"
        write_tasks(file, _LISTED)
        with stub.running(stub.Listing("json", TASKS_PATH, file)) as server:
            sample = way("tests.bench.listing", "ours", _LISTED, server.port)()
    yield from _of_way(f"listing of {_LISTED} tasks", sample.more)


def _of_way(name: str, said: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    yield from ((f"{name}: {what}", said[what]) for what in ("requests", "bytes", "rows"))


def _planning() -> Iterator[tuple[str, int]]:
    with _workload(NO_OTHERS) as (spec, server, environment):
        yield from _imported("plan", "plan", spec, environment=environment)
        yield from _of_stub(f"plan of {_PLANNED} unchanged inputs", server.counts())


def _beside_others() -> Iterator[tuple[str, int]]:
    """What looking at a spec costs in an account with very much that is not its own."""
    with _workload(_OTHERS) as (spec, server, environment):
        for name, *words in (("plan",), ("drift",), ("report", "--list")):
            before = server.counts()
            program([*BATCHSPEC, name, *words, spec], environment=environment)
            yield from _of_stub(f"{name} beside a million blobs of others", server.counts() - before)


@contextmanager
def _workload(others: Others) -> Iterator[tuple[Path, stub.Stub, dict[str, str]]]:
    """A finished workload beside *others*: its spec, the services, and what makes a command use them."""
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:
        folder = Path(name) / "workload"
        prepare_plan(folder, _PLANNED, others)
        environment = {"XDG_CACHE_HOME": str(folder / "cache")}
        with stub.running(*listings(folder, others.blobs)) as server:
            yield folder / "bench.yaml", server, environment | account.environment_of(server.port)


def _of_stub(name: str, counted: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    yield f"{name}: requests", counted["requests"]
    yield f"{name}: bytes", counted["sent"]


def grown(now: Mapping[str, int]) -> Iterator[str]:
    """What is more than was recorded, a line each."""
    recorded: dict[str, int] = json.loads(FILE.read_text(encoding="utf-8"))
    for name, count in now.items():
        before = recorded.get(name, 0)
        if count > before * (1 + _SLACK.get(name.rpartition(": ")[2], 0)):
            yield f"{name}: {before} before, now {count}"


def check() -> None:
    """Ends the process with what is more than was recorded, if anything is."""
    if more := [*grown(measured())]:
        sys.exit("\n".join([*more, "if that is meant: python -m tests.bench.counts --record"]))


def main() -> None:
    if sys.argv[1:] == ["--record"]:
        FILE.write_text(json.dumps(measured(), indent=2) + "\n", encoding="utf-8")
    else:
        check()


if __name__ == "__main__":
    main()
