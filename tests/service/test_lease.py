"""Giving the lock back is never what a command fails at."""

from __future__ import annotations

from contextlib import closing

import pytest
from azure.storage.blob import BlobLeaseClient

from batchspec.service.blob.blobs import BlobStorage
from batchspec.service.blob.lease import Lock, release_lock
from service.scripted import Answer, answering


@pytest.mark.parametrize("status", [403, 404, 409, 412])
def test_a_lock_that_cannot_be_given_back_is_left_to_end(status: int) -> None:
    """The key was rotated, the login ended, the blob is gone, another has it: the lease runs out by itself."""
    with answering(Answer(status, headers={"x-ms-error-code": "Some"})) as storage:
        text = f"DefaultEndpointsProtocol=http;AccountName=one;AccountKey=a2V5;BlobEndpoint={storage.endpoint}/one;"
        with closing(BlobStorage.from_connection_string(text)) as blobs:
            release_lock(Lock(BlobLeaseClient(blobs.client("output", "lock"))))
        assert len(storage.heard_at) == 1
