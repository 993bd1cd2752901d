"""A workload's status as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from batchspec.engine.health.status import Status
from batchspec.engine.look.links import LinksEnd
from batchspec.render.cost import hourly_text
from batchspec.render.show import page
from batchspec.resources.task import CANCELLED, LiveTask

_BAR = 30
_WORDS = {"active": "waiting"}
"""What Batch's own words for the state of a task mean to people."""


def status_text(status: Status, *, names_failed: bool = True) -> str:
    """The status in a few lines, problems last."""
    return page(_lines(status, names_failed))


def task_line(task: LiveTask) -> str:
    """One task with its state."""
    if task.failure == CANCELLED:
        return f"  {CANCELLED:<10} {task.name or task.id}"
    word = state_word(task.state)
    if task.is_completed:
        word = "failed" if task.failure else "succeeded"
    return f"  {word:<10} {task.name or task.id}  {task.failure}".rstrip()


def state_word(state: str) -> str:
    """What people call Batch's *state* of a task."""
    return _WORDS.get(state, state)


def _lines(status: Status, names_failed: bool) -> Iterator[str]:
    yield from head_lines(status)
    if status.tasks:
        yield f"  tasks  {_bar({**status.tasks, 'cancelled': status.cancelled, 'not run': status.not_run})}"
    if status.links_end is not None:
        yield from _links(status.links_end)
    if names_failed:
        yield from _failed(status)
    if status.help:
        yield f"         help: {status.help}"
    yield from problem_lines(status)


def _failed(status: Status) -> Iterator[str]:
    """The first tasks that failed or were cancelled."""
    for task in status.failed:
        yield f"         {_ended(task)}"
    more = status.tasks.get("failed", 0) + status.cancelled - len(status.failed)
    if status.failed and more > 0:
        yield f"         … {more} more (--tasks)"


def head_lines(status: Status) -> Iterator[str]:
    """What there is of the workload: its pool, its job, and what they cost."""
    yield status.spec
    if status.pool:
        nodes = _counts(status.nodes) or "no nodes"
        yield f"  pool   {status.pool}  {status.pool_state or 'does not exist'}" + (
            f"  {nodes}" if status.pool_state else ""
        )
    if status.cost is not None:
        yield f"  cost   {hourly_text(status.cost)}"
    if status.job:
        yield f"  job    {status.job}  {status.job_state or 'does not exist'}"


def problem_lines(status: Status) -> Iterator[str]:
    """What slows it down, and what stops it."""
    for trouble in status.degraded:
        yield f"  DEGRADED({trouble.reason})  {trouble.text}"
    if status.stuck:
        first, *rest = status.problem.split("\n")
        yield f"  STUCK({status.stuck})  {first}"
        yield from rest


def _ended(task: LiveTask) -> str:
    name = task.name or task.id
    return f"cancelled: {name}" if task.failure == CANCELLED else f"failed: {name}  {task.failure}"


def _links(end: LinksEnd) -> Iterator[str]:
    """What becomes of tasks whose links end."""
    if end.queued:
        yield f"  LINKS  of {end.queued} queued tasks expire within a day or have expired (the first {end.first})"
        yield "         the next apply adds these tasks again, with new ones"
    if end.running:
        yield f"  LINKS  of {end.running} running tasks expire within a day or have expired (the first {end.first})"
        yield "         they cannot be renewed; tasks that finish too late run again with the next apply"


def _bar(tasks: Mapping[str, int]) -> str:
    """`[=====-----..!] 5 succeeded, 5 running, 2 waiting, 1 failed`."""
    signs = {"succeeded": "=", "running": "-", "active": ".", "failed": "!", "cancelled": "x", "not run": "!"}
    counts = {state_word(name): tasks.get(name, 0) for name in signs}
    total = sum(tasks.get(name, 0) for name in signs) or 1
    bar = "".join(sign * round(_BAR * tasks.get(name, 0) / total) for name, sign in signs.items())
    return f"[{bar[:_BAR]:<{_BAR}}] " + (_counts(counts) or "none")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
