"""What the tests of `batchspec import` share: an SDK client, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from click.testing import CliRunner, Result

from batchspec.cli.main import cli
from batchspec.service.embedded import LocalAccount

Run = Callable[..., Result]


@pytest.fixture
def sdk(local_account: LocalAccount) -> Iterator[BatchClient]:
    """The official SDK, by which others make their pools and jobs."""
    key = AzureNamedKeyCredential(local_account.batch_account, local_account.batch_key)
    with BatchClient(local_account.batch_endpoint, key) as client:
        yield client


@pytest.fixture
def run(local_account: LocalAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `batchspec WORDS` in an empty folder; an error is raised unless *fails*."""
    monkeypatch.chdir(tmp_path)

    def invoke(*words: str, fails: bool = False, typed: str | None = None) -> Result:
        result = CliRunner().invoke(cli, words, input=typed, standalone_mode=False)
        if not fails and result.exception is not None:
            raise result.exception
        return result

    return invoke


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"i{token_hex(5)}"
