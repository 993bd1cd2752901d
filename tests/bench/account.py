"""Accounts that commands work on: what stands for Azure, by its port, and a local account of the bench's own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchspec.service import embedded
from batchspec.service.embedded import LocalAccount

NAME = "stubaccount"
KEY = "a2V5" * 16
"""Of nobody: nothing that stands for Azure here checks it."""

_HOME = "BATCHSPEC_LOCAL_HOME"


def storage_string(port: int) -> str:
    return f"DefaultEndpointsProtocol=http;AccountName={NAME};AccountKey={KEY};BlobEndpoint=http://127.0.0.1:{port}/{NAME};"


def environment_of(port: int) -> dict[str, str]:
    """What makes a command take the server on *port* for its Azure account."""
    return {
        "AZURE_BATCH_ACCOUNT": NAME,
        "AZURE_BATCH_ENDPOINT": f"http://127.0.0.1:{port}",
        "AZURE_BATCH_ACCESS_KEY": KEY,
        "AZURE_STORAGE_CONNECTION_STRING": storage_string(port),
        "BATCHSPEC_TARGET": "azure",
    }


@contextmanager
def local() -> Iterator[LocalAccount]:
    """A local account that nobody else uses: the real daemon, the real Azurite; gone after the block.

    Processes started within the block find it too.
    """
    before = os.environ.get(_HOME)
    with tempfile.TemporaryDirectory(prefix="batchspec-bench-") as folder:
        os.environ[_HOME] = str(Path(folder) / "local")
        try:
            yield embedded.ensure(lambda _: None)
        finally:
            embedded.stop()
            if before is None:
                del os.environ[_HOME]
            else:
                os.environ[_HOME] = before
