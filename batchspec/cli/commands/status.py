"""`batchspec status`: how the workload stands now."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from batchspec.cli.door import put, put_object
from batchspec.cli.options import (
    environment_options,
    examples,
    format_option,
    load,
    spec_argument,
)
from batchspec.workload.reading import Environment


@click.command(
    epilog=examples("batchspec status specs/ffmpeg.yaml", "batchspec status --watch specs/ffmpeg.yaml")
)
@spec_argument
@environment_options
@format_option
@click.option("--watch", is_flag=True, help="Refresh until no task is running or the run is stuck.")
def status(spec_file: Path, environment: Environment, form: str, watch: bool) -> None:
    """Show the pool, the job and the tasks of a spec as they are now. Reads only.

    STUCK(reason) says why no task can run, DEGRADED(reason) what slows the run down. In JSON they
    are the fields `stuck` (empty otherwise) and `degraded`.
    """
    from batchspec.render.as_json import status_json
    from batchspec.render.status import status_text

    workload = load(spec_file, environment)
    while True:
        now = workload.status()
        if form == "json":
            put_object(status_json(now))
        else:
            if watch and sys.stdout.isatty():
                click.clear()
            put(status_text(now))
        if not watch or not now.is_at_work:
            return
        time.sleep(workload.account.offer.pace.status_s)
