"""`batchspec render`: the spec as it is once its params have values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchspec.cli.door import put_file, say
from batchspec.cli.options import (
    environment_options,
    examples,
    load,
    spec_argument,
    warn,
)
from batchspec.errors import UsageError
from batchspec.workload.reading import Environment

if TYPE_CHECKING:
    from batchspec.workload.workload import Workload

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
    help="Print the command and files of each task instead, for all groups or one.",
)
def render(spec_file: Path, environment: Environment, group: str | None) -> None:
    """Print the spec with its params inserted. Changes nothing; needs the account only for inputs that are blobs.

    What only a task knows, such as its input, stays a placeholder; --tasks shows it.
    """
    from batchspec.document.writer import spec_text

    workload = load(spec_file, environment)
    spec = workload.spec
    warn(spec)
    if group is None:
        put_file(spec_text({**spec.document.data, "params": spec.params}, {}))
        return
    for line in _tasks(workload, group):
        say(line, err=False)


def _tasks(workload: Workload, group: str) -> Iterator[str]:
    """A paragraph for each task of *group*."""
    from batchspec.engine.look.reads import desired_now
    from batchspec.language.model import Blobs
    from batchspec.render.tasks import task_lines

    spec = workload.spec
    names = [each.name for each in spec.groups]
    if group not in (_EVERY_GROUP, *names):
        raise UsageError(
            f"--tasks {group}: the spec has no such group", help=f"it has: {', '.join(names) or 'none'}"
        )
    has_blobs = any(isinstance(each.inputs, Blobs) for each in spec.groups)
    listing = workload.account.blobs.list if has_blobs else None
    desired = desired_now(spec, listing, workload.project())
    for task in desired.tasks:
        if group in (_EVERY_GROUP, task.group.name):
            yield from task_lines(desired, task)
