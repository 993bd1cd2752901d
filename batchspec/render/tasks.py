"""Tasks as people read them before they run."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.desired.bodies.composed_body import artifacts_of, shown_command
from batchspec.desired.names import input_path, output_path
from batchspec.desired.task import Desired, DesiredTask


def task_lines(desired: Desired, task: DesiredTask) -> Iterator[str]:
    """What *task* is, and what it does: its command, its files."""
    yield task.name
    yield f"  command  {shown_command(desired, task)}"
    yield from _artifacts(desired, task) if desired.tasks.is_composed(task) else _plain(task)


def _plain(task: DesiredTask) -> Iterator[str]:
    if task.input is not None:
        yield f"  input    {input_path(task.input.path)}  from {task.input.file or task.input.blob}"
    if task.output is not None:
        yield f"  output   {output_path(task.output)}  to {task.output}"


def _artifacts(desired: Desired, task: DesiredTask) -> Iterator[str]:
    reads, outputs = artifacts_of(desired, task)
    for read in reads:
        yield f"  {'file ' if read.name else 'input'}    {read.path}  from {read.item.file or read.item.blob}"
    for made in outputs:
        yield f"  output   {made.path}  to {made.record}"
