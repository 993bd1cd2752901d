"""The local account: found when it runs, started when it does not, as one background process.

Needs no azure package. `batchspec.emulator` is what runs; here is how a command gets to it.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import util
from pathlib import Path

from batchspec.emulator.host.installation import HOST, Config, Home, LocalAccountError, Run, make_config
from batchspec.errors import BatchspecError

Progress = Callable[[str], None]

_START_WITHIN_S = 120.0
_STOP_WITHIN_S = 30.0
_ANSWER_WITHIN_S = 5.0
_PROGRESS_EVERY_S = 2.0
_ALREADY_RUNNING = 75
_ROOM = 1 << 20  # bytes; with less, whatever failed to start failed by that
_EXTRA = ("psutil", "starlette", "uvicorn", "jwt")
_DAEMON = "batchspec.emulator"

# What the daemon may see of the operator's environment: tasks are its descendants, and one that
# reads /proc finds no credentials there.
_KEPT = frozenset(
    (
        *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "CONTAINER_HOST"),
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "IMAGEIO_FFMPEG_EXE"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    )
)
_KEPT_PREFIXES = ("LC_", "XDG_", "BATCHSPEC_LOCAL_")


@dataclass(frozen=True, slots=True)
class LocalAccount:
    """What a client needs to talk to the local account. Keys are base64."""

    batch_endpoint: str
    batch_account: str
    batch_key: str = field(repr=False)
    blob_endpoint: str
    storage_account: str
    storage_key: str = field(repr=False)
    home: Path
    pid: int
    containers: str = "engine"  # or `host`, as the installation was told
    run: Run | None = field(default=None, compare=False)  # what the daemon tells of its life, where it runs

    @property
    def connection_string(self) -> str:
        """As AZURE_STORAGE_CONNECTION_STRING takes it."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.storage_account};AccountKey={self.storage_key};"
            f"BlobEndpoint={self.blob_endpoint};"
        )


def home_path() -> Path:
    """$BATCHSPEC_LOCAL_HOME, else `batchspec/local` under the user's state folder."""
    own = os.environ.get("BATCHSPEC_LOCAL_HOME")
    if own:
        return Path(own).expanduser().absolute()
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "batchspec" / "local"


def node_folder(pool_id: str, node_id: str) -> Path:
    """The folder that a node of the local account is, laid out as on Azure."""
    return home_path() / "batch" / "nodes" / pool_id / node_id


def find() -> LocalAccount | None:
    """The local account when it runs and answers, else None. It is not kept alive by this."""
    home = Home(home_path())
    run = home.run()
    if run is None:
        return None
    config = home.config()
    if config is None or not _lives(run, home) or not _answers(config.batch_port):
        return None
    return _account(home, config, run)


def ensure(progress: Progress) -> LocalAccount:
    """The local account, which runs: found, or started and waited for.

    *progress* gets a line at least every few seconds while there is something to wait for.
    Two callers at once end with one daemon. Raises BatchspecError.
    """
    require_extra()
    home = Home(home_path())
    with _as_batchspec_errors():
        home.prepare()
        home.touch()  # before looking: the daemon looks in the other order before it ends idle
        account = find()
        if account is not None:
            return account
        from batchspec.emulator.host import azurite_package

        azurite_package.bring_in(progress)
        with home.locked(
            "start.lock", wait=True, waiting=lambda: progress("the local account is being started")
        ):
            return find() or _start(home, progress)


def choose_containers(kind: str) -> None:
    """From the next start on tasks with a container run by an engine, or on this machine itself (`host`)."""
    home = Home(home_path())
    with _as_batchspec_errors():
        home.prepare()
        with home.locked("start.lock", wait=True):
            config = home.config() or make_config()
            if config.containers != kind:
                stop()
                home.write("config.json", replace(config, containers=kind))


def stop() -> bool:
    """The local account's processes are gone; True when there were any.

    Jobs, tasks and blobs are kept; tasks that ran are run again after the next start.
    """
    home = Home(home_path())
    if not home.path.is_dir():
        return False
    require_extra()
    from batchspec.emulator.host import azurite, orphans

    found = False
    until = time.monotonic() + _STOP_WITHIN_S
    while True:
        with home.locked("lock") as held:
            if held:
                return azurite.end_orphan(home) or found
        daemon = orphans.find(home.read("lock"), _DAEMON)
        if daemon is not None:
            found = True
            orphans.end(daemon, _STOP_WITHIN_S)
        elif time.monotonic() > until:
            raise BatchspecError(f"the local account in {home.path} is held by a process that does not end")
        else:
            time.sleep(0.05)  # it has just started, and not yet said who it is


