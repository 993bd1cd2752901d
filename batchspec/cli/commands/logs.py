"""`batchspec logs`: what a task said, also after its node is gone."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.door import put, put_object, say
from batchspec.cli.options import (
    environment_options,
    examples,
    format_option,
    load,
)
from batchspec.cli.words import Choice
from batchspec.secrecy import without_secrets
from batchspec.workload.reading import Environment


@click.command(
    epilog=examples(
        "batchspec logs audio/LowPriVMs-1.mp4 --spec specs/ffmpeg.yaml",
        "batchspec logs LowPriVMs-1-3f2a9cbd4e-9d8e7f6a2c --spec specs/ffmpeg.yaml --stream stderr",
        "batchspec logs LowPriVMs-1.mp4 --spec specs/ffmpeg.yaml --format json | jq -r .stdout",
    )
)
@click.argument("task")
@click.option(
    "--spec",
    "spec_file",
    required=True,
    metavar="SPEC",
    type=click.Path(path_type=Path),
    help="The spec that the task belongs to.",
)
@click.option(
    "--stream",
    type=Choice(["stdout", "stderr", "both"]),
    default="both",
    show_default=True,
    help="Stream to print.",
)
@environment_options
@format_option
def logs(task: str, spec_file: Path, environment: Environment, stream: str, form: str) -> None:
    """Print the output of a task. TASK is GROUP/INPUT as a plan shows it, an input
    that only one task has, or a task id.

    The text comes from the node or, if that is gone, from the copy that every task
    uploads when it completes. Unprintable characters are escaped; in JSON they are
    kept.
    """
    from batchspec.engine.logs import find_task, task_streams, why_silent
    from batchspec.render.as_json import heading

    workload = load(spec_file, environment)
    account, spec = workload.account, workload.spec
    names = ("stdout.txt", "stderr.txt") if stream == "both" else (f"{stream}.txt",)
    job_id, task_id = find_task(account, spec, task)
    streams = task_streams(account, spec, job_id, task_id, names)
    if not streams:
        raise why_silent(account, spec, job_id, task_id)
    if form == "json":
        texts = {name.removesuffix(".txt"): without_secrets(text) for name, text in streams.items()}
        put_object({**heading("logs", spec.name), "task": task_id, **texts})
        return
    for name, text in streams.items():
        if len(names) > 1:
            say(f"--- {name} of {task_id}")
        put(without_secrets(text))
