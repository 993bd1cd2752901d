"""What tests of a live plan share: the command line in this process, a spec to change, an SDK client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from click.testing import CliRunner, Result

from batchspec.cli.main import cli
from batchspec.errors import BatchspecError
from batchspec.service.embedded import LocalAccount

_LIMIT_S = 60


@dataclass
class Workload:
    """A spec in a folder of its own, on the local account. `id` is its name, its pool's id and its job's."""

    file: Path
    sdk: BatchClient
    id: str = field(default_factory=lambda: f"f{token_hex(5)}")

    def says(self, pool: str, rest: str = "") -> None:
        """Writes the spec: *pool* has lines below `pool:`, *rest* further parts."""
        lines = "".join(f"  {line.strip()}\n" for line in pool.strip().splitlines())
        head = f"version: 1\nname: {self.id}\npool:\n  id: {self.id}\n"
        image = "  image: canonical:ubuntu-24_04-lts:server\n"
        self.file.write_text(f"{head}{image}{lines}{rest}", "utf-8")

    def with_task(self, command: str) -> str:
        """The part of a spec with a job of one task."""
        return f"job: {{id: {self.id}}}\ntasks:\n  only: {{command: {command}}}\n"

    def run(self, *words: str, code: int = 0) -> Result:
        """Runs `batchspec WORDS SPEC`, which ends with *code*."""
        result = CliRunner().invoke(cli, [*words, str(self.file)], standalone_mode=False)
        error = result.exception
        if error is not None and not isinstance(error, BatchspecError):
            raise error
        found = error.exit_code if isinstance(error, BatchspecError) else (result.return_value or 0)
        assert found == code, f"{result.output}\n{error}"
        return result

    def apply(self) -> None:
        """Makes it so with consent; tasks are left to themselves."""
        self.run("apply", "--auto-approve", "--detach")

    @property
    def pool(self) -> Any:
        return self.sdk.get_pool(self.id)

    @property
    def nodes(self) -> list[Any]:
        return list(self.sdk.list_nodes(self.id))

    def wait(self, found: Callable[[], Any]) -> Any:
        """What *found* gives once it is true."""
        end = time.monotonic() + _LIMIT_S
        while not (result := found()):
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)
        return result

    def idle_nodes(self, count: int) -> list[Any]:
        """The nodes, once all *count* are idle."""

        def found() -> list[Any]:
            nodes = self.nodes
            ready = len(nodes) == count and all(node.state == "idle" for node in nodes)
            return nodes if ready else []

        return list(self.wait(found))

    def running_task(self) -> str:
        """The id of the task that runs, once one does."""

        def found() -> str:
            states = {task.id: task.state for task in self.sdk.list_tasks(self.id)}
            return next((id for id, state in states.items() if state == "running"), "")

        return str(self.wait(found))


@pytest.fixture
def workload(local_account: LocalAccount, tmp_path: Path) -> Iterator[Workload]:
    """A workload whose pool and job are gone after the test."""
    key = AzureNamedKeyCredential(local_account.batch_account, local_account.batch_key)
    with BatchClient(local_account.batch_endpoint, key) as sdk:
        work = Workload(tmp_path / "work.yaml", sdk)
        yield work
        ids = {pool.id for pool in sdk.list_pools()}
        for job in [job.id for job in sdk.list_jobs() if job.id.startswith(work.id)]:
            sdk.begin_delete_job(job, polling_interval=0.1).result()
        if work.id in ids:
            sdk.begin_delete_pool(work.id, polling_interval=0.1).result()
