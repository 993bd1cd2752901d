"""What Storage refuses is told with its own code."""

from __future__ import annotations

from secrets import token_hex

import pytest
from azure.storage.blob import BlobServiceClient

from batchspec.errors import ServiceError
from batchspec.service.embedded import LocalAccount
from batchspec.service.http.errors import translated


def test_a_code_that_the_sdk_knows_is_the_service_s_own(local_account: LocalAccount) -> None:
    """The SDK makes an enum of some codes; an error has the word that Storage sent in either case."""
    name = f"errors-{token_hex(8)}"
    with BlobServiceClient.from_connection_string(local_account.connection_string) as service:
        service.create_container(name)
        blob = service.get_blob_client(name, "leased")
        blob.upload_blob(b"")
        blob.acquire_lease(15)
        with pytest.raises(ServiceError) as raised, translated("write to a leased blob"):
            blob.upload_blob(b"", overwrite=True)
        service.delete_container(name)
    assert (raised.value.status, raised.value.code) == (412, "LeaseIdMissing")
    assert str(raised.value).endswith("(LeaseIdMissing)")
