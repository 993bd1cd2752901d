"""`batchspec destroy`: takes away what a spec made, and nothing else."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.door import confirm, put, put_object, say
from batchspec.cli.options import (
    approve_option,
    environment_options,
    examples,
    format_option,
    load,
    lock_timeout_option,
    spec_argument,
    take_over_option,
)
from batchspec.cli.words import Choice
from batchspec.errors import RefusedError
from batchspec.workload.reading import Environment


@click.command(
    epilog=examples(
        "batchspec destroy specs/ffmpeg.yaml",
        "batchspec destroy specs/ffmpeg.yaml --outputs",
        "batchspec destroy specs/ffmpeg.yaml --auto-approve --format json",
    )
)
@spec_argument
@environment_options
@approve_option
@format_option
@lock_timeout_option
@click.option("--keep", type=Choice(["pool"]), help="Keep the pool.")
@click.option("--outputs", is_flag=True, help="Also delete the outputs in storage.")
@click.option(
    "--orphans",
    is_flag=True,
    help="Delete only pools and jobs that the spec no longer names, and outputs and uploads that no task makes or"
    " reads any more.",
)
@take_over_option
def destroy(
    spec_file: Path,
    environment: Environment,
    auto_approve: bool,
    form: str,
    lock_timeout_s: float,
    keep: str | None,
    outputs: bool,
    orphans: bool,
    takes_over: bool,
) -> None:
    """Delete the spec's jobs, pools and blobs after confirmation. Downloaded files are kept.

    Deletes only what is tagged as owned by the spec, including what the spec no longer names. Outputs are kept unless
    --outputs is given, so that a later apply has nothing to run again.

    In JSON the first line lists what will be deleted and what is kept, followed by one line per deletion.
    """
    from batchspec.render.plans import as_destroy

    workload = load(spec_file, environment, takes_over=takes_over)
    name = workload.spec.name
    destruction = workload.destruction(keep_pool=keep == "pool", outputs=outputs, orphans=orphans)
    doomed = destruction.doomed
    if form == "json":
        put_object(as_destroy.doomed_json(workload.spec, doomed))
    else:
        put(as_destroy.doomed_text(name, doomed))
    if doomed.is_empty:
        return
    if not confirm('This cannot be undone. Type "yes" to delete:', approved=auto_approve):
        raise RefusedError(
            'nothing was deleted: the answer was not "yes"',
            help="add --auto-approve to delete without asking",
        )
    for gone in destruction.deleting(lock_timeout_s):
        if form == "json":
            put_object(as_destroy.deleted_json(gone))
        else:
            say(as_destroy.deleted_text(gone), err=False)
