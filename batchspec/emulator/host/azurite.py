"""Azurite, the Blob endpoint beside the Batch endpoint: started, watched, stopped."""

import fcntl
import http.client
import logging
import os
import re
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from batchspec.emulator.host import orphans
from batchspec.emulator.host.azurite_package import node
from batchspec.emulator.host.installation import HOST, Config, Home, LocalAccountError

_START_WITHIN_S = 60.0
_STOP_WITHIN_S = 10.0
_MAIN = "node_modules/azurite/dist/src/blob/main.js"
_QUICKER = ("azurite-indexes.cjs", "azurite-requests.cjs")  # loaded before it
_ASKED = "asked"  # what it says, by azurite-requests.cjs, when there are requests
_QUERY = re.compile(r"\?\S*")  # may hold a SAS

log = logging.getLogger("batchspec.local")


class Tls(NamedTuple):
    """Files in PEM form. With TLS, Azurite takes bearer tokens too; it does not check their signatures."""

    certificate: Path
    key: Path


class Azurite:
    """The Azurite of one installation; made anew for each start of its process."""

    def __init__(self, home: Home, config: Config, place: Path, tls: Tls | None = None) -> None:
        self._home = home
        self._config = config
        self._main = place / _MAIN
        self._tls = tls
        # What it says may hold SAS, so it goes to a file without a name.
        self._output = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as we
        fcntl.fcntl(self._output, fcntl.F_SETFL, os.O_APPEND)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """It answers on its port. Raises LocalAccountError when it ends instead, or is too slow."""
        self._process = subprocess.Popen(
            self._command(),
            env=self._environment(),
            cwd=self._home.folder("blob"),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,  # a Ctrl-C for the daemon is the daemon's to pass on
        )
        self._home.write(
            "azurite.json", {"pid": self._process.pid, "started": orphans.started(self._process.pid)}
        )
        until = time.monotonic() + _START_WITHIN_S
        while not self._answers():
            if not self.alive() or time.monotonic() > until:
                self.traffic()  # says in the log what Azurite said
                raise LocalAccountError(
                    f"Azurite did not start on port {self._config.storage_port}", help=f"see {self._home.log}"
                )
            time.sleep(0.05)

    def _command(self) -> list[str]:
        port, place = str(self._config.storage_port), str(self._home.folder("blob"))
        listen = ["--blobHost", HOST, "--blobPort", port]
        quicker = (f"--require={Path(__file__).with_name(name)}" for name in _QUICKER)
        command = [str(node()), *quicker, str(self._main), *listen, "--location", place]
        command += ["--skipApiVersionCheck", "--disableTelemetry"]  # the SDK is newer; we tell nobody
        command += ["--silent"]  # no log of requests, which have links with their signatures
        if self._tls is None:
            return command
        pair = ["--cert", str(self._tls.certificate), "--key", str(self._tls.key)]
        return [*command, *pair, "--oauth", "basic"]

    def _environment(self) -> dict[str, str]:
        accounts = f"{self._config.storage_account}:{self._config.storage_key}"
        return {"PATH": os.environ.get("PATH", os.defpath), "AZURITE_ACCOUNTS": accounts}

    def _answers(self) -> bool:
        connection = self._connection()
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True

    def _connection(self) -> http.client.HTTPConnection:
        port = self._config.storage_port
        if self._tls is None:
            return http.client.HTTPConnection(HOST, port, timeout=5)
        unchecked = ssl.create_default_context()
        # All that is asked is whether our own child answers; whom its certificate is from is for clients to check.
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(HOST, port, timeout=5, context=unchecked)

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ended(self) -> str:
        """How its process ended: `signal 9`, `exit code 1`."""
        code = self._process.poll() if self._process is not None else None
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    def traffic(self) -> bool:
        """Whether a request came since the last call; what else Azurite said goes to the log."""
        said = os.pread(self._output.fileno(), 1 << 20, 0)
        if not said:
            return False
        self._output.truncate(0)
        lines = said.decode(errors="replace").splitlines()
        for line in lines:
            if line != _ASKED:
                log.info("azurite: %s", _QUERY.sub("?…", line))
        return _ASKED in lines

    def stop(self) -> None:
        """Its process is gone; it keeps everything when it is asked to end (SIGTERM)."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                log.warning("Azurite did not end when asked to; killed")
                self._process.kill()
                self._process.wait()
        self._home.remove("azurite.json")
        self._output.close()


def end_orphan(home: Home) -> bool:
    """The Azurite that an earlier life left running is gone; True when there was one.

    It is asked to end, and then keeps what it holds: killed, it loses the last five seconds.
    """
    blob = str(home.path / "blob")
    orphan = orphans.find(home.read("azurite.json"), blob) or orphans.find_by_line(_MAIN, blob)
    if orphan is not None:
        orphans.end(orphan, _STOP_WITHIN_S)
    home.remove("azurite.json")
    return orphan is not None
