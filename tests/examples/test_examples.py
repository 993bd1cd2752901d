"""Every file in `specs/` is validated, planned, applied, and planned again with nothing left to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient
from click.testing import CliRunner, Result

from batchspec.cli.main import cli
from batchspec.errors import RefusedError
from batchspec.service import embedded
from batchspec.service.embedded import LocalAccount

SPECS = Path(__file__).parents[2] / "specs"
EXAMPLES = sorted(path.name for path in SPECS.glob("*.yaml"))

NEEDS = {"shared-pool-second.yaml": "shared-pool.yaml"}
"""The example that has to be applied before another one."""

SEGMENTS = [f"seg_{number:03d}.ts" for number in range(6)]

OUTPUTS = {
    "autoscale.yaml": ["autoscale/sum.txt"],
    "container.yaml": ["container/version.txt"],
    "frames.yaml": ["frames/film.txt"],
    "ladder.yaml": [
        f"ladder/LowPriVMs-{i}/{name}"  # a clip is as many seconds long as its number says, and one more
        for i in range(1, 6)
        for name in (
            "master.m3u8",
            *(f"{height}/{file}" for height in (180, 90) for file in ("index.m3u8", *SEGMENTS[: i + 1])),
        )
    ],
    "paired-reads.yaml": [
        f"paired-reads/{sample}.{suffix}"
        for sample in ("run1/liver", "run2/gut")
        for suffix in ("bam", "bam.bai")
    ],
    "split.yaml": [f"split/LowPriVMs-{i}.mp4" for i in range(1, 6)],
    "stages.yaml": [f"stages/LowPriVMs-{i}.{end}" for i in range(1, 6) for end in ("flac", "peak.txt")],
    "sweep.yaml": [
        "sweep/summary.csv",
        *(f"sweep/runs/{run}.csv" for run in ("b0.10-g0.30-s1", "b0.10-g0.40-s1", "b1e-3-g0.30-s007")),
    ],
    "ffmpeg-blobs.yaml": [f"ffmpeg-blobs/LowPriVMs-{i}.mp3" for i in range(1, 6)],
    "ffmpeg.yaml": [f"LowPriVMs-{i}.mp3" for i in range(1, 6)],
    "fixed-pool.yaml": [],
    "managed-identity.yaml": [f"managed-identity/LowPriVMs-{i}.sha256" for i in range(1, 6)],
    "no-inputs.yaml": [f"no-inputs/pi-{i}.txt" for i in (1, 2, 3)],
    "shared-pool-second.yaml": ["shared-pool-second/cubes.txt"],
    "shared-pool.yaml": ["shared-pool/squares.txt"],
}
"""What each leaves in the folder `outputs` beside `specs`."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAccount]:
    """A local account of this module's own, since examples have fixed ids; the clips are in its storage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATCHSPEC_LOCAL_HOME", str(tmp_path_factory.mktemp("account")))
        patch.setenv(
            "BATCHSPEC_LOCAL_CONTAINERS", "host"
        )  # the image of container.yaml is in a public registry
        found = embedded.ensure(lambda _: None)
        with BlobServiceClient.from_connection_string(found.connection_string) as blobs:
            footage = blobs.create_container("footage")
            for clip in SPECS.glob("clips/*.mp4"):
                footage.upload_blob(f"2026/{clip.name}", clip.read_bytes())
        yield found
        embedded.stop()


@pytest.fixture
def project(account: LocalAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `specs/` in a folder where the commands run, so that no output lands in the checkout."""
    monkeypatch.setenv("BATCHSPEC_LOCAL_HOME", str(account.home))
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()  # what makes it a project, which downloads stay in
    shutil.copytree(SPECS, tmp_path / "specs")
    return tmp_path


def run(command: str, example: str, *words: str) -> Result:
    """Runs a command on an example; it has to succeed."""
    result = CliRunner().invoke(cli, [command, f"specs/{example}", *words], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def actions(example: str) -> list[str]:
    """What a plan of the example would do, as `create pool`."""
    plan = json.loads(run("plan", example, "--format", "json").stdout)
    return [f"{action['operation']} {action['kind']}" for action in plan["actions"]]


def test_each_example_is_tested() -> None:
    """A new file in `specs/` comes with the outputs that it is to leave."""
    assert sorted(OUTPUTS) == EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_right_without_a_warning(example: str, project: Path) -> None:
    """`validate` has nothing to say of an example: people copy them."""
    said = run("validate", example)
    assert (said.stdout, said.stderr) == (f"specs/{example}: valid\n", "")


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_explained(example: str) -> None:
    """It begins with the schema for editors, what it is for, and how to run it; it fits on a page."""
    first, _, *rest = (SPECS / example).read_text("utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=../schemas/batchspec-v1.schema.json"
    comments = rest[: rest.index("version: 1")]
    assert all(line.startswith("#") for line in comments)
    assert any(
        line.startswith("#   batchspec ") and line.endswith(example) for line in comments
    ) or "--set" in str(comments)
    assert len(rest) < 50


@pytest.mark.parametrize("example", OUTPUTS)
def test_an_example_is_applied_and_then_there_is_nothing_to_do(example: str, project: Path) -> None:
    """The plan says what it makes, apply makes it and brings the outputs home, and the next plan is empty."""
    if example in NEEDS:
        run("apply", NEEDS[example], "--auto-approve")
        shutil.rmtree("outputs", ignore_errors=True)
    assert actions(example)
    run("apply", example, "--auto-approve")
    outputs = project / "outputs"
    found = [path.relative_to(outputs).as_posix() for path in sorted(outputs.rglob("*")) if path.is_file()]
    assert found == sorted(OUTPUTS[example])
    assert all((outputs / name).stat().st_size for name in found)
    assert actions(example) == []


def test_a_container_job_reaches_the_service(project: Path, account: LocalAccount) -> None:
    """The pool's containers and the task's image are sent as the example has them, beside the shorthand."""
    run("apply", "container.yaml", "--auto-approve")
    key = AzureNamedKeyCredential(account.batch_account, account.batch_key)
    with BatchClient(account.batch_endpoint, key) as batch:
        machine = batch.get_pool("container-pool").as_dict()["virtualMachineConfiguration"]
        (task,) = batch.list_tasks("container-job")
    assert machine["imageReference"]["publisher"] == "microsoft-dsvm"
    assert machine["containerConfiguration"] == {
        "type": "dockerCompatible",
        "containerImageNames": ["python:3.13-slim"],
    }
    assert task.as_dict()["containerSettings"]["imageName"] == "python:3.13-slim"


def test_a_shared_pool_outlives_its_user(project: Path) -> None:
    """Destroying the second spec takes its job; the pool is the first one's, and protected from that one too."""
    run("apply", "shared-pool.yaml", "--auto-approve")
    run("apply", "shared-pool-second.yaml", "--auto-approve")
    assert "pool" not in run("destroy", "shared-pool-second.yaml", "--auto-approve").stdout
    refused = CliRunner().invoke(
        cli, ["destroy", "specs/shared-pool.yaml", "--auto-approve"], standalone_mode=False
    )
    assert isinstance(refused.exception, RefusedError)
    assert actions("shared-pool.yaml") == []
