"""A pool of one node, a job, and a task for each thing we want to know of nodes; run once for all checks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from batchspec.desired.bodies.wrapper import wrapped_words
from batchspec.errors import ServiceError
from batchspec.resources.task import COMMAND_VARIABLE
from batchspec.service.batch.client import path_of
from batchspec.service.connect import Account

CONTAINER = "output"
POOL_WITHIN_S = 900
_TASKS_WITHIN_S = 900

SPLIT = {
    "plain": "/usr/bin/printf [%s] a b",
    "double": '/usr/bin/printf [%s] "a b" c',
    "single": "/usr/bin/printf [%s] 'a b' c",
    "empty": '/usr/bin/printf [%s] "" c',
    "glued": "/usr/bin/printf [%s] a\"b c\"d e'f g'h",
    "backslash": r"/usr/bin/printf [%s] a\ b c",
    "escaped": r'/usr/bin/printf [%s] "a\"b" c',
    "dollar": "/usr/bin/printf [%s] $HOME '$HOME'",
    "ours": wrapped_words([]),
}
"""Command lines by what they try; the last is the form that batchspec itself sends."""


@dataclass(frozen=True)
class Facts:
    """What there is: `tasks` by what they try, as Batch shows them when completed."""

    account: Account
    name: str
    tasks: dict[str, dict[str, Any]]
    pool: dict[str, Any]
    node: dict[str, Any]

    def stdout(self, task: str) -> str:
        where = path_of("jobs", self.name, "tasks", task, "files", "stdout.txt")
        return self.account.batch.content(where, doing="read stdout").decode()


def run_facts(account: Account, name: str) -> Iterator[Facts]:
    """The facts, once all tasks are completed; afterwards pool, job and blobs are gone."""
    try:
        account.blobs.ensure_container(CONTAINER)
        account.batch.post("/pools", pool_body(name), doing="create the pool")
        account.batch.post("/jobs", {"id": name, "poolInfo": {"poolId": name}}, doing="create the job")
        body = {"value": _tasks(account, name)}
        account.batch.post(path_of("jobs", name, "addtaskcollection"), body, doing="add the tasks")
        tasks = _completed(account, name)
        pool = account.batch.get(path_of("pools", name), doing="read the pool").body
        node = account.batch.get(path_of("pools", name, "nodes"), doing="list nodes").body["value"][0]
        yield Facts(account, name, tasks, pool, node)
    finally:
        for kind in ("jobs", "pools"):
            with suppress(ServiceError):
                account.batch.delete(path_of(kind, name), doing="take it away")
        for blob in list(account.blobs.list(CONTAINER, f"{name}/")):
            account.blobs.delete(CONTAINER, blob.name)


def pool_body(name: str, **changes: Any) -> dict[str, Any]:
    """The smallest pool; its start task says where it is."""
    body = {
        "id": name,
        "vmSize": "Standard_D2ds_v5",
        "virtualMachineConfiguration": {
            "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
            "nodeAgentSKUId": "batch.node.ubuntu 24.04",
        },
        "targetDedicatedNodes": 1,
        "taskSlotsPerNode": 4,
        "startTask": {"commandLine": "/bin/bash -c pwd", "waitForSuccess": True},
    }
    return body | changes


def _tasks(account: Account, name: str) -> list[dict[str, Any]]:
    def upload(pattern: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
        container = {
            "containerUrl": account.blobs.write_url(CONTAINER),
            "path": f"{name}/{path}",
            "uploadHeaders": [{"name": key, "value": value} for key, value in headers.items()],
        }
        condition = {"uploadCondition": "tasksuccess"}
        return {"filePattern": pattern, "destination": {"container": container}, "uploadOptions": condition}

    ours = [{"name": COMMAND_VARIABLE, "value": "printf '[%s]' 'a b' '$HOME' \"it's\""}]
    shell = "/bin/bash -c '{}'"
    return [
        *(
            {"id": f"split-{what}", "commandLine": line, "environmentSettings": ours}
            for what, line in SPLIT.items()
        ),
        {
            "id": "headers",
            "commandLine": shell.format("echo done > made.txt"),
            "outputFiles": [upload("made.txt", "made.txt", {"x-ms-meta-batchspec_fingerprint": "f1"})],
        },
        {
            "id": "wildcard",
            "commandLine": shell.format(
                "mkdir -p a/b/c && touch a/1.txt a/b/2.txt a/b/c/3.txt a/b/c/4.log a/.h.txt"
            ),
            "outputFiles": [upload("a/**/*.txt", "deep", {}), upload("a/b/*", "flat", {})],
        },
        {
            "id": "wall-clock",
            "commandLine": "/bin/sleep 600",
            "constraints": {"maxWallClockTime": "PT10S"},
        },
        {"id": "killed", "commandLine": shell.format("kill -9 $$")},
        {"id": "no-program", "commandLine": "no-such-program"},
        {
            "id": "retried",
            "commandLine": shell.format("echo again >> tries; wc -l < tries; exit 1"),
            "constraints": {"maxTaskRetryCount": 2},
        },
        {"id": "environment", "commandLine": shell.format("env; pwd; umask; id -un")},
    ]


def _completed(account: Account, name: str) -> dict[str, dict[str, Any]]:
    """The tasks once all are completed."""
    until = time.monotonic() + POOL_WITHIN_S + _TASKS_WITHIN_S
    while True:
        listed = account.batch.items(path_of("jobs", name, "tasks"), doing="list the tasks")
        tasks = {task["id"]: task for task in listed}
        if all(task["state"] == "completed" for task in tasks.values()):
            return tasks
        assert time.monotonic() < until, {id: task["state"] for id, task in tasks.items()}
        time.sleep(2)
