"""Blobs to files and files to blobs, by the REST API of Blob storage over kept-alive connections.

What a node needs and no more: GET, container listing, Put Blob, Put Block and Put Block List, all with the SAS that
the URL carries.
"""

import base64
import hashlib
import http.client
import os
import ssl
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_PIECE = 1 << 20
_BLOCK = 8 << 20  # files above this go up in blocks of this size
_TRIES = 4
_TIMEOUT_S = 60.0
_IDLE_S = 3.0  # Node.js, and so Azurite, closes a connection that was idle for five
_VERSION = "2021-12-02"

Stopped = Callable[[], bool]


class TransferError(Exception):
    """A transfer that a task fails by; named as in a task's failureInfo."""

    def __init__(self, code: str, message: str, category: str, details: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.category = category
        self.details = details


class _Connections:
    """Idle connections by scheme and host; one is used by one thread at a time."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str], list[tuple[http.client.HTTPConnection, float]]] = {}
        self._lock = threading.Lock()

    def take(self, scheme: str, host: str, *, fresh: bool) -> http.client.HTTPConnection:
        """*fresh* when an idle one has just proved dead: then the others are no better."""
        with self._lock:
            idle = self._idle.get((scheme, host), [])
            while idle:
                connection, since = idle.pop()
                if not fresh and time.monotonic() - since < _IDLE_S:
                    return connection
                connection.close()
        if scheme == "https":
            return http.client.HTTPSConnection(host, timeout=_TIMEOUT_S, context=_tls())
        return http.client.HTTPConnection(host, timeout=_TIMEOUT_S)

    def give_back(self, scheme: str, host: str, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._idle.setdefault((scheme, host), []).append((connection, time.monotonic()))

    def close(self) -> None:
        with self._lock:
            for idle in self._idle.values():
                for connection, _ in idle:
                    connection.close()
            self._idle.clear()


_connections = _Connections()
close_idle = _connections.close


def _tls() -> ssl.SSLContext:
    """Trusts what the process was told to trust, under the names that Python's and requests' users know."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    return ssl.create_default_context(cafile=bundle or None)


def _send(
    method: str,
    url: str,
    take: Callable[[http.client.HTTPResponse], Any],
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    """(status, what *take* made of a good answer, or the error's text). Tries again what may pass by itself."""
    parts = urllib.parse.urlsplit(url)
    target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    status, result = 0, None
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(0.1 * 4 ** (attempt - 1))
        connection = _connections.take(parts.scheme, parts.netloc, fresh=attempt > 0)
        try:
            connection.request(method, target, body or None, {"x-ms-version": _VERSION, **(headers or {})})
            answer = connection.getresponse()
            status = answer.status
            result = take(answer) if status < 300 else answer.read().decode(errors="replace")
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            status, result = 0, f"{type(error).__name__}: {error}"
            continue
        _connections.give_back(parts.scheme, parts.netloc, connection)
        if status not in (408, 429, 500, 502, 503, 504):
            break
    return status, result


# --- files in


def fetch_all(resource_files: Sequence[Mapping[str, Any]], wd: Path, stopped: Stopped) -> None:
    for resource in resource_files:
        for url, relative in _sources(resource):
            target = _inside(wd, relative)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if stopped():
                return
            _fetch(url, target, stopped)
            target.chmod(int(resource.get("fileMode", "0770"), 8))


def _sources(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(URL, name below the working directory) of each blob that a resource file stands for."""
    if "httpUrl" in resource:
        url = resource["httpUrl"]
        yield url, resource.get("filePath") or urllib.parse.unquote(url.partition("?")[0].rpartition("/")[2])
        return
    folder = resource.get("filePath", "")
    container = resource["storageContainerUrl"]
    for name in _list(container, resource.get("blobPrefix", "")):
        yield _blob_url(container, name), f"{folder}/{name}" if folder else name


def _inside(wd: Path, relative: str) -> Path:
    target = Path(os.path.normpath(wd / relative))
    if not target.is_relative_to(wd) or target == wd:
        message = "The resource file's path leaves the working directory of the task"
        raise TransferError("ResourceFileCreateFailed", message, "ServerError", (("FilePath", relative),))
    return target


def _fetch(url: str, target: Path, stopped: Stopped) -> None:
    def save(answer: http.client.HTTPResponse) -> None:
        with target.open("wb") as file:
            while piece := answer.read(_PIECE):
                file.write(piece)
                if stopped():
                    return

    try:
        status, text = _send("GET", url, save)
    except OSError as error:
        code = "DiskFull" if error.errno == 28 else "ResourceFileWriteFailed"
        raise TransferError(code, str(error), "ServerError", (("FilePath", target.name),)) from error
    if status not in (200, 206):
        raise _input_error(status, url, target.name, str(text))


def _list(container: str, prefix: str) -> Iterator[str]:
    marker = ""
    while True:
        query = {"restype": "container", "comp": "list", "prefix": prefix, "marker": marker}
        extra = urllib.parse.urlencode({key: value for key, value in query.items() if value})
        status, text = _send(
            "GET", f"{container}{'&' if '?' in container else '?'}{extra}", lambda a: a.read()
        )
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


def upload(source: Path, container: str, name: str, headers: Mapping[str, str], stopped: Stopped) -> None:
    url = _blob_url(container, name)
    size = source.stat().st_size
    if size <= _BLOCK:
        data = source.read_bytes()
        wanted = {
            "x-ms-blob-type": "BlockBlob",
            "Content-MD5": _md5(data),
            "Content-Type": "application/octet-stream",
        }
        _put(url, data, {**wanted, **headers}, source)
        return
    blocks: list[str] = []
    whole = hashlib.md5(usedforsecurity=False)
    with source.open("rb") as file:
        while data := file.read(_BLOCK):
            if stopped():
                return
            whole.update(data)
            blocks.append(base64.b64encode(f"{len(blocks):08d}".encode()).decode())
            block = urllib.parse.quote(blocks[-1], safe="")
            _put(
                f"{url}{'&' if '?' in url else '?'}comp=block&blockid={block}",
                data,
                {"Content-MD5": _md5(data)},
                source,
            )
    listing = "<BlockList>" + "".join(f"<Latest>{block}</Latest>" for block in blocks) + "</BlockList>"
    wanted = {"x-ms-blob-content-md5": base64.b64encode(whole.digest()).decode()}
    wanted.update({_block_list_name(header): value for header, value in headers.items()})
    _put(f"{url}{'&' if '?' in url else '?'}comp=blocklist", listing.encode(), wanted, source)


def _block_list_name(header: str) -> str:
    """The header by which Put Block List takes what Put Blob takes as a plain content header."""
    plain = header.lower()
    return f"x-ms-blob-{plain}" if plain.startswith(("content-", "cache-")) else header


def _put(url: str, data: bytes, headers: Mapping[str, str], source: Path) -> None:
    length = {"Content-Length": str(len(data))}
    status, text = _send("PUT", url, lambda answer: answer.read(), body=data, headers={**headers, **length})
    if status != 201:
        raise _output_error(status, url, source.name, str(text))


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
