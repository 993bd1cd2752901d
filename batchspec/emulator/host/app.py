"""The endpoint: every request passes the steps of `_answer`, in that order.

The operations, their methods, paths, bodies and query parameters come from the API's data; the functions that answer
them are found by the operation's name.
"""

import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

from batchspec.emulator.http.auth import refused, require_shared_key, require_token
from batchspec.emulator.http.connection import cut
from batchspec.emulator.http.faults import Fault, Reset
from batchspec.emulator.http.reply import JSON, Reply
from batchspec.emulator.http.validate import API, check_body
from batchspec.emulator.http.versions import (
    CURRENT,
    FORMER_OPERATIONS,
    has_operation,
    read_in,
    require_version,
)
from batchspec.emulator.life import running
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.operations import account as account_operations
from batchspec.emulator.operations import files, job_schedules, jobs, local, nodes, pools, tasks
from batchspec.emulator.operations.call import Call, Operation
from batchspec.emulator.state.clock import Clock, time_text
from batchspec.emulator.state.errors import ApiError

log = logging.getLogger("batchspec.emulator")

_BODY_LIMIT = 4 << 20
_PIECE = 1 << 18
_MODULES = (account_operations, files, job_schedules, jobs, nodes, pools, tasks)

_OPERATIONS = {**API["operations"], **FORMER_OPERATIONS}

# Bodies that may be left out altogether.
_OPTIONAL_BODY = {
    "terminate_job",
    "reboot_node",
    "reimage_node",
    "deallocate_node",
    "disable_node_scheduling",
    "enable_pool_auto_scale",
}


