"""A download gives the blob as it is, and says of it what its properties say."""

from __future__ import annotations

from hashlib import md5
from io import BytesIO
from pathlib import Path
from secrets import token_hex

import pytest

from batchspec.errors import ServiceError
from batchspec.service.blob.blobs import BlobStorage

PIECE = 4 * 1024 * 1024


@pytest.mark.parametrize("size", [0, 3, PIECE, 2 * PIECE + 1])
def test_a_blob_comes_as_it_is(blobs: BlobStorage, tmp_path: Path, size: int) -> None:
    """Of any size, with the size, MD5, ETag and metadata that a listing tells of; one that is not there is None."""
    content, name = b"some" * (size // 4) + b"!" * (size % 4), f"download-{token_hex(8)}/ä clip+1.mp4"
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    stamp = {"batchspec_spec": "x"}
    planned = md5(content, usedforsecurity=False).hexdigest()
    assert blobs.download("input", name, BytesIO().write) is None
    with pytest.raises(
        ServiceError, match=r"^could not download x: The specified resource name [^\n']* \(\w+\)$"
    ):
        blobs.download("in", "x", BytesIO().write)
    blobs.upload("input", name, file, planned, stamp, lambda _: None)
    target = BytesIO()
    found = blobs.download("input", name, target.write)
    assert target.getvalue() == content == blobs.read("input", name)
    assert [found] == list(blobs.list("input", name))
    assert found is not None
    assert found.md5 == planned
    blobs.delete("input", name)
