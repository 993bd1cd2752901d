"""The account behind the endpoint: its state, on disk and in memory, and what is beside it."""

import functools
from collections.abc import Callable
from typing import Any

from batchspec.emulator.http.faults import Faults
from batchspec.emulator.http.request_log import RequestLog
from batchspec.emulator.life import recovery, scheduler
from batchspec.emulator.life import schedule as schedule_life
from batchspec.emulator.life.applications import Applications
from batchspec.emulator.life.containers import HOST, Registries
from batchspec.emulator.life.loop import Loop
from batchspec.emulator.life.model import Job, Node, Pool, Schedule
from batchspec.emulator.life.rehearsal import Rehearsals
from batchspec.emulator.node.container import Images
from batchspec.emulator.node.engine import Engines
from batchspec.emulator.node.machine import Machine
from batchspec.emulator.node.process import Assignment, Outcome, Run, run_work
from batchspec.emulator.node.storage import Storage
from batchspec.emulator.state.clock import Clock, etag, time_text
from batchspec.emulator.state.disk import Disk
from batchspec.emulator.state.settings import Settings
from batchspec.emulator.state.store import Store


class Account:
    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.endpoint = settings.endpoint.rstrip("/")
        self.pools: dict[str, Pool] = {}
        self.jobs: dict[str, Job] = {}
        self.schedules: dict[str, Schedule] = {}
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
        self.faults = Faults()
        self.rehearsals = Rehearsals()
        self.loop = Loop(self.clock, self.disk, functools.partial(scheduler.step, self))

    async def start(self) -> None:
        """State is read back, what the last life left behind is ended, and the loop runs."""
        self.loop.begin()
        recovery.recover(self)
        self.loop.start()

    async def stop(self) -> None:
        """No process of ours is left, and what is open is closed."""
        await self.loop.stop()
        self.storage.close()
        self.requests.close()
        self.store.close()

    def submit(self, work: Assignment, run: Run, done: Callable[[Outcome], None]) -> None:
        """Runs the try in a thread; *done* gets its outcome in the loop."""
        self.loop.perform(functools.partial(run_work, self.storage, work, run, self.clock), run, done)

    def container_engine(self) -> str:
        """What runs containers here: podman, docker, `host` for nothing but this machine; nothing where none can."""
        if self.settings.containers == HOST:
            return HOST
        engine = self.engines.get()
        return engine.name if engine else ""

    def busy(self) -> bool:
        """A try or a transition is under way, or tasks are queued on nodes that can take them."""
        if self.loop.has_runs or any(pool.doc["allocationState"] != "steady" for pool in self.pools.values()):
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
