"""What goes around the SDK for speed gives what the SDK gives."""

from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.storage.blob import BlobSasPermissions, BlobServiceClient, generate_blob_sas

from batchspec.service.blobs import Blobs

KEY = "a2V5" * 16
STORAGE = (
    f"DefaultEndpointsProtocol=http;AccountName=some;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:1/some;"
)


@pytest.mark.parametrize("name", ["a/b.mp4", "a b/c~d.mp4", "ü/%41+&?#.mp4", "'()*!,;:@=$", "n" * 1000])
def test_a_link_is_the_one_the_sdk_makes(name: str) -> None:
    """A link to read a blob is, byte for byte, the SDK's own for the same bounds, whatever the name."""
    blobs = Blobs.from_connection_string(STORAGE)
    found = blobs.read_url("input", name)
    blobs.close()
    bounds = parse_qs(urlsplit(found).query)
    token = generate_blob_sas(
        "some",
        "input",
        name,
        account_key=KEY,
        permission=BlobSasPermissions(read=True),
        start=datetime.fromisoformat(bounds["st"][0]),
        expiry=datetime.fromisoformat(bounds["se"][0]),
        protocol=bounds["spr"][0],
    )
    with BlobServiceClient.from_connection_string(STORAGE) as service:
        assert found == f"{service.get_blob_client('input', name).url}?{token}"
