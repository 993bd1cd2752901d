"""Ending tasks that wait or run: those that are named, or all of a spec's, by ending their job.

It takes no lock: an apply that is watching holds it, and learns from the service that its tasks were ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from batchspec.desired.places import Places
from batchspec.engine.health.status import LiveJob, group_of, read_job
from batchspec.engine.logs import find_task
from batchspec.engine.look.named import read_named
from batchspec.engine.run.sending.send_all import SINGLE_SLOW_S, send_all
from batchspec.errors import UsageError
from batchspec.language.model import Spec
from batchspec.ledger.database import Database, Many, Rows
from batchspec.plan.actions.owner import refuse_other_file
from batchspec.resources import job as jobs
from batchspec.resources.task import LiveTask, read_id
from batchspec.service.batch import job as job_service
from batchspec.service.batch import task as task_service
from batchspec.service.blob.lease import holder_of
from batchspec.service.connect import Account

_WILD = {"*": ".*", "?": "."}


@dataclass(frozen=True, slots=True)
class Cancellable:
    """What a cancel would end: the named `tasks`, or with None all tasks of the job.

    `holder` is the apply that is at work, if one is.
    """

    job_id: str
    waiting: int
    running: int
    tasks: Many[LiveTask] | None
    holder: str

    @property
    def is_empty(self) -> bool:
        return not (self.waiting or self.running)


def find_cancellable(
    account: Account, spec: Spec, names: Sequence[str], groups: Sequence[str]
) -> Cancellable:
    """The tasks of *names* and *groups* that have not ended; of neither: all of the spec's.

    Raises `UsageError` for a name that no task has, and `RefusedError` for what another file has made.
    """
    for name in set(groups) - {group.name for group in spec.groups}:
        known = ", ".join(group.name for group in spec.groups)
        raise UsageError(f"{spec.name} has no group {name}", help=f"one of {known}")
    refuse_other_file(spec, read_named(account, spec, job_service.all_jobs(account.batch)))
    places = Places.of(spec)
    holder = holder_of(account.blobs, places.output, places.lock)
    job = read_job(account, spec)
    if names or groups:
        tasks = _Unfinished(_named(account, spec, job, names), _listed(account, job, names, groups))
        return Cancellable(job.id if job else "", *tasks.counts(), tasks.rows(), holder)
    if job is None or not jobs.is_open({"state": job.state}):
        return Cancellable(job.id if job else "", 0, 0, None, holder)
    counts = job_service.task_counts(account.batch, job.id)
    return Cancellable(job.id, counts["active"], counts["running"], None, holder)


def cancel(account: Account, found: Cancellable) -> int:
    """Ends the tasks, and says how many; those that ended meanwhile are not among them."""
    if found.tasks is None:
        job_service.terminate(account.batch, found.job_id, job_service.CANCELLED)
        return found.waiting + found.running
    ended: list[str] = []

    def end(task: LiveTask) -> None:
        if task_service.terminate(account.batch, found.job_id, task.id):
            ended.append(task.id)

    send_all(found.tasks, end, slow_s=SINGLE_SLOW_S)
    return len(ended)


class _Unfinished:
    """Tasks that wait or run, each once, however many there are."""

    def __init__(self, *sources: Iterator[LiveTask]) -> None:
        self._database = Database()
        self._database.define("CREATE TABLE task (id TEXT PRIMARY KEY, name TEXT, state TEXT) WITHOUT ROWID")
        rows = ((task.id, task.name, task.state) for task in chain(*sources) if not task.is_completed)
        self._database.fill("INSERT OR IGNORE INTO task VALUES (?, ?, ?)", rows)

    def counts(self) -> tuple[int, int]:
        """How many wait, and how many run or are about to."""
        waiting, all = self._database.one("SELECT coalesce(sum(state = 'active'), 0), count(*) FROM task")
        return waiting, all - waiting

    def rows(self) -> Rows[LiveTask]:
        """Those that wait come first: else they would start where others were ended."""
        query = "SELECT id, name, state FROM task ORDER BY state <> 'active', name"
        return Rows(self._database, query, lambda row: LiveTask(row[0], row[2], name=row[1]))


def _named(account: Account, spec: Spec, job: LiveJob | None, names: Sequence[str]) -> Iterator[LiveTask]:
    """The tasks of those *names* that mean a single one."""
    for name in names:
        if not _is_wild(name):
            _, id = find_task(account, spec, name)
            yield from _tasks(account, job, f"id eq '{id}'")


def _listed(
    account: Account, job: LiveJob | None, names: Sequence[str], groups: Sequence[str]
) -> Iterator[LiveTask]:
    """The tasks of *groups*, and those that *names* with wildcards mean."""
    patterns = [_pattern(name) for name in names if _is_wild(name)]
    if not (patterns or groups):
        return
    for task in _tasks(account, job, "state ne 'completed'"):
        called = (task.name, task.name.partition("/")[2])
        if group_of(task.name) in groups or any(p.fullmatch(name) for p in patterns for name in called):
            yield task


def _tasks(account: Account, job: LiveJob | None, filter: str) -> Iterator[LiveTask]:
    if job is not None:
        listed = task_service.read_all(account.batch, job.id, filter=filter, select=task_service.NAMED)
        yield from (task for task in listed if read_id(task.id))


def _is_wild(name: str) -> bool:
    return not _WILD.keys().isdisjoint(name)


def _pattern(name: str) -> re.Pattern[str]:
    """What matches as *name* does: `*` and `?` are wild, and brackets belong to the names of tasks."""
    return re.compile("".join(_WILD.get(letter) or re.escape(letter) for letter in name), re.DOTALL)
