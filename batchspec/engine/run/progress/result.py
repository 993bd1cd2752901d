"""Whether a task that ended did what it was for: with exit code 0 it has failed, too, where an output is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from batchspec.desired.artifacts.rows import given_back
from batchspec.desired.bodies.composed_body import artifacts_of
from batchspec.desired.bodies.wrapper import OUTPUT_MISSING
from batchspec.desired.names import output_path
from batchspec.desired.task import Desired, DesiredTask
from batchspec.events import TaskEvent
from batchspec.resources.records import FINGERPRINT_METADATA
from batchspec.resources.task import Execution, LiveTask, read_id
from batchspec.service.connect import Account

MISSING = "output missing"
"""Why such a task failed: a reason that many share. `told` adds what was missing of one."""

_SAID_BY_WRAPPER = f"exit code {OUTPUT_MISSING}"


class _Expected(NamedTuple):
    """What proves that a task's work was done: its place on the node, and the blob that it becomes."""

    path: str
    blob: str


def failure_of(account: Account, desired: Desired, task: DesiredTask, live: LiveTask) -> str:
    """Why *task*, which ended as *live*, has failed; empty when it succeeded."""
    if task.group.may_be_unwrapped and task.group.outputs:
        return live.failure or ("" if _is_made(account, desired, task) else MISSING)
    return MISSING if live.failure == _SAID_BY_WRAPPER else live.failure


def told(failure: str, desired: Desired, task: DesiredTask) -> str:
    """*failure* as people read it: with the paths on the node where the outputs were to be."""
    return f"{failure}: {expected(desired, task)}" if failure == MISSING else failure


def axes_of(task: DesiredTask) -> dict[str, str]:
    """Where *task* is along the axes of its group, by their names."""
    axes = json.loads(task.facts)["axes"] if task.facts else {}
    return {name: str(given_back(value)) for name, value in axes.items()}


def task_event(id: str, failure: str, desired: Desired, task: DesiredTask, execution: Execution) -> TaskEvent:
    """That *task* has ended, as the attempt *id*."""
    attempt = read_id(id)
    return TaskEvent(
        id=id,
        name=task.name,
        failure=told(failure, desired, task),
        group=task.group.name,
        input=task.input.path if task.input else None,
        attempt=attempt.attempt if attempt else 1,
        exit_code=execution.exit_code,
        node=execution.node,
        started=execution.started,
        ended=execution.ended,
    )


def expected(desired: Desired, task: DesiredTask) -> str:
    """The paths on the node of the outputs that have to be there; where none has to, of the record."""
    return " or ".join(output.path for output in _outputs(desired, task))


def _is_made(account: Account, desired: Desired, task: DesiredTask) -> bool:
    container = desired.spec.containers.output
    found = (account.blobs.metadata(container, output.blob) for output in _outputs(desired, task))
    return all(marks is not None and marks.get(FINGERPRINT_METADATA) == task.fingerprint for marks in found)


def _outputs(desired: Desired, task: DesiredTask) -> list[_Expected]:
    return list(_required(desired, task)) or [_Expected("stdout.txt", task.record)]


def _required(desired: Desired, task: DesiredTask) -> Iterator[_Expected]:
    if not desired.tasks.is_composed(task):
        if task.output is not None:
            yield _Expected(output_path(task.output), task.output)
        return
    for output in artifacts_of(desired, task).outputs:
        if not output.is_optional:
            yield _Expected(f"{output.path}/" if output.is_folder else output.path, output.record)
