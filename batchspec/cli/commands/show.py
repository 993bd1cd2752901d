"""`batchspec show`: a saved plan, looked at again. Needs no network."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.door import put, put_object
from batchspec.cli.options import examples, format_option


@click.command(epilog=examples("batchspec show ffmpeg.plan", "batchspec show ffmpeg.plan --format json"))
@click.argument("plan_file", metavar="PLAN", type=click.Path(path_type=Path))
@format_option
def show(plan_file: Path, form: str) -> None:
    """Print a saved plan, and say whether it was applied or its spec has changed since."""
    from batchspec.engine.saved_plan import load
    from batchspec.render.plans.as_saved import saved_json, saved_text

    saved = load(plan_file)
    if form == "json":
        put_object(saved_json(saved))
    else:
        put(saved_text(saved))
