"""Planning a queued job in which nothing changed: listing, decoding and comparing, against moving the pages."""

from __future__ import annotations

import http.client
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import stub
from tests.bench.measure import Figure, above_start, in_turn, median, peak_mb, ratio, report, timed, way

TASKS_PATH = "/jobs/bench-job/tasks"
_NEXT = re.compile(rb'"odata\.nextLink":"http://[^/]+([^"]+)"')
PACKAGES = ("azure-batch", "azure-core")


def figures(tasks: int, rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as folder:
        file = Path(folder) / "tasks.jsonl"
        write_tasks(file, tasks)
        with stub.running(stub.Listing("json", TASKS_PATH, file)) as server:
            ways = {name: way(__name__, name, tasks, server.port) for name in WAYS}
            found = in_turn(rounds, ways)
    ours, floor = found["ours"], found["floor"]
    parts = (
        f"{tasks:,} tasks: ours {median(ours):.1f} s ({median(ours, 'cpu_s') / tasks * 1e6:.1f} us of CPU each), "
        f"the pages alone {median(floor):.2f} s"
    )
    yield Figure(
        "unchanged job / its pages, wall", ratio(ours, floor), "x", 8, 5, parts, PACKAGES, smaller=True
    )
    parts = f"at {tasks:,} tasks, {median(ours, 'peak_mb'):.0f} MB with Python and the SDKs"
    name = "unchanged job, peak memory above start"
    yield Figure(name, above_start(ours), " MB", 64, 48, parts, PACKAGES, smaller=True)


def write_tasks(file: Path, count: int) -> None:
    """The tasks of the spec as a narrow listing has them, all queued."""
    from batchspec.desired.artifacts.readable import Readable
    from batchspec.desired.expansion.expand import expand
    from tests.bench.workload import FROM_BLOBS, made_up_inputs, spec_of

    with file.open("w", encoding="utf-8") as stream:
        for task in expand(spec_of(FROM_BLOBS), Readable({"audio": made_up_inputs(count)})).tasks:
            entry = {
                "id": task.id,
                "state": "active",
                "executionInfo": {"retryCount": 0},
            }
            stream.write(json.dumps(entry) + "\n")


def ours(count: int, port: int) -> None:
    """Reads the tasks and sorts them in; what the spec asks for is there already."""
    from batchspec.desired.artifacts.readable import Readable
    from batchspec.desired.expansion.expand import expand
    from batchspec.plan.here import nothing_here
    from batchspec.plan.observed import Seen
    from batchspec.plan.verdicts.work import Counted, find_work
    from batchspec.service.batch import task as task_service
    from tests.bench.workload import FROM_BLOBS, made_up_inputs, spec_of, stub_account

    account = stub_account(port)
    start = peak_mb()
    desired = expand(spec_of(FROM_BLOBS), Readable({"audio": made_up_inputs(count)}))
    with timed() as taken:
        Seen(desired.tasks).add_tasks(task_service.read_texts(account.batch, "bench-job"))
        found = find_work(desired, Counted.ALL, nothing_here)
        len(found.in_progress), len(found.runs)
    account.close()
    counted = stub.Stub(port).counts()
    if len(found.in_progress) != count or found.runs:
        raise SystemExit(f"{len(found.in_progress)} of {count} tasks were found as they are")
    rows = desired.tasks.database._connection.total_changes
    report(taken(), start_mb=start, requests=counted["requests"], bytes=counted["sent"], rows=rows)


def floor(count: int, port: int) -> None:
    """Moves the pages over one connection and finds the next one's link, no more."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    found, path = 0, TASKS_PATH
    with timed() as taken:
        while path:
            connection.request("GET", path)
            page = connection.getresponse().read()
            found += page.count(b'"id":')
            link = _NEXT.search(page, max(0, len(page) - 400))
            path = link[1].decode() if link else ""
    connection.close()
    if found != count:
        raise SystemExit(f"{found} tasks came, not {count}")
    report(taken())


WAYS = {"ours": ours, "floor": floor}

if __name__ == "__main__":
    WAYS[sys.argv[1]](*map(int, sys.argv[2:]))
