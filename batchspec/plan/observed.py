"""What there is: the live pool and jobs as values, the tasks and blobs laid beside the tasks that should be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from batchspec.desired.task import DesiredTasks
from batchspec.ledger import tables
from batchspec.ledger.database import OPTIONAL, Many, Rows
from batchspec.plan.here import FindLocal, nothing_here
from batchspec.resources.base import Json
from batchspec.resources.blob import LiveBlob
from batchspec.resources.records import (
    COMMAND_METADATA,
    COPY_METADATA,
    FINGERPRINT_METADATA,
    READS_METADATA,
    WORK_METADATA,
)
from batchspec.resources.task import LiveTask, failure_of

# A page is read by SQLite, in 1.3 us a task; each mention of `value` (a task's JSON) costs most of it.
_STATE = "coalesce(lower(json_extract(value, '$.state')), 'active')"
_ADD_LIVE = f"""
INSERT OR REPLACE INTO live SELECT number, {_STATE}, ''
FROM json_each(?, '$.value') CROSS JOIN task ON task.id = json_extract(value, '$.id')
"""
_ADD_UNMATCHED = f"""
INSERT OR REPLACE INTO unmatched SELECT json_extract(value, '$.id'), {_STATE}, ''
FROM json_each(?, '$.value') WHERE NOT EXISTS (SELECT 1 FROM task WHERE task.id = json_extract(value, '$.id'))
"""
# Most that are completed have succeeded with exit code 0, which one comparison of text tells.
_MAY_HAVE_FAILED = f"""
SELECT coalesce(json_extract(value, '$.executionInfo'), '{{}}'), json_extract(value, '$.id')
FROM json_each(?, '$.value') WHERE {_STATE} = 'completed' AND '["success",0,null]' <>
  json_extract(value, '$.executionInfo.result', '$.executionInfo.exitCode', '$.executionInfo.failureInfo')
