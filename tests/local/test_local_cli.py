"""`batchspec local`, as a person and as a program uses it."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest
from azure.batch import BatchClient
from azure.batch.models import (
    BatchJobCreateOptions,
    BatchPoolCreateOptions,
    BatchPoolInfo,
    BatchTaskCreateOptions,
    BatchVmImageReference,
    VirtualMachineConfiguration,
)
from azure.core.credentials import AzureNamedKeyCredential
from click.testing import CliRunner, Result

from batchspec.cli.commands.local import local
from batchspec.errors import RefusedError, ServiceError, UsageError
from batchspec.service import embedded
from batchspec.service.embedded import LocalAccount

_USE = """
import os
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient
key = AzureNamedKeyCredential(os.environ["AZURE_BATCH_ACCOUNT"], os.environ["AZURE_BATCH_ACCESS_KEY"])
print(len(list(BatchClient(os.environ["AZURE_BATCH_ENDPOINT"], key).list_jobs())))
blobs = BlobServiceClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"])
print(blobs.create_container("through-env").container_name)
"""


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(local, arguments, input=typed)


def test_env_lines_are_all_that_an_sdk_needs(home: Path) -> None:
    """A shell that evaluates the lines has what the official SDKs need for Batch and for blobs."""
    said = run("env")
    assert said.exit_code == 0
    script = f'{said.stdout}\nexec "{sys.executable}" -c "$0"'
    used = subprocess.run(
        ["/bin/bash", "-euc", script, _USE], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert (used.stdout, used.stderr) == ("0\nthrough-env\n", "")


def test_progress_is_not_in_the_output(home: Path) -> None:
    """What is said while it starts goes to stderr, so that stdout is one JSON object."""
    said = run("env", "--format", "json")
    assert sorted(json.loads(said.stdout)) == [
        "AZURE_BATCH_ACCESS_KEY",
        "AZURE_BATCH_ACCOUNT",
        "AZURE_BATCH_ENDPOINT",
        "AZURE_STORAGE_CONNECTION_STRING",
    ]
    assert said.stderr.startswith("starting the local account")


def test_up_says_where_it_is(local_account: LocalAccount) -> None:
    """A person reads the endpoints, the folder and the process; no key."""
    assert run("up").stdout == (
        "the local account is running\n"
        f"  batch    {local_account.batch_endpoint}  account local\n"
        f"  blobs    {local_account.blob_endpoint}  account batchspeclocal\n"
        f"  home     {local_account.home}\n"
        f"  process  {local_account.pid}\n"
    )


def test_status_of_one_that_runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells what the account holds, what that takes on disk, and what runs containers."""
    monkeypatch.setenv("BATCHSPEC_LOCAL_CONTAINERS", "host")
    account = embedded.ensure(lambda _: None)
    said = json.loads(run("status", "--format", "json").stdout)
    assert said.pop("diskBytes") > 0
    assert said == {
        "state": "running",
        "pid": account.pid,
        "home": str(home),
        "batch": {"endpoint": account.batch_endpoint, "account": "local"},
        "storage": {"endpoint": account.blob_endpoint, "account": "batchspeclocal", "restarts": 0},
        "containers": "host",
        "pools": [],
        "jobs": [],
    }
    assert run("status").stdout.startswith(f"running\n  batch    {account.batch_endpoint}  account local\n")


def test_status_says_that_azurite_was_started_again(home: Path) -> None:
    """How often, when last, and how it had ended: a reason for what a run may have seen."""
    embedded.ensure(lambda _: None)
    first = json.loads((home / "azurite.json").read_text())["pid"]
    os.kill(first, signal.SIGKILL)
    while "\n  azurite  " not in (said := run("status").stdout):
        time.sleep(0.05)
    (line,) = (line for line in said.splitlines() if line.startswith("  azurite"))
    assert line.startswith("  azurite  ended unexpectedly (signal 9); restarted once, last at ")


def test_status_starts_nothing(home: Path) -> None:
    """Asking about an account that was never used does not make one."""
    assert run("status").stdout == "stopped; it has not been used yet\n"
    assert json.loads(run("status", "--format", "json").stdout) == {"state": "stopped", "home": str(home)}
    assert not home.exists()


def test_down_says_what_it_did(home: Path) -> None:
    """The first time it stops the account, the second time there was nothing to stop."""
    assert run("up").exit_code == 0
    assert run("down").stdout == "the local account is stopped\n"
    assert run("status").stdout.startswith("stopped\n  batch    http://127.0.0.1:")
    assert run("down").stdout == "the local account was not running\n"
    assert json.loads(run("down", "--format", "json").stdout) == {"state": "stopped", "wasRunning": False}


def test_reset_needs_a_word(home: Path) -> None:
    """Without a terminal and without --yes nothing is deleted, and the error says how to say it."""
    account = embedded.ensure(lambda _: None)
    refused = run("reset")
    assert isinstance(refused.exception, RefusedError)
    assert (str(refused.exception), refused.exception.help) == (
        "reset must be confirmed, and this is not a terminal",
        "pass --yes",
    )
    assert embedded.find() == account


