"""The background process: one, found again, ended cleanly, and no loss when it is not ended cleanly."""

import asyncio
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobServiceClient
from click.testing import CliRunner

from batchspec.cli.commands.local import local
from batchspec.emulator.host import daemon
from batchspec.emulator.node import account_sas
from batchspec.errors import BatchspecError
from batchspec.service import embedded
from batchspec.service.embedded import LocalAccount

_ENSURE = "from batchspec.service import embedded; a = embedded.ensure(lambda m: None); print(a.pid, a.batch_endpoint)"


_BIG = 100 << 20  # bytes, enough to be caught on their way


def quiet(_: str) -> None:
    pass


def until(true: Callable[[], bool]) -> None:
    """Returns once *true* is so. The test's own time limit ends a wait that never does."""
    while not true():
        time.sleep(0.05)


def azurite_pid(account: LocalAccount) -> int:
    return int(json.loads((account.home / "azurite.json").read_text())["pid"])


def azurite_of(account: LocalAccount) -> psutil.Process:
    return psutil.Process(azurite_pid(account))


def kill(pid: int) -> None:
    """What the kernel does when memory runs out: no process gets to say goodbye."""
    psutil.Process(pid).kill()
    until(lambda: not at_work(pid))


def at_work(pid: int) -> bool:
    """Whether the process is still at work."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_two_at_once_end_with_one(home: Path) -> None:
    """Several commands that start at the same moment all get the same account."""
    command = [sys.executable, "-c", _ENSURE]
    starting = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = {process.communicate(timeout=120)[0] for process in starting}
    assert len(said) == 1
    account = embedded.find()
    assert account is not None
    assert said == {f"{account.pid} {account.batch_endpoint}\n"}


def test_stopping_leaves_no_process(home: Path) -> None:
    """After stop() neither the daemon nor Azurite is there, and its ports are free."""
    account = embedded.ensure(quiet)
    processes = [account.pid, azurite_of(account).pid]
    assert embedded.stop() is True
    assert [pid for pid in processes if at_work(pid)] == []
    assert embedded.find() is None
    assert embedded.stop() is False


def test_what_it_holds_outlives_a_stop(home: Path) -> None:
    """Blobs, keys and ports are the same after the next start."""
    before = embedded.ensure(quiet)
    with BlobServiceClient.from_connection_string(before.connection_string) as client:
        client.create_container("kept").upload_blob("blob", b"content")
    embedded.stop()
    after = embedded.ensure(quiet)
    assert after.connection_string == before.connection_string
    assert (after.batch_endpoint, after.batch_key) == (before.batch_endpoint, before.batch_key)
    with BlobServiceClient.from_connection_string(after.connection_string) as client:
        assert client.get_blob_client("kept", "blob").download_blob().readall() == b"content"


def test_a_killed_daemon_loses_no_blob(home: Path) -> None:
    """After kill -9 of the daemon next start ends the Azurite left behind, and every blob is there."""
    before = embedded.ensure(quiet)
    orphan = azurite_of(before)
    with BlobServiceClient.from_connection_string(before.connection_string) as client:
        client.create_container("kept").upload_blob("blob", b"content")
    kill(before.pid)
    assert embedded.find() is None
    after = embedded.ensure(quiet)
    assert after.pid != before.pid
    assert after.connection_string == before.connection_string
    assert not at_work(orphan.pid)
    with BlobServiceClient.from_connection_string(after.connection_string) as client:
        assert client.get_blob_client("kept", "blob").download_blob().readall() == b"content"


def test_stop_ends_what_a_killed_daemon_left(home: Path) -> None:
    """`local down` after a kill -9 ends the Azurite that was left behind."""
    account = embedded.ensure(quiet)
    orphan = azurite_of(account)
    kill(account.pid)
    assert embedded.stop() is True
    assert not at_work(orphan.pid)


def test_an_azurite_that_was_not_recorded_is_ended_too(home: Path) -> None:
    """A daemon killed right after it started Azurite, before it wrote that down, blocks nothing."""
    account = embedded.ensure(quiet)
    orphan = azurite_of(account)
    kill(account.pid)
    (home / "azurite.json").unlink()
    assert embedded.ensure(quiet).pid != account.pid
    assert not at_work(orphan.pid)


def test_a_pid_of_somebody_else_is_left_alone(home: Path) -> None:
    """Records of an old life that point to a process which is not ours: it is not taken for the account, nor ended."""
    account = embedded.ensure(quiet)
    embedded.stop()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        started = psutil.Process(other.pid).create_time()
        record = {"pid": other.pid, "started": started}
        (home / "azurite.json").write_text(json.dumps(record))
        run = {**record, "version": "0", "batch_endpoint": account.batch_endpoint, "blob_endpoint": ""}
        (home / "run.json").write_text(json.dumps(run))
        assert embedded.find() is None
        assert embedded.ensure(quiet).pid != other.pid
        assert other.poll() is None
        other.communicate(b"\n")


def test_a_dead_azurite_is_started_again(home: Path) -> None:
    """The daemon starts Azurite again when it dies; what it had saved is there."""
    account = embedded.ensure(quiet)
    with BlobServiceClient.from_connection_string(account.connection_string) as client:
        client.create_container("kept")
        first = azurite_of(account)
        first.terminate()
        until(lambda: azurite_pid(account) != first.pid)
        until(lambda: answers(account.blob_endpoint))
        assert [container.name for container in client.list_containers()] == ["kept"]
    assert embedded.find() == account


def test_tasks_do_not_fail_because_azurite_restarts(home: Path) -> None:
    """A download that Azurite's death breaks off, and an upload that finds none, are done by the next Azurite."""
    account = embedded.ensure(quiet)
    content = os.urandom(1 << 20) * (_BIG >> 20)
    with BlobServiceClient.from_connection_string(account.connection_string) as client:
        container = client.create_container("big")
        container.upload_blob("in", content)
        time.sleep(6)  # Azurite keeps what it knows every five seconds; it is killed now
        with batch_client(account) as batch:
            batch.create_pool(POOL)
            batch.create_job({"id": "job", "poolInfo": {"poolId": "pool"}})
            batch.create_task("job", copying(container.url, account))
            cut_off(account, lambda: partial(home))
            until(lambda: partial(home) == len(content))
            kill(azurite_pid(account))
            until(lambda: batch.get_task("job", "task").state == "completed")
            assert batch.get_task("job", "task").execution_info.result == "success"
        digest = hashlib.md5(content).digest()
        assert container.get_blob_client("out").get_blob_properties().content_settings.content_md5 == digest
    said = run_status()
    assert said["storage"]["restarts"] >= 2
    assert said["storage"]["ended"] == "signal 9"


