"""The account behind the endpoint: its settings, its state, and the loop that moves the state on.

Everything but the tries of tasks happens in the event loop's thread, so nothing here takes a lock.
"""

import asyncio
import functools
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from batchspec.emulator.http.faults import Fault
from batchspec.emulator.http.request_log import RequestLog
from batchspec.emulator.life import recovery, scheduler
from batchspec.emulator.life import schedule as schedule_life
from batchspec.emulator.life.applications import Applications
from batchspec.emulator.life.containers import HOST, Registries
from batchspec.emulator.life.model import Job, Node, Pool, Schedule
from batchspec.emulator.life.rehearsal import Rehearsals
from batchspec.emulator.node.container import Images
from batchspec.emulator.node.engine import Engines
from batchspec.emulator.node.machine import Machine
from batchspec.emulator.node.process import Outcome, Run, Work, run_work
from batchspec.emulator.node.storage import Storage
from batchspec.emulator.state.clock import TICKS_PER_S, Clock, Timers, etag, time_text
from batchspec.emulator.state.disk import Disk
from batchspec.emulator.state.store import Store

_AGAIN_S = 2.0
_Result = TypeVar("_Result")

log = logging.getLogger("batchspec.emulator")


@dataclass(frozen=True, slots=True)
class Speed:
    """How long the transitions take, in seconds."""

    resize_empty: float = 0.0
    resize: float = 0.0
    node_create: float = 0.0
    node_start: float = 0.0
    node_reboot: float = 0.0
    node_leave: float = 0.0
    pool_delete: float = 0.0
    job_terminate: float = 0.0
    job_delete: float = 0.0
    schedule_delete: float = 0.0


