"""What a task wrote, and what is said of it before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from batchspec.engine.ran import Ran
from batchspec.render.plans.as_json import heading
from batchspec.render.show import page
from batchspec.resources.task import CANCELLED


def ran_text(ran: Ran) -> str:
    """How a task ran, in a line for each thing that is known."""
    return page(f"{name:<8} {value}" for name, value in _facts(ran) if value)


def above(file: str, task_id: str) -> str:
    """The line above the text of a *file* of a task."""
    return f"--- {file} of {task_id}"


def below(ran: Ran) -> str:
    """The line below the text of a task that was followed to its end."""
    return f"--- {_state_text(ran)}"


def last_lines(text: str, count: int | None) -> str:
    """The last *count* lines of *text*; None: all of it."""
    lines = text.splitlines(keepends=True)
    return text if count is None else "".join(lines[max(0, len(lines) - count) :])


def none_failed_text(spec_name: str) -> str:
    return f"no task of {spec_name} has failed"


def more_failed_text(most: int) -> str:
    """That only the first *most* of the failed tasks are shown."""
    return f"more than {most} tasks failed; only the first {most} are shown"


def _facts(ran: Ran) -> Iterator[tuple[str, str | None]]:
    yield "task", f"{ran.name}  ({ran.id})" if ran.name else ran.id
    yield "state", _state_text(ran)
    yield "attempt", f"{ran.attempt}" + (f", {ran.retries} retries by Batch" if ran.retries else "")
    yield "started", _moment(ran.started)
    yield "ended", _ended(ran)
    yield "node", ran.node
    yield "command", ran.command


def _state_text(ran: Ran) -> str:
    """How the task stands, in words."""
    if ran.state is None:
        return "gone: its job was deleted"
    if ran.failure == CANCELLED:
        return CANCELLED
    if ran.failure:
        return f"failed: {ran.failure}"
    if ran.state == "completed":
        return f"succeeded: exit code {ran.exit_code}"
    return "waiting" if ran.state == "active" else ran.state


def _ended(ran: Ran) -> str | None:
    if ran.ended is None or ran.started is None:
        return _moment(ran.ended)
    return f"{_moment(ran.ended)}  after {(ran.ended - ran.started).total_seconds():.1f} s"


def _moment(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}" if moment else None


def logs_json(spec_name: str, ran: Ran, texts: Mapping[str, str]) -> dict[str, Any]:
    """The same for programs, with the texts by the files' names: null where something is not known."""
    return {**heading("logs", spec_name), **_ran_json(ran), **texts}


def _ran_json(ran: Ran) -> dict[str, Any]:
    return {
        "task": ran.id,
        "name": ran.name,
        "state": ran.state,
        "failure": ran.failure,
        "exitCode": ran.exit_code,
        "attempt": ran.attempt,
        "retries": ran.retries,
        "node": ran.node,
        "started": ran.started and ran.started.isoformat(),
        "ended": ran.ended and ran.ended.isoformat(),
        "command": ran.command,
    }
