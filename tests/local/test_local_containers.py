"""Specs with containers on the local account: in real ones, refused without an engine, or on this machine."""

import os
from pathlib import Path

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from click.testing import CliRunner, Result

from batchspec.cli.main import cli
from batchspec.errors import BatchspecError
from batchspec.service import embedded
from tests.containers import IMAGE, require_engine

_SPEC = f"""
version: 1
name: contained
pool:
  id: p
  vmSize: Standard_D2ds_v5
  image: microsoft-dsvm:ubuntu-hpc:2404
  targetDedicatedNodes: 1
  virtualMachineConfiguration:
    containerConfiguration: {{ type: dockerCompatible, containerImageNames: ["{IMAGE}"] }}
job: {{ id: j, constraints: {{ maxWallClockTime: PT1H }} }}
files:
  ref: {{ path: ref.txt, once: node }}
tasks:
  copy:
    inputs: in/*.txt
    containerSettings: {{ imageName: "{IMAGE}" }}
    command: [cp, "{{{{ input.path }}}}", "{{{{ output.path }}}}"]
    output: "{{{{ input.stem }}}}.copy"
  mark:
    containerSettings: {{ imageName: "{IMAGE}" }}
    command: [cp, MARK, "{{{{ output.path }}}}"]
    output: mark.txt
  read:
    containerSettings: {{ imageName: "{IMAGE}" }}
    command: [cp, "{{{{ files.ref.path }}}}", "{{{{ output.path }}}}"]
    output: ref.txt
download: outputs/
"""


@pytest.fixture
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two inputs and `spec.yaml`; commands run there, with a local account of their own."""
    folder = tmp_path / "project"
    (folder / "in").mkdir(parents=True)
    for name in ("a", "b c"):
        (folder / "in" / f"{name}.txt").write_text(name)
    (folder / "ref.txt").write_text("once for the node")
    (folder / "spec.yaml").write_text(_SPEC.replace("MARK", "/etc/made-for-tests"))
    monkeypatch.chdir(folder)
    return folder


def run(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, words, standalone_mode=False)
    if isinstance(result.exception, BatchspecError):
        assert code == result.exception.exit_code, result.output
    elif result.exception is not None:
        raise result.exception
    return result


def outputs(project: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (project / "outputs").iterdir()}


def test_a_spec_runs_in_containers(project: Path) -> None:
    """Inputs reach the container, outputs leave it; what only the image has is there, and what its node fetched."""
    engine = require_engine()
    run("apply", "spec.yaml", "--auto-approve")
    assert outputs(project) == {
        "a.copy": "a",
        "b c.copy": "b c",
        "mark.txt": "only in the image\n",
        "ref.txt": "once for the node",
    }
    assert f"  engine   {engine.name}\n" in run("local", "status").output
    assert "up to date" in run("plan", "spec.yaml").output


def test_without_an_engine_it_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made, nothing runs on this machine, and the error says what to do."""
    monkeypatch.setenv("PATH", str(project))
    result = run("apply", "spec.yaml", "--auto-approve", code=1)
    assert "`--target local` found no container engine" in result.output
    assert "install podman or docker; or allow `batchspec local up --containers=host`" in " ".join(
        result.output.split()
    )
    account = embedded.find()
    assert account is not None
    key = AzureNamedKeyCredential(account.batch_account, account.batch_key)
    with BatchClient(account.batch_endpoint, key) as client:
        assert list(client.list_pools()) == []


def test_on_this_machine_every_run_says_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`local up --containers=host` is remembered, and taken back the same way."""
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin")
    (project / "spec.yaml").write_text(_SPEC.replace("MARK", "/etc/hostname"))
    assert "containers run on this machine itself" in run("local", "up", "--containers=host").output
    for command in (["plan", "spec.yaml"], ["apply", "spec.yaml", "--auto-approve"]):
        assert "tasks run on this machine itself, not in their containers" in run(*command).output
    assert outputs(project)["mark.txt"] == Path("/etc/hostname").read_text()
    embedded.stop()
    assert "containers run on this machine itself" in run("local", "status").output
    run("local", "up", "--containers=engine")
    assert "containers run on this machine itself" not in run("local", "status").output