def create_app(account: Account) -> Starlette:
    """An ASGI application; its lifespan starts and stops the account."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        running.start(account)
        yield
        await account.stop()

    endpoint = _Endpoint(account)
    return Starlette(routes=[Mount("/", app=endpoint)], lifespan=lifespan)


def implemented() -> dict[str, Operation]:
    """The operations that work, by name."""
    return {name: function for name in _OPERATIONS if (function := _function(name)) is not None}


def _function(name: str) -> Operation | None:
    return next((getattr(module, name) for module in _MODULES if hasattr(module, name)), None)


class _Endpoint:
    def __init__(self, account: Account) -> None:
        self.account = account
        self.routes = _Routes()
        self.operations = implemented()
        netloc = urlsplit(account.endpoint).netloc
        port = netloc.rpartition(":")[2] if ":" in netloc else ""
        names = ("127.0.0.1", "localhost", "[::1]")
        self.dates = Clock()  # of requests, which clients write by the machine's clock
        self.hosts = {
            netloc,
            *(f"{name}:{port}" if port else name for name in names),
            *account.settings.hosts,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request_id = str(uuid.uuid4())
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        try:
            reply = await self._answer(method, path, query, headers, scope["scheme"], receive)
        except Reset:
            self.account.requests.add(time_text(self.account.clock.now()), method, path, query, 0)
            await cut(scope, receive)
            return
        except ApiError as error:
            reply = self._error(error, request_id)
        except Exception as error:  # the service's own answer to a fault of its own
            log.exception("%s %s failed", method, path)
            disk = self.account.disk
            reply = self._error(disk.error() if disk.note(error) else ApiError("InternalError"), request_id)
        self.account.requests.add(time_text(self.account.clock.now()), method, path, query, reply.status)
        await self._send(send, method, reply, headers, request_id)

    async def _answer(
        self, method: str, path: str, query_text: str, headers: dict[str, str], scheme: str, receive: Receive
    ) -> Reply:
        # 1. Only programs on this machine: no foreign Host (DNS rebinding), no page in a browser.
        if headers.get("host") not in self.hosts:
            raise ApiError("InvalidHeaderValue", ("HeaderName", "Host"), status=400)
        if "origin" in headers:
            raise ApiError("InvalidHeaderValue", ("HeaderName", "Origin"), status=403)
        # 2. Who asks.
        self._require_identity(method, path, query_text, headers, scheme)
        self.account.last_request_at = time.time()
        raw = await _read_body(receive, headers)
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        if path.startswith("/_local/"):
            return await local.answer(self.account, method, path, query, raw)
        # 3. In which version, asking for what.
        self.account.disk.require_room()
        version = require_version(query)
        name, ids = self.routes.find(method, path, version)
        # 4. A fault that a test has asked for.
        fault = self.account.faults.take(name, path)
        if fault is not None and (struck := await self._strike(fault)):
            return struck
        # 5. Is the question well formed?
        call = Call(self.account, name, method, path, ids, query, headers, version)
        call.body = _checked_body(name, raw, headers, version)
        if b'"containerConfiguration"' in raw:
            await run_in_threadpool(self.account.container_engine)  # looked for out of the loop's way
        if b'"password"' in raw:
            self.account.registries.learn(json.loads(raw))
        # 6. The operation itself.
        operation = self.operations.get(name)
        if operation is None:
            raise ApiError("NotImplemented", ("Operation", f"{name}: {method} {path}"))
        if fault is None:
            return operation(call)
        withheld = fault.withhold(call.body)
        return fault.spoil(self.account.clock, operation(call), withheld)

    async def _strike(self, fault: Fault) -> Reply | None:
        if fault.preempt:
            local.preempt_one(self.account, fault.preempt)
        return await fault.strike(self.account.endpoint, self.account.clock)

    def _require_identity(
        self, method: str, path: str, query: str, headers: dict[str, str], scheme: str
    ) -> None:
        settings, authorization = self.account.settings, headers.get("authorization", "")
        if settings.issuer_public_key and authorization.lower().startswith("bearer ") and scheme == "https":
            require_token(
                authorization.partition(" ")[2].strip(), settings.issuer_public_key, settings.audience
            )
            return
        if authorization.lower().startswith("bearer "):
            raise refused("This endpoint was started without an issuer's key, or TLS is missing.", status=401)
        require_shared_key(settings.name, settings.key, method, path, query, headers, self.dates.now())

    def _error(self, error: ApiError, request_id: str) -> Reply:
        headers = {"Content-Type": JSON}
        if error.status == 401:
            headers["WWW-Authenticate"] = (
                f'Bearer authorization_uri="{self.account.endpoint}", resource_id="https://batch.core.windows.net/"'
            )
        if error.status in (429, 503):
            headers["Retry-After"] = "1"
        return Reply(
            error.status, headers, error.body(self.account.endpoint, request_id, self.account.clock.now())
        )

    async def _send(
        self, send: Send, method: str, reply: Reply, asked: dict[str, str], request_id: str
    ) -> None:
        headers = {
            "Server": "Microsoft-HTTPAPI/2.0",
            "request-id": request_id,
            "DataServiceVersion": "3.0",
            "X-Content-Type-Options": "nosniff",
            **reply.headers,
        }
        if asked.get("return-client-request-id", "").lower() == "true" and "client-request-id" in asked:
            headers["client-request-id"] = asked["client-request-id"]
        bodiless = method == "HEAD" or reply.status in (204, 304)
        if reply.status == 204:
            headers["Content-Length"] = "0"
        elif reply.file is None and not bodiless and reply.body:
            headers["Content-Length"] = str(len(reply.body))
        encoded = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
        if reply.file is not None and not bodiless:
            await _send_file(send, reply)
            return
        await send({"type": "http.response.body", "body": b"" if bodiless else reply.body})


async def _send_file(send: Send, reply: Reply) -> None:
    """Exactly the bytes that the headers promise, though the file may grow or shrink meanwhile."""
    first, left = reply.span
    assert reply.file is not None  # noqa: S101
    with reply.file.open("rb") as file:
        file.seek(first)
        while left:
            piece = await run_in_threadpool(file.read, min(left, _PIECE))
            if not piece:
                raise OSError("the file became shorter while it was sent")
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _read_body(receive: Receive, headers: dict[str, str]) -> bytes:
    declared = headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > _BODY_LIMIT:
        raise ApiError("RequestBodyTooLarge", ("MaxLimit", str(_BODY_LIMIT)))
    pieces, size = [], 0
    while True:
        message: Message = await receive()
        piece = message.get("body", b"")
        pieces.append(piece)
        size += len(piece)
        if size > _BODY_LIMIT:
            raise ApiError("RequestBodyTooLarge", ("MaxLimit", str(_BODY_LIMIT)))
        if not message.get("more_body"):
            return b"".join(pieces)


def _checked_body(name: str, raw: bytes, headers: dict[str, str], version: str) -> dict[str, Any]:
    type_name = _OPERATIONS[name]["body"]
    if type_name is None:
        return {}
    if name == "create_task_collection" and len(raw) > tasks.COLLECTION_BYTES:
        raise ApiError("RequestBodyTooLarge", ("MaxLimit", str(tasks.COLLECTION_BYTES)))
    if not raw:
        if name in _OPTIONAL_BODY:
            return {}
        raise ApiError("InvalidRequestBody", ("Reason", "The request body is empty."))
    if not headers.get("content-type", "").lower().startswith("application/json"):
        raise ApiError("InvalidHeaderValue", ("HeaderName", "Content-Type"), status=415)
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise ApiError("InvalidRequestBody", ("Reason", f"The body is not JSON: {error}")) from None
    older = version != CURRENT
    if older:
        body = read_in(version, body)
    if name == "create_task_collection":
        return tasks.check_collection(body, retired=older)
    return check_body(type_name, body, retired=older)


class _Routes:
    """From method and path to the operation; a segment of a path is decoded after it was cut out."""

    def __init__(self) -> None:
        self._by_length: dict[int, list[tuple[tuple[str, ...], str, str]]] = {}
        for name, operation in _OPERATIONS.items():
            parts = tuple(operation["path"].strip("/").split("/"))
            self._by_length.setdefault(len(parts), []).append((parts, operation["method"], name))

    def find(self, method: str, path: str, version: str) -> tuple[str, tuple[str, ...]]:
        """(operation, ids). 404 for a path that is none, 405 for a method that it does not have."""
        given = path.strip("/").split("/")
        known = [match for match in self._matches(given) if has_operation(version, match[0])]
        for name, operation_method, ids in known:
            if operation_method == method:
                return name, ids
        if known:
            raise ApiError("UnsupportedHttpVerb")
        raise ApiError("ResourceNotFound")

    def _matches(self, given: list[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        for parts, method, name in self._by_length.get(len(given), []):
            if all(
                part.startswith("{") or part == one.lower() for part, one in zip(parts, given, strict=True)
            ):
                pairs = zip(parts, given, strict=True)
                yield name, method, tuple(unquote(one) for part, one in pairs if part.startswith("{"))
        if "files" in given:
            # A file's path whose slashes came as slashes.
            start = given.index("files") + 1
            if len(given) > start + 1:
                yield from self._matches([*given[:start], "%2F".join(given[start:])])
