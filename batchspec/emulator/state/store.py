"""The account's state in SQLite: documents (pools, nodes, jobs, schedules) and tasks.

One writer, the event loop's thread. Documents are few and live in memory too; tasks are many and live only here, their
bodies as the bytes that a list sends back. Write-ahead logging makes a change durable against the end of the process
as soon as the call returns.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ACTIVE, PREPARING, RUNNING, COMPLETED = range(4)
STATES = ("active", "preparing", "running", "completed")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
  seq INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  id TEXT NOT NULL COLLATE NOCASE,
  state INTEGER NOT NULL DEFAULT 0,
  waits INTEGER NOT NULL DEFAULT 0,        -- 1 while a task that it depends on is not done
  slots INTEGER NOT NULL DEFAULT 1,
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  state_time INTEGER NOT NULL,
  previous INTEGER, previous_time INTEGER,
  start_time INTEGER, end_time INTEGER,
  exit_code INTEGER, result TEXT COLLATE NOCASE,
  satisfies INTEGER,                       -- 1 when tasks that depend on it may run
  retries INTEGER NOT NULL DEFAULT 0, requeues INTEGER NOT NULL DEFAULT 0,
  extra TEXT,                              -- further members of executionInfo, JSON
  node TEXT,                               -- nodeInfo, JSON
  files_until INTEGER,                     -- when its folder is removed
  body BLOB NOT NULL,                      -- the other members, JSON without the braces
  UNIQUE (job, id));
CREATE INDEX IF NOT EXISTS tasks_state ON tasks (job, state, id);
CREATE INDEX IF NOT EXISTS tasks_ready ON tasks (job, seq, slots) WHERE state = 0 AND waits = 0;
CREATE INDEX IF NOT EXISTS tasks_waiting ON tasks (job) WHERE state = 0 AND waits = 1;
CREATE INDEX IF NOT EXISTS tasks_files ON tasks (files_until) WHERE files_until IS NOT NULL;
-- How many tasks a job has of each kind, kept by the database itself: counting 100,000 rows takes a tenth of a second.
CREATE TABLE IF NOT EXISTS counts (
  job INTEGER NOT NULL, state INTEGER NOT NULL, result TEXT NOT NULL, tasks INTEGER NOT NULL, slots INTEGER NOT NULL,
  PRIMARY KEY (job, state, result)) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS task_added AFTER INSERT ON tasks BEGIN
  INSERT INTO counts VALUES (new.job, new.state, ifnull(new.result, ''), 1, new.slots)
    ON CONFLICT (job, state, result) DO UPDATE SET tasks = tasks + 1, slots = slots + excluded.slots;
END;
CREATE TRIGGER IF NOT EXISTS task_removed AFTER DELETE ON tasks BEGIN
  UPDATE counts SET tasks = tasks - 1, slots = slots - old.slots
    WHERE job = old.job AND state = old.state AND result = ifnull(old.result, '');
END;
CREATE TRIGGER IF NOT EXISTS task_moved AFTER UPDATE OF state, result ON tasks
  WHEN old.state <> new.state OR old.result IS NOT new.result BEGIN
  UPDATE counts SET tasks = tasks - 1, slots = slots - old.slots
    WHERE job = old.job AND state = old.state AND result = ifnull(old.result, '');
  INSERT INTO counts VALUES (new.job, new.state, ifnull(new.result, ''), 1, new.slots)
    ON CONFLICT (job, state, result) DO UPDATE SET tasks = tasks + 1, slots = slots + excluded.slots;
END;
CREATE TABLE IF NOT EXISTS waits (
  job INTEGER NOT NULL, on_id TEXT COLLATE NOCASE, first INTEGER, last INTEGER, task INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS waits_on ON waits (job, on_id);
CREATE INDEX IF NOT EXISTS waits_task ON waits (task);
-- Ids that let their dependants run once, of tasks that are gone or reactivated: they do so for ever (Azure/Batch#129).
CREATE TABLE IF NOT EXISTS satisfied (
  job INTEGER NOT NULL, id TEXT NOT NULL COLLATE NOCASE, PRIMARY KEY (job, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS numbers (kind TEXT PRIMARY KEY, last INTEGER NOT NULL);
"""

_COLUMNS = (
    "seq, job, id, state, slots, created, modified, state_time, previous, previous_time, start_time, end_time,"
    " exit_code, result, retries, requeues, extra, node, files_until, body"
)


