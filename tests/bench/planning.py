"""`batchspec plan` of a finished workload in which nothing changed: files, blobs, a completed job with its tasks."""

from __future__ import annotations

import base64
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.bench import account, stub
from tests.bench.measure import Figure, Sample, ask, command, median

if TYPE_CHECKING:
    from batchspec.desired.task import Desired

_PATHS = {
    "pools.jsonl": ("json", "/pools"),
    "jobs.jsonl": ("json", "/jobs"),
    "tasks.jsonl": ("json", "/jobs/bench-job/tasks"),
    "input.xml": ("xml", f"/{account.NAME}/input"),
    "output.xml": ("xml", f"/{account.NAME}/output"),
}
_LATER_S = 60


class Others(NamedTuple):
    """What the account has that is not ours: so many pools, open jobs, and blobs in each of our containers."""

    pools: int = 0
    jobs: int = 0
    blobs: int = 0


NO_OTHERS = Others()
PACKAGES = ("azure-batch", "azure-storage-blob")


def figures(inputs: int, filled: int, rounds: int) -> Iterator[Figure]:
    """Against a stub, and against the real local account with *filled* inputs and their blobs."""
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name:
        folder = Path(name)
        environment = {"XDG_CACHE_HOME": str(folder / "cache")}
        ask(__name__, "prepare", folder, inputs, environment=environment)
        with stub.running(*listings(folder)) as server:
            environment |= account.environment_of(server.port)
            found = [plan(folder, inputs, environment) for _ in range(rounds)]
    peak = max(sample.peak_mb for sample in found)
    parts = f"{inputs:,} inputs with outputs and logs, from a stub: CPU {median(found, 'cpu_s'):.1f} s, {peak:.0f} MB"
    yield Figure(
        "plan of an unchanged workload, wall", median(found), " s", 60, 15, parts, PACKAGES, smaller=True
    )
    yield _on_local_account(filled, rounds)


def prepare_plan(folder: Path, inputs: int, others: Others = NO_OTHERS) -> None:
    """Writes into *folder* what the services have of the workload, and *others*, unless it is there."""
    if folder.exists():
        return
    folder.mkdir()
    ask(__name__, "prepare", folder, inputs, environment={"XDG_CACHE_HOME": str(folder / "cache")})
    for file, count in (("pools.jsonl", others.pools), ("jobs.jsonl", others.jobs)):
        with (folder / file).open("a", encoding="utf-8") as stream:
            stream.writelines(map(_other, range(count)))


def _other(number: int) -> str:
    """A pool or a job of others."""
    body = {"id": f"other-{number}", "state": "active", "metadata": [], "poolInfo": {"poolId": "other"}}
    return f"{json.dumps(body)}\n"


def listings(folder: Path, others: int = 0) -> list[stub.Listing]:
    """What a stub serves of the services' state that `prepare` wrote into *folder*, beside *others* blobs."""
    return [
        stub.Listing(form, path, folder / file, others if form == "xml" else 0)
        for file, (form, path) in _PATHS.items()
    ]