"""
_FAILED = (
    "UPDATE live SET failure = ? WHERE number = (SELECT number FROM task WHERE id = ?)",
    "UPDATE unmatched SET failure = ? WHERE id = ?",
)
_ADD_OUTPUT = f"INSERT OR REPLACE INTO output VALUES (?, ?, ?, {', '.join([OPTIONAL] * 4)})"


class Seen:
    """The live tasks of the newest job, the blobs of inputs and of outputs.

    They are tables in the database of the desired tasks, and go with them: one plan is made of
    both, and for the next one everything is read anew.
    """

    def __init__(self, tasks: DesiredTasks) -> None:
        self._database = tasks.database
        tables.look(self._database)

    def add_tasks(self, pages: Iterable[str]) -> None:
        """Of *pages*, each the JSON that a listing of tasks gives; tasks that are not ours may be among them.

        Only those that failed become Python objects, and SQLite reads a page while the next one is fetched. A cheap
        look at a page's text decides whether the slower statements run; it may say yes for nothing, never no.
        """
        for page in pages:
            matched = self._database.change(_ADD_LIVE, page)
            if matched < page.count('"id"'):
                self._database.change(_ADD_UNMATCHED, page)
            if _has_failures(page.lower()):
                self._add_failures(page)

    def _add_failures(self, page: str) -> None:
        """Why tasks of *page* failed is left to Python, as `read_task` reads it."""
        found = self._database.rows(_MAY_HAVE_FAILED, page)
        failed = [(failure_of(json.loads(execution)), id) for execution, id in found]
        for statement in _FAILED:
            self._database.fill(statement, failed)

    def add_ending(self, tasks: Iterable[LiveTask]) -> None:
        """The live tasks whose links have ended, or do before long."""
        rows = ((task.id, task.state) for task in tasks)
        self._database.fill("INSERT OR REPLACE INTO ending VALUES (?, ?)", rows)

    def add_inputs(self, blobs: Iterable[LiveBlob]) -> None:
        rows = ((blob.name, blob.size, blob.md5) for blob in blobs)
        self._database.fill("INSERT OR REPLACE INTO uploaded VALUES (?, ?, ?)", rows)

    def add_outputs(self, blobs: Iterable[LiveBlob]) -> None:
        """What a blob says of its work is kept where that is no longer what any group does."""
        current = {row[0] for row in self._database.rows("SELECT digest FROM task_group")}

        def row(blob: LiveBlob) -> tuple[object, ...]:
            stamps = blob.metadata
            command = stamps.get(COMMAND_METADATA, "")
            work = "" if command in current else stamps.get(WORK_METADATA, "")
            made_by, reads = stamps.get(FINGERPRINT_METADATA, ""), stamps.get(READS_METADATA, "")
            return blob.name, blob.md5, blob.etag, made_by, command, work, reads

        own = (blob for blob in blobs if not self._is_copied(blob))
        self._database.fill(_ADD_OUTPUT, map(row, own))

    def _is_copied(self, blob: LiveBlob) -> bool:
        """Whether it is a file of a published folder; then that is noted."""
        if COPY_METADATA not in blob.metadata:
            return False
        made_by = blob.metadata.get(FINGERPRINT_METADATA)
        self._database.change("INSERT OR REPLACE INTO copied VALUES (?, ?)", blob.name, made_by)
        return True

    @property
    def tasks(self) -> int:
        """How many live tasks there are."""
        return int(self._database.one("SELECT count(*) FROM seen")[0])

    @property
    def unfinished(self) -> int:
        """How many of them have not ended."""
        return int(self._database.one("SELECT count(*) FROM seen WHERE state <> 'completed'")[0])

    @property
    def running(self) -> Rows[str]:
        """The ids of those that run."""
        query = "SELECT id FROM seen WHERE state = 'running' ORDER BY id"
        return Rows(self._database, query, lambda row: str(row[0]))

    @property
    def ending(self) -> Rows[str]:
        """The ids of those that run with links that have ended, or do before long."""
        query = "SELECT id FROM ending WHERE state <> 'active' ORDER BY id"
        return Rows(self._database, query, lambda row: str(row[0]))


def _has_failures(page: str) -> bool:
    """Whether a completed task of *page*, in lower case, may have failed (`failure_of`).

    One that failed has a result or an info that says so, an exit code other than 0, or none. Only completed tasks have
    an exit code. Source: TaskExecutionInformation, Batch REST API 2025-06-01.
    """
    zeros = page.count('"exitcode":0')
    return page.count('"completed"') > zeros or page.count('"exitcode"') > zeros or '"failure' in page


class Left(NamedTuple):
    """What of the spec is in a blob container that it no longer names."""

    container: str
    blobs: int
    size: int


class Named(NamedTuple):
    """What has the spec's name in the account: `pools`, and `jobs` that are not completed.

    `file` is the one that the name is noted for. `containers` are those that stamps name and the spec does not.
    """

    pools: Sequence[Json] = ()
    jobs: Sequence[Json] = ()
    file: str | None = None
    containers: Sequence[Left] = ()


_NOTHING_NAMED = Named()


@dataclass(frozen=True, slots=True)
class Observed:
    """What there is: everything a plan is made from, besides the spec.

    `pool_needed` says why jobs of others need a pool that `whenDone` would put away; empty where none does.
    `start_links_end` is the day on which links in the pool's start task end, where they need new ones.
    `jobs` are all jobs that are generations of the spec's, deleted ones included while they
    are listed. `seen` None: there are no tasks and no blobs. `local` finds what outputs there are on this
    machine; `stale` are the blobs of downloaded files that no task makes any more, and which of them are folders';
    `overwrites` says that a person lets downloads replace what is not batchspec's. `packages` has the MD5 of
    each application package by id and version, in lower case; empty where the account does not tell. Without
    `has_inputs` no tasks are known, and all outputs that were seen are to be downloaded.
    """

    pool: Json | None = None
    pool_running_tasks: int = 0
    pool_needed: str = ""
    start_links_end: str = ""
    jobs: Sequence[Json] = ()
    seen: Seen | None = None
    named: Named = _NOTHING_NAMED
    local: FindLocal = nothing_here
    stale: Sequence[tuple[str, bool]] = ()
    overwrites: bool = False
    has_inputs: bool = True
    packages: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def running(self) -> Many[str]:
        """The ids of the tasks that run."""
        return self.seen.running if self.seen else ()

    @property
    def ending(self) -> Many[str]:
        """The ids of the tasks that run with links that have ended, or do before long."""
        return self.seen.ending if self.seen else ()
