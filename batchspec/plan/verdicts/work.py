"""Which tasks need work, and why. The outputs are the record of what was done.

There may be a million of them, so the rules are a query: SQLite holds a desired task against its
live task and its blobs in 1 us, and nothing is in memory but what is looked at.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from enum import Enum
from typing import Any

from batchspec.desired.places import Places
from batchspec.desired.task import Desired, DesiredTask, Input
from batchspec.language.model import TaskGroup
from batchspec.ledger import tables
from batchspec.ledger.database import Database, Rows
from batchspec.plan.here import FindLocal, Here
from batchspec.plan.model import Copy, Download, Reason, Removal, Run, Share, Upload, Work
from batchspec.plan.verdicts.flow import RUNS, find_whole, follow, has_served
from batchspec.plan.verdicts.reading import find_older, find_uploads, stored_as
from batchspec.plan.verdicts.rounds import exceeding, goes_on, open_actions
from batchspec.plan.verdicts.selecting import HAS_ONLY, IS_SELECTED, run_again, select
from batchspec.plan.verdicts.stored import find_stored
from batchspec.resources.task import read_id, task_id


class Counted(Enum):
    """Which live tasks count: a replaced job takes its own along, and in a completed one nothing starts any more."""

    ALL = "1"
    COMPLETED = "state = 'completed'"
    NONE = "0"


# Live tasks whose id is that of a desired task's first attempt are found by it. The others are read:
# further attempts at the same work, and tasks whose work has changed since.
_PAIR_OTHERS = (
    # Made here: the first run of a million tasks has no others, and would make it for nothing.
    "CREATE INDEX task_key ON task (key)",
    "UPDATE other SET number = (SELECT number FROM task WHERE task.key = other.key)",
    # Beside a `max` SQLite gives the other columns of the row that has it.
    "INSERT INTO again SELECT other.number, other.id, max(other.attempt), other.state, other.failure"
    " FROM other JOIN task ON task.number = other.number AND task.id = task.key || '-' || other.work"
    " GROUP BY other.number",
    # What came before the last attempt: of the others all but that, and the first one, which is none of the others.
    "INSERT INTO earlier SELECT other.number, other.id, other.state FROM other JOIN again USING (number)"
    " JOIN task USING (number) WHERE task.id = task.key || '-' || other.work AND other.id <> again.id",
    "INSERT INTO earlier SELECT number, task.id, counted.state"
    " FROM again JOIN task USING (number) JOIN counted USING (number)",
    # What an id says of the work begins with five characters of the command's digest.
    "INSERT INTO changed SELECT other.number, other.id, other.state,"
    " substr(other.work, 1, 5) = substr(task.id, length(task.key) + 2, 5)"
    " FROM other JOIN task ON task.number = other.number AND task.id <> task.key || '-' || other.work",
    "CREATE INDEX changed_number ON changed (number)",
)

# A verdict is a reason to run, or one of the first two.
_VERDICTS = """
INSERT INTO verdict
SELECT task.number,
  CASE
    -- Beside a task that is at work, or did not end well, outputs are of an earlier run, which a person had repeated.
    WHEN (task.number IN (SELECT task FROM whole)
        OR output.fingerprint = task.fingerprint AND task.number NOT IN (SELECT task FROM lacking))
      AND coalesce(again.state, live.state, 'completed') = 'completed'
      AND coalesce(again.failure, live.failure, '') = '' THEN 'UP_TO_DATE'
    -- Before all failures: whatever became of earlier tries, what is at work may yet succeed.
    WHEN coalesce(again.state, live.state) <> 'completed' THEN
      CASE WHEN coalesce(again.id, task.id) IN (SELECT id FROM ending WHERE state = 'active')
        THEN 'LINKS_END' ELSE 'IN_PROGRESS' END
    WHEN coalesce(again.failure, live.failure) = 'cancelled' THEN 'CANCELLED'
    WHEN coalesce(again.failure, live.failure) <> '' THEN 'FAILED_LAST_TIME'
    -- It ended well, or its record is there; so what it made was deleted since.
    WHEN coalesce(again.state, live.state) IS NOT NULL THEN 'OUTPUT_MISSING'
    WHEN output.fingerprint = task.fingerprint THEN 'OUTPUT_MISSING'
    -- Other work of ours made what is there. Storage knows longer than jobs what was done, so it is asked first.
    WHEN output.fingerprint IS NOT NULL THEN
      CASE WHEN output.command IS (SELECT digest FROM task_group WHERE name = task.group_name)
        THEN 'INPUT_CHANGED' ELSE 'COMMAND_CHANGED' END
    WHEN task.number IN (SELECT number FROM changed WHERE same_command) THEN 'INPUT_CHANGED'
    WHEN task.number IN (SELECT number FROM changed) THEN 'COMMAND_CHANGED'
    WHEN task.path IS NULL THEN 'NOT_RUN'
    -- Its input was uploaded before: work on it was begun, and nothing is left of that.
    WHEN task.file IS NOT NULL AND uploaded.md5 = task.content THEN 'OUTPUT_MISSING'
    ELSE 'NEW_INPUT'
  END,
  coalesce(again.attempt, live.number IS NOT NULL)
