"""The account behind the endpoint: its state, on disk and in memory, and what is beside it."""

import functools
from collections.abc import Callable
from typing import Any

from batchspec.emulator.http.faults import Faults
from batchspec.emulator.http.request_log import RequestLog
from batchspec.emulator.life.account.applications import Applications
from batchspec.emulator.life.account.containers import HOST, Registries
from batchspec.emulator.life.account.loop import Loop
from batchspec.emulator.life.account.model import Job, Node, Pool, Schedule
from batchspec.emulator.life.account.rehearsal import Rehearsals
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
        self.loop = Loop(self.clock, self.disk)
        self.job_over: Callable[[Job], None] = lambda _: None  # told of each job that has ended or is gone

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

    def node_url(self, node: Node) -> str:
        return f"{self.endpoint}/pools/{node.pool.id}/nodes/{node.id}"

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

    def touch(self, doc: dict[str, Any]) -> None:
        """A property was edited: new ETag and lastModified, made of the same moment."""
        now = self.clock.now()
        doc["eTag"], doc["lastModified"] = etag(now), time_text(now)
