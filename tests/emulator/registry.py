"""A registry for container images on this machine: one image, read-only, behind a user name and a password."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from batchspec.emulator.node.engine import Engine

USER, PASSWORD = "tester", "correct-horse-battery"


class Registry:
    """Answers as `distribution` does to a client that pulls: the manifest, then the blobs it names."""

    def __init__(self, name: str, tag: str, layout: Path) -> None:
        self._name, self._tag = name, tag
        self._blobs = layout / "blobs" / "sha256"
        index = json.loads((layout / "index.json").read_text())
        self._manifest = index["manifests"][0]
        self._asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.host = f"127.0.0.1:{self._server.server_port}"

    @classmethod
    @contextmanager
    def of(cls, engine: Engine, image: str, name: str) -> Iterator[Registry]:
        """Serves *image* of the engine as *name*; afterwards the engine has no image of that name."""
        with tempfile.TemporaryDirectory() as folder:
            layout = Path(folder) / "layout"
            layout.mkdir()
            packed = Path(folder) / "image.tar"
            form = ["--format", "oci-archive"] if engine.name == "podman" else []
            subprocess.run(
                [engine.program, "save", *form, "--output", str(packed), image],
                check=True,
                capture_output=True,
            )
            subprocess.run(["tar", "-xf", str(packed), "-C", str(layout)], check=True)
            registry = cls(*name.split(":"), layout)
            thread = threading.Thread(target=registry._server.serve_forever)
            thread.start()
            try:
                yield registry
            finally:
                registry._server.shutdown()
                registry._server.server_close()
                thread.join()
                subprocess.run(
                    [engine.program, "rmi", "--force", f"{registry.host}/{name}"],
                    check=False,
                    capture_output=True,
                )

    def manifests_given(self) -> int:
        """How often the image was fetched by its tag."""
        return sum(path.endswith(f"/manifests/{self._tag}") for path in self._asked)

    def _content(self, path: str) -> tuple[bytes, str] | None:
        if path == "/v2/":
            return b"{}", "application/json"
        kind, _, which = path.removeprefix(f"/v2/{self._name}/").partition("/")
        digest = self._manifest["digest"] if which == self._tag else which
        file = self._blobs / digest.removeprefix("sha256:")
        if not file.exists():
            return None
        is_manifest = kind == "manifests"
        return file.read_bytes(), self._manifest["mediaType"] if is_manifest else "application/octet-stream"

    def _handler(registry) -> type[BaseHTTPRequestHandler]:
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.headers.get("Authorization") != wanted:
                    self._answer(
                        401, b"{}", "application/json", **{"WWW-Authenticate": 'Basic realm="tests"'}
                    )
                    return
                found = registry._content(self.path)
                if found is None:
                    self._answer(404, b"{}", "application/json")
                    return
                if self.command == "GET":
                    registry._asked.append(self.path)
                digest = hashlib.sha256(found[0]).hexdigest()
                self._answer(200, *found, **{"Docker-Content-Digest": f"sha256:{digest}"})

            do_HEAD = do_GET

            def _answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
                self.send_response(status)
                for name, value in {
                    "Content-Type": kind,
                    "Content-Length": str(len(body)),
                    "Docker-Distribution-Api-Version": "registry/2.0",
                    **headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
