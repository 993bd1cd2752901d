"""`batchspec plan`: what would change, on which line that is decided, what it does to running work."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.door import put, put_json, say
from batchspec.cli.options import (
    environment_options,
    examples,
    load,
    only_option,
    overwrite_option,
    rerun_option,
    spec_argument,
    take_over_option,
    warn,
)
from batchspec.cli.words import Choice
from batchspec.errors import PlanError
from batchspec.workload.reading import Environment

_CHANGES_PRESENT = 2


@click.command(
    epilog=examples(
        "batchspec plan specs/ffmpeg.yaml",
        "batchspec plan specs/ffmpeg.yaml --set bitrate=128k --all",
        "batchspec plan specs/ffmpeg.yaml -o ffmpeg.plan && batchspec apply ffmpeg.plan",
    )
)
@spec_argument
@environment_options
@click.option(
    "--format",
    "form",
    type=Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="Output format; markdown is for a pull request.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Save the plan; `apply FILE` applies exactly this plan.",
)
@click.option("--all", "show_all", is_flag=True, help="List every upload, task and download.")
@only_option
@rerun_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 if there are changes.")
@overwrite_option
@take_over_option
def plan(
    spec_file: Path,
    environment: Environment,
    form: str,
    output: Path | None,
    show_all: bool,
    only: tuple[str, ...],
    rerun: tuple[str, ...],
    detailed_exitcode: bool,
    overwrite: bool,
    takes_over: bool,
) -> int:
    """Show what apply would do. Reads only.

    Exits with 1 if the account would reject the plan.
    """
    made = load(spec_file, environment, takes_over=takes_over).plan(
        overwrite=overwrite, only=only, rerun=rerun
    )
    warn(made.desired.spec)
    if form == "json":
        put_json(made.json_pieces())
    elif form == "markdown":
        put(made.markdown())
    else:
        put(made.text(show_all=show_all))
    if made.plan.errors:
        say("error: the account would reject this plan; it is neither saved nor applied")
        return PlanError.exit_code
    if output is not None:
        from batchspec.engine.saved_plan import save

        save(made.saved(environment), output)
        say(f"saved to {output}; do exactly this: batchspec apply {output}")
    return _CHANGES_PRESENT if detailed_exitcode and made.plan.has_changes else 0