POOL = {
    "id": "pool",
    "vmSize": "standard_d2ds_v5",
    "targetDedicatedNodes": 1,
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
    },
}


def batch_client(account: LocalAccount) -> BatchClient:
    credential = AzureNamedKeyCredential(account.batch_account, account.batch_key)
    return BatchClient(endpoint=account.batch_endpoint, credential=credential)


def copying(container: str, account: LocalAccount) -> dict[str, object]:
    """A task that brings a blob in, waits a little, and puts it back under another name."""
    sas = f"{container}?{account_sas.reading(account.storage_account, account.storage_key)}"
    write = f"{container}?{account_sas.writing(account.storage_account, account.storage_key)}"
    link = sas.replace("?", "/in?", 1)
    upload = {
        "filePattern": "x",
        "destination": {"container": {"containerUrl": write, "path": "out"}},
        "uploadOptions": {"uploadCondition": "taskcompletion"},
    }
    files = [{"httpUrl": link, "filePath": "x"}]
    return {"id": "task", "commandLine": "sleep 1", "resourceFiles": files, "outputFiles": [upload]}


def partial(home: Path) -> int:
    """How much of the task's file is there."""
    return sum(path.stat().st_size for path in home.glob("batch/nodes/pool/*/workitems/job/job-1/task/wd/x"))


def cut_off(account: LocalAccount, arrived: Callable[[], int]) -> None:
    """Azurite is killed while a file is on its way."""
    azurite = azurite_of(account)
    until(lambda: arrived() > 0)
    azurite.suspend()
    assert 0 < arrived() < _BIG
    kill(azurite.pid)


