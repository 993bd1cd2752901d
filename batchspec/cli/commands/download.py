"""`batchspec download`: the outputs that are there and not here."""

from __future__ import annotations

import os
from pathlib import Path

import click

from batchspec.cli.door import put_object, say
from batchspec.cli.options import (
    Environment,
    environment_options,
    examples,
    format_option,
    open_account,
    overwrite_option,
    project_of,
    read_spec,
    spec_argument,
    take_over_option,
)
from batchspec.errors import UsageError


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
@click.option("--prune", "prunes", is_flag=True, help="Delete downloaded files whose outputs left the spec.")
@take_over_option
def download(
    spec_file: Path, environment: Environment, form: str, overwrite: bool, prunes: bool, takes_over: bool
) -> None:
    """Fetch the spec's outputs that are missing here, or differ. Runs nothing.

    In JSON the first line says how many files are to come, and how many tasks have no output
    yet (`waiting`); then a line for each file that is here, and for each that --prune deletes.
    """
    from batchspec.desired.places import Places
    from batchspec.engine.look.observe import plan_now
    from batchspec.engine.run.download import fetch, landing_of, prune
    from batchspec.render.as_json import heading

    spec = read_spec(spec_file, environment, takes_over=takes_over)
    if spec.download is None:
        raise UsageError("the spec downloads nothing", help="give it a line such as `download: ../outputs/`")
    places = Places.of(spec)
    folder = str(places.download_text)
    account = open_account(spec, environment.target)
    fetched = 0
    _, plan = plan_now(account, spec, project_of(spec, environment, overwrite=overwrite))
    waiting = len(plan.work.runs) + len(plan.work.in_progress)
    if form == "json":
        counts = {"files": len(plan.work.downloads), "waiting": waiting}
        put_object({**heading("download", spec.name), "folder": folder, **counts})
    landing = landing_of(spec, plan)
    for wanted in plan.work.downloads:
        size = fetch(account.blobs, landing, wanted.blob, wanted.is_folder).size
        if size is None:  # somebody has deleted it since, or has put something else in its place
            continue
        fetched += 1
        if form == "json":
            file = os.path.normpath(places.file(wanted.blob))
            put_object({"type": "downloaded", "blob": wanted.blob, "file": file, "bytes": size})
        else:
            say(wanted.blob, err=False)
    for stale in plan.stale if prunes else ():
        if prune(landing, stale.blob):
            file = os.path.normpath(places.file(stale.blob))
            if form == "json":
                put_object({"type": "deleted", "kind": "file", "id": file})
            else:
                say(f"deleted {file}", err=False)
    say(f"{fetched} file{'' if fetched == 1 else 's'} fetched to {folder}")
    for kept in plan.kept:
        file = os.path.normpath(places.file(kept.blob))
        say(f"{file} was kept: {kept.reason.value} (--overwrite replaces it)")
    if waiting:
        say(f"{waiting} tasks have no output yet: batchspec apply {spec.arguments}")
