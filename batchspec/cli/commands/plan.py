"""`batchspec plan`: what would change, on which line that is decided, what it does to running work."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchspec.cli.door import put, put_json, put_painted, say
from batchspec.cli.errors import report_error
from batchspec.cli.options import (
    environment_options,
    examples,
    files_at,
    load,
    only_option,
    overwrite_option,
    prices_option,
    rerun_option,
    take_over_option,
    warn,
)
from batchspec.cli.words import Choice
from batchspec.errors import BatchspecError, PlanError
from batchspec.workload.reading import Environment

if TYPE_CHECKING:
    from batchspec.workload.planned import Planned

_CHANGES_PRESENT = 2


@click.command(
    epilog=examples(
        "batchspec plan specs/ffmpeg.yaml",
        "batchspec plan specs/ffmpeg.yaml --set bitrate=128k --all",
        "batchspec plan specs/ffmpeg.yaml -o ffmpeg.plan && batchspec apply ffmpeg.plan",
        "batchspec plan a.yaml b.yaml specs/",
    )
)
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True, type=click.Path(path_type=Path))
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
@prices_option
def plan(
    specs: tuple[Path, ...],
    environment: Environment,
    form: str,
    output: Path | None,
    show_all: bool,
    only: tuple[str, ...],
    rerun: tuple[str, ...],
    detailed_exitcode: bool,
    overwrite: bool,
    takes_over: bool,
    prices: str | None,
) -> int:
    """Show what apply would do. Reads only.

    Of a folder, every YAML file in it is planned. With several specs, one that fails does
    not stop the others, and the exit code is the worst. Exits with 1 if the account would
    reject a plan.
    """
    spec_files = files_at(specs)
    is_one = len(spec_files) == 1
    if output is not None and not is_one:
        raise click.UsageError("--output takes one spec")
    codes: list[int] = []
    for spec_file in spec_files:
        if codes and form == "text":
            say("", err=False)
        try:
            with closing(load(spec_file, environment, takes_over=takes_over, prices=prices)) as workload:
                made = workload.plan(overwrite=overwrite, only=only, rerun=rerun)
                codes.append(_show(made, form, show_all=show_all, detailed=detailed_exitcode))
                if output is not None and not made.plan.errors:
                    _save(made, environment, output)
        except BatchspecError as error:
            if is_one:
                raise
            report_error(error, str(spec_file))
            codes.append(error.exit_code)
    return max(codes, key=lambda code: (code not in (0, _CHANGES_PRESENT), code))


def _show(made: Planned, form: str, *, show_all: bool, detailed: bool) -> int:
    """The exit code of the plan, which has been printed."""
    warn(made.desired.spec)
    if form == "json":
        put_json(made.json_pieces())
    elif form == "markdown":
        put(made.markdown())
    else:
        from batchspec.render.paint import plan_painted

        put_painted(made.text(show_all=show_all), plan_painted)
    if made.plan.errors:
        say("error: the account would reject this plan; it is neither saved nor applied")
        return PlanError.exit_code
    return _CHANGES_PRESENT if detailed and made.plan.has_changes else 0


def _save(made: Planned, environment: Environment, output: Path) -> None:
    from batchspec.engine.saved_plan import save

    save(made.saved(environment), output)
    say(f"saved to {output}; to apply exactly this plan: batchspec apply {output}")
