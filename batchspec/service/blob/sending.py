"""A blob made of a stream: in one request where it is small, else in blocks, which become a blob at the end or never.

A file goes in one request, too, up to what the SDKs of .NET and Java send so, where the line is known to be quick: the
service holds it against its MD5 then, and nobody has to read and hash it twice more. On a slow line, or one that breaks
off, a block is soon sent again; and something on the way may take no body that large.
Source: Put Blob, Put Block and Put Block List, Blob service REST API.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from azure.core.exceptions import AzureError, HttpResponseError

from batchspec.service.blob.blob_calls import put_blob
from batchspec.service.blob.checked_file import CheckedFile
from batchspec.service.http.errors import storage_code

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

BLOCK = 8 * 1024 * 1024
AT_ONCE = 256 * 1024 * 1024
_TRIED = 4 * BLOCK  # a file to try the line with: its first block may be sent in vain
_QUICK_S = 1.0  # for a block


class Line:
    """The way to a service: whether it was quick the last time that something large went on it, and took all of it."""

    def __init__(self) -> None:
        self.is_quick = False
        self._refuses = False

    def took(self, size: int, seconds: float) -> None:
        self.is_quick = seconds < _QUICK_S * size / BLOCK and not self._refuses

    def refused(self) -> None:
        """From now on all is sent in blocks."""
        self.is_quick, self._refuses = False, True


class Content(Protocol):
    """What becomes a blob. Whoever gives its last byte vouches for all of it."""

    @property
    def md5(self) -> str:
        """The MD5 of the whole, in hexadecimal; asked for when all has been read."""

    def read(self, size: int, /) -> bytes:
        """The next *size* bytes; fewer only at the end."""


def send(
    service: BlobServiceClient,
    container: str,
    blob: str,
    content: Content,
    metadata: Mapping[str, str],
    progress: Callable[[int], None],
    line: Line,
) -> None:
    """Makes the blob of *content*. What a read or *progress* raises leaves the blob as it was.

    One block at a time is in memory, where it can be sent again. *progress* is told how many bytes are there so far.
    """
    file = content if isinstance(content, CheckedFile) and BLOCK <= content.length <= AT_ONCE else None
    if (
        file is not None
        and line.is_quick
        and _is_sent_whole(service, container, blob, file, metadata, progress, line)
    ):
        return
    data = content.read(BLOCK)
    if len(data) < BLOCK:
        put_blob(service, container, blob, data, content.md5, metadata)
        return
    from azure.storage.blob import BlobBlock, ContentSettings

    client = service.get_blob_client(container, blob)
    blocks: list[BlobBlock] = []
    done = 0
    while data:
        # As long as those of the SDK's own uploads: Storage refuses other ones while blocks of such a one are left.
        blocks.append(BlobBlock(f"{len(blocks):046}"))
        began = time.monotonic()
        # Without a Content-MD5 Azurite digests each block by itself, three times slower (PERFORMANCE 0.4).
        client.stage_block(blocks[-1].id, data, validate_content=True)
        line.took(len(data), time.monotonic() - began)
        done += len(data)
        progress(done)
        if file is not None and file.length >= _TRIED and len(blocks) == 1 and line.is_quick:
            if _is_sent_whole(service, container, blob, file, metadata, progress, line):
                return
            blocks, done = [], 0
        data = content.read(BLOCK)
    settings = ContentSettings(content_md5=bytearray.fromhex(content.md5))
    client.commit_block_list(blocks, content_settings=settings, metadata=dict(metadata))


def _is_sent_whole(
    service: BlobServiceClient,
    container: str,
    blob: str,
    file: CheckedFile,
    metadata: Mapping[str, str],
    progress: Callable[[int], None],
    line: Line,
) -> bool:
    """Makes the blob in one request, which forgets blocks that were sent before; False where that cannot be."""
    began = time.monotonic()
    try:
        # Once: what is on the way may take none so large, whatever it says, and blocks have patience of their own.
        put_blob(service, container, blob, file.whole(progress), file.md5, metadata, once=True)
    except AzureError as error:
        if isinstance(error, HttpResponseError) and storage_code(error) == "Md5Mismatch":
            raise file.changed() from error
        line.refused()  # if it is something else, the first block will tell
        file.rewind()
        return False
    line.took(file.length, time.monotonic() - began)
    return True
