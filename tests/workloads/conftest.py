"""A project with the examples of `specs/`, and commands on it, on the local account that the test run shares."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient
from click.testing import CliRunner, Result
from jsonschema import validate
from main_job.workload import Workload, make_workload

from batchspec.cli.main import cli
from batchspec.service.embedded import LocalAccount

ROOT = Path(__file__).parents[2]
SPECS = ROOT / "specs"
PLAN_SCHEMA = json.loads((ROOT / "schemas" / "batchspec-plan-v1.schema.json").read_text("utf-8"))


class Project:
    """A folder with a spec under a name of its own, so that tests do not meet; commands run on it in this process."""

    def __init__(self, folder: Path, account: LocalAccount, name: str) -> None:
        self.folder = folder
        self.name = f"{name}-{uuid.uuid4().hex[:8]}"
        self.spec = folder / f"{name}.yaml"
        self._account = account

    def copy_example(self, example: str) -> None:
        """The spec is that of an example."""
        shutil.copytree(SPECS, self.folder, dirs_exist_ok=True)
        self.edit(f"name: {example}\n", f"name: {self.name}\n")
        self.edit(f"id: {example}-pool", f"id: {self.name}-pool")
        self.edit(f"id: {example}-job", f"id: {self.name}-job")
        self.edit(f"download: ../outputs/{example}/", "download: outputs/")

    def write(self, tasks: str, rest: str = "", *, clips: str = "ab") -> None:
        """A small spec with *tasks*, written as they stand in it; each of *clips* is a file with its name in it."""
        self.spec.write_text(
            f"version: 1\nname: {self.name}\n"
            f"pool: {{id: {self.name}-pool, vmSize: Standard_D2ds_v5, targetLowPriorityNodes: 2,"
            ' image: "canonical:ubuntu-24_04-lts:server:latest"}\n'
            f"job: {{id: {self.name}-job, constraints: {{maxWallClockTime: PT1H}}}}\n"
            f"tasks:\n{tasks}download: outputs/\n{rest}"
        )
        (self.folder / "clips").mkdir(exist_ok=True)
        for clip in clips:
            (self.folder / "clips" / clip).write_text(f"{clip}\n")

    @property
    def library(self) -> str:
        """A container of this project's own, for what is in storage already."""
        return f"{self.name}-library"

    def upload(self, *names: str) -> None:
        """The blobs are in the library, each with its name as its content."""
        with BlobServiceClient.from_connection_string(self._account.connection_string) as service:
            container = service.get_container_client(self.library)
            if not container.exists():
                container.create_container()
            for name in names:
                container.upload_blob(name, f"{name}\n")

    def text(self, output: str) -> str:
        """What is in a downloaded file."""
        return (self.outputs / output).read_text("utf-8")

    @property
    def outputs(self) -> Path:
        return self.folder / "outputs"

    def edit(self, old: str, new: str) -> None:
        """Replaces *old* in the spec, where it stands."""
        text = self.spec.read_text("utf-8")
        assert old in text, old
        self.spec.write_text(text.replace(old, new), "utf-8")

    def run(self, command: str, *words: str, of: Path | None = None) -> Result:
        """A command on the spec, or on the file *of*."""
        return CliRunner().invoke(cli, [command, str(of or self.spec), *words], standalone_mode=False)

    def apply(self, *words: str) -> list[dict[str, Any]]:
        """The events of an apply that succeeds."""
        done = self.run("apply", "--auto-approve", "--format", "json", *words)
        if done.exception is not None:
            raise done.exception
        return [json.loads(line) for line in done.stdout.splitlines()]

    def plan(self, *words: str) -> dict[str, str]:
        """The tasks that a plan would run, by name, each with its reason."""
        done = self.run("plan", "--format", "json", *words)
        if done.exception is not None:
            raise done.exception
        found = json.loads(done.stdout)
        validate(found, PLAN_SCHEMA)
        actions = found["actions"]
        return {a["after"]["name"]: a["reason"] for a in actions if a["operation"] == "run"}

    def is_quiet(self) -> bool:
        """Whether a plan has nothing to do."""
        return not json.loads(self.run("plan", "--format", "json").stdout)["hasChanges"]

    def blobs(self, prefix: str = "") -> list[str]:
        """The blobs of the spec in the container for outputs, below its name."""
        with BlobServiceClient.from_connection_string(self._account.connection_string) as service:
            found = service.get_container_client("output").list_blob_names(
                name_starts_with=f"{self.name}/{prefix}"
            )
            return sorted(name.removeprefix(f"{self.name}/") for name in found)

    def put_output(self, name: str, text: str, **metadata: str) -> None:
        """A blob that somebody has put among the outputs."""
        with BlobServiceClient.from_connection_string(self._account.connection_string) as service:
            blobs = service.get_container_client("output")
            blobs.upload_blob(f"{self.name}/{name}", text, metadata=metadata)

    def delete_blob(self, name: str) -> None:
        with BlobServiceClient.from_connection_string(self._account.connection_string) as service:
            service.get_container_client("output").delete_blob(f"{self.name}/{name}")


@pytest.fixture
def project(tmp_path: Path, local_account: LocalAccount, request: pytest.FixtureRequest) -> Project:
    """The example that a test names with `@pytest.mark.parametrize("project", [...], indirect=True)`."""
    found = Project(tmp_path, local_account, request.param)
    found.copy_example(request.param)
    return found


@pytest.fixture
def small(tmp_path: Path, local_account: LocalAccount) -> Project:
    """A project whose spec a test writes."""
    return Project(tmp_path, local_account, "small")


@pytest.fixture
def bare(tmp_path: Path, local_account: LocalAccount) -> Iterator[Workload]:
    """A workload whose folder is empty yet, and whose commands run as processes."""
    yield from make_workload(tmp_path, local_account)
