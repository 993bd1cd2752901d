"""Which tasks a person names: with --only those to run, with --rerun those to run again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from batchspec.errors import UsageError
from batchspec.ledger.database import Database

_LISTED = 10
_FULL_NAME = "coalesce(label, CASE WHEN path IS NULL THEN group_name ELSE group_name || '/' || path END)"


class Selection(NamedTuple):
    """The names that were given: `GROUP`, `GROUP/TASK`, or a task's own name where only one task has it.

    With `only`, nothing runs but these tasks and what they need. Those of `rerun` run again, however up to date.
    In the later rounds of an apply nothing runs but tasks of the groups `open`, and what they need; and none that has
    failed in an earlier one, by its key.
    """

    only: tuple[str, ...] = ()
    rerun: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def named(self) -> dict[str, list[str]]:
        """What a person has given, by option."""
        return {"only": list(self.only), "rerun": list(self.rerun)}


def choose(database: Database, selection: Selection) -> None:
    """Fills the table `chosen`. Raises `UsageError` for a name that no task has, or several have."""
    for option, names in (("only", selection.only), ("rerun", selection.rerun)):
        for name in names:
            query = f"INSERT OR IGNORE INTO chosen SELECT number, '{option}' FROM task WHERE {{}} = ?"
            found = [database.change(query.format("group_name"), name), _choose_roots(database, name, option)]
            if not (any(found) or database.change(query.format(_FULL_NAME), name)):
                _require_one(database, name, option)
                database.change(query.format("path"), name)
    for name in selection.open:
        database.change(
            "INSERT OR IGNORE INTO chosen SELECT number, 'open' FROM task WHERE group_name = ?", name
        )
        _choose_roots(database, name, "open")
    failed = "INSERT OR IGNORE INTO chosen SELECT number, 'failed' FROM task WHERE key = ?"
    database.fill(failed, ((key,) for key in selection.failed))


def _choose_roots(database: Database, group: str, option: str) -> int:
    """Chooses the tasks whose files tasks of *group* will be made of; how many they were."""
    if option == "rerun":
        return 0
    query = "INSERT OR IGNORE INTO chosen SELECT root, ? FROM unknown WHERE group_name = ? AND excess IS NULL"
    return database.change(query, option, group)


def _require_one(database: Database, name: str, option: str) -> None:
    """Raises `UsageError` unless one task has an input of this *name*."""
    found = list(_names(database, "WHERE path = ?", name))
    if len(found) > 1:
        listed = ", ".join(found[:_LISTED]) + (", ..." if len(found) > _LISTED else "")
        raise UsageError(f"--{option} {name}: {len(found)} tasks have this name", help=f"one of {listed}")
    if not found:
        raise UsageError(f"--{option} {name}: no group or task has this name", help=_nearest(database, name))


def _nearest(database: Database, name: str) -> str:
    from difflib import get_close_matches

    groups = [row[0] for row in database.rows("SELECT name FROM task_group")]
    near = get_close_matches(name, [*groups, *_names(database, "LIMIT 1000")], 1)
    return f"did you mean {near[0]}?" if near else f"groups: {', '.join(groups)}"


def _names(database: Database, which: str, *values: str) -> Iterator[str]:
    for (name,) in database.rows(f"SELECT {_FULL_NAME} FROM task {which}", *values):
        yield name
