"""The endpoint served over a real socket, and the real SDK pointed at it."""

import asyncio
import base64
import contextlib
import hmac
import json
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvicorn
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from batchspec.emulator.host.app import create_app
from batchspec.emulator.http.auth import string_to_sign
from batchspec.emulator.http.connection import connection
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.state.clock import Clock
from batchspec.emulator.state.settings import Settings
from tests.emulator.clock import ManualClock

from .contract import violations

UBUNTU = {
    "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
    "nodeAgentSKUId": "batch.node.ubuntu 24.04",
}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"null")


def hurried(client: BatchClient) -> BatchClient:
    """*client*, which looks soon again whether what it began has come to its end: by itself, after five seconds."""
    for name in filter(lambda name: name.startswith("begin_"), dir(client)):
        setattr(client, name, partial(getattr(client, name), polling_interval=0.02))
    return client


@dataclass
class Served:
    """A running endpoint: *account* is its inside, *settings* what it was started with."""

    account: Account
    settings: Settings
    stop: Callable[[], None]
    violations: list[str] = field(default_factory=list)  # of the API's contract, by its answers so far

    def client(self, **options: Any) -> BatchClient:
        credential = AzureNamedKeyCredential(self.settings.name, self.settings.key)
        options.setdefault("retry_total", 0)
        return hurried(BatchClient(endpoint=self.settings.endpoint, credential=credential, **options))

    def control(self, method: str, path: str, body: Any = None, query: str = "") -> Any:
        """What the endpoint's own routes answer, asked with a signed request."""
        return self.raw(method, path, body, query).json()

    def raw(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: str = "api-version=2025-06-01",
        headers: Mapping[str, str] | None = None,
        key: str = "",
    ) -> "Answer":
        """A signed request without a client library; *body* is sent as JSON, or as it is when it is bytes."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"host": self.settings.endpoint.partition("//")[2], "ocp-date": formatdate(usegmt=True)}
        if data:
            sent |= {
                "content-type": "application/json; odata=minimalmetadata",
                "content-length": str(len(data)),
            }
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        sent = {**sign(self.settings, method, path, query, sent, key), **sent}
        connection = HTTPConnection(self.settings.endpoint.partition("//")[2])
        with contextlib.closing(connection):
            connection.request(method, f"{path}?{query}" if query else path, data or None, sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


def sign(
    settings: Settings, method: str, path: str, query: str, headers: Mapping[str, str], key: str = ""
) -> dict[str, str]:
    """The Authorization header of a request with these headers."""
    signed = string_to_sign(settings.name, method, path, query, headers, lower=False)
    digest = hmac.digest(base64.b64decode(key or settings.key), signed.encode(), "sha256")
    return {"authorization": f"SharedKey {settings.name}:{base64.b64encode(digest).decode()}"}


def serve(settings: Settings, clock: Clock | None = None, tls: trustme.LeafCert | None = None) -> Served:
    """Returns when the endpoint answers."""
    account = Account(settings, clock)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(settings.endpoint.rpartition(":")[2])))
    found: list[str] = []
    app = Checked(create_app(account), found)
    config = uvicorn.Config(app, http=connection, log_level="warning", access_log=False)
    config.load()
    if tls is not None:
        config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.configure_cert(config.ssl)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)

    def stop() -> None:
        server.should_exit = True
        thread.join()
        listener.close()

    return Served(account, settings, stop, found)


class Checked:
    """The application, with each of its answers held against the API's data."""

    def __init__(self, app: Any, found: list[str]) -> None:
        self.app = app
        self.found = found

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status, pieces = 0, []

        async def checked(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            pieces.append(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, checked)
        query = scope.get("query_string", b"").decode()
        if status and "api-version=2025-06-01" in query:  # else it was cut
            path = scope["raw_path"].decode()
            self.found += violations(scope["method"], path, query, status, b"".join(pieces))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_settings(home: Path, **changes: Any) -> Settings:
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    endpoint = f"http://127.0.0.1:{free_port()}"
    settings = Settings(home=home, name="local", key=key, endpoint=endpoint, containers="host")
    return replace(settings, **changes)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts endpoints, with the settings given; all are stopped at the end."""
    running: list[Served] = []

    def start_one(clock: Clock | None = None, tls: trustme.LeafCert | None = None, **changes: Any) -> Served:
        settings = new_settings(tmp_path / f"account{len(running)}", **changes)
        if tls is not None:
            settings = replace(settings, endpoint=settings.endpoint.replace("http:", "https:"))
        served = serve(settings, clock, tls)
        running.append(served)
        return served

    yield start_one
    for served in running:
        served.stop()
    assert [violation for served in running for violation in served.violations] == []


@pytest.fixture
def served(start: Callable[..., Served]) -> Served:
    return start()


@pytest.fixture
def client(served: Served) -> Iterator[BatchClient]:
    with served.client() as client:
        yield client


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until the test moves it."""
    return ManualClock()


def wait_until(found: Callable[[], Any], limit_s: float = 30) -> Any:
    """What *found* returns once it is true; fails after *limit_s*."""
    end = time.monotonic() + limit_s
    while not (result := found()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return result


def pool_body(pool_id: str = "pool", **changes: Any) -> dict[str, Any]:
    body = {
        "id": pool_id,
        "vmSize": "Standard_D2ds_v5",
        "virtualMachineConfiguration": UBUNTU,
        "targetDedicatedNodes": 1,
    }
    return {**body, **changes}


def job_body(job_id: str = "job", **changes: Any) -> dict[str, Any]:
    return {"id": job_id, "poolInfo": {"poolId": "pool"}, **changes}
