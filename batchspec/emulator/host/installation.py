"""What one installation of the local account keeps in its folder, the home.

    config.json    names, keys and ports: made once at random, then kept (SAS contain them)
    lock           held by the daemon as long as it lives; its text says whose process that is
    run.json       there while the daemon answers: process, version, endpoints
    azurite.json   the Azurite process of this life, so that the next one can end an orphan
    failure.json   why the last start failed
    used           its mtime is when a client last asked for the account
    batch/ blob/   the Batch endpoint's state, Azurite's state
    bin/ logs/

Files are 0600 and folders 0700: the keys allow running commands as this user. Standard
library only, so that looking for a running account costs no import.
"""

import base64
import fcntl
import json
import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

BATCH_ACCOUNT = "local"
STORAGE_ACCOUNT = "batchspeclocal"
HOST = "127.0.0.1"

_PORTS = range(20000, 32000)  # below the range that Linux gives to outgoing connections


class LocalAccountError(Exception):
    """The local account cannot start or go on. `help` says what to do now."""

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.help = help


@dataclass(frozen=True, slots=True)
class Config:
    """What is chosen once for an installation; the keys are base64."""

    batch_key: str = field(repr=False)
    batch_port: int
    storage_key: str = field(repr=False)
    storage_port: int
    batch_account: str = BATCH_ACCOUNT
    storage_account: str = STORAGE_ACCOUNT
    containers: str = "engine"  # or `host`: tasks with a container run on this machine itself

    @property
    def batch_endpoint(self) -> str:
        return f"http://{HOST}:{self.batch_port}"

    @property
    def blob_endpoint(self) -> str:
        return f"http://{HOST}:{self.storage_port}/{self.storage_account}"


@dataclass(frozen=True, slots=True)
class Run:
    """One life of the daemon. `started` is the process's start in seconds since 1970."""

    pid: int
    started: float
    version: str
    batch_endpoint: str
    blob_endpoint: str
    restarts: int = 0  # of Azurite, which died; when last, and how it had ended
    restarted: float = 0.0
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one installation."""

    path: Path

    def prepare(self) -> None:
        """The folder is there, ours, and closed to others.

        Raises LocalAccountError when somebody else owns it: what lies in it decides which
        commands run as this user.
        """
        try:
            self.path.mkdir(parents=True, mode=0o700, exist_ok=True)
            found = self.path.stat()
        except OSError as error:
            raise LocalAccountError(
                f"{self.path} cannot be used: {error.strerror}", help=_OTHER_HOME
            ) from error
        if found.st_uid != os.geteuid():
            raise LocalAccountError(
                f"{self.path} belongs to another user (uid {found.st_uid})", help=_OTHER_HOME
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            self.path.chmod(0o700)

    def folder(self, name: str) -> Path:
        """The subfolder *name*, made when it is not there."""
        path = self.path / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    @property
    def log(self) -> Path:
        return self.path / "logs" / "daemon.log"

    def config(self) -> Config | None:
        """What was chosen for this installation, or None before its first start."""
        found = self.read("config.json")
        try:
            return Config(**found) if found else None  # type: ignore[arg-type]
        except TypeError as error:
            raise LocalAccountError(
                f"{self.path / 'config.json'} is not as batchspec writes it", help=_RESET
            ) from error

    def run(self) -> Run | None:
        """The life that run.json tells of; whether it still lives is for the caller to see."""
        found = self.read("run.json")
        try:
            return Run(**found) if found else None  # type: ignore[arg-type]
        except TypeError:
            return None  # written by another version

    def read(self, name: str) -> dict[str, object]:
        """The JSON object in the file *name*; empty when there is none, or none that can be read."""
        try:
            found = json.loads((self.path / name).read_text())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, name: str, value: object) -> None:
        """The file *name* holds *value* (a dataclass or a dict): whole or not at all, mode 0600."""
        text = json.dumps(value if isinstance(value, dict) else asdict(value), indent=2) + "\n"  # type: ignore[call-overload]
        beside = self.path / f".{name}.{os.getpid()}"
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path / name)

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def touch(self) -> None:
        """The account was asked for just now."""
        used = self.path / "used"
        used.touch(mode=0o600)
        os.utime(used)

    def last_use(self) -> float:
        """When the account was last asked for, in seconds since 1970; 0 when never."""
        try:
            return (self.path / "used").stat().st_mtime
        except FileNotFoundError:
            return 0.0

    @contextmanager
    def locked(
        self, name: str, *, wait: bool = False, waiting: Callable[[], None] | None = None
    ) -> Iterator[bool]:
        """True inside while this process alone holds the lock *name*; False when another has it.

        The kernel lets go of it when the process dies, however it dies. With *wait* it is
        always True; *waiting* is called once before it waits.
        """
        descriptor = os.open(self.path / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            held = _try_lock(descriptor)
            if not held and wait:
                if waiting is not None:
                    waiting()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                held = True
            yield held
        finally:
            os.close(descriptor)

    def clear(self) -> None:
        """Everything that an installation keeps is gone; a file that is not its own stays."""
        for name in ("batch", "blob", "bin", "logs"):
            _remove_tree(self.path / name)
        for name in ("config.json", "run.json", "azurite.json", "failure.json", "used"):
            self.remove(name)


_OTHER_HOME = "set BATCHSPEC_LOCAL_HOME to a folder of your own"
_RESET = "`batchspec local reset` starts afresh; it deletes the local account's jobs and blobs"


def make_config() -> Config:
    """New random keys, and two ports that are free now."""
    batch_port = free_port()
    return Config(
        batch_key=_new_key(),
        batch_port=batch_port,
        storage_key=_new_key(),
        storage_port=free_port(besides=batch_port),
    )


def _new_key() -> str:
    return base64.b64encode(os.urandom(64)).decode()


def free_port(besides: int = 0) -> int:
    """A random port of the loopback address on which nobody listens now."""
    for _ in range(200):
        port = _PORTS[int.from_bytes(os.urandom(4)) % len(_PORTS)]
        if port != besides and port_is_free(port):
            return port
    raise LocalAccountError(f"no free port found between {_PORTS.start} and {_PORTS.stop - 1}")


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_tree(path: Path) -> None:
    """*path* is gone, also where a task has taken rights from its own folders."""
    if not path.exists():
        return
    for folder, _, _ in os.walk(path):
        Path(folder).chmod(0o700)
    shutil.rmtree(path)