@pytest.mark.parametrize("flag", ["--yes", "--auto-approve"])
def test_reset_deletes_when_told_to(home: Path, flag: str) -> None:
    """With the word given beforehand the account is stopped and emptied."""
    embedded.ensure(lambda _: None)
    assert run("reset", flag).stdout.startswith("the local account is empty (")
    assert run("status").stdout == "stopped; it has not been used yet\n"


def test_the_extra_is_named_when_it_is_missing(home: Path) -> None:
    """Without starlette or the like the error says which command installs them."""
    code = (
        "import sys; sys.modules['starlette'] = None\n"
        "from batchspec.service import embedded\n"
        "from batchspec.errors import BatchspecError\n"
        "try: embedded.ensure(print)\n"
        "except BatchspecError as error: print(error, '|', error.help)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == (
        "the local account needs packages that are not installed: starlette | "
        'pip install "batchspec[local]"\n'
    )


def test_looking_for_it_imports_neither_azure_nor_a_server() -> None:
    """The command group and `find` cost no heavy import: they are on the way of every command."""
    code = (
        "import sys; from batchspec.cli.commands import local\n"
        "from batchspec.service import embedded; embedded.find()\n"
        "print([m for m in ('azure', 'starlette', 'uvicorn', 'psutil') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("command", [(), *((name,) for name in local.commands)])
def test_every_help_has_an_example(command: tuple[str, ...]) -> None:
    """A person sees how each command is typed."""
    assert "Examples:\n    " in run(*command, "--help").stdout


@pytest.fixture
def nodes(home: Path) -> dict[str, str]:
    """The ids of a pool's two nodes, by kind; the pool is steady."""
    account = embedded.ensure(lambda _: None)
    key = AzureNamedKeyCredential(account.batch_account, account.batch_key)
    with BatchClient(account.batch_endpoint, key) as batch:
        batch.create_pool(
            BatchPoolCreateOptions(
                id="rehearsal",
                vm_size="Standard_D2ds_v5",
                target_dedicated_nodes=1,
                target_low_priority_nodes=1,
                virtual_machine_configuration=VirtualMachineConfiguration(
                    image_reference=BatchVmImageReference(
                        publisher="canonical", offer="ubuntu-24_04-lts", sku="server", version="latest"
                    ),
                    node_agent_sku_id="batch.node.ubuntu 24.04",
                ),
            )
        )
    while len(found := states()) < 2 or {state for state, _ in found.values()} != {"idle"}:
        time.sleep(0.1)
    return {"Spot" if spot else "dedicated": node for node, (state, spot) in found.items()}


def states() -> dict[str, tuple[str, bool]]:
    """State and kind (whether Spot) of each node, as `status` tells."""
    pools = json.loads(run("status", "--format", "json").stdout)["pools"]
    return {node["id"]: (node["state"], node["spot"]) for pool in pools for node in pool["nodes"]}


def test_a_person_can_rehearse_preemption(nodes: dict[str, str]) -> None:
    """What ran on the Spot node named by `status` is run again; a dedicated one is not taken."""
    run("fail-node", nodes["dedicated"])
    account = embedded.ensure(lambda _: None)
    key = AzureNamedKeyCredential(account.batch_account, account.batch_key)
    with BatchClient(account.batch_endpoint, key) as batch:
        batch.create_job(BatchJobCreateOptions(id="long", pool_info=BatchPoolInfo(pool_id="rehearsal")))
        batch.create_task("long", BatchTaskCreateOptions(id="1", command_line="sleep 1000"))
        first = running_since(batch, None)
        assert run("preempt", nodes["Spot"]).stdout == f"node {nodes['Spot']} is preempted\n"
        assert running_since(batch, first) > first
    refused = run("preempt", nodes["dedicated"]).exception
    assert isinstance(refused, ServiceError)
    assert refused.status == 409


def running_since(batch: BatchClient, before: datetime | None) -> datetime:
    """When the task's present run began, once there is another than the one *before*."""
    while True:
        task = batch.get_task("long", "1")
        started = task.execution_info.start_time if task.execution_info else None
        if task.state == "running" and started is not None and started != before:
            return started
        time.sleep(0.1)


def test_a_person_can_let_a_node_die(nodes: dict[str, str]) -> None:
    """The node is unusable afterwards."""
    assert run("fail-node", nodes["dedicated"]).exit_code == 0
    assert states()[nodes["dedicated"]] == ("unusable", False)
    assert f"      {nodes['dedicated']}  unusable  dedicated\n" in run("status").stdout


def test_a_node_that_is_not_there(nodes: dict[str, str]) -> None:
    """The error says where the nodes are listed."""
    refused = run("preempt", "tvmps_none").exception
    assert isinstance(refused, ServiceError)
    assert refused.status == 404
    assert refused.help == "`batchspec local status` lists the nodes"


def test_no_rehearsal_without_an_account(home: Path) -> None:
    """An account that does not run has no nodes, and is not started for it."""
    refused = run("preempt", "tvmps_x").exception
    assert isinstance(refused, UsageError)
    assert str(refused) == "the local account is not running, so it has no nodes"
    assert not home.exists()
