"""Who signs the tokens here: a key of the test's own, and a managed identity endpoint that hands tokens out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BATCH = "https://batch.core.windows.net/"
STORAGE = "https://storage.azure.com"

_LIFE_S = 3600


@dataclass(frozen=True)
class Issuer:
    """Signs tokens of one person in one tenant, with the claims that Entra puts into them."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048), repr=False)
    tenant: str = field(default_factory=lambda: str(uuid4()))
    person: str = field(default_factory=lambda: str(uuid4()))

    @property
    def public_key(self) -> str:
        """PEM, as the endpoint's `issuer_public_key` takes it."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def token(self, audience: str, **changes: Any) -> str:
        """A token for *audience*, good for an hour unless *changes* to its claims say otherwise."""
        now = int(time.time())
        claims = {
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now + _LIFE_S,
            "oid": self.person,
            "tid": self.tenant,
        }
        return jwt.encode(claims | changes, self.key, "RS256")

    def expired(self, audience: str) -> str:
        now = int(time.time())
        return self.token(audience, iat=now - 2 * _LIFE_S, nbf=now - 2 * _LIFE_S, exp=now - _LIFE_S)


@dataclass
class Identity:
    """A managed identity: what a program that runs on Azure gets its tokens from.

    *issue* makes the token for an audience; *asked* has the audiences asked for so far.
    """

    endpoint: str
    issue: Callable[[str], str]
    secret: str = field(default_factory=lambda: token_hex(16), repr=False)
    asked: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What App Service sets for its programs, and `DefaultAzureCredential` looks for."""
        return {"IDENTITY_ENDPOINT": self.endpoint, "IDENTITY_HEADER": self.secret}


@contextmanager
def identity(issue: Callable[[str], str]) -> Iterator[Identity]:
    """A managed identity that answers on a free loopback port.

    Source: "REST endpoint reference" of App Service's managed identities, api-version 2019-08-01.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.identity = Identity(f"http://127.0.0.1:{server.server_port}/msi/token", issue)  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.identity  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found: Identity = self.server.identity  # type: ignore[attr-defined]
        query = parse_qs(urlsplit(self.path).query)
        if self.headers.get("X-IDENTITY-HEADER") != found.secret or query.get("api-version") != [
            "2019-08-01"
        ]:
            self.send_error(401)
            return
        audience = query["resource"][0]
        found.asked.append(audience)
        answer = {
            "access_token": found.issue(audience),
            "expires_on": str(int(time.time()) + _LIFE_S),
            "resource": audience,
            "token_type": "Bearer",
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass
