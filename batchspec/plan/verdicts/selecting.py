"""What --only and --rerun make of verdicts."""

from __future__ import annotations

from batchspec.ledger.database import Database
from batchspec.plan.verdicts.flow import RUNS

HAS_ONLY = "EXISTS (SELECT 1 FROM chosen WHERE option = 'only')"
IS_SELECTED = f"(NOT {HAS_ONLY} OR number IN (SELECT number FROM selected))"

# What is being made already is waited for, and not made a third time. Of a temporary output nobody says that it is
# missing, so that a task that makes one counts as up to date later on.
_AGAIN = """
UPDATE verdict SET verdict = CASE WHEN number IN (
    SELECT number FROM counted WHERE state <> 'completed'
    UNION SELECT number FROM again WHERE state <> 'completed')
  THEN 'IN_PROGRESS' ELSE 'RERUN' END
WHERE number IN (SELECT number FROM chosen WHERE option = 'rerun') AND (verdict = 'UP_TO_DATE'
  OR verdict <> 'IN_PROGRESS' AND number IN (SELECT task FROM makes WHERE blob IS NULL))
"""

# A task needs those whose outputs it reads. One that waits in the job for a task that is replaced is replaced with it.
_SELECTED = f"""
INSERT INTO selected WITH RECURSIVE needed(number) AS (
  SELECT number FROM chosen WHERE option <> 'failed'
  UNION
  SELECT edge.producer FROM needed JOIN edge ON edge.task = needed.number
  UNION
  SELECT edge.task FROM needed JOIN edge ON edge.producer = needed.number
  JOIN verdict producer ON producer.number = needed.number AND producer.{RUNS}
  JOIN verdict reader ON reader.number = edge.task AND reader.verdict = 'FOLLOWS'
  WHERE EXISTS (SELECT 1 FROM counted WHERE counted.number = edge.task AND state <> 'completed')
    OR EXISTS (SELECT 1 FROM again WHERE again.number = edge.task AND state <> 'completed'))
SELECT number FROM needed
"""


# In the later rounds of an apply: nothing but what earlier ones have made known, and what that needs.
_LATER_ROUND = f"""
UPDATE verdict SET verdict = 'NOT_SELECTED' WHERE {RUNS} AND number NOT IN (
  WITH RECURSIVE needed(number) AS (
    SELECT number FROM chosen WHERE option = 'open'
    UNION SELECT edge.producer FROM needed JOIN edge ON edge.task = needed.number)
  SELECT number FROM needed)
"""
# One apply tries a task once: what failed in an earlier round is not tried again in a later one, nor what reads it.
_FAILED_BEFORE = f"""
UPDATE verdict SET verdict = 'NOT_SELECTED' WHERE {RUNS} AND number IN (
  WITH RECURSIVE behind(number) AS (
    SELECT number FROM chosen WHERE option = 'failed'
    UNION SELECT edge.task FROM behind JOIN edge ON edge.producer = behind.number)
  SELECT number FROM behind)
"""


def run_again(database: Database) -> None:
    """Tasks named with --rerun are not up to date."""
    if database.one("SELECT 1 FROM chosen WHERE option = 'rerun'") is not None:
        database.change(_AGAIN)


def select(database: Database) -> None:
    """With --only, nothing is done but to the tasks that were named, and to those that they need."""
    if database.one(f"SELECT {HAS_ONLY}")[0]:
        database.define(
            _SELECTED,
            f"UPDATE verdict SET verdict = 'NOT_SELECTED' WHERE {RUNS} AND NOT {IS_SELECTED}",
            "DELETE FROM copy WHERE task NOT IN (SELECT number FROM selected)",
        )
    if database.one("SELECT 1 FROM chosen WHERE option = 'open'") is not None:
        database.define(_LATER_ROUND, _FAILED_BEFORE)
