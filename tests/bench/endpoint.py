"""The endpoint's speed, one line a figure: `python -m tests.bench.endpoint [TASKS]`.

A process of its own serves a job of 100,000 tasks; what stands beside each figure is what it was asked to be. Figures
of one run compare with each other, not with those of another machine.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.emulator.conftest import job_body, new_settings, pool_body, wait_until
from tests.emulator.test_durability import Process

_API = "api-version=2025-06-01"
_SETTINGS = [
    {"name": "BATCHSPEC_COMMAND", "value": "true " * 20},
    {"name": "BATCHSPEC_FINGERPRINT", "value": "a" * 64},
]


def main(tasks: int) -> None:
    with tempfile.TemporaryDirectory() as folder, _endpoint(Path(folder)) as endpoint:
        served = endpoint.served
        assert endpoint.process is not None
        process = psutil.Process(endpoint.process.pid)
        served.raw("POST", "/jobs", job_body())
        report(
            "adding",
            _timed(lambda: _add(endpoint, tasks)),
            "s",
            f"{tasks} tasks, 100 a request; well under 60",
        )
        for name, query in (
            ("a page of 1,000", _API),
            ("a page of ids and states", f"{_API}&%24select=id%2Cstate"),
            ("a filter on state that finds none", f"{_API}&%24filter=state%20eq%20%27running%27"),
        ):
            seconds = min(
                _timed(lambda q=query: served.raw("GET", "/jobs/job/tasks", query=q)) for _ in range(5)
            )  # type: ignore[misc]
            report(name, seconds * 1000, "ms", "milliseconds")
        report(
            "task counts",
            _timed(lambda: served.raw("GET", "/jobs/job/taskcounts")) * 1000,
            "ms",
            "milliseconds",
        )
        with endpoint.client() as client:
            client.create_pool(pool_body(targetDedicatedNodes=2))
            wait_until(lambda: _completed(endpoint) > 0, 60)
            before, span = _completed(endpoint), 10.0
            time.sleep(span)
            rate = (_completed(endpoint) - before) / span
            report(
                "a trivial task, the rest of the job queued", 1000 / rate, "ms", "2 nodes of 1 slot, bash -c"
            )
        report("memory", process.memory_info().rss / 1e6, "MB", "under 300")
    report("xargs -P2, the same command", _xargs(1000) * 1000, "ms a task", "the floor")


def report(name: str, value: float, unit: str, note: str) -> None:
    print(f"{name:<45} {value:>10.2f} {unit:<10} ({note})", flush=True)


@contextmanager
def _endpoint(folder: Path) -> Iterator[Process]:
    endpoint = Process(new_settings(folder / "account"))
    endpoint.start()
    try:
        yield endpoint
    finally:
        assert endpoint.process is not None
        endpoint.process.terminate()
        endpoint.process.wait()


def _add(endpoint: Process, tasks: int) -> None:
    def one(start: int) -> None:
        answer = endpoint.served.raw("POST", "/jobs/job/addtaskcollection", {"value": _bodies(start)})
        assert answer.status == 200, answer.body

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(one, range(0, tasks, 100)))


def _bodies(start: int) -> list[dict[str, Any]]:
    line = "/bin/bash -c 'eval \"$BATCHSPEC_COMMAND\"'"
    return [
        {"id": f"task-{number:07}-3f2a9c-9d8e7f6a", "commandLine": line, "environmentSettings": _SETTINGS}
        for number in range(start, start + 100)
    ]


def _completed(endpoint: Process) -> int:
    return int(endpoint.served.raw("GET", "/jobs/job/taskcounts").json()["taskCounts"]["completed"])


def _timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _xargs(count: int) -> float:
    """Seconds a task."""
    numbers = "\n".join(map(str, range(count))).encode()
    command = ["xargs", "-P2", "-n1", "/bin/bash", "-c", 'eval "$BATCHSPEC_COMMAND"']
    environment = {"BATCHSPEC_COMMAND": _SETTINGS[0]["value"], "PATH": "/usr/bin:/bin"}
    return _timed(lambda: subprocess.run(command, input=numbers, env=environment, check=True)) / count


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
