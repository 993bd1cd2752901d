"""What a run did, as far as it came: a row for each of its tasks, on disk, beside what should be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from batchspec.desired.task import DesiredTask, DesiredTasks
from batchspec.language.model import TaskGroup
from batchspec.ledger import tables
from batchspec.ledger.database import Many, Rows, lots
from batchspec.resources.blob import LiveBlob
from batchspec.resources.records import FINGERPRINT_METADATA
from batchspec.resources.task import LiveTask


class Followed(NamedTuple):
    """A task to wait for: its id, and the number of what it does among the desired tasks."""

    id: str
    number: int


class Failed(NamedTuple):
    """A task that failed, or was refused: then it is in no job."""

    id: str
    name: str
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
        self.refused = 0
        self.failed = 0
        self.detached = False
        self.preempted = 0  # how often a Spot node was taken away
        self.requeued = 0  # the tasks that ran there
        self.seconds: dict[str, float] = {}
        self.followed: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self._tasks = tasks
        self._database = tasks.database
        tables.run(self._database)

    def follow(self, job_id: str, tasks: Many[Followed]) -> None:
        """The *tasks* are in the job, and have yet to end. Called from one thread at a time."""
        self.followed[job_id] += len(tasks)
        # With a statement for each row SQLite would let go of the interpreter each time, and threads fight for it.
        added = (
            "INSERT INTO followed SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), ?, NULL"
            " FROM json_each(?)"
        )
        for some in lots(tasks):
            self._database.change(added, job_id, json.dumps(some))

    def refuse(self, task: Followed, why: str) -> None:
        """The service did not take the task."""
        self.refused += self._database.change(
            "INSERT INTO refused VALUES (?, ?, ?)", task.id, task.number, why
        )

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

    def end(self, job_id: str, live: LiveTask) -> DesiredTask | None:
        """The task that ended with *live*; None when it was no task to wait for, or is known to have ended."""
        ending = "UPDATE followed SET failure = ? WHERE id = ? AND job_id = ? AND failure IS NULL"
        if not self._database.change(ending, live.failure, live.id, job_id):
            return None
        self.ended[job_id] += 1
        self.failed += bool(live.failure)
        number = self._database.one("SELECT number FROM followed WHERE id = ?", live.id)[0]
        return self._tasks[number]

    def check_outputs(self, blobs: Iterable[LiveBlob]) -> None:
        """Of the tasks that ended well, those have failed whose output (or record) is not there as they make it."""
        self._database.fill(
            "INSERT OR REPLACE INTO made VALUES (?, ?)",
            ((blob.name, blob.metadata.get(FINGERPRINT_METADATA)) for blob in blobs),
        )
        self.failed += self._database.change(
            "UPDATE followed SET failure = 'its output is missing' WHERE failure = '' AND NOT EXISTS (SELECT 1"
            " FROM task JOIN made ON made.name = task.record AND made.fingerprint = task.fingerprint"
            " WHERE task.number = followed.number)"
        )

    def reasons(self) -> Rows[tuple[str, int]]:
        """Why tasks failed, and how many of each; the most frequent first."""
        query = f"SELECT failure, count(*) FROM ({_FAILED}) GROUP BY failure ORDER BY 2 DESC, 1"
        return Rows(self._database, query, lambda row: (row[0], row[1]))

    def failed_for(self, reason: str) -> Rows[Failed]:
        """The tasks that failed for *reason*, by their ids."""
        query = f"SELECT id, number, job_id FROM ({_FAILED}) WHERE failure = ? ORDER BY id"
        return Rows(
            self._database, query, lambda row: Failed(row[0], self._tasks[row[1]].name, row[2]), (reason,)
        )


_FAILED = (
    "SELECT id, number, job_id, failure FROM followed WHERE failure <> ''"
    " UNION ALL SELECT id, number, NULL, failure FROM refused"
)
