"""`batchspec ssh`, and who points at it: tasks that fail on one node only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from shutil import which

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from click.testing import CliRunner
from main_job.workload import wait_until

from batchspec.cli.main import cli
from batchspec.engine.shell import remote
from batchspec.errors import RunError
from batchspec.service.connect import connect
from batchspec.service.embedded import LocalAccount
from workloads.conftest import Project

# The node whose folder comes first is the broken one; each task gives the other one the time to take some, too.
BROKEN = """\
  t:
    matrix: {n: 1..6}
    command: |
      sleep 0.3
      first=$(ls -d "$AZ_BATCH_NODE_ROOT_DIR"/../* | head -1)
      if [ "$first" -ef "$AZ_BATCH_NODE_ROOT_DIR" ]; then exit 3; fi
      echo {{ matrix.n }} > {{ output.path }}
    output: "{{ matrix.n }}.txt"
"""


def test_a_shell_on_the_node_that_tasks_fail_on(small: Project, capfd: pytest.CaptureFixture[str]) -> None:
    """The summary and `logs` name the command; on the local account it runs in the node's folder."""
    small.write(BROKEN)
    done = small.run("apply", "--auto-approve", "--format", "json")
    summary = json.loads(done.stdout.splitlines()[-1])
    (advice,) = summary["advice"]
    node = advice.removeprefix("tasks failed only on the node ").partition(";")[0]
    assert advice.endswith(f"look there: batchspec ssh {node[:18]} --spec {small.spec}")
    logs = CliRunner().invoke(cli, ["logs", "--failed", "--spec", str(small.spec)])
    assert logs.stderr.endswith(f"{advice}\n")
    words = ["ssh", node[:18], "--spec", str(small.spec), "--", "sh", "-c", "pwd; ls; exit 7"]
    capfd.readouterr()
    ended = CliRunner().invoke(cli, words, standalone_mode=False)
    assert ended.return_value == 7
    out = capfd.readouterr().out.splitlines()
    assert out[0].endswith(f"/nodes/{small.name}-pool/{node}")
    assert "workitems" in out


SSH = """#!/bin/sh
echo "$@" > {folder}/said
ssh-keygen -y -f "$2" > {folder}/key
{then}
"""


def path_with_ssh(folder: Path, then: str) -> str:
    """A PATH whose `ssh` notes what it is called with, and does *then*."""
    folder.mkdir()
    program = folder / "ssh"
    program.write_text(SSH.format(folder=folder, then=then))
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def test_the_user_is_there_for_as_long_as_the_shell(
    small: Project, local_account: LocalAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It signs in with a key of its own. Nothing is left of either: after an exit, without ssh, after a signal."""
    small.write("  t: {command: 'true'}\n")
    small.apply()
    key = AzureNamedKeyCredential(local_account.batch_account, local_account.batch_key)
    pool = f"{small.name}-pool"
    told: list[str] = []
    with (
        BatchClient(local_account.batch_endpoint, key) as client,
        closing(connect("local", lambda _: None)) as account,
    ):
        node = next(iter(client.list_nodes(pool))).id
        monkeypatch.setenv("PATH", path_with_ssh(tmp_path / "exits", "exit 5"))
        assert remote(account, pool, node, ["df", "-h"], told.append) == 5
        said = (tmp_path / "exits" / "said").read_text().split()
        assert said[-4:] == [f"{told[0].split()[3]}@127.0.0.1", "--", "df", "-h"]
        assert said[said.index("-p") + 1] == "22"
        assert not Path(said[1]).exists()
        assert (tmp_path / "exits" / "key").read_text().startswith("ssh-rsa ")

        (tmp_path / "lacks").mkdir()
        (tmp_path / "lacks" / "ssh-keygen").symlink_to(which("ssh-keygen") or "")
        path = os.environ["PATH"]
        monkeypatch.setenv("PATH", str(tmp_path / "lacks"))
        with pytest.raises(RunError, match="cannot run ssh: No such file"):
            remote(account, pool, node, [], told.append)

        monkeypatch.setenv("PATH", path)
        waiting = path_with_ssh(tmp_path / "waits", "exec sleep 60")
        told += _interrupted(pool, node, {**os.environ, "PATH": waiting}, tmp_path)
        names = [line.split()[3] for line in told if line.startswith("added the user")]
        assert len(set(names)) == 3
        for name in names:  # the service would refuse a user who is there
            client.create_node_user(pool, node, {"name": name, "password": "x"})  # type: ignore[arg-type]


def _interrupted(pool: str, node: str, environment: dict[str, str], folder: Path) -> list[str]:
    """What a process says that is told to end while ssh runs."""
    code = (
        "from batchspec.cli import signals\n"
        "from batchspec.engine.shell import remote\n"
        "from batchspec.service.connect import connect\n"
        "signals.listen()\n"
        f"remote(connect('local', str), {pool!r}, {node!r}, [], print)\n"
    )
    command = [sys.executable, "-u", "-c", code]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        wait_until((folder / "waits" / "key").exists)
        process.send_signal(signal.SIGTERM)
        return process.communicate(timeout=30)[0].splitlines()
