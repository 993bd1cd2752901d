"""What the tasks that run read: what of it has to be uploaded, and what is there under the name of an older version."""

from __future__ import annotations

from collections.abc import Callable

from batchspec.desired.places import Places
from batchspec.ledger.database import Database
from batchspec.plan.verdicts.flow import RUNS

# Nobody uploads terabytes again because names have a digest now: a blob of the same MD5 and size is as good.
_OLDER = """
INSERT OR IGNORE INTO older
SELECT reader.blob, uploaded.name FROM verdict JOIN {table} reader ON reader.{task} = verdict.number
JOIN uploaded ON uploaded.name = ? || substr(reader.blob, ?)
  AND uploaded.md5 = reader.content AND uploaded.size = reader.size
WHERE {runs} AND reader.file IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM uploaded WHERE uploaded.name = reader.blob)
"""
_IS_THERE = """
UPDATE verdict SET verdict = 'OUTPUT_MISSING'
WHERE verdict = 'NEW_INPUT' AND number IN (SELECT number FROM task JOIN older ON older.blob = task.blob)
"""

# Of several tasks that read one file, the first uploads it. Names have the digest of the content.
_UPLOADS = f"""
INSERT OR IGNORE INTO upload
SELECT task.blob, task.number, task.size, CASE verdict WHEN 'INPUT_CHANGED' THEN verdict ELSE 'NEW_INPUT' END
FROM verdict JOIN task USING (number) LEFT JOIN uploaded ON uploaded.name = task.blob
WHERE {RUNS} AND task.file IS NOT NULL AND (uploaded.md5 IS NOT task.content OR uploaded.size <> task.size)
  AND task.blob NOT IN (SELECT blob FROM older)
ORDER BY task.number
"""
# Only by its name: of a pack, the blob has the tar's MD5, and `content` is that of the files in it.
_MORE_UPLOADS = f"""
INSERT OR IGNORE INTO upload
SELECT reads.blob, reads.task, reads.size, 'NEW_INPUT'
FROM verdict JOIN reads ON reads.task = verdict.number LEFT JOIN uploaded ON uploaded.name = reads.blob
WHERE {RUNS} AND reads.file IS NOT NULL AND uploaded.name IS NULL AND NOT reads.comes_packed
  AND reads.blob NOT IN (SELECT blob FROM older)
ORDER BY reads.task, reads.position
"""


def find_older(database: Database, places: Places) -> None:
    """Which blobs are there under the names that older versions gave them; then their tasks read nothing new."""
    has_older = "SELECT 1 FROM uploaded WHERE name < ? OR name >= ? LIMIT 1"
    after = f"{places.own[:-1]}0"  # `own` ends with /, which 0 comes after
    if database.one(has_older, places.own, after) is None:
        return
    start = len(places.upload("0" * 32, "")) + 1
    for table, task in (("task", "number"), ("reads", "task")):
        query = _OLDER.format(table=table, task=task, runs=RUNS)
        database.change(query, places.root, start)
    database.change(_IS_THERE)


def find_uploads(database: Database) -> None:
    """The files that tasks to run read and the container lacks."""
    database.define(_UPLOADS, _MORE_UPLOADS)


def stored_as(database: Database) -> Callable[[str], str]:
    """Gives the name under which a blob lies that tasks read: its own, or an older one."""
    if database.one("SELECT 1 FROM older") is None:
        return str

    def name(blob: str) -> str:
        row = database.one("SELECT name FROM older WHERE blob = ?", blob)
        return str(row[0]) if row else blob

    return name
