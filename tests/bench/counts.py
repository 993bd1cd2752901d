"""What does not depend on the machine: the modules that commands import, and counts of requests, bytes and rows.

They are recorded beside this, in `imports.json` and `counts.json`. `python -m tests.bench.counts` says what has grown,
`--record` records all as it is; then the commit says why.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench import account, stub
from tests.bench.measure import program, way
from tests.bench.planning import NO_OTHERS, Others, listings, prepare_plan
from tests.bench.startup import BATCHSPEC, write_spec

COUNTS = Path(__file__).with_suffix(".json")
IMPORTS = COUNTS.with_name("imports.json")
_TASKS = 300
_LISTED = 2_500
_PLANNED = 60
_OTHERS = Others(pools=500, jobs=200, blobs=1_000_000)
_SLACK = {"bytes": 0.01}
"""By which part a count may grow: links are longer where their signatures have signs to escape."""

_PRINT = """
import atexit, json, sys
from batchspec.cli.entry import main
def tell():
    own = {name for name in sys.modules if name.partition(".")[0] == "batchspec"}
    others = {name.partition(".")[0] for name, module in sys.modules.items()
              if "site-packages" in (getattr(module, "__file__", None) or "")} - {"batchspec"}
    print("imported", json.dumps(sorted(own | {name for name in others if not name.startswith("_")})))
atexit.register(tell)
main()
"""


class Measured(NamedTuple):
    """Every count by its name; and by command the modules of our own that it imports, and each package of others."""

    counts: dict[str, int]
    imports: dict[str, list[str]]


def measured() -> Measured:
    with _workload(NO_OTHERS) as workload:
        return Measured(
            dict([*_submission(), *_listing(), *_planning(workload), *_beside_others()]),
            dict(_imports(workload)),
        )


def _imports(workload: _Workload) -> Iterator[tuple[str, list[str]]]:
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as folder:
        spec = write_spec(Path(folder))
        for words in (("--help",), ("plan", "--help"), ("validate", spec)):
            yield " ".join(map(str, words)).replace(str(spec), "SPEC"), _imported(*words)
    yield "plan SPEC", _imported("plan", workload.spec, environment=workload.environment)


def _imported(*words: str | Path, environment: Mapping[str, str] | None = None) -> list[str]:
    sample = program([sys.executable, "-c", _PRINT, *words], environment=environment)
    found: list[str] = json.loads(str(sample.more["out"]).rpartition("imported ")[2])
    return found


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


class _Workload(NamedTuple):
    """A finished workload: its spec, the services, and what makes a command use them."""

    spec: Path
    server: stub.Stub
    environment: dict[str, str]


def _planning(workload: _Workload) -> Iterator[tuple[str, int]]:
    before = workload.server.counts()
    program([*BATCHSPEC, "plan", workload.spec], environment=workload.environment)
    yield from _of_stub(f"plan of {_PLANNED} unchanged inputs", workload.server.counts() - before)


def _beside_others() -> Iterator[tuple[str, int]]:
    """What looking at a spec costs in an account with very much that is not its own."""
    with _workload(_OTHERS) as workload:
        for name, *words in (("plan",), ("drift",), ("report", "--list")):
            before = workload.server.counts()
            program([*BATCHSPEC, name, *words, workload.spec], environment=workload.environment)
            yield from _of_stub(f"{name} beside a million blobs of others", workload.server.counts() - before)


@contextmanager
def _workload(others: Others) -> Iterator[_Workload]:
    """A finished workload beside *others*."""
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:
        folder = Path(name) / "workload"
        prepare_plan(folder, _PLANNED, others)
        environment = {"XDG_CACHE_HOME": str(folder / "cache")}
        with stub.running(*listings(folder, others.blobs)) as server:
            yield _Workload(folder / "bench.yaml", server, environment | account.environment_of(server.port))


def _of_stub(name: str, counted: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    yield f"{name}: requests", counted["requests"]
    yield f"{name}: bytes", counted["sent"]


def grown(now: Measured) -> Iterator[str]:
    """What is more than was recorded, a line each."""
    before = Measured(*(json.loads(file.read_text(encoding="utf-8")) for file in (COUNTS, IMPORTS)))
    for name, count in now.counts.items():
        recorded = before.counts.get(name, 0)
        if count > recorded * (1 + _SLACK.get(name.rpartition(": ")[2], 0)):
            yield f"{name}: {recorded} before, now {count}"
    for command, modules in now.imports.items():
        for module in sorted({*modules} - {*before.imports.get(command, ())}):
            yield f"`batchspec {command}` imports {module}, which it did not"


def check() -> None:
    """Ends the process with what is more than was recorded, if anything is."""
    if more := [*grown(measured())]:
        sys.exit("\n".join([*more, "if that is meant: python -m tests.bench.counts --record"]))


def main() -> None:
    if sys.argv[1:] == ["--record"]:
        for file, found in zip((COUNTS, IMPORTS), measured(), strict=True):
            file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    else:
        check()


if __name__ == "__main__":
    main()