def run_status() -> dict[str, dict[str, object]]:
    return dict(json.loads(CliRunner().invoke(local, ["status", "--format", "json"]).stdout))


def answers(endpoint: str) -> bool:
    port = int(endpoint.removeprefix("http://127.0.0.1:").partition("/")[0])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_ends_when_nobody_needs_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the idle time without request or work it ends as if told to."""
    monkeypatch.setenv("BATCHSPEC_LOCAL_IDLE_S", "1")
    account = embedded.ensure(quiet)
    azurite = azurite_of(account)
    until(lambda: not at_work(account.pid))
    assert not at_work(azurite.pid)
    assert sorted(path.name for path in home.glob("*.json")) == ["config.json"]


def test_blob_traffic_keeps_it_alive(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that only moves blobs for longer than the idle time still has an account at the end."""
    monkeypatch.setenv("BATCHSPEC_LOCAL_IDLE_S", "2")
    account = embedded.ensure(quiet)
    with BlobServiceClient.from_connection_string(account.connection_string) as client:
        container = client.create_container("busy")
        for _ in range(12):
            container.upload_blob("blob", b"x", overwrite=True)
            time.sleep(0.4)
    assert embedded.find() == account


def test_ensure_keeps_it_alive(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was given the account has the whole idle time ahead."""
    monkeypatch.setenv("BATCHSPEC_LOCAL_IDLE_S", "2")
    account = embedded.ensure(quiet)
    for _ in range(8):
        assert embedded.ensure(quiet) == account
        time.sleep(0.5)


def test_a_taken_port_is_an_error_that_names_it(home: Path) -> None:
    """Ports are in signed URLs, so another one is not taken silently; `local reset` chooses new ones."""
    account = embedded.ensure(quiet)
    embedded.stop()
    port = int(account.batch_endpoint.rpartition(":")[2])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(BatchspecError) as refused:
            embedded.ensure(quiet)
        assert str(refused.value) == f"port {port} of 127.0.0.1 is taken by another program"
        assert "batchspec local reset" in refused.value.help
        embedded.reset()
        assert embedded.ensure(quiet).batch_endpoint != account.batch_endpoint


def test_no_signature_is_in_the_logs(home: Path) -> None:
    """Azurite's access log would hold SAS: after a request with one, no file of the home has it."""
    account = embedded.ensure(quiet)
    port = int(account.blob_endpoint.rpartition("/")[0].rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/batchspeclocal/c/b?sv=2020-12-06&sig=canarysignature")
    connection.getresponse().read()
    connection.close()
    embedded.stop()
    holding = [path for path in home.rglob("*") if path.is_file() and b"canarysignature" in path.read_bytes()]
    assert holding == []


def test_no_part_of_an_answer_waits_for_the_one_before() -> None:
    """What the endpoint's socket accepts sends at once: each answer with a body took 40 ms otherwise."""
    accepted: list[int] = []

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken = writer.get_extra_info("socket")
        accepted.append(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async def ask() -> None:
        with daemon._listening(0) as listener:
            async with await asyncio.start_server(take, sock=listener):
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                await reader.read()
                writer.close()

    asyncio.run(ask())
    assert accepted == [True]


def test_starting_while_it_ends(home: Path) -> None:
    """A caller that comes while the last life is ending gets a new one, never an error."""
    first = embedded.ensure(quiet)
    ending = threading.Thread(target=psutil.Process(first.pid).terminate)
    ending.start()
    ending.join()
    until(lambda: not (home / "run.json").exists())
    assert embedded.ensure(quiet).pid != first.pid


def test_reset_forgets_everything(home: Path) -> None:
    """After reset() the next start has other keys and ports, and none of the blobs."""
    before = embedded.ensure(quiet)
    with BlobServiceClient.from_connection_string(before.connection_string) as client:
        client.create_container("gone")
    embedded.reset()
    assert embedded.configured() is None
    after = embedded.ensure(quiet)
    assert after.batch_key != before.batch_key
    assert after.storage_key != before.storage_key
    with BlobServiceClient.from_connection_string(after.connection_string) as client:
        assert list(client.list_containers()) == []
