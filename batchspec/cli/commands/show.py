"""`batchspec show`: a saved plan, looked at again. Needs no network."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.options import examples, format_option, say_object


@click.command(epilog=examples("batchspec show ffmpeg.plan", "batchspec show ffmpeg.plan --format json"))
@click.argument("plan_file", metavar="PLAN", type=click.Path(path_type=Path))
@format_option
def show(plan_file: Path, form: str) -> None:
    """Print a saved plan, and say whether it was applied or its spec has changed since."""
    from batchspec.engine.saved_plan import load
    from batchspec.plan.identity import plan_digest, plan_id
    from batchspec.render.as_text import plan_text
    from batchspec.render.show import show as safe

    saved = load(plan_file)
    if form == "json":
        say_object(saved.document | {"applied": saved.applied, "stale": saved.is_stale})
        return
    if saved.applied:
        click.echo(f"APPLIED at {saved.applied}: it will not be applied again\n")
    elif saved.is_stale:
        click.echo(
            f"STALE: {saved.spec_file} has changed since; apply will refuse this plan if that matters\n"
        )
    click.echo(f"made    {saved.made}\nspec    {safe(saved.spec_file)}\ntarget  {safe(saved.account)}\n")
    click.echo(plan_text(saved.plan, show_all=True), nl=False)
    if saved.plan.has_changes:
        click.echo(f"Plan id: {plan_id(plan_digest(saved.plan, saved.account))}")
