"""Acceptance by clients that we did not write, each installed from its registry into a place of its own.

They are found by the environment, so that CI names them and a plain run needs none:
BATCHSPEC_TEST_OLD_BATCH Pythons with azure-batch 6 to 11, separated as in PATH, BATCHSPEC_TEST_BATCH14 a Python with
azure-batch 14, BATCHSPEC_TEST_AZ an `az` with the batch commands, BATCHSPEC_TEST_NODE_MODULES a node_modules with
@azure/batch and azure-batch, BATCHSPEC_TEST_SAMPLES the folder `samples` of azure-batch 15's source package.
"""

import asyncio
import json
import os
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.batch.aio import BatchClient as AsyncClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline.transport import AsyncioRequestsTransport

from .conftest import Served, job_body, pool_body, wait_until

_CLIENTS = Path(__file__).parent / "clients"


def _given(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        pytest.skip(f"{name} is not set")
    return value


def _run(served: Served, *command: str, **environment: str) -> str:
    variables = {
        "AZURE_BATCH_ACCOUNT": served.settings.name,
        "AZURE_BATCH_ACCESS_KEY": served.settings.key,
        "AZURE_BATCH_ENDPOINT": served.settings.endpoint,
        **environment,
    }
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_async_sdk(served: Served) -> None:
    """The SDK's asynchronous client makes a job, adds tasks, lists them over pages."""

    async def work() -> list[str]:
        credential = AzureNamedKeyCredential(served.settings.name, served.settings.key)
        transport = AsyncioRequestsTransport()
        async with AsyncClient(served.settings.endpoint, credential, transport=transport) as client:
            await client.create_job(job_body())
            await client.create_tasks("job", [{"id": f"t{n:03}", "commandLine": "true"} for n in range(150)])
            await client.delete_task("job", "t000")
            return [str(task.id) async for task in client.list_tasks("job", max_results=40)]

    assert asyncio.run(work()) == [f"t{n:03}" for n in range(1, 150)]


def test_the_sample_of_azure_batch(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """Its steps are taken as they are, only signed in by key; it prints every error, and there is none."""
    file = Path(_given("BATCHSPEC_TEST_SAMPLES")) / "batch_samples_hello_world.py"
    samples = runpy.run_path(str(file))["BatchSamples"]()
    with served.client() as client:
        samples.create_pool(client, "my_pool")
        samples.create_job_and_submit_task(client, "my_pool", "my_job")
        assert [task.id for task in client.list_tasks("my_job")] == ["my_task"]
        samples.cleanup(client, "my_pool", "my_job")
        wait_until(lambda: list(client.list_pools()) == [])
    assert capsys.readouterr().out == ""


def test_azure_batch_14(served: Served) -> None:
    """azure-batch 14 makes a pool with properties of its time and reads them back, adds 150 tasks, reads an output."""
    seen = json.loads(_run(served, _given("BATCHSPEC_TEST_BATCH14"), str(_CLIENTS / "batch14.py")))
    assert seen == {
        "mode": "classic",
        "tags": {"team": "media"},
        "again": ["clienterror", "TaskExists"],
        "listed": 150,
        "output": "t7\n",
    }


def test_azure_batch_6_to_11(start: Callable[..., Served]) -> None:
    """Versions 2018-12-01.8.0 to 2021-06-01.14.0: tasks per node or slots, counts, disks, and lists in their words."""
    for python in _given("BATCHSPEC_TEST_OLD_BATCH").split(os.pathsep):
        seen = json.loads(_run(start(), python, str(_CLIENTS / "old.py")))
        assert seen == {
            "slots": 4,
            "disk": "standard_lrs",
            "added": ["success"] * 5,
            "completed": 5,
            "succeeded": 5,
            "output": "t3\n",
            "agent": True,
        }, python


def test_the_older_azure_batch_of_npm(served: Served) -> None:
    """npm's azure-batch, of 2020-03-01.11.0, makes a pool and a job, adds a task and reads its result."""
    modules = _given("BATCHSPEC_TEST_NODE_MODULES")
    seen = json.loads(_run(served, "node", str(_CLIENTS / "old.js"), NODE_PATH=modules))
    assert seen == {"tasksPerNode": 2, "result": ["t", 0, "success"], "succeeded": 1}


def test_azure_batch_of_npm(served: Served) -> None:
    """@azure/batch makes a pool and a job, adds tasks, lists them, and understands an error."""
    modules = _given("BATCHSPEC_TEST_NODE_MODULES")
    seen = json.loads(_run(served, "node", str(_CLIENTS / "batch.js"), NODE_PATH=modules))
    assert seen == {
        "added": ["Success", "Success"],
        "results": [["a", 0, "success"], ["b", 1, "failure"]],
        "pools": ["js"],
        "code": "PoolNotFound",
    }


def test_az_batch(served: Served, tmp_path: Path) -> None:
    """`az batch` makes a pool from JSON, a job, a task, reads its stdout, and deletes all."""
    program = _given("BATCHSPEC_TEST_AZ")

    def az(*arguments: str) -> Any:
        text = _run(
            served, program, "batch", *arguments, "--output", "json", AZURE_CONFIG_DIR=str(tmp_path / "az")
        )
        return json.loads(text or "null")

    pool, tasks, output = tmp_path / "pool.json", tmp_path / "tasks.json", tmp_path / "out.txt"
    pool.write_text(json.dumps(pool_body()))
    tasks.write_text(json.dumps([{"id": name, "commandLine": f"/bin/echo {name}"} for name in ("a", "b")]))
    az("pool", "create", "--json-file", str(pool))
    az("job", "create", "--id", "job", "--pool-id", "pool")
    az("task", "create", "--job-id", "job", "--json-file", str(tasks))
    wait_until(
        lambda: [item["state"] for item in az("task", "list", "--job-id", "job")] == ["completed"] * 2, 60
    )
    one = ("--job-id", "job", "--task-id", "a", "--file-path", "stdout.txt")
    az("task", "file", "download", *one, "--destination", str(output))
    assert output.read_text() == "a\n"
    az("job", "delete", "--job-id", "job", "--yes")
    az("pool", "delete", "--pool-id", "pool", "--yes")
    wait_until(lambda: az("pool", "list") == [], 60)
