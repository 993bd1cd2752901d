"""How one task ran: what `logs` says of it before its text."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from batchspec.language.model import Spec
from batchspec.plan.hidden import hidden, suspects_of
from batchspec.resources.base import Json
from batchspec.resources.task import COMMAND_VARIABLE, failure_of, moment_of, read_id
from batchspec.secrecy import without_secrets
from batchspec.service.batch import task as task_service
from batchspec.service.connect import Account


class Ran(NamedTuple):
    """A task, and how it ran. What is not known, or not so yet, is None: of a task that is gone all but its id.

    `state` is Batch's own. `attempt` counts the tries that batchspec began, `retries` those that the service began
    again by itself within the last one.
    """

    id: str
    name: str | None = None
    state: str | None = None
    failure: str = ""
    exit_code: int | None = None
    attempt: int = 1
    retries: int = 0
    node: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    command: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether it writes nothing any more."""
        return self.state in (None, "completed")


def read_ran(account: Account, spec: Spec, job_id: str, task_id: str) -> Ran:
    """How the task ran so far."""
    said = read_id(task_id)
    attempt = said.attempt if said else 1
    body = task_service.read_run(account.batch, job_id, task_id) if job_id else None
    if body is None:
        return Ran(task_id, attempt=attempt)
    info = body.get("executionInfo") or {}
    state = str(body["state"]).lower()
    return Ran(
        id=task_id,
        name=body.get("displayName"),
        state=state,
        failure=failure_of(info) if state == "completed" else "",
        exit_code=info.get("exitCode"),
        attempt=attempt,
        retries=int(info.get("retryCount") or 0),
        node=(body.get("nodeInfo") or {}).get("nodeId"),
        started=moment_of(info.get("startTime")),
        ended=moment_of(info.get("endTime")),
        command=without_secrets(hidden(_command(body), suspects_of(spec))),
    )


def _command(body: Json) -> str:
    """The command as the spec has it; what batchspec puts around it is of no interest."""
    settings = body.get("environmentSettings") or ()
    own = (entry.get("value") for entry in settings if entry["name"] == COMMAND_VARIABLE)
    return str(next(own, None) or body.get("commandLine", ""))
