"""The one background process of an installation: the Batch endpoint, with Azurite as its child.

    python -m batchspec.emulator --home DIR

It lives until it is told to end (SIGTERM), or nobody has asked anything of it for the idle
time. Whatever way it ends, the next one goes on from what lies in DIR.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from importlib import metadata, util
from logging.handlers import RotatingFileHandler
from pathlib import Path

import uvicorn

from batchspec.emulator.host import azurite, azurite_package, orphans
from batchspec.emulator.host.app import create_app
from batchspec.emulator.host.azurite import Azurite
from batchspec.emulator.host.installation import (
    HOST,
    Config,
    Home,
    LocalAccountError,
    Run,
    make_config,
    port_is_free,
)
from batchspec.emulator.http.connection import connection
from batchspec.emulator.life.account.account import Account
from batchspec.emulator.life.running import busy
from batchspec.emulator.node import account_sas
from batchspec.emulator.state.settings import AS_MEASURED, INSTANT, Settings, Speed

ALREADY_RUNNING = 75  # exit code: EX_TEMPFAIL
_LOOK_EVERY_S = 1.0
_AZURITE_DEATHS = 5  # in
_AZURITE_DEATHS_WITHIN_S = 300.0
_CLOSE_WITHIN_S = 5
_LOG_BYTES = 5 << 20

log = logging.getLogger("batchspec.local")


def run(path: Path, idle_s: float, *, as_measured: bool = False, containers: str = "") -> int:
    """The exit code, after the daemon of the installation in *path* has lived.

    0 when it was told to end or was idle, 75 at once when another one holds the
    installation, 1 when it could not start or go on (the log and failure.json say why).
    """
    os.umask(0o077)
    home = Home(path.absolute())
    home.prepare()
    with home.locked("lock") as held:
        if not held:
            return ALREADY_RUNNING
        _say_whose_lock(home)
        _log_to(home)
        home.remove("failure.json")
        try:
            asyncio.run(Daemon(home, idle_s, AS_MEASURED if as_measured else INSTANT, containers).live())
        except LocalAccountError as error:
            log.error("%s (%s)", error, error.help)
            _note_failure(home, str(error), error.help)
            return 1
        except Exception:
            log.exception("the daemon failed")
            _note_failure(home, "the local account failed", f"see {home.log}")
            return 1
    return 0


def _note_failure(home: Home, message: str, help: str) -> None:
    with contextlib.suppress(OSError):  # a full disk, which whoever waits for us sees too
        home.write("failure.json", {"message": message, "help": help})


def _say_whose_lock(home: Home) -> None:
    """Written into the lock file itself, so that it cannot tell of another life than the lock's."""
    text = f'{{"pid": {os.getpid()}, "started": {orphans.started(os.getpid())!r}}}\n'
    (home.path / "lock").write_text(text)


def _log_to(home: Home) -> None:
    home.folder("logs")
    handlers: list[logging.Handler] = [RotatingFileHandler(home.log, maxBytes=_LOG_BYTES, backupCount=1)]
    if sys.stderr.isatty():  # started by hand
        handlers.append(logging.StreamHandler())
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, handlers=handlers)


