"""Tasks that will not run: they wait for one that failed, or their job has ended without them."""

from __future__ import annotations

from collections.abc import Mapping

from batchspec.language.model import Spec
from batchspec.ledger.database import Database
from batchspec.service.batch import task as task_service
from batchspec.service.batch.client import Batch

_BLOCKED = """
WITH RECURSIVE blocked(id) AS (
  SELECT waits.id FROM waits JOIN failed ON failed.id = waits.producer
  UNION SELECT waits.id FROM blocked JOIN waits ON waits.producer = blocked.id
)
SELECT count(*) FROM blocked
"""


def not_run(batch: Batch, spec: Spec, job_id: str, job_state: str, counts: Mapping[str, int]) -> int:
    """How many of the job's waiting tasks will never run. *counts* are its tasks by states."""
    if job_state == "completed":
        return counts.get("active", 0)
    if not (
        counts.get("failed") and counts.get("active") and any(group.reads_others for group in spec.groups)
    ):
        return 0
    database = Database()
    database.define(
        "CREATE TABLE failed (id TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE waits (id TEXT, producer TEXT)",
        "CREATE INDEX waits_producer ON waits (producer)",
    )
    failed = task_service.read_all(batch, job_id, filter="executionInfo/result eq 'failure'", select="id")
    database.fill("INSERT OR IGNORE INTO failed VALUES (?)", ((task.id,) for task in failed))
    database.fill("INSERT INTO waits VALUES (?, ?)", task_service.read_dependencies(batch, job_id))
    return int(database.one(_BLOCKED)[0])
