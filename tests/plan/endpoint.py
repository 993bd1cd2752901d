"""A Batch account in this process, for tests that plan and apply against a live one."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from azure.core.credentials import AzureNamedKeyCredential

from batchspec.desired.places import Places
from batchspec.document.parser import parse
from batchspec.emulator.host.app import create_app
from batchspec.emulator.life.account.account import Account as Emulated
from batchspec.emulator.state.clock import EPOCH, Clock
from batchspec.emulator.state.settings import Settings
from batchspec.engine.look.observe import plan_now
from batchspec.engine.run.apply import Apply
from batchspec.engine.run.progress.lock import locked
from batchspec.events import Event
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.plan.model import Plan
from batchspec.service.batch import package as package_service
from batchspec.service.batch.client import Batch
from batchspec.service.blob.blobs import BlobStorage
from batchspec.service.connect import Account
from batchspec.service.offer import LOCAL
from batchspec.source import Source

from .strategies import PACKAGES


class QuickClock(Clock):
    """Runs a thousand times as fast, so that what the service does every half minute is soon."""

    def __init__(self) -> None:
        super().__init__()
        self._start_ns = time.time_ns()

    def _read(self) -> int:
        now = time.time_ns()
        return (self._start_ns + 1000 * (now - self._start_ns)) // 100 + EPOCH


@contextmanager
def served(home: Path, blobs: str, clock: Clock | None = None) -> Iterator[Account]:
    """A Batch account with PACKAGES alone, over HTTP, and the blobs of the connection string *blobs* beside it."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = Settings(home=home, name="local", key=key, endpoint=endpoint, containers="host")
    app = create_app(Emulated(settings, clock))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
    thread.start()
    while not server.started:
        time.sleep(0.005)
    batch = Batch(endpoint, AzureNamedKeyCredential("local", key))
    account = Account(batch, BlobStorage.from_connection_string(blobs), "local (in this process)", LOCAL)
    for id, version in PACKAGES:
        package_service.add(batch, id, version, "http://127.0.0.1:9/none.zip", "m")
    try:
        yield account
    finally:
        account.close()
        server.should_exit = True
        thread.join()
        listener.close()


def spec_of(data: Mapping[str, Any]) -> Spec:
    """The spec that *data* is, read from its text as any spec. Raises `SpecError`."""
    return build(parse(Source("work.yaml", json.dumps(data, ensure_ascii=False))))


def applied(account: Account, spec: Spec, *, detach: bool = True) -> list[Event]:
    """Makes it so, with every consent, and tells what happened; tasks are left to themselves."""
    desired, plan = plan_now(account, spec)
    if plan.is_empty:
        return []
    with locked(account, Places.of(spec)) as held:
        return list(Apply(account, desired, plan, held, detach=detach).events())


def planned(account: Account, spec: Spec) -> Plan:
    return plan_now(account, spec)[1]
