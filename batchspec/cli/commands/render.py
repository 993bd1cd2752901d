"""`batchspec render`: the spec as it is once its params have values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchspec.cli.door import put_file, say
from batchspec.cli.options import (
    Environment,
    environment_options,
    examples,
    open_account,
    project_of,
    read_spec,
    spec_argument,
    warn,
)
from batchspec.errors import UsageError

if TYPE_CHECKING:
    from batchspec.desired.task import Desired, DesiredTask
    from batchspec.language.model import Spec

_EVERY_GROUP = "*"


@click.command(
    epilog=examples(
        "batchspec render specs/ffmpeg.yaml --set bitrate=128k",
        "batchspec render specs/ffmpeg.yaml --params prod.yaml --tasks",
        "batchspec render specs/ffmpeg.yaml --tasks audio",
    )
)
@spec_argument
@environment_options
@click.option(
    "--tasks",
    "group",
    metavar="[GROUP]",
    is_flag=False,
    flag_value=_EVERY_GROUP,
    help="Print the command and the files of each task instead, of all groups or of one.",
)
def render(spec_file: Path, environment: Environment, group: str | None) -> None:
    """Print the spec with its params put in. Changes nothing; needs the account only for inputs that are blobs.

    What only a task knows, such as its input, stays a placeholder; --tasks shows it.
    """
    from batchspec.document.writer import spec_text

    spec = read_spec(spec_file, environment)
    warn(spec)
    if group is None:
        put_file(spec_text({**spec.document.data, "params": spec.params}, {}))
        return
    for line in _tasks(spec, environment, group):
        say(line, err=False)


def _tasks(spec: Spec, environment: Environment, group: str) -> Iterator[str]:
    """A paragraph for each task of *group*."""
    from batchspec.engine.look.reads import desired_now
    from batchspec.language.model import Blobs

    names = [each.name for each in spec.groups]
    if group not in (_EVERY_GROUP, *names):
        raise UsageError(
            f"--tasks {group}: the spec has no such group", help=f"it has: {', '.join(names) or 'none'}"
        )
    has_blobs = any(isinstance(each.inputs, Blobs) for each in spec.groups)
    listing = open_account(spec, environment.target).blobs.list if has_blobs else None
    desired = desired_now(spec, listing, project_of(spec, environment))
    for task in desired.tasks:
        if group in (_EVERY_GROUP, task.group.name):
            yield from _task(desired, task)


def _task(desired: Desired, task: DesiredTask) -> Iterator[str]:
    from batchspec.desired.composed_body import shown_command
    from batchspec.desired.names import input_path, output_path

    yield task.group.name if task.input is None else f"{task.group.name}/{task.name}"
    yield f"  command  {shown_command(desired, task)}"
    if task.input is not None:
        yield f"  input    {input_path(task.input.path)}  from {task.input.file or task.input.blob}"
    if task.output is not None:
        yield f"  output   {output_path(task.output)}  to {task.output}"
