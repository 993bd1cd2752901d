"""Making it so: a small graph run with bounded concurrency, told as events.

Uploads go beside the pool's creation; the job after its pool; a task as soon as the
job and its own input are there; a download as soon as its task ended. Every step may
be cut off anywhere: running apply again ends in the same state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from batchspec.engine.download import download_output
from batchspec.engine.events import Event, NoteEvent, State, Step, StepEvent
from batchspec.engine.lock import Held
from batchspec.engine.summary import summarize
from batchspec.engine.watch import watch_tasks
from batchspec.errors import RunError, ServiceError
from batchspec.plan.model import Action, Kind, Operation, Plan, Reason, Run
from batchspec.resources import job as jobs
from batchspec.resources.base import Json
from batchspec.resources.task import LiveTask
from batchspec.service import job as job_service
from batchspec.service import pool as pool_service
from batchspec.service import task as task_service
from batchspec.service.connect import Account
from batchspec.spec.expand import Desired, DesiredTask, Input
from batchspec.spec.model import WhenDone
from batchspec.spec.task_body import Links, task_body

_TRANSFERS = 8
_LINGER_S = 0.1


@dataclass(slots=True)
class Outcome:
    """What a run did, as far as it came."""

    ended: dict[str, LiveTask] = field(default_factory=dict)
    uploaded_bytes: int = 0
    uploaded: int = 0
    downloaded: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    refused: dict[str, ServiceError] = field(default_factory=dict)
    detached: bool = False


class Interrupted(Exception):
    """The person asked to stop: the calls in flight are finished, no new one is begun."""


class Apply:
    """One run of a plan. `events` does the work; `stop` may be called from a signal handler at any time."""

    def __init__(
        self,
        account: Account,
        desired: Desired,
        plan: Plan,
        held: Held,
        *,
        timeout_s: float | None = None,
        detach: bool = False,
    ) -> None:
        self.account = account
        self.desired = desired
        self.spec = desired.spec
        self.plan = plan
        self.outcome = Outcome()
        self._held = held
        self._timeout_s = timeout_s
        self._detach = detach
        self._stop = threading.Event()
        self._queue: SimpleQueue[Event | BaseException | None] = SimpleQueue()
        self._watching = False

    def stop(self) -> None:
        """Begins no new call. While only watching, the run is left to itself."""
        self._stop.set()

    @property
    def is_only_watching(self) -> bool:
        """Whether everything is sent, and what is left is to wait for tasks and fetch their outputs."""
        return self._watching

    def events(self) -> Iterator[Event]:
        """Does the work in the background and tells of it, to the last summary."""
        worker = threading.Thread(target=self._work, name="apply")
        worker.start()
        try:
            while (item := self._queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.stop()
            worker.join()

    def _work(self) -> None:
        try:
            with ThreadPoolExecutor(_TRANSFERS, "transfer") as transfers:
                try:
                    self._run(transfers)
                except BaseException:
                    self.stop()  # transfers that have not begun are not begun any more
                    raise
        except BaseException as error:
            self._queue.put(error)
        finally:
            self._queue.put(None)

    def _run(self, transfers: ThreadPoolExecutor) -> None:
        """The steps of a run, in order; those that need not wait for each other do not."""
        uploads = self._start_uploads(transfers)
        self._make_pool()
        job_id = self._make_job()
        self._delete_tasks(job_id)
        job_id = self._add_tasks(job_id, uploads)
        self._retire_old_job()
        self._watching = True
        downloads = self._start_downloads(transfers, self._outputs_at_hand())
        if self._detach:
            self.outcome.detached = True
        else:
            self._watch(job_id, transfers, downloads)
        self._finish_downloads(downloads)
        if not self.outcome.detached:
            self._clean_up()
        self._tell(summarize(self.account, self.desired, self.plan, self.outcome, job_id))

    # Uploads ------------------------------------------------------------------------------

    def _start_uploads(self, transfers: ThreadPoolExecutor) -> dict[str, Future[None]]:
        """Starts every upload; the futures by blob."""
        wanted = {action.id for action in self.plan.of(Kind.INPUT)}
        if not wanted:
            return {}
        items: dict[str, Input] = {}
        for run in self.plan.runs:
            if run.task.input is not None and run.task.input.blob in wanted:
                items[run.task.input.blob] = run.task.input
        self._begin(Step.UPLOAD, total=sum(item.size for item in items.values()), unit="bytes")
        self.account.blobs.ensure_container(self.spec.containers.input)
        progress = _Bytes(self, len(items), sum(item.size for item in items.values()))
        return {blob: transfers.submit(self._upload, item, progress) for blob, item in sorted(items.items())}

    def _upload(self, item: Input, progress: _Bytes) -> None:
        self._check()
        if item.file is None:
            raise ValueError(f"{item.blob} is no local file")
        file, before = Path(item.file), progress.of(item.blob)
        self.account.blobs.upload(item.container, item.blob, file, item.content, before)
        if file.stat().st_size != item.size:
            raise RunError(f"{item.file} changed while it was uploaded", help="run the same command again")
        progress.file_done(item)

    # Pool and job -------------------------------------------------------------------------

    def _make_pool(self) -> None:
        for action in self.plan.of(Kind.POOL):
            self._check()
            pool = self.desired.pool
            if pool is None:
                raise ValueError("an action on a pool, and the spec has none of its own")
            self._begin(Step.POOL, action.id)
            if action.operation is Operation.CREATE:
                self._create_pool(pool)
            else:
                pool_service.update(self.account.batch, pool, action.changes, self._pool_progress)
            self._end(Step.POOL, _verb(action))

    def _create_pool(self, pool: Json) -> None:
        """Makes the pool, after one of the same id that is still going."""
        while True:
            self._check()
            try:
                return pool_service.create(self.account.batch, pool)
            except ServiceError as error:
                if error.code != "PoolBeingDeleted":
                    raise
            self._pool_progress(f"waiting for the old {pool['id']} to be gone")
            self._stop.wait(1 if self.account.is_local else 10)

    def _pool_progress(self, text: str) -> None:
        self._tell(StepEvent(Step.POOL, State.PROGRESS, text))

    def _make_job(self) -> str:
        """Makes or updates the job; the id of the generation that takes the tasks."""
        for action in self.plan.of(Kind.JOB):
            self._check()
            self._begin(Step.JOB, action.id)
            if action.operation is Operation.UPDATE:
                job_service.update(self.account.batch, self._job(), action.id, action.changes)
                self._end(Step.JOB, _verb(action))
            else:
                self._create_job(action.id)
        return self.plan.job_id

    def _create_job(self, job_id: str) -> None:
        job_service.create(self.account.batch, self._job(), job_id)
        self._end(Step.JOB, f"{job_id} created")

    def _retire_old_job(self) -> None:
        """Deletes the job that was replaced, now that the new one has its tasks."""
        for action in self.plan.of(Kind.JOB):
            if action.operation is Operation.REPLACE:
                job_service.delete(self.account.batch, action.detail)

    def _job(self) -> Json:
        if self.desired.job is None:
            raise ValueError("tasks without a job")
        return self.desired.job

    # Tasks --------------------------------------------------------------------------------

    def _delete_tasks(self, job_id: str) -> None:
        """Deletes what left the spec and what new work supersedes."""
        doomed = [*self.plan.left, *(live for run in self.plan.runs for live in run.superseded)]
        replaced_job = any(action.operation is Operation.CREATE for action in self.plan.of(Kind.JOB))
        if replaced_job:
            return  # they are in a job that is completed: they cannot be in the way
        for live in doomed:
            self._check()
            task_service.delete(self.account.batch, job_id, live.id)

    def _add_tasks(self, job_id: str, uploads: dict[str, Future[None]]) -> str:
        """Adds the tasks, each after its input is there; the job's id, which may have moved on meanwhile."""
        if self.plan.runs:
            self.account.blobs.ensure_container(self.spec.containers.output)
            self._begin(Step.ADD, total=len(self.plan.runs), unit="tasks")
            output = self.account.blobs.write_url(self.spec.containers.output)
            added = 0
            for ready in _as_ready(self.plan.runs, uploads):
                for group in task_service.collections(self._body(run, output) for run in ready):
                    job_id = self._add(job_id, group)
                    added += len(group)
                    self._tell(StepEvent(Step.ADD, State.PROGRESS, "", added, len(self.plan.runs), "tasks"))
            if uploads:
                self._end(Step.UPLOAD, f"{self.outcome.uploaded} files")
            self._end(Step.ADD, f"{len(self.plan.runs) - len(self.outcome.refused)} tasks in {job_id}")
        if self.plan.seals_job:
            job_service.seal(self.account.batch, job_id)
        return job_id

    def _add(self, job_id: str, group: Sequence[Json]) -> str:
        self._check()
        try:
            self.outcome.refused |= task_service.add(self.account.batch, job_id, group)
            return job_id
        except ServiceError as error:
            if error.code not in ("JobCompleted", "JobBeingTerminated", "JobBeingDeleted", "JobNotFound"):
                raise
        # It completed between the plan and now: the next generation takes the rest.
        taken = job_service.generations(self.account.batch, self.spec.job_id)
        job_id = jobs.next_id(self.spec.job_id, (job["id"] for job in taken))
        self._create_job(job_id)
        self.outcome.refused |= task_service.add(self.account.batch, job_id, group)
        return job_id

    def _body(self, run: Run, output: str) -> Json:
        item = run.task.input
        link = self.account.blobs.read_url(item.container, item.blob) if item else None
        return task_body(self.spec, run.task, run.id, Links(link, output))

    def _watch(
        self, job_id: str, transfers: ThreadPoolExecutor, downloads: dict[str, Future[int | None]]
    ) -> None:
        """Waits for this plan's tasks, those included that were at work before."""
        tasks = {run.id: run.task for run in self.plan.runs if run.id not in self.outcome.refused}
        tasks |= {live.id: task for task, live in self.plan.in_progress}
        if not tasks:
            return
        self._begin(Step.RUN, total=len(tasks), unit="tasks")

        def ended(task: DesiredTask, live: LiveTask) -> None:
            if self.spec.download is not None and task.output is not None and not live.failure:
                downloads.update(self._start_downloads(transfers, [task.output]))

        self.outcome.ended = watch_tasks(
            self.account,
            self.spec.pool.id if self.spec.pool else "",
            job_id,
            tasks,
            on_event=self._tell,
            on_end=ended,
            stop=self._stop,
            deadline=time.monotonic() + self._timeout_s if self._timeout_s is not None else None,
        )
        if len(self.outcome.ended) < len(tasks):
            self.outcome.detached = True
            return
        failed = sum(1 for live in self.outcome.ended.values() if live.failure)
        self._end(Step.RUN, f"{len(tasks) - failed} succeeded" + (f", {failed} failed" if failed else ""))

    # Outputs ------------------------------------------------------------------------------

    def _outputs_at_hand(self) -> list[str]:
        return [action.id for action in self.plan.of(Kind.OUTPUT)]

    def _start_downloads(
        self, transfers: ThreadPoolExecutor, blobs: Iterable[str]
    ) -> dict[str, Future[int | None]]:
        return {
            blob: transfers.submit(download_output, self.account.blobs, self.spec, blob) for blob in blobs
        }

    def _finish_downloads(self, downloads: dict[str, Future[int | None]]) -> None:
        """Waits for the downloads. An output that is not there is the summary's to tell."""
        if not downloads:
            return
        self._begin(Step.DOWNLOAD, total=len(downloads), unit="files")
        if self._stop.is_set():
            downloads = {blob: future for blob, future in downloads.items() if not future.cancel()}
        for number, future in enumerate(as_completed(downloads.values()), 1):
            if future.result() is not None:
                self.outcome.downloaded += 1
            self._tell(StepEvent(Step.DOWNLOAD, State.PROGRESS, "", number, len(downloads), "files"))
        self._end(Step.DOWNLOAD, f"{self.outcome.downloaded} files")

    def _clean_up(self) -> None:
        """What the spec's `whenDone` says of the pool."""
        pool = self.spec.pool
        if pool is None or pool.existing or pool.when_done is WhenDone.KEEP or not self.plan.has_work:
            return
        self._check()
        self._begin(Step.CLEAN_UP, pool.id)
        if pool.when_done is WhenDone.DELETE:
            pool_service.delete(self.account.batch, pool.id)
        elif not pool.body.get("enableAutoScale"):
            pool_service.wait_until_steady(self.account.batch, pool.id, self._pool_progress)
            pool_service.resize(self.account.batch, {"id": pool.id})
        self._end(Step.CLEAN_UP, f"pool {pool.id}: {pool.when_done.value}")

    # Telling ------------------------------------------------------------------------------

    def _check(self) -> None:
        """Before every call that changes something: are we still to go on, and is the lock still ours?"""
        if self._stop.is_set():
            raise Interrupted
        self._held.check()

    def _tell(self, event: Event) -> None:
        self._queue.put(event)

    def _begin(self, step: Step, text: str = "", *, total: int = 0, unit: str = "") -> None:
        self.outcome.seconds[step.value] = -time.monotonic()
        self._tell(StepEvent(step, State.STARTED, text, 0, total, unit))

    def _end(self, step: Step, text: str) -> None:
        self.outcome.seconds[step.value] += time.monotonic()
        self._tell(StepEvent(step, State.DONE, text))


