"""What a run did, as far as it came: a row for each of its tasks, on disk, beside what should be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from batchspec.cost.nodes import NodeHours
from batchspec.desired.artifacts.files import PACKED
from batchspec.desired.task import DesiredTask, DesiredTasks
from batchspec.engine.history.trace import SUCCEEDED, Traced, end_state
from batchspec.engine.run.progress.result import MISSING, axes_of
from batchspec.language.model import TaskGroup
from batchspec.ledger import tables
from batchspec.ledger.database import Many, Rows, lots
from batchspec.resources.blob import LiveBlob
from batchspec.resources.records import FINGERPRINT_METADATA
from batchspec.resources.task import CANCELLED, NOT_BEGUN, NOT_RUN, Execution, read_id


class Followed(NamedTuple):
    """A task to wait for: its id, and the number of what it does among the desired tasks."""

    id: str
    number: int


class Done(NamedTuple):
    """A task that succeeded."""

    id: str
    task: DesiredTask
    job_id: str


class Failed(NamedTuple):
    """A task that failed, or was refused: then it is in no job."""

    id: str
    task: DesiredTask
    job_id: str | None


class Outcome:
    """What a run did. `seconds` are those of its steps, negative for one that has not ended.

    `followed` and `ended` count the tasks to wait for, and those that ended, by their job. There are
    several jobs when one completed while tasks were added: the next generation takes the rest, and
    is the last here.
    """

    def __init__(self, tasks: DesiredTasks) -> None:
        self.uploaded = 0
        self.uploaded_bytes = 0
        self.downloaded = 0
        self.kept = 0  # files that are not ours, where outputs would be downloaded to
        self.refused = 0
        self.failed = 0
        self.cancelled = 0
        self.not_run = 0  # what waited for a task that failed
        self.postponed = 0  # what could not be added yet
        self.detached = False
        self.preempted = 0  # how often a Spot node was taken away
        self.requeued = 0  # the tasks that ran there
        self.node_hours = NodeHours()
        self.vm_size = ""  # of these nodes: of the spec's sizes the one that the pool has
        self.seconds: dict[str, float] = {}
        self.began = datetime.now(UTC)
        self.followed: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self._tasks = tasks
        self._database = tasks.database
        tables.run(self._database)

    def follow(self, job_id: str, tasks: Many[tuple[str, int]]) -> None:
        """The *tasks*, ids with numbers, are in the job, and have yet to end. Called from one thread at a time."""
        self.followed[job_id] += len(tasks)
        # With a statement for each row SQLite would let go of the interpreter each time, and threads fight for it.
        added = "INSERT INTO followed SELECT key, value, ?, NULL FROM json_each(?)"
        for some in lots(tasks):
            self._database.change(added, job_id, json.dumps(dict(some)))

    def refuse(self, task: Followed, why: str) -> None:
        """The service did not take the task."""
        self.refused += self._database.change(
            "INSERT INTO refused VALUES (?, ?, ?)", task.id, task.number, why
        )

    def refused_numbers(self) -> set[int]:
        """The numbers of the tasks that the service did not take."""
        return {row[0] for row in self._database.rows("SELECT number FROM refused")}

    def pending(self, job_id: str) -> int:
        """How many tasks in the job have yet to end."""
        return self.followed[job_id] - self.ended[job_id]

    def is_pending(self, job_id: str, group: TaskGroup) -> bool:
        """Whether a task of *group* is in the job and has yet to end."""
        query = (
            "SELECT 1 FROM followed JOIN task USING (number)"
            " WHERE job_id = ? AND failure IS NULL AND group_name = ? LIMIT 1"
        )
        return self._database.one(query, job_id, group.name) is not None

    def awaited(self, job_id: str, id: str) -> DesiredTask | None:
        """The task to wait for under *id*; None when there is none, or it is known to have ended."""
        query = "SELECT number FROM followed WHERE id = ? AND job_id = ? AND failure IS NULL"
        row = self._database.one(query, id, job_id)
        return self._tasks[row[0]] if row else None

    def end(self, job_id: str, id: str, failure: str, execution: Execution = NOT_BEGUN) -> None:
        """The task that was awaited has ended, having run so; *failure* is empty when it succeeded."""
        self._database.change(
            "INSERT OR REPLACE INTO ran VALUES (?, ?, ?, ?, ?, ?, ?, ?)", id, *map(_stored, execution)
        )
        self._database.change("UPDATE followed SET failure = ? WHERE id = ?", failure, id)
        self.ended[job_id] += 1
        self.cancelled += failure == CANCELLED
        self.failed += failure not in ("", CANCELLED)

    def execution(self, id: str) -> Execution:
        """How the task that has ended ran."""
        return _execution(self._database.one("SELECT * FROM ran WHERE id = ?", id))

    def tally(self) -> dict[str, Counter[str]]:
        """How many of the tasks to wait for are pending, succeeded, failed, cancelled or not run, by group."""
        found: dict[str, Counter[str]] = {}
        query = (
            "SELECT group_name, CASE WHEN failure IS NULL THEN 'pending' WHEN failure = '' THEN 'succeeded'"
            f" WHEN failure = '{CANCELLED}' THEN 'cancelled' WHEN failure LIKE '{NOT_RUN}: %' THEN 'not run'"
            " ELSE 'failed' END AS state, count(*)"
            " FROM followed JOIN task USING (number) GROUP BY 1, 2 ORDER BY min(number)"
        )
        for group, state, count in self._database.rows(query):
            found.setdefault(group, Counter())[state] = count
        return found

    def node_where_tasks_fail(self) -> str | None:
        """The only node that tasks failed on, while others succeeded elsewhere; None: it is not the node."""
        failed = "SELECT DISTINCT node FROM ran JOIN followed USING (id) WHERE failure NOT IN ('', ?) LIMIT 2"
        nodes = list(self._database.rows(failed, CANCELLED))
        if len(nodes) != 1 or (node := nodes[0][0]) is None:
            return None
        elsewhere = "SELECT 1 FROM ran JOIN followed USING (id) WHERE failure = '' AND node != ? LIMIT 1"
        return str(node) if self._database.one(elsewhere, node) else None

    def one_that_succeeded(self, group: TaskGroup) -> Done | None:
        """One task of *group* that succeeded; None without any."""
        query = (
            "SELECT followed.id, number, job_id FROM followed JOIN task USING (number)"
            " WHERE failure = '' AND group_name = ? LIMIT 1"
        )
        row = self._database.one(query, group.name)
        return Done(row[0], self._tasks[row[1]], row[2]) if row else None

    def blocked(self, job_id: str) -> int:
        """How many tasks in the job wait for one that failed, or for one that waits for such a one."""
        return int(
            self._database.one(f"{_BLOCKED} SELECT count(DISTINCT id) FROM waiting", job_id, job_id)[0]
        )

    def give_up_blocked(self, job_id: str) -> None:
        """They will not run: they count as ended, and say because of which task."""
        query = f"{_BLOCKED} SELECT id, min(root) FROM waiting GROUP BY id"
        roots = self._database.rows(query, job_id, job_id)
        told = [(f"{NOT_RUN}: {self._named(root)}", id) for id, root in roots]
        self._database.fill("UPDATE followed SET failure = ? WHERE id = ?", told)
        self.ended[job_id] += len(told)
        self.not_run += len(told)

    def _named(self, root: int) -> str:
        """The task that others waited for, and what became of it."""
        (failure,) = self._database.one("SELECT failure FROM followed WHERE number = ?", root)
        return f"{self._tasks[root].name} {'was cancelled' if failure == CANCELLED else 'failed'}"

    def give_up(self, job_id: str, failure: str) -> None:
        """What has not ended in the job never will, for the reason *failure*: it was cancelled, or is not run."""
        query = "UPDATE followed SET failure = ? WHERE job_id = ? AND failure IS NULL"
        count = self._database.change(query, failure, job_id)
        self.ended[job_id] += count
        if failure == CANCELLED:
            self.cancelled += count
        else:
            self.not_run += count

    @property
    def succeeded(self) -> int:
        """How many tasks have ended well."""
        return self.ended.total() - self.failed - self.cancelled - self.not_run

    @property
    def has_gone_well(self) -> bool:
        """Whether no task that has ended failed, was refused or was cancelled."""
        return not (self.failed or self.refused or self.cancelled)

    def check_outputs(self, blobs: Iterable[LiveBlob]) -> Iterator[tuple[str, DesiredTask]]:
        """Of the tasks that ended well, with their ids, those whose output (or record) is not there as they make it.

        They have failed.
        """
        self._database.fill(
            "INSERT OR REPLACE INTO made VALUES (?, ?, ?)",
            ((blob.name, blob.metadata.get(FINGERPRINT_METADATA), blob.size) for blob in blobs),
        )
        # Of a task that makes several things, the record may be there and another of them missing.
        missing = (
            "FROM followed WHERE failure = '' AND (NOT EXISTS (SELECT 1"
            " FROM task JOIN made ON made.name = task.record AND made.fingerprint = task.fingerprint"
            " WHERE task.number = followed.number) OR EXISTS (SELECT 1 FROM makes JOIN task ON task.number = makes.task"
            " LEFT JOIN made ON made.name = coalesce(makes.blob, makes.made) AND made.fingerprint = task.fingerprint"
            " WHERE makes.task = followed.number AND NOT makes.is_optional AND made.name IS NULL))"
        )
        for id, number in self._database.rows(f"SELECT id, number {missing} ORDER BY id"):
            yield id, self._tasks[number]
        self.failed += self._database.change(
            f"UPDATE followed SET failure = ? WHERE id IN (SELECT id {missing})", MISSING
        )

    def makes_known(self) -> bool:
        """Whether a task ended well whose files others will be made of."""
        query = "SELECT 1 FROM unknown JOIN followed ON followed.number = root WHERE failure = '' AND excess IS NULL"
        return self._database.one(query) is not None

    def failed_keys(self) -> tuple[str, ...]:
        """What the tasks that did not end well are known by in every job."""
        query = f"SELECT DISTINCT key FROM ({_FAILED}) JOIN task USING (number)"
        return tuple(row[0] for row in self._database.rows(query))

    def traced(self) -> Rows[Traced]:
        """The tasks that ended, or will never run, each with how it ran."""
        return Rows(self._database, f"SELECT {_BYTES}, {_RAN}, {self._tasks.COLUMNS} {_TRACED}", self._traced)

    def _traced(self, row: tuple[Any, ...]) -> Traced:
        input_bytes, output_bytes, id, failure = row[:4]
        ran, task = _execution(row[3:11]), self._tasks.read(row[11:])
        said = read_id(id)
        state = end_state(failure)
        return Traced(
            id=id,
            name=task.name,
            group=task.group.name,
            input=task.input.path if task.input else None,
            axes=axes_of(task),
            state=state,
            failure=failure,
            exit_code=ran.exit_code,
            attempts=(said.attempt if said else 1) - (not ran.started) + ran.retries + ran.requeues,
            node=ran.node,
            created=ran.created,
            started=ran.started,
            ended=ran.ended,
            input_bytes=input_bytes,
            output_bytes=output_bytes if state == SUCCEEDED else None,
        )

    def reasons(self) -> Rows[tuple[str, int]]:
        """Why tasks failed, and how many of each; the most frequent first."""
        query = f"SELECT failure, count(*) FROM ({_FAILED}) GROUP BY failure ORDER BY 2 DESC, 1"
        return Rows(self._database, query, lambda row: (row[0], row[1]))

    def failed_for(self, reason: str) -> Rows[Failed]:
        """The tasks that failed for *reason*, by their ids."""
        query = f"SELECT id, number, job_id FROM ({_FAILED}) WHERE failure = ? ORDER BY id"
        return Rows(self._database, query, lambda row: Failed(row[0], self._tasks[row[1]], row[2]), (reason,))


def _stored(value: datetime | str | int | None) -> object:
    return value.timestamp() if isinstance(value, datetime) else value


def _execution(row: tuple[Any, ...]) -> Execution:
    """How a task ran, of a row of the table `ran`."""
    created, started, ended = (_moment(value) for value in row[1:4])
    return Execution(created, started, ended, *row[4:])


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


_FAILED = (
    "SELECT id, number, job_id, failure FROM followed WHERE failure <> ''"
    " UNION ALL SELECT id, number, NULL, failure FROM refused"
)

# What lies in two places is counted once, in that for people.
_BYTES = (
    "coalesce(task.size, 0) + (SELECT coalesce(sum(size), 0) FROM reads"
    f" WHERE reads.task = number AND reads.name <> '{PACKED}'),"  # what is in a pack has rows of its own
    " coalesce((SELECT sum(made.size) FROM makes JOIN made ON made.name = coalesce(makes.blob, makes.made)"
    " WHERE makes.task = number), (SELECT made.size FROM made WHERE is_output AND made.name = task.record), 0)"
)
_RAN = "done.id, done.failure, created, started, ended, node, exit_code, coalesce(retries, 0), coalesce(requeues, 0)"
_TRACED = (
    "FROM (SELECT id, number, failure FROM followed WHERE failure IS NOT NULL"
    " UNION ALL SELECT id, number, failure FROM refused) done"
    " JOIN task USING (number) LEFT JOIN ran ON ran.id = done.id ORDER BY number"
)

# Tasks that have not ended, each with a failed one that it waits for, be it over several others. UNION keeps each pair
# once: UNION ALL would follow every path through a diamond, and there may be exponentially many.
_BLOCKED = """
WITH RECURSIVE behind(number, root) AS (
  SELECT edge.task, edge.producer FROM followed JOIN edge ON edge.producer = followed.number
  WHERE followed.failure <> '' AND followed.job_id = ?
  UNION SELECT edge.task, behind.root FROM behind JOIN edge ON edge.producer = behind.number
), waiting(id, root) AS (
  SELECT followed.id, behind.root FROM followed JOIN behind USING (number)
  WHERE followed.failure IS NULL AND followed.job_id = ?
)
"""
