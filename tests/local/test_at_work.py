"""The background process as it is at work: found again, by itself, open to nobody."""

import http.client
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from azure.storage.blob import BlobServiceClient

from batchspec.service import embedded
from batchspec.service.embedded import LocalAccount

_ENSURE = """
from batchspec.service import embedded
said = []
account = embedded.ensure(said.append)
print(account.pid, said[0])
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalAccount, str]]:
    """An account that a command started and that the tests only look at; and what the command said."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATCHSPEC_LOCAL_HOME", str(tmp_path_factory.mktemp("at-work") / "local"))
        assert embedded.find() is None
        patch.setenv("AZURE_CLIENT_SECRET", "canary-secret")
        patch.setenv("GITHUB_TOKEN", "canary-token")
        command = [sys.executable, "-c", _ENSURE]
        said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        found = embedded.find()
        assert found is not None
        yield found, said
        embedded.stop()


@pytest.fixture
def account(started: tuple[LocalAccount, str], monkeypatch: pytest.MonkeyPatch) -> LocalAccount:
    monkeypatch.setenv("BATCHSPEC_LOCAL_HOME", str(started[0].home))
    return started[0]


def azurite_of(account: LocalAccount) -> psutil.Process:
    return psutil.Process(int(json.loads((account.home / "azurite.json").read_text())["pid"]))


def test_it_says_that_it_starts_and_is_found_again(
    account: LocalAccount, started: tuple[LocalAccount, str]
) -> None:
    """Whoever waits is told what for; every caller gets the same one, and who does not wait is told nothing."""
    assert started[1] == f"{account.pid} starting the local account\n"
    said: list[str] = []
    assert embedded.ensure(said.append) == embedded.find() == account
    assert said == []


def test_it_outlives_the_command_that_started_it(account: LocalAccount) -> None:
    """It has its own session, so that neither the end nor a Ctrl-C of the command reaches it."""
    assert os.getsid(account.pid) == account.pid
    assert os.getsid(azurite_of(account).pid) != account.pid


def test_a_second_daemon_leaves_at_once(account: LocalAccount) -> None:
    """The installation has one holder; another one started by hand ends with 75 and changes nothing."""
    command = [sys.executable, "-m", "batchspec.emulator", "--home", str(account.home)]
    assert subprocess.run(command, timeout=60).returncode == 75
    assert embedded.find() == account


def test_s28_nothing_in_its_folder_is_open_to_others(account: LocalAccount) -> None:
    """Whatever it writes is for its user alone: files 0600, folders 0700."""
    home = account.home
    with BlobServiceClient.from_connection_string(account.connection_string) as client:
        client.create_container("private").upload_blob("blob", b"x")
    open_to_others = [
        str(path.relative_to(home))
        for path in [home, *home.rglob("*")]
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []


def test_s26_it_has_nothing_of_the_operators_secrets(account: LocalAccount) -> None:
    """Tasks are its descendants: neither its environment nor Azurite's has the operator's credentials."""
    for process in (psutil.Process(account.pid), azurite_of(account)):
        assert "canary" not in repr(process.environ())


def test_s25_keys_are_on_no_command_line(account: LocalAccount) -> None:
    """Other users can read command lines: no key is in one."""
    lines = repr([psutil.Process(account.pid).cmdline(), azurite_of(account).cmdline()])
    assert account.batch_key not in lines
    assert account.storage_key not in lines
    assert account.batch_key not in repr(account)


def test_s23_it_listens_on_loopback_only(account: LocalAccount) -> None:
    """Every socket that its processes listen on is bound to 127.0.0.1."""
    processes = (psutil.Process(account.pid), azurite_of(account))
    listening = [
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1", "127.0.0.1"]


@pytest.mark.parametrize(
    "header",
    [{"Host": "attacker.example"}, {"Host": "attacker.example:80"}, {"Origin": "http://attacker.example"}],
)
def test_s24_a_browser_page_is_refused(account: LocalAccount, header: dict[str, str]) -> None:
    """A foreign Host (DNS rebinding) or any Origin is refused before anything else is looked at."""
    port = int(account.batch_endpoint.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/pools?api-version=2025-06-01", headers=header)
        answer = connection.getresponse()
        answer.read()
        assert 400 <= answer.status < 500
        assert answer.getheader("Access-Control-Allow-Origin") is None
    finally:
        connection.close()