class _Bytes:
    """Adds up the progress of uploads that run side by side."""

    def __init__(self, run: Apply, files: int, total: int) -> None:
        self._run = run
        self._files = files
        self._total = total
        self._done: dict[str, int] = {}
        self._lock = threading.Lock()

    def of(self, blob: str) -> Callable[[int], None]:
        def progress(done: int) -> None:
            self._run._check()
            with self._lock:
                self._done[blob] = done
                now = sum(self._done.values())
            self._tell(now)

        return progress

    def file_done(self, item: Input) -> None:
        with self._lock:
            self._done[item.blob] = item.size
            self._run.outcome.uploaded += 1
            self._run.outcome.uploaded_bytes += item.size
            now = sum(self._done.values())
        self._tell(now)

    def _tell(self, now: int) -> None:
        text = f"{self._run.outcome.uploaded} of {self._files} files"
        self._run._tell(StepEvent(Step.UPLOAD, State.PROGRESS, text, now, self._total, "bytes"))


def _as_ready(runs: Sequence[Run], uploads: dict[str, Future[None]]) -> Iterator[list[Run]]:
    """*runs* in lots as their inputs arrive, those whose input is there first. Raises what an upload raised."""
    ready: list[Run] = []
    waiting: dict[Future[None], list[Run]] = {}
    for run in runs:
        future = uploads.get(run.task.input.blob) if run.task.input else None
        if future is None:
            ready.append(run)
        else:
            waiting.setdefault(future, []).append(run)
    yield ready
    while waiting:
        wait(waiting, return_when=FIRST_COMPLETED)
        wait(waiting, timeout=_LINGER_S)  # small files come in quick succession: one collection for many
        arrived = [future for future in waiting if future.done()]
        for future in arrived:
            future.result()
        yield [run for future in arrived for run in waiting.pop(future)]


def _verb(action: Action) -> str:
    done = {Operation.CREATE: "created", Operation.UPDATE: "updated"}.get(
        action.operation, action.reason.value
    )
    return f"{action.id} {done}"


def note_of(plan: Plan) -> NoteEvent | None:
    """What a person should know before work begins: outputs that nothing in the spec makes any more."""
    if not plan.orphans:
        return None
    noun = "output belongs" if plan.orphans == 1 else "outputs belong"
    return NoteEvent(
        f"{plan.orphans} {noun} to no input of the spec any more ({Reason.LEFT_SPEC.value}); kept"
    )
