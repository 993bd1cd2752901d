"""What the flow between groups makes of verdicts: what is whole, what follows, what is needed, what is only copied.

Groups come in the order of the flow, so that one statement for each of them walks the whole chain; nothing walks a
graph in Python.
"""

from __future__ import annotations

from batchspec.language.model import TaskGroup
from batchspec.ledger.database import Database

RUNS = "verdict NOT IN ('UP_TO_DATE', 'IN_PROGRESS', 'NOT_SELECTED')"

# Of a task with declared outputs: those that must be there and are nowhere as its work makes them. What lies under
# `made` has the work's fingerprint in its name. The list of a folder comes with its files, and only with them.
_WHOLE = (
    "INSERT INTO lacking SELECT DISTINCT makes.task FROM makes JOIN task ON task.number = makes.task"
    " LEFT JOIN output people ON people.name = makes.blob AND people.fingerprint = task.fingerprint"
    " LEFT JOIN output made ON made.name = makes.made LEFT JOIN output list ON list.name = makes.listed"
    " WHERE NOT makes.is_optional"
    " AND (people.name IS NULL AND made.name IS NULL OR makes.listed IS NOT NULL AND list.name IS NULL)"
    # A copy of the pack would lie beside the files of other work, which only a task publishes.
    " OR makes.is_published AND people.name IS NULL AND made.name IS NOT NULL",
    "INSERT OR IGNORE INTO lacking SELECT task FROM torn",
    "INSERT INTO whole SELECT DISTINCT task FROM makes WHERE NOT is_optional"
    " AND task NOT IN (SELECT task FROM lacking)",
)

# A task that waits for one that is to run does so for nothing: what it would read is made by other work. Not where a
# person has that one run again: it does the same work, and what reads it is up to date.
_OUTDATED = f"""
UPDATE verdict SET verdict = 'FOLLOWS'
WHERE verdict = 'IN_PROGRESS' AND number IN (
  SELECT task.number FROM task JOIN edge ON edge.task = task.number
  JOIN verdict producer ON producer.number = edge.producer AND producer.{RUNS}
  WHERE producer.verdict <> 'RERUN' AND task.group_name = ?)
"""
# A reason of the reader's own, such as a changed command or a failure, says more than that it follows, and stays.
_FOLLOWS = f"""
UPDATE verdict SET verdict = 'FOLLOWS'
WHERE verdict IN ('INPUT_CHANGED', 'NEW_INPUT', 'NOT_RUN', 'OUTPUT_MISSING') AND number IN (
  SELECT task.number FROM task JOIN edge ON edge.task = task.number
  JOIN verdict producer ON producer.number = edge.producer AND producer.{RUNS}
  WHERE task.group_name = ?)
"""

# What is there for others only is made when one of them runs, and is missed by nobody else.
_UNNEEDED = f"""
UPDATE verdict SET verdict = 'UP_TO_DATE'
WHERE {RUNS} AND verdict <> 'RERUN' AND number IN (SELECT number FROM task WHERE group_name = ?)
  AND NOT EXISTS (SELECT 1 FROM edge JOIN verdict reader ON reader.number = edge.task
    WHERE edge.producer = verdict.number AND reader.verdict <> 'UP_TO_DATE')
  AND NOT EXISTS (SELECT 1 FROM unknown WHERE root = verdict.number)
"""
# Only where nothing else would have had it run: it is the reader that asks for it.
_NEEDED = """
UPDATE verdict SET verdict = 'NEEDED'
WHERE verdict IN ('OUTPUT_MISSING', 'NEW_INPUT', 'NOT_RUN')
  AND number IN (SELECT number FROM task WHERE group_name = ?)
"""

# Of what lies in one of two places, one statement each way. For people, a name may hold what other work made, so its
# fingerprint is compared; what other tasks read has the fingerprint in its name.
_COPIES = (
    "INSERT INTO copy SELECT makes.task, makes.made, makes.blob"
    " FROM makes JOIN verdict ON verdict.number = makes.task AND verdict.verdict = 'UP_TO_DATE'"
    " JOIN task ON task.number = makes.task JOIN output made ON made.name = makes.made"
    " LEFT JOIN output people ON people.name = makes.blob AND people.fingerprint = task.fingerprint"
    " WHERE makes.blob IS NOT NULL AND people.name IS NULL",
    "INSERT INTO copy SELECT makes.task, makes.blob, makes.made"
    " FROM makes JOIN verdict ON verdict.number = makes.task AND verdict.verdict = 'UP_TO_DATE'"
    " JOIN task ON task.number = makes.task"
    " JOIN output people ON people.name = makes.blob AND people.fingerprint = task.fingerprint"
    " LEFT JOIN output made ON made.name = makes.made"
    " WHERE makes.made IS NOT NULL AND made.name IS NULL",
)


# As `remove_temporary` finds them after a run, but by what storage had when the plan was made.
_SERVED = """
SELECT 1 FROM makes JOIN output ON output.name = makes.made
WHERE makes.blob IS NULL AND makes.task NOT IN (SELECT root FROM unknown) AND NOT EXISTS (
  SELECT 1 FROM edge JOIN verdict ON verdict.number = edge.task
  WHERE edge.producer = makes.task AND verdict.verdict <> 'UP_TO_DATE')
LIMIT 1
"""


def has_served(database: Database) -> bool:
    """Whether temporary outputs are there whose readers are all up to date: a run was left before it deleted them."""
    return database.one(_SERVED) is not None


def find_whole(database: Database) -> None:
    """Which tasks have all their outputs, and which lack some: before the verdicts."""
    database.define(*_WHOLE)


def follow(database: Database, groups: tuple[TaskGroup, ...]) -> None:
    """What the verdicts on producers make of those on their readers, and the other way about."""
    # Producers first: each group is judged by what has been found of those that it reads.
    for group in groups:
        database.change(_OUTDATED, group.name)
    # Readers first: whether what is temporary is missed, they decide.
    for group in reversed(groups):
        if group.temporary:
            # Packing tasks read each other, level by level: each pass finds the level before the last one's.
            while database.change(_UNNEEDED, group.name) and group.packs_for:
                pass
    for group in groups:
        database.change(_FOLLOWS, group.name)
        if group.temporary:
            database.change(_NEEDED, group.name)
    database.define(*_COPIES)
