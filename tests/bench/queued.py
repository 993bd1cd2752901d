"""Submission and the plan of a queued job as the shipped commands do it, on the real local account, blobs included."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from tests.bench import account
from tests.bench.measure import Figure, Sample, ask, in_turn, median, program, ratio, report, timed, way
from tests.bench.startup import BATCHSPEC

_SPEC = """\
version: 1
name: NAME
pool: {existing: bench-pool}
job: {id: NAME}
tasks:
  audio:
    inputs: {container: input, prefix: bench/clips/}
    command: [ffmpeg, -hide_banner, -nostdin, -y, -i, "{{ input.path }}", -vn, "-b:a", 192k, "{{ output.path }}"]
    output: "{{ input.stem }}.mp3"
    constraints: {maxWallClockTime: PT1H, retentionTime: P7D, maxTaskRetryCount: 2}
"""
PACKAGES = ("azure-batch", "azure-storage-blob", "starlette", "uvicorn")


def figures(tasks: int, rounds: int) -> Iterator[Figure]:
    """No node takes a task: what is measured is the client with the endpoint, on the same two cores."""
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name, account.local():
        folder = Path(name)
        ask(__name__, "fill", tasks)
        numbers = count()

        def apply() -> Sample:
            file = folder / f"bench-{next(numbers)}.yaml"
            file.write_text(_SPEC.replace("NAME", file.stem), encoding="utf-8")
            return _said(f"{tasks} tasks in", "apply", "--detach", file)

        ways: dict[str, Callable[[], Sample]] = {
            "ours": apply,
            "sdk": lambda: way(__name__, "sdk", tasks, f"sdk-{next(numbers)}")(),
        }
        found = in_turn(rounds, ways)
        ours, sdk = found["ours"], found["sdk"]
        parts = (
            f"{tasks:,} tasks with an input blob each: `apply --detach` {median(ours):.2f} s, its start, two plans "
            f"and the lock included; create_tasks alone {median(sdk):.2f} s"
        )
        yield Figure("submission on the local account", ratio(sdk, ours), "x", None, None, parts, PACKAGES)
        job = folder / "bench-0.yaml"
        ways = {
            "ours": lambda: _said(f"{tasks} in progress", "plan", job),
            "pages": lambda: way(__name__, "pages", tasks, job.stem)(),
        }
        found = in_turn(rounds, ways)
    ours, pages = found["ours"], found["pages"]
    parts = (
        f"{tasks:,} tasks and their input blobs: `plan` {median(ours):.2f} s, its start included; the pages of the "
        f"tasks alone {median(pages):.2f} s"
    )
    yield Figure("unchanged job on the local account", median(ours), " s", None, None, parts, PACKAGES)


def _said(words: str, *command: object) -> Sample:
    """What a command takes. Raises RuntimeError unless it says *words*."""
    sample = program([*BATCHSPEC, *map(str, command)])
    if words not in str(sample.more["out"]):
        raise RuntimeError(f"{command[0]} did not say {words!r}:\n{sample.more['out']}")
    return sample


def fill(tasks: int) -> None:
    """Makes the pool, without a node, and the blobs."""
    from concurrent.futures import ThreadPoolExecutor

    from azure.storage.blob import BlobServiceClient

    from batchspec.service import embedded
    from batchspec.service.connect import connect
    from tests.bench.workload import made_up_inputs

    found = embedded.find()
    assert found is not None
    machine = {
        "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
    }
    pool = {"id": "bench-pool", "vmSize": "Standard_D2ds_v5", "virtualMachineConfiguration": machine}
    connect("local", lambda _: None).batch.post("/pools", pool, doing="make a pool")
    container = BlobServiceClient.from_connection_string(found.connection_string).create_container("input")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda item: container.upload_blob(item.blob, b"clip"), made_up_inputs(tasks)))
    print("done")


def sdk(tasks: int, job_id: str) -> None:
    """The same tasks as models for `create_tasks`."""
    from azure.batch import BatchClient, models
    from azure.core.credentials import AzureNamedKeyCredential

    from batchspec.service import embedded
    from tests.bench.submission import model

    found = embedded.find()
    assert found is not None
    client = BatchClient(found.batch_endpoint, AzureNamedKeyCredential(found.batch_account, found.batch_key))
    client.create_job(
        models.BatchJobCreateOptions(id=job_id, pool_info=models.BatchPoolInfo(pool_id="bench-pool"))
    )
    with timed() as taken:
        result = client.create_tasks(job_id, [model(number) for number in range(tasks)])
        assert len(result.result_values) == tasks
    client.close()
    report(taken())


def pages(tasks: int, job_id: str) -> None:
    """Moves the pages of the tasks, and no more."""
    from batchspec.service.connect import connect

    batch = connect("local", lambda _: None).batch
    with timed() as taken:
        found = batch.items(f"/jobs/{job_id}/tasks", doing="list", select="id,state,executionInfo")
        assert sum(1 for _ in found) == tasks
    report(taken())


if __name__ == "__main__":
    name, *words = sys.argv[1:]
    {"fill": fill, "sdk": sdk, "pages": pages}[name](int(words[0]), *words[1:])
