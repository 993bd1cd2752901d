"""Credentials that cannot be any are refused by the name of their variable, before any call."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from batchspec.errors import NotSignedInError
from batchspec.service.connect import connect

ENDPOINT = "https://mine.westeurope.batch.azure.com"
KEY = "YS1rZXktb2YtdGhlLWFjY291bnQ="
STORAGE = f"DefaultEndpointsProtocol=https;AccountName=mine;AccountKey={KEY};EndpointSuffix=core.windows.net"
CONNECTION = "AZURE_STORAGE_CONNECTION_STRING"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account named in full."""
    for name in ("AZURE_BATCH_ACCOUNT", "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_BATCH_ENDPOINT", ENDPOINT)
    monkeypatch.setenv("AZURE_BATCH_ACCESS_KEY", KEY)
    monkeypatch.setenv(CONNECTION, STORAGE)


def _refused() -> NotSignedInError:
    with pytest.raises(NotSignedInError) as raised:
        connect("azure", lambda _: None)
    return raised.value


@pytest.mark.parametrize(
    "text", [STORAGE, STORAGE.lower().replace(KEY.lower(), KEY), "UseDevelopmentStorage=true"]
)
def test_a_whole_account_is_taken(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A connection string in any case, and that of a storage emulator, is taken without a call."""
    monkeypatch.setenv(CONNECTION, text)
    connect("azure", lambda _: None).close()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("s3cret", "AZURE_STORAGE_CONNECTION_STRING has no AccountKey"),
        (f"AccountKey={KEY};s3cret", "AZURE_STORAGE_CONNECTION_STRING is not a connection string"),
        (f"AccountKey={KEY}", "AZURE_STORAGE_CONNECTION_STRING is not a connection string"),
        (
            "BlobEndpoint=https://mine.blob.core.windows.net;SharedAccessSignature=sv=1&sig=s3cret",
            "AZURE_STORAGE_CONNECTION_STRING has no AccountKey",
        ),
        (STORAGE.replace(KEY, "s3cret!"), "the AccountKey in AZURE_STORAGE_CONNECTION_STRING is not a key"),
    ],
    ids=["no connection string", "a part without a name", "no account", "a SAS", "no key"],
)
def test_a_connection_string_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str, says: str) -> None:
    """It ends with 77 and names the variable, never its value."""
    monkeypatch.setenv(CONNECTION, text)
    error = _refused()
    assert says in str(error)
    assert "s3cret" not in f"{error} {error.help} {error.__cause__!r}"


@pytest.mark.parametrize("name", ["AZURE_BATCH_ACCESS_KEY", "AZURE_STORAGE_KEY"])
@pytest.mark.parametrize("key", ["s3cret!", "s3crt", f'"{KEY}"'], ids=["letters", "length", "quotes"])
def test_a_key_that_is_none(monkeypatch: pytest.MonkeyPatch, name: str, key: str) -> None:
    """What is not Base64 cannot be a key: 77 with the variable's name, before it is used."""
    monkeypatch.delenv(CONNECTION)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "mine")
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    monkeypatch.setenv(name, key)
    error = _refused()
    assert str(error) == f"{name} is not a key: it is not Base64"
    assert key not in f"{error} {error.help} {error.__cause__!r}"


def test_s17_storage_without_tls_is_refused_unless_it_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that is signed for a task travels over https, or does not leave this machine."""
    text = f"AccountName=some;AccountKey={KEY};BlobEndpoint=http://storage.example/some"
    monkeypatch.setenv(CONNECTION, text)
    assert "http://storage.example is not https" in str(_refused())
    for here in ("127.0.0.1:10000", "localhost:10000", "[::1]:10000"):
        monkeypatch.setenv(CONNECTION, text.replace("storage.example", here))
        connect("azure", lambda _: None).close()


def test_connecting_imports_neither_storage_s_sdk_nor_requests() -> None:
    """Both take longer than all else a plan does before its first request, which goes to Batch."""
    code = """
import sys
import batchspec.engine.look.observe
from batchspec.service.connect import connect
connect("azure", print).close()
assert not {"azure.storage.blob", "requests"} & set(sys.modules)
"""
    proxies = {name for name in os.environ if name.lower().endswith("_proxy")}
    environment = {name: value for name, value in os.environ.items() if name not in proxies}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


NO_ADDRESSES = {
    "no host": "https://",
    "another scheme": "ftp://mine.example",
    "a space": "https://mine .example",
    "a port that is none": "https://mine.example:port",
    "a line end": "https://mine.example\nx",
    "a query": "https://mine.example/?sig=s3cret",
    "a backslash": "https://mine.example\\.evil.example",
    "half a bracket": "https://[::1",
}


@pytest.mark.parametrize("address", NO_ADDRESSES.values(), ids=NO_ADDRESSES.keys())
@pytest.mark.parametrize("variable", ["AZURE_BATCH_ENDPOINT", "AZURE_STORAGE_SERVICE_ENDPOINT", CONNECTION])
def test_4_4_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch, variable: str, address: str) -> None:
    """77 with the variable's name before anything is sent, whatever is wrong with it."""
    assert "is not an address" in _refused_with(monkeypatch, variable, address)


@pytest.mark.parametrize("variable", ["AZURE_BATCH_ENDPOINT", "AZURE_STORAGE_SERVICE_ENDPOINT", CONNECTION])
def test_4_4_a_password_in_an_address_is_never_said(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """It is refused, without it."""
    said = _refused_with(monkeypatch, variable, "https://user:s3cretword@mine.example")
    assert "has a user name or a password in it" in said


def test_4_4_batch_without_tls_is_refused_unless_it_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys sign requests; whoever reads them could repeat them."""
    said = _refused_with(monkeypatch, "AZURE_BATCH_ENDPOINT", "http://batch.example")
    assert "AZURE_BATCH_ENDPOINT: http://batch.example is not https" in said
    for here in ("http://127.0.0.1:10000", "http://[::1]:1/", "localhost", "batch.example"):
        monkeypatch.setenv("AZURE_BATCH_ENDPOINT", here)
        connect("azure", lambda _: None).close()


def test_4_4_an_account_s_name_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """It becomes part of one, which would be another's."""
    monkeypatch.setenv(CONNECTION, STORAGE.replace("AccountName=mine", "AccountName=evil.example/"))
    assert "does not name a storage account" in str(_refused())
    monkeypatch.delenv(CONNECTION)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "evil.example/")
    assert "AZURE_STORAGE_ACCOUNT does not name a storage account" in str(_refused())


def _refused_with(monkeypatch: pytest.MonkeyPatch, variable: str, address: str) -> str:
    """What is said where *variable* has *address*."""
    if variable == "AZURE_STORAGE_SERVICE_ENDPOINT":
        monkeypatch.delenv(CONNECTION)
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "mine")
    value = f"AccountName=mine;AccountKey={KEY};BlobEndpoint={address}" if variable == CONNECTION else address
    monkeypatch.setenv(variable, value)
    error = _refused()
    said = f"{error} {error.help} {error.__cause__!r}"
    assert variable in said
    assert "s3cret" not in said
    return said
