"""Looking at a workload again and again, as `status --watch` does: in full now and then, else at what has changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from batchspec.engine.health.situation import GroupTally, RunningTask, Situation
from batchspec.engine.health.status import Status, group_of, look
from batchspec.engine.health.trouble import Facts
from batchspec.errors import ServiceError
from batchspec.language.model import Spec
from batchspec.ledger.database import Database
from batchspec.resources.task import CANCELLED, LiveTask, read_id
from batchspec.service.batch import job as job_service
from batchspec.service.batch import task as task_service
from batchspec.service.connect import Account

_OVERLAP = timedelta(seconds=5)  # a listing may be a little behind the clock that stamps the tasks
_IN_FULL = 5  # looks, of which one is at pool, nodes and job, too
_TOO_MANY = 3  # looks at which there were fewer tasks than are known: some were deleted


class Onlooker:
    """Sees how the workload of *spec* stands."""

    def __init__(self, account: Account, spec: Spec) -> None:
        self._account = account
        self._spec = spec
        self._status: Status
        self._facts: Facts
        self._look_in_full()
        self._tasks = _Tasks(account, self._status.job)

    @property
    def status(self) -> Status:
        """As it was at the last look."""
        return self._status

    def look(self) -> Situation:
        """How things stand now."""
        self._until_full -= 1
        if not self._until_full or not self._counted():
            self._look_in_full()
            if self._status.job != self._tasks.job_id:
                self._tasks = _Tasks(self._account, self._status.job)
        counts = self._status.tasks
        self._tasks.refresh(counts.get("active", 0) + counts.get("running", 0) + counts.get("completed", 0))
        nodes = {str(node["id"]): str(node.get("state")) for node in self._facts.nodes}
        is_over = self._status.job_state == "completed"
        names = [group.name for group in self._spec.groups]
        groups = self._tasks.groups(names, is_over=is_over)
        return Situation(datetime.now(UTC) + self._clock, groups, tuple(self._tasks.running()), nodes)

    def _counted(self) -> bool:
        """Counts the tasks anew. False when none is left to wait for: then there is more to be seen than counts."""
        try:
            counts = job_service.task_counts(self._account.batch, self._status.job)
        except ServiceError as error:
            if error.status != 404:
                raise
            return False
        self._status = replace(self._status, tasks=counts)
        return bool(counts["active"] or counts["running"])

    def _look_in_full(self) -> None:
        self._status, self._facts = look(self._account, self._spec)
        self._clock = self._facts.now - datetime.now(UTC)
        self._until_full = _IN_FULL


class _Tasks:
    """The tasks of a job, on disk: there may be a million. Only what has changed is read again."""

    def __init__(self, account: Account, job_id: str) -> None:
        self._batch = account.batch
        self.job_id = job_id
        self._surplus = 0
        self._begin()

    def _begin(self) -> None:
        self._latest: datetime | None = None
        self._database = Database()
        self._database.define(
            # A task, with its state as people call it, and since when it has run, if it runs.
            "CREATE TABLE task (id TEXT PRIMARY KEY, name TEXT, group_name TEXT, state TEXT, node TEXT, started TEXT)"
            " WITHOUT ROWID",
            "CREATE INDEX task_state ON task (state, group_name)",
        )

    def refresh(self, total: int) -> None:
        """Reads what changed since the last time. *total* is how many tasks the job has."""
        known = self._database.one("SELECT count(*) FROM task")[0]
        self._surplus = self._surplus + 1 if known > total else 0
        if self._surplus == _TOO_MANY:
            self._begin()
        since = self._latest - _OVERLAP if self._latest else None
        changed = task_service.read_changed(self._batch, self.job_id, since)
        rows = (self._row(live) for live in changed if read_id(live.id))
        self._database.fill("INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, ?, ?)", rows)

    def groups(self, names: list[str], *, is_over: bool) -> tuple[GroupTally, ...]:
        """The tasks per group and state, *names* first; in a completed job, those still waiting count as not run."""
        tallies = {name: GroupTally(name) for name in names}
        query = "SELECT group_name, state, count(*) FROM task GROUP BY state, group_name ORDER BY group_name"
        for name, state, count in self._database.rows(query):
            column = "not_run" if is_over and state == "waiting" else state
            tallies[name] = tallies.get(name, GroupTally(name))._replace(**{column: count})
        return tuple(tallies.values())

    def running(self) -> Iterator[RunningTask]:
        query = "SELECT name, node, started FROM task WHERE state = 'running'"
        for name, node, started in self._database.rows(query):
            yield RunningTask(name, node, datetime.fromisoformat(started) if started else None)

    def _row(self, live: LiveTask) -> tuple[object, ...]:
        self._latest = max(filter(None, (self._latest, live.changed)), default=None)
        ran = live.execution
        name = live.name or live.id
        started = ran.started.isoformat() if ran.started else None
        return live.id, name, group_of(name), _state(live), ran.node or "", started


def _state(live: LiveTask) -> str:
    if live.failure:
        return CANCELLED if live.failure == CANCELLED else "failed"
    if live.is_completed:
        return "succeeded"
    return "waiting" if live.state == "active" else "running"
