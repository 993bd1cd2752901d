"""What is said of a task before its text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from batchspec.engine.ran import Ran
from batchspec.render.show import page
from batchspec.resources.task import CANCELLED


def ran_text(ran: Ran) -> str:
    """How a task ran, in a line for each thing that is known."""
    return page(f"{name:<8} {value}" for name, value in _facts(ran) if value)


def _facts(ran: Ran) -> Iterator[tuple[str, str | None]]:
    yield "task", f"{ran.name}  ({ran.id})" if ran.name else ran.id
    yield "state", state_text(ran)
    yield "attempt", f"{ran.attempt}" + (f", {ran.retries} retries by Batch" if ran.retries else "")
    yield "started", _moment(ran.started)
    yield "ended", _ended(ran)
    yield "node", ran.node
    yield "command", ran.command


def state_text(ran: Ran) -> str:
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


def ran_json(ran: Ran) -> dict[str, Any]:
    """The same for programs: null where something is not known."""
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
