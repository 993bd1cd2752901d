"""`batchspec show`: a saved plan, looked at again. Needs no network."""

from __future__ import annotations

from pathlib import Path

import click

from batchspec.cli.door import put, put_object, say
from batchspec.cli.options import examples, format_option


@click.command(epilog=examples("batchspec show ffmpeg.plan", "batchspec show ffmpeg.plan --format json"))
@click.argument("plan_file", metavar="PLAN", type=click.Path(path_type=Path))
@format_option
def show(plan_file: Path, form: str) -> None:
    """Print a saved plan, and say whether it was applied or its spec has changed since."""
    from batchspec.engine.saved_plan import load
    from batchspec.plan.identity import plan_digest, plan_id
    from batchspec.render.plans.as_text import plan_text
    from batchspec.render.show import page

    saved = load(plan_file)
    if form == "json":
        put_object(
            saved.document
            | {
                "applied": saved.applied,
                "stale": saved.is_stale,
                "madeBy": saved.made_by,
                "appliedBy": saved.applied_by,
            }
        )
        return
    if saved.applied:
        put(page([f"APPLIED at {saved.applied}{_by(saved.applied_by)}: it will not be applied again", ""]))
    elif saved.is_stale:
        put(
            page(
                [
                    f"STALE: {saved.spec_file} has changed since; apply will refuse this plan if that matters",
                    "",
                ]
            )
        )
    put(
        page(
            [
                f"made    {saved.made}{_by(saved.made_by)}",
                f"spec    {saved.spec_file}",
                f"target  {saved.account}",
                "",
            ]
        )
    )
    put(plan_text(saved.plan, show_all=True))
    if saved.plan.has_changes:
        say(f"Plan id: {plan_id(plan_digest(saved.plan, saved.account))}", err=False)


def _by(author: str) -> str:
    return f" by {author}" if author else ""
