"""The endpoint is killed and started again; nothing that it acknowledged is lost or there twice."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from azure.batch import BatchClient
from azure.core.exceptions import AzureError

from batchspec.emulator.life.account.account import Account
from batchspec.emulator.state.settings import AS_MEASURED, Settings
from tests.containers import require_engine

from .conftest import Served, job_body, new_settings, pool_body, serve, wait_until
from .steps import completed, in_state, ready_pool, text
from .test_containers import INSIDE, MACHINE

_PROGRAM = """
import pathlib, socket, sys, uvicorn
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.state.settings import AS_MEASURED, Settings
from batchspec.emulator.host.app import create_app
home, name, key, endpoint = sys.argv[1:]
account = Account(Settings(home=pathlib.Path(home), name=name, key=key, endpoint=endpoint))
port = int(endpoint.rpartition(":")[2])
uvicorn.run(create_app(account), host="127.0.0.1", port=port, log_level="warning", access_log=False)
"""


class Process:
    """The endpoint as a process that can be killed."""

    def __init__(self, settings: Settings) -> None:
        self.served = Served(None, settings, lambda: None)  # type: ignore[arg-type]
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings = self.settings
        arguments = [str(settings.home), settings.name, settings.key, settings.endpoint]
        self.process = subprocess.Popen([sys.executable, "-c", _PROGRAM, *arguments])
        wait_until(self.answers)

    def answers(self) -> bool:
        with suppress(OSError):
            return bool(self.served.raw("GET", "/jobs").status == 200)
        return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def client(self) -> BatchClient:
        return self.served.client()


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Process]:
    process = Process(new_settings(tmp_path / "account"))
    process.start()
    yield process
    assert process.process is not None
    process.process.send_signal(signal.SIGTERM)
    process.process.wait()


def test_state_is_there_after_a_kill(endpoint: Process) -> None:
    """Pools, nodes, jobs and tasks are the same after kill -9, to the ETag."""
    with endpoint.client() as client:
        nodes = [node.id for node in ready_pool(client, targetDedicatedNodes=2)]
        client.create_job(job_body(metadata=[{"name": "a", "value": "ü"}]))
        client.create_task("job", {"id": "t", "commandLine": "true"})
        task = completed(client, "job", "t").as_dict()
        pool, job = client.get_pool("pool").as_dict(), client.get_job("job").as_dict()
        endpoint.kill()
        endpoint.start()
        assert client.get_pool("pool").as_dict() == pool
        assert client.get_job("job").as_dict() == job
        assert client.get_task("job", "t").as_dict() == task
        assert [node.id for node in client.list_nodes("pool")] == sorted(nodes)
        assert text(client.download_task_file("job", "t", "stdout.txt")) == ""


def test_a_running_task_runs_again_and_its_orphan_is_ended(endpoint: Process) -> None:
    """What ran at the kill is ended before it runs again, counted neither as retry nor as requeue."""
    with endpoint.client() as client:
        ready_pool(client)
        client.create_job(job_body())
        line = "/bin/bash -c 'echo $$ >> $AZ_BATCH_NODE_SHARED_DIR/pids; env -i sleep 1000 & sleep 1000'"
        client.create_task("job", {"id": "t", "commandLine": line})
        in_state(lambda: client.get_task("job", "t"), "running")

        def pids() -> list[int]:
            node = client.get_task("job", "t").node_info
            if node is None or "shared/pids" not in [f.name for f in _files(client, node.node_id)]:
                return []
            return [
                int(pid)
                for pid in text(client.download_node_file("pool", node.node_id, "shared/pids")).split()
            ]

        (first,) = wait_until(pids)
        family = [first, *(child.pid for child in psutil.Process(first).children())]
        endpoint.kill()
        endpoint.start()
        wait_until(lambda: client.get_task("job", "t").state == "running" and len(pids()) == 2)
        assert not any(is_alive(pid) for pid in family)
        info = client.get_task("job", "t").execution_info
        assert (info.retry_count, info.requeue_count) == (0, 0)


def test_a_container_is_ended_before_its_task_runs_again(endpoint: Process) -> None:
    """After a kill there is one container of the task, and it is another than before."""
    engine, label = require_engine(), str(endpoint.settings.home)

    def running() -> list[str]:
        return [name for name in engine.labelled(label) if engine.state(name) == "running"]

    with endpoint.client() as client:
        ready_pool(client, virtualMachineConfiguration=MACHINE)
        client.create_job(job_body())
        client.create_task("job", {"id": "t", "commandLine": "sleep 600", **INSIDE})
        (first,) = wait_until(running)
        endpoint.kill()
        endpoint.start()
        (second,) = wait_until(running)
        assert engine.labelled(label) == [second] != [first]
        client.terminate_task("job", "t")
        wait_until(lambda: engine.labelled(label) == [])


def _files(client: BatchClient, node: str) -> list[Any]:
    return list(client.list_node_files("pool", node, recursive=True))


def is_alive(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def test_killed_at_random_under_load(endpoint: Process) -> None:
    """Adding, running and killing at once: every acknowledged task is there once, and all complete in the end."""
    chance = random.Random(7)
    acknowledged: list[str] = []
    stop = threading.Event()
    with endpoint.client() as client:
        ready_pool(client, targetDedicatedNodes=2, taskSlotsPerNode=2)
        client.create_job(job_body())

        def add() -> None:
            number = 0
            while not stop.is_set():
                names = [f"t{number + n:05}" for n in range(20)]
                with suppress(AzureError):
                    body = {"value": [{"id": name, "commandLine": "true"} for name in names]}
                    result = client.create_task_collection("job", body)
                    acknowledged.extend(
                        item["taskId"]
                        for item in result["value"]
                        if item["status"] == "Success" or item["error"]["code"] == "TaskExists"
                    )
                    number += 20
                time.sleep(0.02)

        adding = threading.Thread(target=add)
        adding.start()
        for _ in range(4):
            time.sleep(chance.uniform(0.2, 0.8))
            endpoint.kill()
            endpoint.start()
        stop.set()
        adding.join()
        present = [task.id for task in client.list_tasks("job", select=["id"])]
        assert len(present) == len(set(present))
        assert set(acknowledged) <= set(present)
        wait_until(lambda: client.get_job_task_counts("job").task_counts.completed == len(present), 120)
        assert client.get_job_task_counts("job").task_counts.succeeded == len(present)


def test_transitions_go_on(tmp_path: Path) -> None:
    """A pool that was resizing, a node that was booting and a job being deleted reach their ends in the next life."""
    settings = new_settings(tmp_path / "account")

    slow = serve(replace(settings, speed=AS_MEASURED))
    with slow.client() as client:
        client.create_pool(pool_body())
        client.create_job(job_body())
        client.create_task("job", {"id": "t", "commandLine": "true"})
        client.begin_delete_job("job")
    slow.stop()
    fast = serve(settings)
    with fast.client() as client:
        wait_until(lambda: [node.state for node in client.list_nodes("pool")] == ["idle"])
        wait_until(lambda: not list(client.list_jobs()))
    fast.stop()


def test_files_are_the_users_own(tmp_path: Path) -> None:
    """Folders are 0700, files 0600."""
    account = Account(new_settings(tmp_path / "account"))
    account.requests.close()
    account.store.close()
    for path in [tmp_path / "account", *(tmp_path / "account").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
