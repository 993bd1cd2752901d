"""`batchspec download`: the outputs that are there and not here."""

from __future__ import annotations

import os
from pathlib import Path

import click

from batchspec.cli.options import examples, open_account, read_spec, set_option, spec_argument, target_option
from batchspec.errors import UsageError


@click.command(epilog=examples("batchspec download specs/ffmpeg.yaml"))
@spec_argument
@set_option
@target_option
def download(spec_file: Path, settings: tuple[str, ...], target: str | None) -> None:
    """Fetch the spec's outputs that are missing here, or differ. Runs nothing."""
    from batchspec.engine.download import download_output
    from batchspec.engine.observe import plan_now
    from batchspec.render.show import show

    spec = read_spec(spec_file, settings)
    if spec.download is None:
        raise UsageError("the spec downloads nothing", help="give it a line such as `download: ../outputs/`")
    account = open_account(spec, target)
    try:
        _, plan = plan_now(account, spec)
        for wanted in plan.work.downloads:
            download_output(account.blobs, spec, wanted.blob)
            click.echo(show(wanted.blob))
        waiting = len(plan.work.runs) + len(plan.work.in_progress)
        fetched = len(plan.work.downloads)
    finally:
        account.close()
    folder = os.path.normpath(spec_file.parent / spec.download)
    click.echo(f"{fetched} file{'' if fetched == 1 else 's'} fetched to {folder}", err=True)
    if waiting:
        click.echo(f"{waiting} tasks have no output yet: batchspec apply {spec_file}", err=True)
