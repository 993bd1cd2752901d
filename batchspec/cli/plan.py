"""`batchspec plan`: what would change, on which line that is decided, what it does to running work."""

from __future__ import annotations

import json
from pathlib import Path

import click

from batchspec.cli.options import (
    examples,
    format_option,
    open_account,
    read_spec,
    set_option,
    spec_argument,
    target_option,
)

_CHANGES_PRESENT = 2


@click.command(
    epilog=examples(
        "batchspec plan specs/ffmpeg.yaml", "batchspec plan specs/ffmpeg.yaml --set bitrate=128k --all"
    )
)
@spec_argument
@set_option
@target_option
@format_option
@click.option("--all", "show_all", is_flag=True, help="List every upload, task and download.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there is something to do.")
def plan(
    spec_file: Path,
    settings: tuple[str, ...],
    target: str | None,
    form: str,
    show_all: bool,
    detailed_exitcode: bool,
) -> int:
    """Show what apply would do. Reads only."""
    from batchspec.engine.observe import plan_now
    from batchspec.render.as_json import plan_json
    from batchspec.render.as_text import plan_text
    from batchspec.spec.task_body import shown_command

    spec = read_spec(spec_file, settings)
    account = open_account(spec, target)
    try:
        _, made = plan_now(account, spec)
    finally:
        account.close()
    if form == "json":
        click.echo(json.dumps(plan_json(made), ensure_ascii=False))
    else:
        text = plan_text(made, lambda run: shown_command(spec, run.task), show_all=show_all)
        click.echo(text, nl=False)
    return _CHANGES_PRESENT if detailed_exitcode and made.has_changes else 0
