"""Tasks as people read them before they run."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.desired.bodies.composed_body import shown_command
from batchspec.desired.names import input_path, output_path
from batchspec.desired.task import Desired, DesiredTask


def task_lines(desired: Desired, task: DesiredTask) -> Iterator[str]:
    """What *task* is, and what it does: its command, its files."""
    yield task.name
    yield f"  command  {shown_command(desired, task)}"
    if task.input is not None:
        yield f"  input    {input_path(task.input.path)}  from {task.input.file or task.input.blob}"
    if task.output is not None:
        yield f"  output   {output_path(task.output)}  to {task.output}"
