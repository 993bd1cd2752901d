"""The workload of the fault matrix, and what of it there is: the same whatever befell the calls (R-10)."""

from __future__ import annotations

import json
import re
from typing import Any

from azure.storage.blob import BlobServiceClient
from main_job.workload import Workload

BIG_BYTES = (8 << 20) + 1  # two blocks
_OF_A_MOMENT = re.compile(
    r"(?i)(time|lastModified|eTag|url|executionInfo|previousState|^id|^current\w+Nodes)$"
)
_SIGNED = re.compile(r"\?[^\"]*sig=[^\"]*")
_DIGEST = re.compile(r"[0-9a-f]{32}(?=\"})")  # of a body: it has the spec's name in it

SPEC = """\
version: 1
name: {name}
pool:
  id: {name}-pool
  vmSize: Standard_D2ds_v5
  image: canonical:ubuntu-24_04-lts:server
  targetLowPriorityNodes: 2
  metadata: [{{name: edition, value: first}}]
job: {{id: {name}-job, priority: 1, onAllTasksComplete: {ending}, constraints: {{maxWallClockTime: PT1H}}}}
containers: {{input: {name}-in, output: {name}-out}}
tasks:
  copy:
    inputs: clips/*
    command: [cp, "{{{{ input.path }}}}", "{{{{ output.path }}}}"]
    output: "{{{{ input.name }}}}.out"
"""


def write(workload: Workload, *, ending: str, big: bool = False) -> None:
    """Two small inputs, and one of two blocks where there is to be a *big* one."""
    workload.clips.mkdir(parents=True)
    workload.spec.write_text(SPEC.format(name=workload.name, ending=ending))
    for name in ("a", "b"):
        (workload.clips / name).write_text(name)
    if big:
        (workload.clips / "big").write_bytes(b"big" * (BIG_BYTES // 3 + 1))


def edit(workload: Workload) -> None:
    """What both the pool and the job take in place."""
    workload.edit("value: first", "value: second")
    workload.edit("priority: 1", "priority: 2")


def state(workload: Workload) -> dict[str, Any]:
    """All there is of the workload, without names, times, links and what else differs between two runs."""
    pools = [
        pool for pool in workload.batch("GET", "/pools")["value"] if pool["id"].startswith(workload.name)
    ]
    with workload.blob_service() as service:
        blobs = {
            container: _blobs(service, container)
            for container in (f"{workload.name}-in", f"{workload.name}-out")
        }
    tasks = {id: [task["state"], task["executionInfo"]["result"]] for id, task in workload.tasks().items()}
    found = {"pools": pools, "jobs": workload.jobs(), "tasks": tasks, "blobs": blobs}
    text = json.dumps(_lasting(found), sort_keys=True).replace(workload.name, "NAME")
    text = text.replace('"state": "terminating"', '"state": "completed"')  # a job comes to its end by itself
    whole: dict[str, Any] = json.loads(_DIGEST.sub("DIGEST", _SIGNED.sub("", text)))
    return whole


def _blobs(service: BlobServiceClient, container: str) -> list[Any]:
    """Name, content and lease of each; records of runs differ always."""
    listed = service.get_container_client(container).list_blobs()
    return [
        [blob.name, bytes(blob.content_settings.content_md5 or b"").hex(), blob.lease.state]
        for blob in listed
        if "/.batchspec/runs/" not in blob.name
    ]


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lasting(member) for name, member in value.items() if not _OF_A_MOMENT.search(name)}
    return [_lasting(member) for member in value] if isinstance(value, list) else value
