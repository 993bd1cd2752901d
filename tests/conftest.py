"""What tests share: a local account of their own, with the real daemon and the real Azurite."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.rest import HttpRequest
from hypothesis import settings

from batchspec.service import embedded
from batchspec.service.embedded import LocalAccount

pytest_plugins = ("pure", "spread")

# Without a deadline: on a busy machine any example may take long.
settings.register_profile(
    "batchspec", max_examples=int(os.environ.get("BATCHSPEC_TEST_EXAMPLES", "50")), deadline=None
)
settings.load_profile("batchspec")

_TARGET_VARIABLES = (
    "AZURE_BATCH_ACCOUNT",
    "AZURE_BATCH_ENDPOINT",
    "AZURE_BATCH_ACCESS_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_ACCOUNT",
    "AZURE_STORAGE_KEY",
    "AZURE_SUBSCRIPTION_ID",
    "AZURE_RESOURCE_GROUP",
    "BATCHSPEC_TARGET",
    "CI",
)


@pytest.fixture(autouse=True)
def _no_account_of_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches an account, or a local account, that the person at this machine uses."""
    for name in _TARGET_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BATCHSPEC_PRICES", "off")
    monkeypatch.setenv("BATCHSPEC_LOCAL_HOME", str(Path(os.devnull) / "no-local-account-in-this-test"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a local account of this test's own; not started; whatever was started in it is ended."""
    path = tmp_path / "local"
    monkeypatch.setenv("BATCHSPEC_LOCAL_HOME", str(path))
    yield path
    monkeypatch.setenv("BATCHSPEC_LOCAL_HOME", str(path))
    embedded.stop()


@pytest.fixture(scope="session")
def _shared_home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="batchspec-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_account(_shared_home: Path) -> Iterator[LocalAccount]:
    """One local account for the whole run. For fixtures of a wider scope; tests take `local_account`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATCHSPEC_LOCAL_HOME", str(_shared_home))
        patch.setenv("BATCHSPEC_LOCAL_CONTAINERS", "host")  # whatever engine the machine has
        account = embedded.ensure(lambda _: None)
    _add_applications(account)
    yield account
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATCHSPEC_LOCAL_HOME", str(_shared_home))
        embedded.stop()


def _add_applications(account: LocalAccount) -> None:
    """The account has packages of `blender`, to be referred to by pools without nodes."""
    key = AzureNamedKeyCredential(account.batch_account, account.batch_key)
    with BatchClient(account.batch_endpoint, key) as client:
        for version in ("4", "4.2"):
            package = {"url": "http://127.0.0.1:9/blender.zip", "md5": "m"}
            path = f"/_local/applications/blender/{version}"
            client.send_request(HttpRequest("POST", path, json=package)).raise_for_status()


@pytest.fixture
def local_account(shared_account: LocalAccount, monkeypatch: pytest.MonkeyPatch) -> LocalAccount:
    """The local account that the whole test run shares, running; commands find it too.

    Names of pools, jobs and blob containers are the test's own to choose, so that tests do
    not meet.
    """
    monkeypatch.setenv("BATCHSPEC_LOCAL_HOME", str(shared_account.home))
    return shared_account