FROM task
LEFT JOIN counted live ON live.number = task.number
LEFT JOIN again ON again.number = task.number
LEFT JOIN output ON output.name = task.record
LEFT JOIN uploaded ON uploaded.name = task.blob
"""
_COUNTS = (
    "SELECT count(*), coalesce(sum(verdict = 'UP_TO_DATE'), 0), coalesce(sum(verdict = 'IN_PROGRESS'), 0),"
    " coalesce(sum(verdict = 'NOT_SELECTED'), 0)"
    " FROM verdict"
)
# Tasks that are none of the spec's own: those that run, and those that need not. No name of a spec's group has a dot.
_PACKING = (
    f"SELECT coalesce(sum({RUNS}), 0), coalesce(sum(verdict = 'UP_TO_DATE'), 0)"
    " FROM verdict JOIN task USING (number) WHERE group_name LIKE '%.pack'"
)
# The outputs for people, of a plain task its record, of others all that they make; and whether each is current, or
# will be once it is copied from where other tasks read it.
_PUBLIC = f"""
SELECT record, number, 0, output.name IS NOT NULL, coalesce(output.md5, ''), coalesce(output.etag, '')
FROM verdict JOIN task USING (number)
LEFT JOIN output ON output.name = record AND verdict = 'UP_TO_DATE'
WHERE {IS_SELECTED} AND is_output AND facts IS NULL
  AND group_name NOT IN (SELECT value FROM json_each(?1))
UNION ALL
SELECT makes.blob, number, is_folder, output.name IS NOT NULL, coalesce(output.md5, ''), coalesce(output.etag, '')
FROM verdict JOIN task USING (number) JOIN makes ON makes.task = number
LEFT JOIN copy ON copy.target = makes.blob
LEFT JOIN output ON output.name = coalesce(copy.source, makes.blob) AND output.fingerprint = task.fingerprint
  AND verdict = 'UP_TO_DATE'
WHERE {IS_SELECTED} AND facts IS NOT NULL AND makes.blob IS NOT NULL
  AND group_name NOT IN (SELECT value FROM json_each(?1))
ORDER BY 2
"""
_OUTDATED = (
    ", CASE verdict WHEN 'COMMAND_CHANGED' THEN (SELECT work FROM output WHERE name = record)"
    " WHEN 'INPUT_CHANGED' THEN (SELECT reads FROM output WHERE name = record) END"
)

# In this order they are shown: what left the spec, what would write over the current work, what a run replaces.
# A task that makes way for its own next attempt is not shown, and so called completed; `has_ended` says whether it is.
# Earlier attempts that have ended are there only where an apply was killed before it deleted them.
# Packing tasks that nobody needs now may be what a task in progress waits for: earlier versions packed local files so.
_REMOVALS = f"""
SELECT id, state, 'LEFT_SPEC' AS reason, NULL AS group_name, 0 AS rank, NULL AS number, 0 AS has_ended FROM other
WHERE number IS NULL AND state <> 'completed' AND NOT {HAS_ONLY}
  AND NOT (key LIKE 'pack-%' AND EXISTS (SELECT 1 FROM verdict WHERE verdict = 'IN_PROGRESS'))
