"""Watching tasks until they end, with counts first and only the newly completed ones listed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from batchspec.engine.diagnose import check_progress
from batchspec.engine.events import Event, State, Step, StepEvent, TaskEvent
from batchspec.errors import RunError
from batchspec.resources.task import LiveTask
from batchspec.service import job as job_service
from batchspec.service import task as task_service
from batchspec.service.connect import Account
from batchspec.spec.expand import DesiredTask

_LOCAL_POLL_S = (0.2, 1.0)
_AZURE_POLL_S = (2.0, 30.0)
_DIAGNOSE_EVERY_S = 10.0
_LOCAL_DIAGNOSE_EVERY_S = 1.0


@dataclass(slots=True)
class Watch:
    """Tasks that have yet to end, by id, and how those ended that did."""

    pending: dict[str, DesiredTask]
    ended: dict[str, LiveTask] = field(default_factory=dict)


def watch_tasks(
    account: Account,
    pool_id: str,
    job_id: str,
    tasks: Mapping[str, DesiredTask],
    *,
    on_event: Callable[[Event], None],
    on_end: Callable[[DesiredTask, LiveTask], None],
    stop: threading.Event,
    deadline: float | None,
) -> dict[str, LiveTask]:
    """How all of *tasks* (by id) ended. Returns early, with fewer, when *stop* is set.

    *deadline* is a time of the monotonic clock. Raises `RunError` when it passes, or
    when no node will ever run a task.
    """
    watch = Watch(dict(tasks))
    shortest, longest = _LOCAL_POLL_S if account.is_local else _AZURE_POLL_S
    interval = shortest
    diagnose_at = time.monotonic()
    seen = -1
    nodes = ""
    on_event(StepEvent(Step.NODES, State.STARTED, pool_id))
    while watch.pending and not stop.is_set():
        counts = job_service.task_counts(account.batch, job_id)
        completed = counts.get("completed", 0)
        moved = completed != seen and _collect(account, job_id, watch, on_event, on_end)
        seen = completed
        if not watch.pending:
            break
        _tell(on_event, watch, counts.get("running", 0), len(tasks))
        if time.monotonic() >= diagnose_at:
            nodes = _progress_unless_done(account, pool_id, job_id, watch, on_event, on_end)
            if watch.pending:
                on_event(StepEvent(Step.NODES, State.PROGRESS, nodes))
            diagnose_at = time.monotonic() + (
                _LOCAL_DIAGNOSE_EVERY_S if account.is_local else _DIAGNOSE_EVERY_S
            )
        if deadline is not None and time.monotonic() >= deadline:
            raise RunError(
                f"time is up: {len(watch.pending)} of {len(tasks)} tasks have not ended; they go on without us",
                help="watch them with `batchspec status --watch`, or run the same command again",
            )
        interval = shortest if moved else min(longest, interval * 1.3)
        stop.wait(interval)
    if not watch.pending:
        on_event(StepEvent(Step.NODES, State.DONE, nodes))
    return watch.ended


def _progress_unless_done(
    account: Account,
    pool_id: str,
    job_id: str,
    watch: Watch,
    on_event: Callable[[Event], None],
    on_end: Callable[[DesiredTask, LiveTask], None],
) -> str:
    """`check_progress`, but a job that completed just now, with all of its tasks, is no reason to stop: then ""."""
    try:
        return check_progress(account, pool_id, job_id)
    except RunError:
        _collect(account, job_id, watch, on_event, on_end)
        if watch.pending:
            raise
        return ""


def _collect(
    account: Account,
    job_id: str,
    watch: Watch,
    on_event: Callable[[Event], None],
    on_end: Callable[[DesiredTask, LiveTask], None],
) -> bool:
    """Takes the tasks that ended since the last look out of the pending ones; says whether there were any."""
    before = len(watch.pending)
    for live in task_service.read_all(account.batch, job_id, filter="state eq 'completed'"):
        task = watch.pending.pop(live.id, None)
        if task is not None:
            watch.ended[live.id] = live
            on_event(TaskEvent(live.id, task.name, live.failure))
            on_end(task, live)
    return len(watch.pending) < before


def _tell(on_event: Callable[[Event], None], watch: Watch, running: int, total: int) -> None:
    failed = sum(1 for live in watch.ended.values() if live.failure)
    text = f"{running} running" + (f", {failed} failed" if failed else "")
    on_event(StepEvent(Step.RUN, State.PROGRESS, text, len(watch.ended), total, "tasks"))
