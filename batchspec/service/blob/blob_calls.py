"""The calls of Blob storage that are made by the thousand, without the SDK's models: List, Put, Get and Delete Blob.

Credentials, retries and transport stay the SDK's: its pipeline is run. With its models a listed
blob takes 180 us instead of 25, and a small upload 850 us instead of 490. Each client of a blob, and so
each download and deletion, left kilobytes that only Python's search for dead cycles finds.
`_pipeline` is not documented; it has been there since azure-storage-blob 12.0, and every run of
ours goes through it. Source: Blob service REST API, List Blobs, Put Blob, Get Blob and Delete Blob.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from uuid import uuid4
from xml.etree.ElementTree import Element

from azure.core.exceptions import DecodeError, HttpResponseError
from azure.core.pipeline.policies import ContentDecodePolicy
from azure.core.rest import HttpRequest

from batchspec.resources.blob import LiveBlob
from batchspec.service.blob.checked_file import Whole

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

_PIECE = 4 * 1024 * 1024
_META = "x-ms-meta-"


def list_blobs(service: BlobServiceClient, container: str, prefix: str) -> Iterator[LiveBlob]:
    """The blobs whose names begin with *prefix*, with their metadata. Raises HttpResponseError."""
    query = {"restype": "container", "comp": "list", "include": "metadata", "prefix": prefix}
    url = _url(service, container)
    while True:
        page = _run(service, HttpRequest("GET", _with(url, query))).context[ContentDecodePolicy.CONTEXT_NAME]
        for blob in page.iter("Blob"):
            yield _live(blob)
            blob.clear()  # a page of 5,000 takes 25 MB, and is parsed while the last one is still here
        query["marker"] = page.findtext("NextMarker") or ""
        if not query["marker"]:
            return


def put_blob(
    service: BlobServiceClient,
    container: str,
    blob: str,
    data: bytes | Whole,
    md5: str,
    metadata: Mapping[str, str],
    *,
    once: bool = False,
) -> None:
    """Makes the blob of *data*, which has to have the *md5* (hexadecimal) on arrival; with *once* in one try, or not.

    Raises HttpResponseError.
    """
    headers = {
        "Content-Length": str(len(data)),
        "Content-MD5": b64encode(bytes.fromhex(md5)).decode(),
        "Content-Type": "application/octet-stream",
        "x-ms-blob-type": "BlockBlob",
        **{f"{_META}{name}": value for name, value in metadata.items()},
    }
    request = HttpRequest("PUT", _blob_url(service, container, blob), headers=headers, content=data)
    _run(service, request, once=once)


def get_blob(
    service: BlobServiceClient, container: str, blob: str, write: Callable[[bytes], object]
) -> LiveBlob:
    """Gives all bytes of the blob to *write*, piece by piece, and says what it is. Raises HttpResponseError."""
    url = _blob_url(service, container, blob)
    try:
        answer = _get_piece(service, url, 0, {})
    except HttpResponseError as error:
        if error.status_code != 416:
            raise
        answer = _get(service, url, {})  # it is empty: there is no first piece
    live = _headed(blob, answer.headers)
    done = len(answer.content)
    write(answer.content)
    while answer.content and done < live.size:
        answer = _get_piece(service, url, done, {"If-Match": answer.headers["etag"]})
        done += len(answer.content)
        write(answer.content)
    return live


def delete_blob(service: BlobServiceClient, container: str, blob: str) -> None:
    """Raises HttpResponseError, also for a blob that is not there."""
    _run(service, HttpRequest("DELETE", _blob_url(service, container, blob)))


def _get_piece(service: BlobServiceClient, url: str, first: int, headers: Mapping[str, str]) -> Any:
    return _get(service, url, {"x-ms-range": f"bytes={first}-{first + _PIECE - 1}", **headers})


def _get(service: BlobServiceClient, url: str, headers: Mapping[str, str]) -> Any:
    """The answer with its whole body; one that breaks off is asked for again."""
    request = HttpRequest("GET", url, headers={**headers})
    return _run(service, request, stream=True, whole=True).http_response


def _run(service: BlobServiceClient, request: HttpRequest, **options: bool) -> Any:
    """The pipeline's response to *request*. Raises HttpResponseError, with Storage's code as the SDK adds it."""
    request.headers["x-ms-version"] = service.api_version
    # An id that the SDK makes itself asks a daemon for the time, over a socket of its own each time.
    options = {"stream": False, **options}
    answered = service._pipeline.run(request, client_request_id=str(uuid4()), **options)
    response = answered.http_response
    if response.status_code >= 300:
        error = HttpResponseError(_said(response), response=response)
        error.error_code = response.headers.get("x-ms-error-code", "")  # type: ignore[attr-defined]
        raise error
    return answered


def _said(response: Any) -> str | None:
    """Storage's sentence in an answer that is an error. One with content to be written is not decoded before."""
    try:
        said = ContentDecodePolicy.deserialize_from_http_generics(response)
    except DecodeError:
        return None
    return said.findtext("Message") if isinstance(said, Element) else None


def _url(service: BlobServiceClient, container: str) -> str:
    """Where the container is. The SDK's client of a container says it too, but takes a while to make."""
    return f"{service.url.rstrip('/')}/{container}"


def _blob_url(service: BlobServiceClient, container: str, blob: str) -> str:
    return f"{_url(service, container)}/{quote(blob, safe='~/')}"


def _with(url: str, query: Mapping[str, str]) -> str:
    words = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items() if value)
    return f"{url}?{words}"


def _live(blob: Any) -> LiveBlob:
    """The entry of a listing. A name that XML cannot carry is sent encoded."""
    name, properties, metadata = blob.find("Name"), blob.find("Properties"), blob.find("Metadata")
    md5 = properties.findtext("Content-MD5")
    return LiveBlob(
        name=unquote(name.text) if name.get("Encoded") == "true" else name.text,
        size=int(properties.findtext("Content-Length") or 0),
        md5=b64decode(md5).hex() if md5 else "",
        etag=(properties.findtext("Etag") or "").strip('"'),
        metadata={entry.tag.lower(): entry.text or "" for entry in metadata} if metadata is not None else {},
    )


def _headed(blob: str, headers: Mapping[str, str]) -> LiveBlob:
    """What the headers of an answer with content of *blob*, all or a piece of it, say of the whole."""
    size = headers.get("content-range", "").rpartition("/")[2] or headers.get("content-length", "0")
    md5 = headers.get("x-ms-blob-content-md5") or (
        headers.get("content-md5") if "content-range" not in headers else None
    )
    return LiveBlob(
        name=blob,
        size=int(size),
        md5=b64decode(md5).hex() if md5 else "",
        etag=headers.get("etag", "").strip('"'),
        metadata={
            name.lower().removeprefix(_META): value
            for name, value in headers.items()
            if name.lower().startswith(_META)
        },
    )