_ROOM = 1 << 16  # bytes


def fragment(body: dict[str, Any]) -> bytes:
    """The members of *body* as a task's row keeps them: JSON without the braces."""
    return json.dumps(body, separators=(",", ":"))[1:-1].encode()


class TaskRow(NamedTuple):
    seq: int
    job: int
    id: str
    state: int
    slots: int
    created: int
    modified: int
    state_time: int
    previous: int | None
    previous_time: int | None
    start_time: int | None
    end_time: int | None
    exit_code: int | None
    result: str | None
    retries: int
    requeues: int
    extra: str | None
    node: str | None
    files_until: int | None
    body: bytes

    def members(self) -> dict[str, Any]:
        """What the task was added with, defaults included; without its id."""
        found: dict[str, Any] = json.loads(b"{" + self.body + b"}")
        return found


class NewTask(NamedTuple):
    id: str
    slots: int
    waits: int
    now: int
    body: bytes


class Store:
    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute("PRAGMA cache_size = -16000")
        self.db.executescript(_SCHEMA)

    def close(self) -> None:
        self.db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; one inside another is part of it."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # a full disk has ended it already
                self.db.execute("ROLLBACK")
            raise

    # --- documents

    def save(self, kind: str, key: str, body: Any) -> None:
        text = json.dumps(body, separators=(",", ":"))
        self.db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (kind, key, text))

    def remove(self, kind: str, key: str) -> None:
        self.db.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def load(self, kind: str) -> list[Any]:
        rows = self.db.execute("SELECT body FROM documents WHERE kind = ? ORDER BY key", (kind,))
        return [json.loads(body) for (body,) in rows]

    def touch(self) -> None:
        """Something was written. Raises what writing raises, where there is no room."""
        self.save("room", "", "x" * _ROOM)
        self.remove("room", "")

    def next_number(self) -> int:
        """A number that was never given before."""
        self.db.execute("INSERT OR IGNORE INTO numbers VALUES ('job', 0)")
        self.db.execute("UPDATE numbers SET last = last + 1 WHERE kind = 'job'")
        return int(self.db.execute("SELECT last FROM numbers WHERE kind = 'job'").fetchone()[0])

    # --- tasks

    def add_task(self, job: int, task: NewTask) -> int | None:
        """The new row's number; None when the job has a task with that id."""
        cursor = self.db.execute(
            "INSERT INTO tasks (job, id, slots, waits, created, modified, state_time, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (job, task.id, task.slots, task.waits, task.now, task.now, task.now, task.body),
        )
        return cursor.lastrowid if cursor.rowcount else None

    def task(self, job: int, task_id: str) -> TaskRow | None:
        sql = f"SELECT {_COLUMNS} FROM tasks WHERE job = ? AND id = ?"  # noqa: S608
        row = self.db.execute(sql, (job, task_id)).fetchone()
        return TaskRow._make(row) if row else None

    def task_by_seq(self, seq: int) -> TaskRow | None:
        sql = f"SELECT {_COLUMNS} FROM tasks WHERE seq = ?"  # noqa: S608
        row = self.db.execute(sql, (seq,)).fetchone()
        return TaskRow._make(row) if row else None

    def tasks(
        self, where: str, values: Sequence[Any], order: str = "id", limit: int = -1
    ) -> Iterable[TaskRow]:
        """Rows by a condition of ours; nothing that came over the network is ever part of *where* or *order*."""
        sql = f"SELECT {_COLUMNS} FROM tasks WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608
        return map(TaskRow._make, self.db.execute(sql, (*values, limit)))

    def change_task(self, seq: int, **columns: Any) -> None:
        names = ", ".join(f"{name} = ?" for name in columns)
        self.db.execute(f"UPDATE tasks SET {names} WHERE seq = ?", (*columns.values(), seq))  # noqa: S608

    def delete_task(self, seq: int) -> None:
        self.remember_satisfied(seq)
        self.db.execute("DELETE FROM waits WHERE task = ?", (seq,))
        self.db.execute("DELETE FROM tasks WHERE seq = ?", (seq,))

    def delete_tasks(self, job: int, limit: int) -> bool:
        """True when the job has none left; called again until then, so that nothing waits long for a large job."""
        self.db.execute(
            "DELETE FROM tasks WHERE seq IN (SELECT seq FROM tasks WHERE job = ? LIMIT ?)", (job, limit)
        )
        if self.db.execute("SELECT 1 FROM tasks WHERE job = ? LIMIT 1", (job,)).fetchone():
            return False
        self.db.execute("DELETE FROM waits WHERE job = ?", (job,))
        self.db.execute("DELETE FROM satisfied WHERE job = ?", (job,))
        self.db.execute("DELETE FROM counts WHERE job = ?", (job,))
        return True

    def ready(self, job: int, slots: int, limit: int) -> list[tuple[int, int]]:
        """(seq, slots) of tasks that may run now and need at most *slots*, oldest first."""
        return self.db.execute(
            "SELECT seq, slots FROM tasks WHERE job = ? AND state = 0 AND waits = 0 AND slots <= ?"
            " ORDER BY seq LIMIT ?",
            (job, slots, limit),
        ).fetchall()

    def counts(self, job: int) -> list[tuple[int, str, int, int]]:
        """(state, result or nothing, tasks, slots) of each kind there is."""
        sql = "SELECT state, result, tasks, slots FROM counts WHERE job = ? AND tasks > 0"
        return self.db.execute(sql, (job,)).fetchall()

    def waiting(self, job: int) -> int:
        """How many tasks of the job are active, but wait for others."""
        sql = "SELECT count(*) FROM tasks WHERE job = ? AND state = 0 AND waits = 1"
        return int(self.db.execute(sql, (job,)).fetchone()[0])

    def any_unfinished(self, job: int) -> bool:
        sql = "SELECT 1 FROM counts WHERE job = ? AND state < 3 AND tasks > 0"
        return self.db.execute(sql, (job,)).fetchone() is not None

    def any_task(self, job: int) -> bool:
        return self.db.execute("SELECT 1 FROM tasks WHERE job = ? LIMIT 1", (job,)).fetchone() is not None

    # --- dependencies

    def add_waits(self, job: int, task: int, ids: Iterable[str], ranges: Iterable[tuple[int, int]]) -> None:
        self.db.executemany(
            "INSERT INTO waits VALUES (?, ?, NULL, NULL, ?)", [(job, one, task) for one in ids]
        )
        self.db.executemany(
            "INSERT INTO waits VALUES (?, NULL, ?, ?, ?)", [(job, a, b, task) for a, b in ranges]
        )

    def waiting_on(self, job: int, task_id: str) -> list[int]:
        """Rows of the tasks that depend on this one."""
        sql = "SELECT task FROM waits WHERE job = ? AND on_id = ?"
        found = [task for (task,) in self.db.execute(sql, (job, task_id))]
        if task_id.isascii() and task_id.isdigit():
            sql = "SELECT task FROM waits WHERE job = ? AND on_id IS NULL AND first <= ? AND last >= ?"
            found += [task for (task,) in self.db.execute(sql, (job, int(task_id), int(task_id)))]
        return found

    def remember_satisfied(self, seq: int) -> None:
        """What the task's end has satisfied stays so when the task is no longer there to show it."""
        self.db.execute(
            "INSERT OR IGNORE INTO satisfied SELECT job, id FROM tasks WHERE seq = ? AND satisfies = 1",
            (seq,),
        )

    def is_satisfied(self, job: int, task: int) -> bool:
        sql = (
            "SELECT 1 FROM waits w WHERE w.task = ?1 AND w.on_id IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.job = ?2 AND t.id = w.on_id AND t.satisfies = 1)"
            " AND NOT EXISTS (SELECT 1 FROM satisfied s WHERE s.job = ?2 AND s.id = w.on_id) LIMIT 1"
        )
        if self.db.execute(sql, (task, job)).fetchone():
            return False
        ranges = self.db.execute(
            "SELECT first, last FROM waits WHERE task = ? AND on_id IS NULL", (task,)
        ).fetchall()
        return all(self._range_done(job, first, last) for first, last in ranges)

    def _range_done(self, job: int, first: int, last: int) -> bool:
        sql = (
            "SELECT 1 FROM tasks WHERE job = ?1 AND id = ?2 AND satisfies = 1"
            " UNION ALL SELECT 1 FROM satisfied WHERE job = ?1 AND id = ?2"
        )
        return all(self.db.execute(sql, (job, str(n))).fetchone() for n in range(first, last + 1))
