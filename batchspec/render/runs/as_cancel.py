"""What a cancel ends, as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from batchspec.counts import count_text
from batchspec.render.plans.as_json import heading
from batchspec.render.runs.status import state_word
from batchspec.render.show import page

if TYPE_CHECKING:
    from batchspec.engine.cancel import Cancellable

_NAMED = 20


def cancellable_json(spec_name: str, found: Cancellable) -> dict[str, Any]:
    """What will be ended: `tasks` are those that were named, null where all are meant."""
    tasks = None if found.tasks is None else [{"id": task.id, "name": task.name} for task in found.tasks]
    counts = {"waiting": found.waiting, "running": found.running}
    apply = found.holder or None
    return {**heading("cancel", spec_name), "job": found.job_id, **counts, "tasks": tasks, "apply": apply}


def cancellable_text(spec_name: str, found: Cancellable) -> str:
    """What will be ended, a line each."""
    return page(_lines(spec_name, found))


def _lines(spec_name: str, found: Cancellable) -> Iterator[str]:
    if found.is_empty:
        which = f"no task of {spec_name}" if found.tasks is None else "none of these tasks"
        yield f"nothing to cancel: {which} is waiting or running"
    elif found.tasks is None:
        every = count_text(found.waiting + found.running, "task")
        yield f"  - {every} in job {found.job_id}: {found.running} running, {found.waiting} waiting"
    else:
        yield from (
            f"  - {task.name or task.id}  {state_word(task.state)}" for task in islice(found.tasks, _NAMED)
        )
        if len(found.tasks) > _NAMED:
            yield f"  - and {len(found.tasks) - _NAMED} more"
    if found.holder:
        what = (
            "may add tasks later: interrupt it first" if found.is_empty else "will report them as cancelled"
        )
        yield f"  an apply is at work and {what} ({found.holder})"


def cancelled_json(found: Cancellable, count: int) -> dict[str, Any]:
    return {"type": "cancelled", "job": found.job_id, "count": count}


def cancelled_text(count: int, still_there: Sequence[str], arguments: str) -> str:
    """What was ended, what is left, and how the tasks would run again."""
    lines = [f"{count_text(count, 'task')} cancelled; outputs made so far are kept"]
    lines += [f"  still there {what}" for what in still_there]
    return page([*lines, f"  run again   batchspec apply {arguments}"])
