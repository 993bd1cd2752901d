"""Blobs to files and files to blobs, whole or not at all, by the REST API of Blob storage.

What a node needs and no more: GET, container listing, Put Blob, Put Block and Put Block List, all with the SAS that
the URL carries.
"""

import base64
import errno
import hashlib
import http.client
import os
import urllib.parse
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from batchspec.emulator.node.storage import LocalFileError, Stopped, Storage, local_file

_PIECE = 1 << 20
_BLOCK = 8 << 20  # files above this go up in blocks of this size
_COMMITS = 3  # how often blocks are sent whose list Storage then does not take: it has lost some by a restart


class TransferError(Exception):
    """A transfer that a task fails by; named as in a task's failureInfo."""

    def __init__(self, code: str, message: str, category: str, details: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.category = category
        self.details = details


# --- files in


def fetch_all(
    storage: Storage, resource_files: Sequence[Mapping[str, Any]], wd: Path, stopped: Stopped
) -> None:
    """Each file is there as it is in Storage. Raises `TransferError` at the first that is not."""
    for resource in resource_files:
        for url, relative in _sources(storage, resource, stopped):
            target = _inside(wd, relative)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if stopped():
                return
            fetch(storage, url, target, stopped)
            if stopped():
                return
            target.chmod(int(resource.get("fileMode", "0770"), 8))


def _sources(storage: Storage, resource: Mapping[str, Any], stopped: Stopped) -> Iterator[tuple[str, str]]:
    """(URL, name below the working directory) of each blob that a resource file stands for."""
    if "httpUrl" in resource:
        url = resource["httpUrl"]
        yield url, resource.get("filePath") or urllib.parse.unquote(url.partition("?")[0].rpartition("/")[2])
        return
    folder = resource.get("filePath", "")
    container = resource["storageContainerUrl"]
    for name in _list(storage, container, resource.get("blobPrefix", ""), stopped):
        yield _blob_url(container, name), f"{folder}/{name}" if folder else name


def _inside(wd: Path, relative: str) -> Path:
    target = Path(os.path.normpath(wd / relative))
    if not target.is_relative_to(wd) or target == wd:
        message = "The resource file's path leaves the working directory of the task"
        raise TransferError("ResourceFileCreateFailed", message, "ServerError", (("FilePath", relative),))
    return target


def fetch(storage: Storage, url: str, target: Path, stopped: Stopped) -> None:
    """*target* is the blob, unless it was stopped. Raises `TransferError`, and leaves no half of it."""
    try:
        status, text = storage.send(
            "GET", url, lambda answer: _save(answer, target, stopped), stopped=stopped
        )
    except LocalFileError as error:
        full = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENOSPC
        code = "DiskFull" if full else "ResourceFileWriteFailed"
        raise TransferError(code, str(error), "ServerError", (("FilePath", target.name),)) from error
    if status not in (200, 206) and not stopped():
        target.unlink(missing_ok=True)  # half a file is none
        raise _input_error(status, url, target.name, str(text))


def _save(answer: http.client.HTTPResponse, target: Path, stopped: Stopped) -> None:
    """*target* holds all that the answer says it has, with the MD5 that it names, unless it was *stopped*."""
    digest = hashlib.md5(usedforsecurity=False)
    with local_file():
        file = target.open("wb", buffering=0)
    with file:
        while not stopped() and (piece := answer.read(_PIECE)):
            digest.update(piece)
            with local_file():
                file.write(piece)
    if stopped():
        return
    if answer.length:  # `read` ends in silence when the other side has hung up
        raise http.client.IncompleteRead(b"", answer.length)
    wanted = answer.getheader("Content-MD5")
    if wanted and wanted != base64.b64encode(digest.digest()).decode():
        raise http.client.HTTPException("the content does not have the MD5 that Storage names")


def _list(storage: Storage, container: str, prefix: str, stopped: Stopped) -> Iterator[str]:
    marker = ""
    while True:
        query = {"restype": "container", "comp": "list", "prefix": prefix, "marker": marker}
        extra = urllib.parse.urlencode({key: value for key, value in query.items() if value})
        status, text = storage.send("GET", _with_query(container, extra), _read, stopped=stopped)
        if stopped():
            return
        if status != 200:
            raise _input_error(status, container, prefix, str(text))
        # The answer of the storage endpoint the person named; expat itself bounds entity expansion.
        tree = ElementTree.fromstring(text)  # noqa: S314
        for blob in tree.iter("Blob"):
            yield blob.findtext("Name") or ""
        marker = tree.findtext("NextMarker") or ""
        if not marker:
            return


def _input_error(status: int, url: str, name: str, text: str) -> TransferError:
    details = (
        ("BlobSource", _bare(url)),
        ("FilePath", name),
        ("HttpStatusCode", str(status)),
        ("Message", text[:500]),
    )
    if status == 404:
        return TransferError(
            "BlobNotFound", "One of the specified Azure Blob(s) is not found", "UserError", details
        )
    if status in (401, 403):
        message = "Access for one of the specified Azure Blob(s) is denied"
        return TransferError("BlobAccessDenied", message, "UserError", details)
    message = "Miscellaneous error encountered while downloading one of the specified Azure Blob(s)"
    return TransferError("BlobDownloadMiscError", message, "ServerError", details)


# --- files out


def upload(
    storage: Storage, source: Path, container: str, name: str, headers: Mapping[str, str], stopped: Stopped
) -> None:
    """The blob *name* is the file *source*. Raises `TransferError`."""
    url = _blob_url(container, name)
    try:
        with local_file():
            size = source.stat().st_size
        if size <= _BLOCK:
            _upload_whole(storage, source, url, headers, stopped)
        else:
            _upload_in_blocks(storage, source, url, headers, stopped)
    except LocalFileError as error:
        raise _output_error(0, url, source.name, f"could not read the file: {error}") from error


def _upload_whole(
    storage: Storage, source: Path, url: str, headers: Mapping[str, str], stopped: Stopped
) -> None:
    with local_file():
        data = source.read_bytes()
    wanted = {
        "x-ms-blob-type": "BlockBlob",
        "Content-MD5": _md5(data),
        "Content-Type": "application/octet-stream",
    }
    _require(_put(storage, url, data, {**wanted, **headers}, stopped), url, source, stopped)


def _upload_in_blocks(
    storage: Storage, source: Path, url: str, headers: Mapping[str, str], stopped: Stopped
) -> None:
    """The blocks are sent again where Storage no longer has them when they are to be made a blob."""
    # Storage checks the MD5 of each block. The one of the whole blob is stored as given, and checked by nobody.
    for left in reversed(range(_COMMITS)):
        blocks, md5 = _send_blocks(storage, source, url, stopped)
        if stopped():
            return
        listing = "<BlockList>" + "".join(f"<Latest>{block}</Latest>" for block in blocks) + "</BlockList>"
        wanted = {"x-ms-blob-content-md5": md5}
        wanted.update({_block_list_name(header): value for header, value in headers.items()})
        answer = _put(storage, _with_query(url, "comp=blocklist"), listing.encode(), wanted, stopped)
        if left and answer[0] == 400 and "InvalidBlockList" in answer[1]:
            continue
        _require(answer, url, source, stopped)
        return


def _send_blocks(storage: Storage, source: Path, url: str, stopped: Stopped) -> tuple[list[str], str]:
    """(the ids of the blocks, the MD5 of all of them)."""
    blocks: list[str] = []
    whole = hashlib.md5(usedforsecurity=False)
    with local_file():
        file = source.open("rb")
    with file:
        while not stopped() and (data := _next_block(file)):
            whole.update(data)
            # Storage wants the ids of a blob's blocks to be equally long.
            blocks.append(base64.b64encode(f"{len(blocks):08d}".encode()).decode())
            query = f"comp=block&blockid={urllib.parse.quote(blocks[-1], safe='')}"
            answer = _put(storage, _with_query(url, query), data, {"Content-MD5": _md5(data)}, stopped)
            _require(answer, url, source, stopped)
    return blocks, base64.b64encode(whole.digest()).decode()


def _next_block(file: BinaryIO) -> bytes:
    with local_file():
        return file.read(_BLOCK)


def _block_list_name(header: str) -> str:
    """The header by which Put Block List takes what Put Blob takes as a plain content header."""
    plain = header.lower()
    return f"x-ms-blob-{plain}" if plain.startswith(("content-", "cache-")) else header


def _put(
    storage: Storage, url: str, data: bytes, headers: Mapping[str, str], stopped: Stopped
) -> tuple[int, str]:
    headers = {**headers, "Content-Length": str(len(data))}
    status, result = storage.send("PUT", url, _read, body=data, headers=headers, stopped=stopped)
    return status, result if isinstance(result, str) else ""


def _require(answer: tuple[int, str], url: str, source: Path, stopped: Stopped) -> None:
    status, text = answer
    if status != 201 and not stopped():
        raise _output_error(status, url, source.name, text)


def _read(answer: http.client.HTTPResponse) -> bytes:
    return answer.read()


def _with_query(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _output_error(status: int, url: str, name: str, text: str) -> TransferError:
    details = (
        ("Destination", _bare(url)),
        ("FilePath", name),
        ("HttpStatusCode", str(status)),
        ("Message", text[:500]),
    )
    if status == 404:
        message = (
            "One of the specified Azure container(s) was not found while attempting to upload an output file"
        )
        return TransferError("FileUploadContainerNotFound", message, "UserError", details)
    if status in (401, 403):
        message = "Access was denied while attempting to upload an output file"
        return TransferError("FileUploadAccessDenied", message, "UserError", details)
    message = "A miscellaneous error was encountered while attempting to upload an output file"
    return TransferError("FileUploadMiscError", message, "UserError", details)


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _bare(url: str) -> str:
    """The URL without its signature."""
    return url.partition("?")[0]


def _blob_url(container: str, name: str) -> str:
    base, mark, query = container.partition("?")
    return f"{base.rstrip('/')}/{urllib.parse.quote(name)}{mark}{query}"
