"""A connection to the local Storage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batchspec.service.blob.blobs import BlobStorage
from batchspec.service.embedded import LocalAccount


@pytest.fixture
def blobs(local_account: LocalAccount) -> Iterator[BlobStorage]:
    """Connected, with a blob container for inputs."""
    connected = BlobStorage.from_connection_string(local_account.connection_string)
    connected.ensure_container("input")
    yield connected
    connected.close()
