"""`batchspec download`: the outputs that are there and not here."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.door import put_object, say
from batchspec.cli.options import (
    environment_options,
    examples,
    format_option,
    load,
    overwrite_option,
    spec_argument,
    take_over_option,
)
from batchspec.workload.reading import Environment


@click.command(
    epilog=examples(
        "batchspec download specs/ffmpeg.yaml",
        "batchspec download specs/ffmpeg.yaml --prune",
        "batchspec download specs/ffmpeg.yaml --format json | jq -r 'select(.type == \"downloaded\").file'",
    )
)
@spec_argument
@environment_options
@format_option
@overwrite_option
@click.option(
    "--prune", "prunes", is_flag=True, help="Delete downloaded files whose outputs are no longer in the spec."
)
@take_over_option
def download(
    spec_file: Path, environment: Environment, form: str, overwrite: bool, prunes: bool, takes_over: bool
) -> None:
    """Download outputs that are missing or differ locally. Runs nothing.

    In JSON the first line has the number of files to download, and of tasks without outputs so
    far (`waiting`), followed by one line per downloaded file and per file that --prune deletes.
    """
    from batchspec.desired.places import Places
    from batchspec.render.plans.as_download import (
        arrived_json,
        arrived_text,
        download_end,
        download_json,
        pruned_json,
    )

    workload = load(spec_file, environment, takes_over=takes_over)
    places = Places.of(workload.spec)
    planned = workload.downloads(overwrite=overwrite)
    if form == "json":
        put_object(download_json(planned.plan, places))
    fetched = 0
    for fetched, arrived in enumerate(planned.arriving(), 1):  # noqa: B007
        if form == "json":
            put_object(arrived_json(arrived))
        else:
            say(arrived_text(arrived), err=False)
    for file in planned.pruning() if prunes else ():
        if form == "json":
            put_object(pruned_json(file))
        else:
            say(f"deleted {file}", err=False)
    for line in download_end(planned.plan, places, fetched):
        say(line)
