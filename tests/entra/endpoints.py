"""Both endpoints as Azure has them: behind TLS, for bearer tokens; and no account key leaves this module."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
import uvicorn

from batchspec.emulator.host.app import create_app
from batchspec.emulator.host.azurite import Azurite, Tls
from batchspec.emulator.host.azurite_package import bring_in
from batchspec.emulator.host.daemon import ffmpeg_folder
from batchspec.emulator.host.installation import Config, Home, make_config
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.state.settings import Settings
from entra.issuer import Issuer


@dataclass(frozen=True)
class Endpoints:
    """What a client needs to reach them: addresses, whom to trust, and tokens of *issuer*."""

    batch: str
    blob: str
    storage_account: str
    authority: Path
    tls: Tls
    issuer: Issuer
    account: Account  # of Batch, in this process

    @property
    def trust(self) -> dict[str, str]:
        """The variables by which Python's and requests' users trust the test's authority."""
        return {"REQUESTS_CA_BUNDLE": str(self.authority), "SSL_CERT_FILE": str(self.authority)}

    @property
    def environment(self) -> Mapping[str, str]:
        """The account as a person names it who signs in with Entra: no key, no connection string."""
        return {
            "AZURE_BATCH_ENDPOINT": self.batch,
            "AZURE_STORAGE_ACCOUNT": self.storage_account,
            "AZURE_STORAGE_SERVICE_ENDPOINT": self.blob,
            **self.trust,
        }


@contextmanager
def running(folder: Path) -> Iterator[Endpoints]:
    """Both answer inside, and have ended after."""
    home = Home(folder / "home")
    home.prepare()
    home.folder("logs")
    config = make_config()
    authority = trustme.CA()
    ca_file = folder / "authority.pem"
    authority.cert_pem.write_to_path(ca_file)
    tls, issuer = _certificate(authority, folder), Issuer()
    batch = f"https://localhost:{config.batch_port}"
    account = Account(_settings(home, config, batch, issuer))
    endpoints = Endpoints(
        batch=batch,
        blob=config.blob_endpoint.replace("http://", "https://"),
        storage_account=config.storage_account,
        authority=ca_file,
        tls=tls,
        issuer=issuer,
        account=account,
    )
    with _azurite(home, config, tls), _serving(account, config.batch_port, tls):
        yield endpoints


@contextmanager
def _azurite(home: Home, config: Config, tls: Tls) -> Iterator[None]:
    blob = Azurite(home, config, bring_in(print), tls)
    blob.start()
    try:
        yield
    finally:
        blob.stop()


def _certificate(authority: trustme.CA, folder: Path) -> Tls:
    server = authority.issue_cert("localhost", "127.0.0.1")
    tls = Tls(folder / "server.pem", folder / "server.key")
    server.cert_chain_pems[0].write_to_path(tls.certificate)
    server.private_key_pem.write_to_path(tls.key)
    return tls


def _settings(home: Home, config: Config, endpoint: str, issuer: Issuer) -> Settings:
    return Settings(
        home=home.folder("batch"),
        name=config.batch_account,
        key=config.batch_key,
        endpoint=endpoint,
        issuer_public_key=issuer.public_key,
        ffmpeg=ffmpeg_folder(home),
    )


@contextmanager
def _serving(account: Account, port: int, tls: Tls) -> Iterator[None]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        config = uvicorn.Config(
            create_app(account),
            ssl_certfile=tls.certificate,
            ssl_keyfile=tls.key,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive(), "the endpoint did not start"
                time.sleep(0.01)
            yield
        finally:
            server.should_exit = True
            thread.join()
