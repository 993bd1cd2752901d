"""Azure Resource Manager as far as a Batch account needs it: behind TLS, for bearer tokens.

Source: Microsoft.Batch, REST API 2025-06-01 (batchAccounts, pools, applications, virtualMachineSkus).
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt

from entra.endpoints import Endpoints

API_VERSION = "2025-06-01"
LOCATION = "westeurope"


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Arm:
    """One Batch account's resource. `asked` are the calls, by method and path below the account.

    `answers` has what is done for a method and the kinds in a path: ("PUT", "pools") for `/pools/NAME`. The answer to
    the next call of a method in `loses` gets lost.
    """

    endpoint: str
    issuer_key: str
    account: str = "mybatch"
    group: str = "my-group"
    subscription: str = field(default_factory=lambda: str(uuid4()))
    properties: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refuses: tuple[int, str, str] | None = None
    loses: set[str] = field(default_factory=set)
    answers: dict[tuple[str, str], Callable[[list[str], Any], dict[str, Any]]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AZURE_SUBSCRIPTION_ID": self.subscription,
            "AZURE_RESOURCE_GROUP": self.group,
            "AZURE_BATCH_ACCOUNT": self.account,
            "AZURE_RESOURCE_MANAGER_ENDPOINT": self.endpoint,
        }

    def answer(self, method: str, target: str, token: str, body: Any) -> dict[str, Any]:
        url = urlsplit(target)
        query = parse_qs(url.query)
        self._let_in(token)
        if query.get("api-version") != [API_VERSION]:
            raise Refused(400, "InvalidApiVersionParameter", "The api-version is invalid.")
        if self.refuses is not None:
            raise Refused(*self.refuses)
        prefix = f"/subscriptions/{self.subscription}/"
        if not url.path.startswith(prefix):
            raise Refused(404, "SubscriptionNotFound", "The subscription could not be found.")
        path = url.path.removeprefix(prefix)
        sizes = f"providers/Microsoft.Batch/locations/{LOCATION}/virtualMachineSkus"
        account = f"resourceGroups/{self.group}/providers/Microsoft.Batch/batchAccounts/{self.account}"
        if (method, path) == ("GET", sizes):
            self.asked.append("GET sizes")
            return self._sizes(url.path, "page" in query)
        if path != account and not path.startswith(f"{account}/"):
            raise Refused(404, "ResourceNotFound", "The resource was not found.")
        below = path.removeprefix(account)
        self.asked.append(f"{method} {below or '/'}")
        if (method, below) == ("GET", ""):
            return {"name": self.account, "location": LOCATION, "properties": self.properties}
        parts = below.strip("/").split("/")
        answer = self.answers.get((method, "/".join(parts[::2])))
        if answer is None:
            raise Refused(405, "MethodNotAllowed", f"{method} {below}")
        return answer(parts[1::2], body)

    def _let_in(self, token: str) -> None:
        try:
            jwt.decode(token, self.issuer_key, ["RS256"], audience=self.endpoint)
        except jwt.InvalidTokenError as error:
            raise Refused(401, "InvalidAuthenticationToken", "The access token is invalid.") from error

    def _sizes(self, path: str, second: bool) -> dict[str, Any]:
        """Two pages, as the list of a region has several."""
        name, cores = ("Standard_D2ds_v5", "2") if second else ("Standard_F16s_v2", "16")
        size = {
            "name": name,
            "familyName": "standardDDSv5Family" if second else "standardFSv2Family",
            "capabilities": [
                {"name": "MaxResourceVolumeMB", "value": "1"},
                {"name": "vCPUs", "value": cores},
            ],
        }
        next_page = f"{self.endpoint}{path}?api-version={API_VERSION}&page=2"
        return {"value": [size]} if second else {"value": [size], "nextLink": next_page}


@contextmanager
def arm_of(endpoints: Endpoints) -> Iterator[Arm]:
    """It answers on a free loopback port, with the certificate of *endpoints*."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            try:
                status, found = 200, arm.answer(self.command, self.path, token, body)
            except Refused as error:
                status, found = error.status, {"error": {"code": error.code, "message": str(error)}}
            if self.command in arm.loses:
                arm.loses.remove(self.command)
                self.close_connection = True
                return
            data = json.dumps(found).encode()
            with suppress(OSError):  # who asked has gone
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        do_GET = do_PUT = do_POST = _do

        def log_message(self, *_: object) -> None:
            """Nothing is to be printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(endpoints.tls.certificate, endpoints.tls.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    arm = Arm(f"https://localhost:{server.server_port}", endpoints.issuer.public_key)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield arm
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
