"""One try of a task on a node: files in, the command, files out. Runs in a thread of its own.

The command line is split and executed without a shell, in its own session, with nothing of our environment.
"""

import contextlib
import errno
import functools
import logging
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from batchspec.emulator.node import outputs, transfer
from batchspec.emulator.node.container import Container
from batchspec.emulator.node.container import end as end_container
from batchspec.emulator.node.engine import EngineError, reason
from batchspec.emulator.node.package import Package, PackageError, install_all
from batchspec.emulator.node.storage import Storage
from batchspec.emulator.state.clock import Clock

log = logging.getLogger("batchspec.emulator")


@dataclass(frozen=True, slots=True)
class Failure:
    """A task's failureInfo. *during* says which exit condition it meets: start, command, output, request (none)."""

    code: str
    message: str
    category: str = "UserError"
    details: tuple[tuple[str, str], ...] = ()
    during: str = "command"

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"category": self.category, "code": self.code, "message": self.message}
        if self.details:
            found["details"] = [{"name": name, "value": value} for name, value in self.details]
        return found


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a try consists of. *folder* holds stdout.txt and stderr.txt, and the working directory `wd`."""

    folder: Path
    command_line: str
    environment: Mapping[str, str]
    packages: Sequence[Package] = ()
    resource_files: Sequence[Mapping[str, Any]] = ()
    output_files: Sequence[Mapping[str, Any]] = ()
    last_try: bool = True
    fresh: bool = True  # the folder is emptied first; a retry keeps what is in it
    container: "Container | Failure | None" = None  # what it runs in; a failure where it cannot


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the try ended. *exit_code* is None when nothing ran; *stopped* when we ended it, with the word given."""

    start: int
    end: int
    exit_code: int | None = None
    failure: Failure | None = None
    stopped: str = ""


@dataclass(slots=True, eq=False)
class Run:
    """A try under way, that another thread may stop."""

    stopped: str = ""
    _end: Callable[[], None] | None = None  # ends what runs now
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self, word: str) -> None:
        """Ends the try: its whole tree is killed; downloads end at their next piece."""
        with self._lock:
            self.stopped = self.stopped or word
            if self._end is not None:
                self._end()

    def started(self, process_id: int, end: Callable[[], None] | None = None) -> None:
        """A process runs, which *end* ends; without one, by being killed with its descendants."""
        with self._lock:
            self._end = end or functools.partial(kill_tree, process_id)
            if self.stopped:
                self._end()

    def ended(self) -> None:
        with self._lock:
            self._end = None

    def is_stopped(self) -> bool:
        return bool(self.stopped)


def kill_tree(process_id: int) -> None:
    """The process, its group, and descendants that left the group are gone."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process_id).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    kill_group(process_id)


def kill_group(process_id: int) -> None:
    """The process and what is left in the session's group that it led; what left that group is not looked for."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(process_id, signal.SIGKILL)


def run_work(storage: Storage, work: Assignment, run: Run, clock: Clock) -> Outcome:
    """Never raises: what goes wrong is in the outcome."""
    start = clock.now()
    try:
        exit_code, failure = _try(storage, work, run)
    except OSError as error:
        exit_code, failure = None, _disk_failure(error)
    except Exception as error:  # a fault of ours ends the try, it does not leave it hanging
        log.exception("a try in %s failed", work.folder)
        exit_code, failure = None, Failure("Unknown", repr(error), "ServerError", during="start")
    if run.stopped:
        return Outcome(start, clock.now(), exit_code, None, run.stopped)
    return Outcome(start, clock.now(), exit_code, failure)


def _try(storage: Storage, work: Assignment, run: Run) -> tuple[int | None, Failure | None]:
    if work.fresh and work.folder.exists():
        remove_tree(work.folder)
    wd = work.folder / "wd"
    wd.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("stdout.txt", "stderr.txt"):
        _new_file(work.folder / name).close()
    try:
        install_all(storage, work.packages, run.is_stopped)
        transfer.fetch_all(storage, work.resource_files, wd, run.is_stopped)
    except transfer.TransferError as error:
        return None, Failure(error.code, error.message, error.category, error.details, "start")
    except PackageError as error:
        return None, not_installed(error)
    if run.stopped:
        return None, None
    exit_code, failure = _command(work, wd, run)
    if failure is None and exit_code:
        failure = EXIT_CODE_FAILURE
    if run.stopped or not (work.last_try or exit_code == 0):
        return exit_code, failure
    try:
        outputs.upload_all(storage, work, wd, exit_code == 0, run.is_stopped)
    except transfer.TransferError as error:
        # A command that failed stays the reason; a command that succeeded fails by its upload.
        failure = failure or Failure(error.code, error.message, error.category, error.details, "output")
    return exit_code, failure