def reset() -> None:
    """Nothing is left of the installation: jobs, blobs, keys, ports. The next start makes a new one."""
    home = Home(home_path())
    if not home.path.is_dir():
        return
    with _as_batchspec_errors():
        home.prepare()
    with home.locked("start.lock", wait=True):  # nobody starts it meanwhile
        stop()
        home.clear()


def configured() -> LocalAccount | None:
    """The local account as it was set up, also when it does not run (pid 0); None before its first start."""
    home = Home(home_path())
    with _as_batchspec_errors():
        config = home.config()
    return find() or (_account(home, config, None) if config else None)


def require_extra() -> None:
    """Raises BatchspecError where the packages of the extra `local` are not installed."""
    missing = [name for name in _EXTRA if util.find_spec(name) is None]
    if missing:
        raise BatchspecError(
            f"the local account needs packages that are not installed: {', '.join(missing)}",
            help='pip install "batchspec[local]"',
        )


def _account(home: Home, config: Config, run: Run | None) -> LocalAccount:
    return LocalAccount(
        batch_endpoint=config.batch_endpoint,
        batch_account=config.batch_account,
        batch_key=config.batch_key,
        blob_endpoint=config.blob_endpoint,
        storage_account=config.storage_account,
        storage_key=config.storage_key,
        home=home.path,
        pid=run.pid if run else 0,
        containers=config.containers,
        run=run,
    )


def _lives(run: Run, home: Home) -> bool:
    if util.find_spec("psutil") is None:
        return False
    from batchspec.emulator.host import orphans

    return orphans.find({"pid": run.pid, "started": run.started}, _DAEMON, str(home.path)) is not None


def _answers(port: int) -> bool:
    """Whether HTTP is spoken on *port*. Unsigned, so that it does not count as use.

    By hand: `http.client` takes half as long to import as all the rest of this module.
    """
    try:
        with socket.create_connection((HOST, port), timeout=_ANSWER_WITHIN_S) as connection:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode())
            return connection.recv(5) == b"HTTP/"
    except OSError:
        return False


def _start(home: Home, progress: Progress) -> LocalAccount:
    """The account, after a daemon was started in the background and answers."""
    progress("starting the local account")
    began = last = time.monotonic()
    daemon = _spawn(home)
    while (account := find()) is None:
        now = time.monotonic()
        code = daemon.poll()
        if code == _ALREADY_RUNNING:  # one that is ending: it holds the lock to its last moment
            time.sleep(0.1)
            daemon = _spawn(home)
        elif code is not None:
            raise _failed(home)
        if now - began > _START_WITHIN_S:
            daemon.terminate()
            raise BatchspecError("the local account did not start in time", help=f"see {home.log}")
        if now - last > _PROGRESS_EVERY_S:
            last = now
            progress(f"starting the local account ({now - began:.0f} s)")
        time.sleep(0.05)
    # It outlives us; but should we outlive it, somebody has to take note of its end.
    threading.Thread(target=daemon.wait, daemon=True).start()
    return account


def _spawn(home: Home) -> subprocess.Popen[bytes]:
    """The daemon's process, which outlives this one."""
    home.folder("logs")
    output = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", _DAEMON, "--home", str(home.path)],
            env=_environment(),
            cwd=home.path,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        os.close(output)


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES) or name.lower().endswith("_proxy")
    }


def _failed(home: Home) -> BatchspecError:
    disk = os.statvfs(home.path)
    if disk.f_bavail * disk.f_frsize < _ROOM:
        return BatchspecError(f"the disk that holds {home.path} is full", help="make room, then run it again")
    said = home.read("failure.json")
    if said:
        return BatchspecError(str(said.get("message")), help=str(said.get("help", "")))
    lines: list[str] = []
    with suppress(OSError):
        lines = home.log.read_text(errors="replace").splitlines()[-1:]
    return BatchspecError(f"the local account did not start: {' '.join(lines)}", help=f"see {home.log}")


@contextmanager
def _as_batchspec_errors() -> Iterator[None]:
    try:
        yield
    except LocalAccountError as error:
        raise BatchspecError(str(error), help=error.help) from error