UNION ALL
SELECT changed.id, changed.state, 'REPLACED', group_name, {RUNS} + 1, number, 0
FROM changed JOIN verdict USING (number) JOIN task USING (number)
WHERE changed.state <> 'completed' AND {IS_SELECTED}
UNION ALL
SELECT coalesce(again.id, task.id), 'completed',
  CASE verdict WHEN 'LINKS_END' THEN verdict ELSE 'REPLACED' END, group_name, 2, number,
  coalesce(again.state, live.state) = 'completed'
FROM verdict JOIN task USING (number) LEFT JOIN again USING (number) LEFT JOIN counted live USING (number)
WHERE verdict.attempt > 0 AND {RUNS}
UNION ALL
SELECT earlier.id, 'completed', 'REPLACED', group_name, 2, number, earlier.state = 'completed'
FROM earlier JOIN verdict USING (number) JOIN task USING (number)
WHERE earlier.state = 'completed' AND {IS_SELECTED} OR {RUNS}
"""

# In a published folder that is current: what is not of the work that made it. `0` comes after `/`, so the primary key
# finds the names between the two, while LIKE would look at all of them.
_UNPUBLISHED = """
SELECT copied.name FROM makes JOIN task ON task.number = makes.task
JOIN verdict ON verdict.number = makes.task AND verdict.verdict = 'UP_TO_DATE'
JOIN copied ON copied.name > substr(makes.blob, 1, length(makes.blob) - 4) || '/'
  AND copied.name < substr(makes.blob, 1, length(makes.blob) - 4) || '0'