def remove_tree(folder: Path) -> None:
    """Gone, also where a task took the rights from its own folders."""

    def allow(_: Any, path: str, __: Any) -> None:
        with contextlib.suppress(OSError):
            Path(path).parent.chmod(0o700)
            Path(path).chmod(0o700)
            if Path(path).is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                Path(path).unlink()

    shutil.rmtree(folder, onerror=allow)


def _command(work: Assignment, wd: Path, run: Run) -> tuple[int | None, Failure | None]:
    try:
        words = shlex.split(work.command_line)
    except ValueError as error:
        return None, _launch_failure("CommandLaunchFailed", _NOT_LAUNCHED, str(error))
    if isinstance(work.container, Failure):
        return None, work.container
    if work.container is not None:
        return _contained(work, work.container, words, run)
    if not words:
        return None, _launch_failure("CommandLaunchFailed", _NOT_LAUNCHED, "empty")
    try:
        process = _launched(work, words, work.environment, wd)
    except FileNotFoundError as error:
        return None, _launch_failure("CommandProgramNotFound", _NOT_FOUND, str(error.strerror))
    except (OSError, ValueError) as error:
        return None, _launch_failure("CommandLaunchFailed", _NOT_LAUNCHED, str(error))
    run.started(process.pid)
    return _waited_for(process, run), None


_NOT_FOUND = "The specified command program is not found"
_NOT_LAUNCHED = "Failed to launch the specified command line"


def _launched(
    work: Assignment, words: list[str], environment: Mapping[str, str], wd: Path
) -> subprocess.Popen[bytes]:
    with _new_file(work.folder / "stdout.txt") as out, _new_file(work.folder / "stderr.txt") as err:
        return subprocess.Popen(
            words,
            cwd=wd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
            umask=0o077,
        )


def _waited_for(process: subprocess.Popen[bytes], run: Run) -> int:
    """Waited for without being reaped first, so that its id cannot be another's while its leftovers are killed."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    kill_group(process.pid)
    run.ended()
    code = process.wait()
    return code if code >= 0 else 128 - code


def _contained(
    work: Assignment, container: Container, words: list[str], run: Run
) -> tuple[int | None, Failure | None]:
    """The command in a container, of which nothing is left."""
    try:
        image = container.bring_in(run)
    except EngineError as error:
        return None, invalid_image(container.image, error)
    if run.stopped:
        return None, None
    name = f"batchspec-{secrets.token_hex(8)}"
    command, environment = container.command(name, image, words, work.environment)
    process = _launched(work, command, environment, work.folder / "wd")
    run.started(process.pid, functools.partial(end_container, container.engine, name, process))
    code = _waited_for(process, run)
    try:
        if run.stopped or not container.never_started(name, code):
            return code, None
        return None, _not_started(code, (work.folder / "stderr.txt").read_text(errors="replace"))
    finally:
        container.engine.remove(name)


def not_installed(error: PackageError) -> Failure:
    """The real code is not known."""
    message = "One or more application packages could not be installed"
    package = f"{error.package.id} {error.package.version}".rstrip()
    details = (("ApplicationPackage", package), ("Message", str(error)))
    return Failure("ApplicationPackageError", message, details=details, during="start")


def invalid_image(image: str, error: EngineError) -> Failure:
    """As Azure/acr#411 shows it."""
    message = "One or more container images specified are invalid"
    details = (("ContainerImage", image), ("Message", str(error)))
    return Failure("ContainerInvalidImage", message, details=details, during="start")


def _not_started(code: int, said: str) -> Failure:
    """Why the engine could not start the command; *code* is the engine's."""
    if code == 127:
        return _launch_failure("CommandProgramNotFound", _NOT_FOUND, reason(said))
    if code == 126:
        return _launch_failure("CommandLaunchFailed", _NOT_LAUNCHED, reason(said))
    return invalid_settings(reason(said))


def invalid_settings(why: str) -> Failure:
    message = "At least one value of specified task container settings is invalid"
    return Failure("ContainerInvalidSettings", message, details=(("Message", why),), during="start")


def _new_file(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _launch_failure(code: str, message: str, reason: str) -> Failure:
    return Failure(code, message, details=(("Message", reason),), during="start")


EXIT_CODE_FAILURE = Failure(
    "FailureExitCode",
    "The task exited with an exit code representing a failure",
    details=(
        ("Message", "The task process exited with an unexpected exit code"),
        ("AdditionalErrorCode", "FailureExitCode"),
    ),
)


def _disk_failure(error: OSError) -> Failure:
    code = "DiskFull" if error.errno == errno.ENOSPC else "ResourceDirectoryCreateFailed"
    return Failure(code, str(error), "ServerError", during="start")
