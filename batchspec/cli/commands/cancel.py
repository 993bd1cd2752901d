"""`batchspec cancel`: ends tasks that wait or run."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.door import put, put_object, require_yes
from batchspec.cli.options import (
    approve_option,
    environment_options,
    examples,
    format_option,
    load,
    spec_argument,
)
from batchspec.workload.reading import Environment


@click.command(
    epilog=examples(
        "batchspec cancel specs/ffmpeg.yaml",
        "batchspec cancel specs/ffmpeg.yaml audio/LowPriVMs-1.mp4",
        "batchspec cancel specs/ffmpeg.yaml 'audio/*-2.mp4' --auto-approve",
        "batchspec cancel specs/ffmpeg.yaml --group audio",
    )
)
@spec_argument
@click.argument("tasks", metavar="[TASK]...", nargs=-1)
@click.option(
    "--group", "groups", multiple=True, metavar="NAME", help="Cancel the tasks of this group. Repeatable."
)
@environment_options
@approve_option
@format_option
def cancel(
    spec_file: Path,
    tasks: tuple[str, ...],
    groups: tuple[str, ...],
    environment: Environment,
    auto_approve: bool,
    form: str,
) -> None:
    """End waiting and running tasks after confirmation: all of the spec's, or only those named.

    TASK is a name as a plan shows it (GROUP/INPUT, GROUP[AXIS=VALUE]), an input that only one task has, or a task id;
    * and ? match any characters. Outputs and the pool are kept. An apply that is watching reports the tasks as
    cancelled and exits with 3; tasks that depend on them do not run. The next apply runs exactly what was cancelled.

    In JSON the first line lists what will be cancelled, the second says how many tasks were.
    """
    from batchspec.render.runs import as_cancel

    workload = load(spec_file, environment)
    cancellation = workload.cancellation(tasks, groups)
    found = cancellation.found
    if form == "json":
        put_object(as_cancel.cancellable_json(workload.spec.name, found))
    else:
        put(as_cancel.cancellable_text(workload.spec.name, found))
    if found.is_empty:
        return
    require_yes(
        'Type "yes" to cancel:',
        approved=auto_approve,
        nothing="nothing was cancelled",
        help="add --auto-approve to cancel without asking",
    )
    count = cancellation.cancel()
    if form == "json":
        put_object(as_cancel.cancelled_json(found, count))
    else:
        put(as_cancel.cancelled_text(count, cancellation.still_there(), workload.spec.arguments))