WHERE makes.is_published AND copied.fingerprint IS NOT task.fingerprint ORDER BY copied.name
"""

# Tasks that wait for no upload, for one, and those that wait for several or for other tasks: these come last.
_READY = (
    "AND NOT EXISTS (SELECT 1 FROM upload WHERE upload.blob = task.blob)"
    " AND number NOT IN (SELECT task FROM reads WHERE blob IN (SELECT blob FROM upload))"
    " AND number NOT IN (SELECT task FROM edge)"
)
_WAITING = (
    "AND task.blob = ? AND number NOT IN (SELECT task FROM reads WHERE blob IN (SELECT blob FROM upload))"
    " AND number NOT IN (SELECT task FROM edge)"
)
_LAST = (
    "AND (number IN (SELECT task FROM reads WHERE blob IN (SELECT blob FROM upload))"
    " OR number IN (SELECT task FROM edge))"
)


def find_work(desired: Desired, counted: Counted, local: FindLocal, *, has_inputs: bool = True) -> Work:
    """What is up to date, what is at work, and what has to run, given what was `Seen` beside the desired tasks."""
    database = desired.tasks.database
    _judge(desired, counted)
    every, up_to_date, in_progress, not_selected = database.one(_COUNTS)
    to_run = every - up_to_date - in_progress - not_selected
    if to_run:
        find_uploads(database)
    if desired.spec.download is not None:
        _find_downloads(desired, local, has_inputs=has_inputs)
    packing, packed = database.one(_PACKING) if desired.tasks.packs else (0, 0)
    rows = _Rows(desired)
    return Work(
        runs=rows.runs(length=to_run),
        ready=rows.runs(_READY),
        waiting=lambda blob: rows.runs(_WAITING, blob),
        last=rows.runs(_LAST),
        waits_for=rows.waits_for,
        has_flow=database.one("SELECT 1 FROM edge") is not None,
        in_progress=rows.in_progress(in_progress),
        up_to_date=up_to_date - packed,
        packing=packing,
        has_served=any(group.temporary for group in desired.spec.groups) and has_served(database),
        not_selected=not_selected,
        removals=rows.removals(),
        deletions=rows.removals("WHERE state <> 'completed'"),
        uploads=rows.uploads(),
        stored_as=stored_as(database),
        upload_bytes=database.one("SELECT coalesce(sum(size), 0) FROM upload")[0],
        copies=rows.copies(),
        downloads=rows.downloads(),
        kept=rows.kept(),
        groups=rows.groups() if to_run else (),
        shares=rows.shares(),
        orphans=_orphans(desired),
        open=open_actions(database, rows.by_name),
        exceeding=exceeding(desired.tasks, rows.by_name),
        unpublished=rows.unpublished(),
        goes_on=goes_on(database),
    )


class _Rows:
    """The tables of verdicts, read back as values."""

    def __init__(self, desired: Desired) -> None:
        self._tasks = desired.tasks
        self._database = desired.tasks.database
        self.by_name = {group.name: group for group in desired.spec.groups}
        self._judged = (
            f"SELECT {self._tasks.COLUMNS}, verdict, attempt{{}} FROM verdict JOIN task USING (number)"
        )

    def runs(self, which: str = "", *values: str, length: int | None = None) -> Rows[Run]:
        def run(row: tuple[Any, ...]) -> Run:
            verdict, attempt, outdated = row[-3:]
            task = self._tasks.read(row)
            return Run(task, _id(task, attempt + 1), _REASONS[verdict], outdated)

        query = f"{self._judged.format(_OUTDATED)} WHERE {RUNS} {which} ORDER BY number"
        return Rows(self._database, query, run, values, length)

    def in_progress(self, length: int) -> Rows[tuple[DesiredTask, str]]:
        def at_work(row: tuple[Any, ...]) -> tuple[DesiredTask, str]:
            task = self._tasks.read(row)
            return task, _id(task, row[-1])

        query = f"{self._judged.format('')} WHERE verdict = 'IN_PROGRESS' ORDER BY number"
        return Rows(self._database, query, at_work, length=length)

    def groups(self) -> tuple[TaskGroup, ...]:
        query = f"SELECT DISTINCT group_name FROM verdict JOIN task USING (number) WHERE {RUNS}"
        found = {row[0] for row in self._database.rows(query)}
        return tuple(group for name, group in self.by_name.items() if name in found)

    def shares(self) -> Rows[Share]:
        query = (
            "SELECT group_name, verdict, count(*) FROM verdict JOIN task USING (number)"
            " GROUP BY group_name, verdict ORDER BY min(number)"
        )
        return Rows(self._database, query, lambda row: Share(row[0], row[1], _REASONS.get(row[1]), row[2]))

    def waits_for(self, number: int) -> list[str]:
        """The ids of the tasks that the task *number* needs and that are to run, or run."""
        query = (
            f"SELECT {self._tasks.COLUMNS}, verdict.verdict, verdict.attempt FROM edge"
            " JOIN task ON task.number = edge.producer JOIN verdict ON verdict.number = edge.producer"
            " WHERE edge.task = ? AND verdict.verdict <> 'UP_TO_DATE' ORDER BY task.number"
        )
        return [
            _id(self._tasks.read(row), row[-1] + (row[-2] != "IN_PROGRESS"))
            for row in self._database.rows(query, number)
        ]

    def removals(self, which: str = "") -> Rows[Removal]:
        def removal(row: tuple[Any, ...]) -> Removal:
            id, state, reason, group, number, has_ended = row
            renews = reason == "LINKS_END"
            return Removal(
                id, state, _REASONS[reason], self.by_name.get(group), number, renews, bool(has_ended)
            )

        columns = "id, state, reason, group_name, number, has_ended"
        query = f"SELECT {columns} FROM ({_REMOVALS}) {which} ORDER BY rank, number, id"
        return Rows(self._database, query, removal)

    def uploads(self) -> Rows[Upload]:
        def upload(row: tuple[Any, ...]) -> Upload:
            path, container, blob, size, content, file, name, group_name, reason, is_pack, *_ = row
            item = Input(path, container, blob, size, content, os.fsdecode(file))
            return Upload(item, self.by_name[group_name], _REASONS[reason], name, bool(is_pack))

        query = (
            "SELECT task.path, task.container, task.blob, task.size, task.content, task.file, NULL, group_name, reason,"
            " 0, task.number AS place FROM upload JOIN task ON task.number = upload.number AND task.blob = upload.blob"
            " UNION ALL"
            " SELECT item_path, reads.container, reads.blob, reads.size, reads.content, reads.file, reads.name,"
            " group_name, reason, is_pack, upload.number FROM upload"
            " JOIN reads ON reads.task = upload.number AND reads.blob = upload.blob"
            " JOIN task ON task.number = upload.number"
        )
        # A blob may be read in two ways, and goes up once: beside `min` SQLite gives the columns of its row.
        query = f"SELECT *, min(place) FROM ({query}) GROUP BY blob ORDER BY place"
        return Rows(self._database, query, upload)

    def copies(self) -> Rows[Copy]:
        query = "SELECT source, target FROM copy ORDER BY task, target"
        return Rows(self._database, query, lambda row: Copy(*row))

    def downloads(self) -> Rows[Download]:
        query = (
            "SELECT blob, reason, is_folder, coalesce(copy.source, blob) FROM download"
            f" LEFT JOIN copy ON copy.target = blob WHERE {_FETCHED} ORDER BY number, blob"
        )
        return Rows(
            self._database, query, lambda row: Download(row[0], _REASONS[row[1]], bool(row[2]), row[3])
        )

    def kept(self) -> Rows[tuple[str, Reason, bool]]:
        query = f"SELECT blob, reason, is_folder FROM download WHERE NOT {_FETCHED} ORDER BY number, blob"
        return Rows(self._database, query, lambda row: (row[0], _REASONS[row[1]], bool(row[2])))

    def unpublished(self) -> Rows[str]:
        return Rows(self._database, _UNPUBLISHED, lambda row: str(row[0]))


_FETCHED = "reason IN ('LOCAL_MISSING', 'LOCAL_DIFFERS')"
_REASONS = dict(Reason.__members__)  # an Enum takes its time to look one up


def _id(task: DesiredTask, attempt: int) -> str:
    return task.id if attempt == 1 else task_id(task.key, task.work, attempt)


def _judge(desired: Desired, counted: Counted) -> None:
    """Fills the tables of verdicts: first each task alone, then what tasks and a person's choice make of each other."""
    database = desired.tasks.database
    tables.judge(database)
    database.define(f"CREATE VIEW counted AS SELECT * FROM live WHERE {counted.value}")
    database.fill("INSERT INTO other VALUES (?, NULL, ?, ?, ?, ?, ?)", _others(database, counted))
    if database.one("SELECT 1 FROM other"):
        database.define(*_PAIR_OTHERS)
    find_whole(database)
    database.define(_VERDICTS)
    find_older(database, Places.of(desired.spec))
    run_again(database)
    follow(database, desired.spec.groups)
    select(database)