class Daemon:
    """One life: started in the order of the methods below, stopped in the reverse one."""

    def __init__(self, home: Home, idle_s: float, speed: Speed, containers: str) -> None:
        self._home = home
        self._idle_s = idle_s
        self._speed = speed
        self._containers = containers
        self._told_to_end = asyncio.Event()
        self._deaths: deque[float] = deque(maxlen=_AZURITE_DEATHS)

    async def live(self) -> None:
        """It has lived: nothing of it runs any more, except what was not ours to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._told_to_end.set)
        if azurite.end_orphan(self._home):
            log.info("ended the Azurite that the last life left")
        config = self._config()
        blob = Azurite(self._home, config, await asyncio.to_thread(azurite_package.bring_in, log.info))
        account = Account(self._settings(config))
        with _listening(config.batch_port) as listener:
            try:
                await asyncio.to_thread(blob.start)
                async with _serving(account, listener):
                    self._run = _said(config)
                    await self._work(account, blob)
            finally:
                self._home.remove("run.json")
                await asyncio.to_thread(blob.stop)
        log.info("ended")

    def _config(self) -> Config:
        """The installation's choices, made now when this is its first start."""
        config = self._home.config()
        if config is None:
            config = make_config()
            self._home.write("config.json", config)
        for port in (config.batch_port, config.storage_port):
            if not port_is_free(port):
                raise _port_taken(port)
        return config

    def _settings(self, config: Config) -> Settings:
        return Settings(
            home=self._home.folder("batch"),
            name=config.batch_account,
            key=config.batch_key,
            endpoint=config.batch_endpoint,
            speed=self._speed,
            containers=self._containers or config.containers,
            ffmpeg=ffmpeg_folder(self._home),
            auto_storage_url=config.blob_endpoint,
            auto_storage_sas=account_sas.reading(config.storage_account, config.storage_key),
            auto_storage_write_sas=account_sas.writing(config.storage_account, config.storage_key),
        )

    async def _work(self, account: Account, blob: Azurite) -> None:
        """Returns when it is told to end, or has been idle; restarts Azurite when that dies."""
        run = self._run
        self._home.write("run.json", run)
        log.info("answers at %s and %s, pid %d", run.batch_endpoint, run.blob_endpoint, run.pid)
        last_request = account.last_request_at
        active = time.monotonic()
        while not await self._told(min(_LOOK_EVERY_S, self._idle_s / 4)):
            if not blob.alive():
                await self._restart(blob)
            if blob.traffic() or busy(account) or account.last_request_at != last_request:
                last_request, active = account.last_request_at, time.monotonic()
            elif time.monotonic() - active >= self._idle_s and self._may_go():
                log.info("idle for %.0f s", self._idle_s)
                return

    async def _told(self, wait_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._told_to_end.wait(), wait_s)
        return self._told_to_end.is_set()

    def _may_go(self) -> bool:
        """Whether nobody came in the last moment.

        A client first says that it needs the account and then looks for run.json; we take that
        away first and then look for clients. So either it sees us gone, or we see it come.
        """
        self._home.remove("run.json")
        if time.time() - self._home.last_use() >= self._idle_s:
            return True
        self._home.write("run.json", self._run)
        return False

    async def _restart(self, blob: Azurite) -> None:
        """Azurite answers again; LocalAccountError when it dies time and again."""
        blob.traffic()
        now = time.monotonic()
        self._deaths.append(now)
        if len(self._deaths) == _AZURITE_DEATHS and now - self._deaths[0] < _AZURITE_DEATHS_WITHIN_S:
            raise LocalAccountError("Azurite died time and again", help=f"see {self._home.log}")
        ended = blob.ended()
        log.warning("Azurite died (%s); starting it again", ended)
        await asyncio.to_thread(blob.start)
        self._run = replace(self._run, restarts=self._run.restarts + 1, restarted=time.time(), ended=ended)
        self._home.write("run.json", self._run)


def _said(config: Config) -> Run:
    return Run(
        pid=os.getpid(),
        started=orphans.started(os.getpid()),
        version=metadata.version("batchspec"),
        batch_endpoint=config.batch_endpoint,
        blob_endpoint=config.blob_endpoint,
    )


def _port_taken(port: int) -> LocalAccountError:
    return LocalAccountError(
        f"port {port} of {HOST} is taken by another program",
        help="the local account keeps its ports, since signed URLs contain them: end that program, or "
        "choose new ports with `batchspec local reset` (it deletes the local account's jobs and blobs)",
    )


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """The bound socket: taken before anything is started, so that a taken port stops us early."""
    # With its protocol named, asyncio lets no answer wait for the acknowledgement of its head, which takes 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise _port_taken(port) from error
        yield listener


class _Server(uvicorn.Server):
    """Leaves signals alone: the daemon has more to end than the server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _serving(account: Account, listener: socket.socket) -> AsyncIterator[None]:
    """The endpoint answers inside, and has closed after. Raises LocalAccountError when it cannot start."""
    config = uvicorn.Config(
        create_app(account),
        http=connection,  # type: ignore[arg-type]  # called as the class it returns an instance of
        access_log=False,
        log_config=None,
        lifespan="on",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_CLOSE_WITHIN_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if serving.done():
            raise LocalAccountError("the Batch endpoint did not start", help="see logs/daemon.log")
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def ffmpeg_folder(home: Home) -> Path | None:
    """A folder with an `ffmpeg` for nodes; None where the machine has its own, or none can be had."""
    if shutil.which("ffmpeg") is not None or util.find_spec("imageio_ffmpeg") is None:
        return None
    import imageio_ffmpeg

    try:
        program = Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None  # the package came without a binary
    link = home.folder("bin") / "ffmpeg"
    if not link.exists() or link.resolve() != program.resolve():
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    return link.parent