def _on_local_account(inputs: int, rounds: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as name, account.local():
        folder = Path(name)
        environment = {"XDG_CACHE_HOME": str(folder / "cache")}
        ask(__name__, "prepare", folder, inputs, environment=environment)
        ask(__name__, "fill", folder)
        found = [plan(folder, inputs, environment) for _ in range(rounds)]
    parts = f"{inputs:,} inputs with their outputs, no job, on the local account: {median(found, 'cpu_s'):.1f} s of CPU"
    goals = (60.0, 15.0) if inputs >= 100_000 else (None, None)
    return Figure(
        "the same on the local account, wall", median(found), " s", *goals, parts, PACKAGES, smaller=True
    )


def plan(folder: Path, inputs: int, environment: dict[str, str]) -> Sample:
    """The shipped command. Raises RuntimeError unless it finds that everything is up to date."""
    sample = command("plan", "--detailed-exitcode", folder / "bench.yaml", environment=environment)
    out = str(sample.more["out"])
    if f"{inputs:,} tasks" not in out and f"{inputs} tasks" not in out and str(inputs) not in out:
        raise RuntimeError(f"plan did not find {inputs} tasks up to date:\n{out}")
    return sample


def prepare(folder: str, count: str) -> None:
    """Writes the files, remembers their digests, and writes what the services would list."""
    import time

    from batchspec.engine.look.reads import desired_now
    from tests.bench.workload import FROM_FILES, spec_of, write_files

    root = Path(folder)
    write_files(root / "clips", int(count), 64)
    (root / "bench.yaml").write_text(FROM_FILES, encoding="utf-8")
    now = time.time_ns
    time.time_ns = lambda: now() + _LATER_S * 1_000_000_000  # else files made just now are not remembered
    spec = spec_of(FROM_FILES, str(root / "bench.yaml"))
    desired = desired_now(spec, None)
    _write_batch(root, desired)
    _write_blobs(root, desired)
    print("done")


def _write_batch(root: Path, desired: Desired) -> None:
    from batchspec.resources.task import task_id

    job = {**(desired.job or {}), "state": "completed", "eTag": "0x1", "creationTime": "2026-01-01T00:00:00Z"}
    (root / "pools.jsonl").write_text("", encoding="utf-8")  # it is gone, and so is every other
    (root / "jobs.jsonl").write_text(json.dumps(job) + "\n", encoding="utf-8")
    ended = {
        "startTime": "2026-01-01T00:05:00.123456Z",
        "endTime": "2026-01-01T00:06:00.1234567Z",
        "exitCode": 0,
    }
    ended |= {"result": "success", "retryCount": 0, "requeueCount": 0}
    with (root / "tasks.jsonl").open("w", encoding="utf-8") as stream:
        for task in desired.tasks:
            entry = {"id": task_id(task.key, task.work), "state": "completed", "executionInfo": ended}
            stream.write(json.dumps(entry) + "\n")


def _write_blobs(root: Path, desired: Desired) -> None:
    """Inputs with their MD5, outputs with their stamps, and two logs of each task; in the order of their names."""
    from batchspec.desired.places import Places
    from batchspec.resources.records import COMMAND_METADATA, FINGERPRINT_METADATA
    from batchspec.resources.task import task_id

    inputs, outputs, logs = [], [], []
    for task in desired.tasks:
        assert task.input is not None
        assert task.output is not None
        inputs.append(_blob(task.input.blob, task.input.size, task.input.content, {}))
        stamps = {FINGERPRINT_METADATA: task.work.fingerprint, COMMAND_METADATA: task.work.command}
        outputs.append(_blob(task.output, 12_345, task.work.input, stamps))
        id = task_id(task.key, task.work)
        logs += [
            _blob(Places.of(desired.spec).log(id, file), 100, "0" * 32, {})
            for file in ("stderr.txt", "stdout.txt")
        ]
    (root / "input.xml").write_text("".join(sorted(inputs)), encoding="utf-8")
    (root / "output.xml").write_text("".join([*sorted(logs), *sorted(outputs)]), encoding="utf-8")


def _blob(name: str, size: int, md5: str, metadata: dict[str, str]) -> str:
    """One entry of a listing, as the service writes it."""
    stamps = "".join(f"<{key}>{value}</{key}>" for key, value in metadata.items())
    return (
        f"<Blob><Name>{name}</Name><Properties><Creation-Time>Thu, 01 Jan 2026 00:00:00 GMT</Creation-Time>"
        "<Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified><Etag>0x8DD000000000000</Etag>"
        f"<Content-Length>{size}</Content-Length><Content-Type>application/octet-stream</Content-Type>"
        f"<Content-MD5>{base64.b64encode(bytes.fromhex(md5)).decode()}</Content-MD5><BlobType>BlockBlob</BlobType>"
        "<AccessTier>Hot</AccessTier><AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus>"
        "<LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties>"
        f"<Metadata>{stamps}</Metadata><OrMetadata/></Blob>\n"
    )


def fill(folder: str) -> None:
    """Puts into the local account what the workload has left there, had it run: inputs and stamped outputs."""
    from concurrent.futures import ThreadPoolExecutor

    from azure.storage.blob import BlobServiceClient, ContentSettings

    from batchspec.engine.look.reads import desired_now
    from batchspec.resources.records import COMMAND_METADATA, FINGERPRINT_METADATA
    from batchspec.service import embedded
    from tests.bench.workload import FROM_FILES, spec_of

    found = embedded.find()
    assert found is not None
    spec = spec_of(FROM_FILES, str(Path(folder) / "bench.yaml"))
    desired = desired_now(spec, None)
    service = BlobServiceClient.from_connection_string(found.connection_string)
    into = {name: service.create_container(name) for name in ("input", "output")}

    def put(number: int) -> None:
        task = desired.tasks[number]
        assert task.input is not None
        assert task.output is not None
        assert task.input.file is not None
        data = Path(task.input.file).read_bytes()
        md5 = ContentSettings(content_md5=bytearray.fromhex(task.input.content))
        into["input"].upload_blob(task.input.blob, data, content_settings=md5, validate_content=True)
        stamps = {FINGERPRINT_METADATA: task.work.fingerprint, COMMAND_METADATA: task.work.command}
        into["output"].upload_blob(task.output, b"made", metadata=stamps, validate_content=True)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(len(desired.tasks))))
    print("done")


if __name__ == "__main__":
    {"prepare": prepare, "fill": fill}[sys.argv[1]](*sys.argv[2:])
