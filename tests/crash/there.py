"""What there is of a life's spec at a moment, read through the official SDKs; and what is somebody else's."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from main_job.workload import Workload

_RENEWED_AFTER = timedelta(days=6)
"""A task that has waited that long is to get new links: a day before they end."""

_ID = re.compile(r"(?P<name>.+?)-(?P<key>[a-z2-7]{10})-(?P<work>[a-z2-7]{10})(?:-\d+)?")


class Live(NamedTuple):
    """A task that has not ended."""

    url: str
    name: str
    work: str
    state: str
    age: timedelta  # since it was added

    @property
    def is_renewed(self) -> bool:
        return self.state == "active" and self.age > _RENEWED_AFTER


class Found(NamedTuple):
    """Outputs by name, as (fingerprint, text), and what is under way, as (name, work)."""

    outputs: dict[str, tuple[str, str]]
    live: set[tuple[str, str]]


def find(work: Workload) -> Found:
    """What there is, tasks before outputs: one that ends in between is seen with its output."""
    live = {(task.name, task.work) for task in live_tasks(work) if not task.is_renewed}
    outputs = {}
    with work.blob_service() as service:
        container = service.get_container_client("output")
        for blob in container.list_blobs(f"{work.name}/", include=["metadata"]):
            name = blob.name.removeprefix(f"{work.name}/")
            if name.endswith(".txt") and "/" not in name:
                text = container.download_blob(blob.name).readall().decode()
                fingerprint = (blob.metadata or {}).get("batchspec_fingerprint", "")
                outputs[name.removesuffix(".txt")] = (fingerprint, text)
    return Found(outputs, live)


def live_tasks(work: Workload) -> list[Live]:
    """The spec's tasks that have not ended, of jobs that go on."""
    listed = (work.batch("GET", f"/jobs/{job}/tasks")["value"] for job in open_jobs(work))
    return [
        Live(
            url=task["url"],
            name=match["name"],
            work=match["work"],
            state=task["state"],
            age=datetime.now(UTC) - datetime.fromisoformat(task["creationTime"]),
        )
        for task in chain.from_iterable(listed)
        if task["state"] != "completed" and (match := _ID.fullmatch(task["id"]))
    ]


def name_of(task_id: str) -> str:
    """The name of the task's input."""
    match = _ID.fullmatch(task_id)
    assert match is not None, task_id
    return match["name"]


def nodes(work: Workload) -> list[dict[str, Any]]:
    found = work.batch("GET", f"/pools/{work.pool_id}/nodes")
    return found["value"] if found else []


def open_jobs(work: Workload) -> list[str]:
    return [job["id"] for job in owned(work) if "poolInfo" in job and job["state"] == "active"]


def owned(work: Workload) -> list[dict[str, Any]]:
    """The pools and jobs that carry the spec's stamp."""
    listed = [*work.batch("GET", "/pools")["value"], *work.batch("GET", "/jobs")["value"]]
    stamp = {"name": "batchspec.spec", "value": work.name}
    return [entry for entry in listed if stamp in entry.get("metadata", ())]


def add_foreign(work: Workload) -> None:
    """A pool, jobs and blobs of somebody else's, whose names begin as ours do."""
    pool = {"id": f"{work.pool_id}-2", "vmSize": "standard_d2ds_v5"}
    image = {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
    machine = {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 24.04"}
    work.batch("POST", "/pools", {**pool, "virtualMachineConfiguration": machine})
    for id in (f"{work.job_id}-2", f"{work.job_id}-x"):
        work.batch("POST", "/jobs", {"id": id, "poolInfo": {"poolId": pool["id"]}})
    with work.blob_service() as service:
        for container in ("input", "output"):
            client = service.get_container_client(container)
            if not client.exists():
                client.create_container()
            client.upload_blob(f"{work.name}-not/theirs", b"theirs")


def foreign(work: Workload) -> list[str]:
    """The ETags of what is somebody else's."""
    paths = [f"/pools/{work.pool_id}-2", f"/jobs/{work.job_id}-2", f"/jobs/{work.job_id}-x"]
    with work.blob_service() as service:
        blobs = [
            service.get_blob_client(container, f"{work.name}-not/theirs").get_blob_properties().etag
            for container in ("input", "output")
        ]
    return [*(work.batch("GET", path)["eTag"] for path in paths), *blobs]
