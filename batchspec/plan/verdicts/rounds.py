"""Tasks that nobody knows yet: how many, whose files they wait for, and whether anything that runs will tell."""

from __future__ import annotations

from collections.abc import Mapping

from batchspec.desired.task import DesiredTasks
from batchspec.language.model import TaskGroup
from batchspec.ledger.database import Database
from batchspec.plan.model import Exceeding, OpenAction

# A task that is made of several folders (`root`) is there once for each, with the same axes; it is counted once.
_OPEN = """
SELECT one.group_name, sum(one.most), task.group_name, max(one.folders)
FROM (SELECT group_name, axes, most, min(root) AS root,
    (SELECT count(DISTINCT root) FROM unknown other WHERE other.group_name = unknown.group_name AND excess IS NULL)
    AS folders
  FROM unknown WHERE excess IS NULL GROUP BY group_name, axes) one
JOIN task ON task.number = one.root JOIN verdict ON verdict.number = one.root AND verdict <> 'NOT_SELECTED'
GROUP BY one.group_name
"""
_GOES_ON = """
SELECT 1 FROM unknown JOIN verdict ON verdict.number = root
WHERE excess IS NULL AND verdict NOT IN ('UP_TO_DATE', 'NOT_SELECTED') LIMIT 1
"""
# Beside a `min` SQLite gives the other columns of the row that has it: the first group that a folder is too large for.
_EXCEEDING = (
    "SELECT root, group_name, excess FROM unknown WHERE excess IS NOT NULL GROUP BY root HAVING min(rowid)"
)


def open_actions(database: Database, groups: Mapping[str, TaskGroup]) -> tuple[OpenAction, ...]:
    """What may have to run besides the tasks that are known, in the order of the flow."""
    found = {row[0]: OpenAction(*row) for row in database.rows(_OPEN)}
    return tuple(found[name] for name in groups if name in found)


def goes_on(database: Database) -> bool:
    """Whether tasks that run, or are to run, make what others are made of."""
    return database.one(_GOES_ON) is not None


def exceeding(tasks: DesiredTasks, groups: Mapping[str, TaskGroup]) -> tuple[Exceeding, ...]:
    """The tasks that made more files than the group takes that reads them."""
    return tuple(
        Exceeding(tasks[root].name, name, files, _most(groups[name]))
        for root, name, files in tasks.database.rows(_EXCEEDING)
    )


def _most(group: TaskGroup) -> int:
    return group.link.at_most if group.link else 0