INSTANT = Speed()
# What the recordings of the real service show (2022 to 2026).
AS_MEASURED = Speed(2.0, 40.0, 11.0, 45.0, 65.0, 95.0, 5.0, 16.0, 15.0, 5.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an account is started with.

    *home* holds its state: batch.sqlite, nodes/, logs/. *endpoint* is the public base URL. *key* is base64.
    *ffmpeg* is a folder that goes behind the machine's own PATH of tasks. Bearer tokens are off without
    *issuer_public_key* (PEM).
    """

    home: Path
    name: str
    key: str
    endpoint: str
    speed: Speed = INSTANT
    dedicated_cores: int = 100_000
    low_priority_cores: int = 100_000
    pools: int = 10_000
    active_jobs: int = 100_000
    issuer_public_key: str | None = None
    audience: str = "https://batch.core.windows.net/"
    ffmpeg: Path | None = None
    auto_storage_url: str = ""  # container URLs are made of it for autoStorageContainerName
    auto_storage_sas: str = ""  # for reading
    auto_storage_write_sas: str = (
        ""  # the nodes' managed identity stands for both of them, in this storage only
    )
    containers: str = ""  # `host`: tasks with a container run without one
    hosts: tuple[str, ...] = field(default=())  # further Host values that are taken, "name:port"


class Account:
    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.endpoint = settings.endpoint.rstrip("/")
        self.pools: dict[str, Pool] = {}
        self.jobs: dict[str, Job] = {}
        self.schedules: dict[str, Schedule] = {}
        self.timers = Timers()
        self.last_request_at = 0.0
        for folder in (settings.home, settings.home / "nodes", settings.home / "logs"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
        self.store = Store(settings.home / "batch.sqlite")
        self.requests = RequestLog(settings.home / "logs" / "requests.jsonl")
        self.machine = Machine(settings.home)
        self.disk = Disk(settings.home, self.store)
        self.storage = Storage(settings.auto_storage_url)
        self.engines = Engines()
        self.images = Images()
        self.registries = Registries(self.store)
        self.applications = Applications(self.store)
        self.faults: list[Fault] = []
        self.rehearsals = Rehearsals()
        self._threads = ThreadPoolExecutor(max_workers=512, thread_name_prefix="task")
        self._runs: set[Run] = set()
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    # --- life

    async def start(self) -> None:
        """State is read back, what the last life left behind is ended, and the loop runs."""
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        recovery.recover(self)
        self._task = asyncio.create_task(self._main())

    async def stop(self) -> None:
        """No process of ours is left. Tasks that ran stay `running` in the state and run again next time."""
        self._closing = True
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for run in list(self._runs):
            run.stop("shutdown")
        await asyncio.to_thread(self._threads.shutdown)
        self.storage.close()
        self.requests.close()
        self.store.close()

    async def _main(self) -> None:
        while True:
            now = (
                self.clock.now()
            )  # what an action puts off by nothing comes after others have had their turn
            while action := self.timers.pop_due(now):
                self._do(action)
            self._do(functools.partial(scheduler.step, self))
            await self.clock.wait(self._wake, self.timers.next_due())
            self._wake.clear()

    def _do(self, action: Callable[[], None]) -> None:
        """The loop outlives a fault in one step; where the disk was full, the step is done again."""
        try:
            action()
        except Exception as error:
            log.exception("a step of the account failed")
            if self.disk.note(error):
                self.later(_AGAIN_S, action)

    def wake(self) -> None:
        self._wake.set()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """*action* is done by the loop, never before the present call has returned."""
        self.timers.add(self.clock.now() + int(seconds * TICKS_PER_S), action)
        self.wake()

    def submit(self, work: Work, run: Run, done: Callable[[Outcome], None]) -> None:
        """Runs the try in a thread; *done* gets its outcome in the loop."""
        self.perform(functools.partial(run_work, self.storage, work, run, self.clock), run, done)

    def perform(self, action: Callable[[], _Result], run: Run, done: Callable[[_Result], None]) -> None:
        """*action* is done in a thread; *done* gets its result in the loop. What it runs, *run* ends."""
        loop = self._loop
        assert loop is not None  # noqa: S101 (nothing is done before start)
        self._runs.add(run)

        def finish(result: _Result) -> None:
            self._runs.discard(run)
            if self._closing:
                return
            try:
                done(result)
            except Exception as error:  # the disk may be full: told again, until it can be written down
                log.exception("the end of a try could not be noted")
                self.disk.note(error)
                self.later(_AGAIN_S, functools.partial(finish, result))
            self.wake()

        def in_thread() -> None:
            result = action()
            if not self._closing:
                loop.call_soon_threadsafe(finish, result)

        self._threads.submit(in_thread)

    def container_engine(self) -> str:
        """What runs containers here: podman, docker, `host` for nothing but this machine; nothing where none can."""
        if self.settings.containers == HOST:
            return HOST
        engine = self.engines.get()
        return engine.name if engine else ""

    def in_thread(self, action: Callable[[], None]) -> None:
        """Slow work with files, out of the loop's way."""
        self._threads.submit(action)

    def busy(self) -> bool:
        """A try or a transition is under way, or tasks are queued on nodes that can take them."""
        if self._runs or any(pool.doc["allocationState"] != "steady" for pool in self.pools.values()):
            return True
        if any(job.state in ("terminating", "deleting", "disabling") for job in self.jobs.values()):
            return True
        return any(scheduler.has_work(self, pool) for pool in self.pools.values())

    # --- documents

    def save_pool(self, pool: Pool) -> None:
        self.store.save("pool", pool.key, pool.doc)

    def save_node(self, node: Node) -> None:
        self.store.save(
            "node",
            node.key,
            {"pool": node.pool.key, "doc": node.doc, "users": node.users, "packages": node.packages},
        )

    def save_job(self, job: Job) -> None:
        body = {"number": job.number, "doc": job.doc, "schedule": job.schedule, "nodes": job.nodes}
        self.store.save("job", job.key, body)

    def save_schedule(self, schedule: Schedule) -> None:
        body = {"doc": schedule.doc, "runs": schedule.runs, "pool": schedule.pool}
        self.store.save("schedule", schedule.key, body)

    def job_over(self, job: Job) -> None:
        """A job has ended or is gone; its schedule, where it has one, goes on."""
        if job.schedule:
            schedule_life.job_over(self, job)

    def touch(self, doc: dict[str, Any]) -> None:
        """A property was edited: new ETag and lastModified, made of the same moment."""
        now = self.clock.now()
        doc["eTag"], doc["lastModified"] = etag(now), time_text(now)