def _others(database: Database, counted: Counted) -> Iterator[tuple[object, ...]]:
    """What the ids of live tasks say that are no desired task's. Those somebody else added say nothing."""
    query = f"SELECT id, state, failure FROM unmatched WHERE {counted.value}"
    for id, state, failure in database.rows(query):
        if (said := read_id(id)) is not None:
            yield id, said.key, said.work, said.attempt, state, failure


def _find_downloads(desired: Desired, local: FindLocal, *, has_inputs: bool) -> None:
    """Which outputs are to be downloaded; where the inputs are not here, all that are stored."""
    found = _not_here(desired, local) if has_inputs else find_stored(desired, local)
    desired.tasks.database.fill("INSERT OR IGNORE INTO download VALUES (?, ?, ?, ?)", found)


def _not_here(desired: Desired, local: FindLocal) -> Iterator[tuple[object, ...]]:
    """The outputs that are current and not on this machine as they are there; and those that will not get there."""
    stays = json.dumps([group.name for group in desired.spec.groups if not group.downloads])
    for blob, number, is_folder, is_current, md5, etag in desired.tasks.database.rows(_PUBLIC, stays):
        here = local(blob, md5, etag, bool(is_folder))
        if here.is_kept or (is_current and here is not Here.SAME):
            yield blob, number, here.reason.name, is_folder


def _orphans(desired: Desired) -> int:
    """How many outputs of ours belong to no desired task any more, once all are known. They are kept, and counted."""
    own = Places.of(desired.spec).own
    query = (
        "SELECT count(*) FROM output WHERE fingerprint IS NOT NULL AND substr(name, 1, ?) <> ?"
        " AND NOT EXISTS (SELECT 1 FROM task WHERE record = name AND is_output)"
        " AND NOT EXISTS (SELECT 1 FROM makes WHERE makes.blob = output.name)"
        " AND NOT EXISTS (SELECT 1 FROM unknown)"
    )
    return int(desired.tasks.database.one(query, len(own), own)[0])
