"""`batchspec destroy`: takes away what a spec made, and nothing else."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchspec.cli.options import (
    Environment,
    approve_option,
    confirm,
    environment_options,
    examples,
    format_option,
    lock_timeout_option,
    open_account,
    project_of,
    read_spec,
    say_object,
    spec_argument,
)
from batchspec.errors import RefusedError

if TYPE_CHECKING:
    from batchspec.engine.destroy import Deleted, Doomed
    from batchspec.language.model import Spec


@click.command(
    epilog=examples(
        "batchspec destroy specs/ffmpeg.yaml",
        "batchspec destroy specs/ffmpeg.yaml --outputs",
        "batchspec destroy specs/ffmpeg.yaml --auto-approve --format json",
    )
)
@spec_argument
@environment_options
@approve_option
@format_option
@lock_timeout_option
@click.option("--keep", type=click.Choice(["pool"]), help="What to leave standing.")
@click.option("--outputs", is_flag=True, help="Delete the outputs in storage too. Without it they are kept.")
@click.option("--orphans", is_flag=True, help="Delete only the outputs whose input is no longer in the spec.")
def destroy(
    spec_file: Path,
    environment: Environment,
    auto_approve: bool,
    form: str,
    lock_timeout_s: float,
    keep: str | None,
    outputs: bool,
    orphans: bool,
) -> None:
    """Delete the spec's job, pool and blobs, after asking. Downloaded files stay.

    Only what carries the spec's stamp goes. Outputs are kept, so that a later
    apply has nothing to run again, unless --outputs is given.

    In JSON the first line says what is to go, and then a line each what is gone.
    """
    from batchspec.desired.places import Places
    from batchspec.engine.destroy import destroy as destroy_all
    from batchspec.engine.destroy import find_doomed, forget_lock
    from batchspec.engine.look.reads import desired_now
    from batchspec.engine.run.lock import locked

    spec = read_spec(spec_file, environment)
    places = Places.of(spec)
    account = open_account(spec, environment.target)
    orphans_of = desired_now(spec, account.blobs.list, project_of(spec, environment)) if orphans else None

    def find() -> Doomed:
        return find_doomed(account, spec, keep_pool=keep == "pool", outputs=outputs, orphans_of=orphans_of)

    doomed = find()
    if form == "json":
        say_object(_doomed_json(spec, doomed))
    else:
        click.echo(_doomed_text(spec, doomed), nl=False)
    if doomed.is_empty:
        return
    if not confirm("All of it is deleted for good. Only `yes` goes on:", approved=auto_approve):
        raise RefusedError("nothing was deleted: nobody said yes", help="add --auto-approve to go on unasked")
    with locked(account, places, "destroying", wait_s=lock_timeout_s) as held:
        for gone in destroy_all(account, find(), held.check):
            if form == "json":
                say_object({"type": "deleted", **asdict(gone)})
            else:
                click.echo(f"deleted {_gone_text(gone)}")
    forget_lock(account, places)


def _doomed_json(spec: Spec, doomed: Doomed) -> dict[str, Any]:
    from batchspec.render.as_json import heading

    blobs = {"inputs": doomed.inputs, "outputs": doomed.outputs}
    sizes = {what: {"blobs": len(found.names), "bytes": found.size} for what, found in blobs.items()}
    return {**heading("destroy", spec.name), "jobs": doomed.jobs, "pool": doomed.pool, **sizes}


def _gone_text(gone: Deleted) -> str:
    return f"{gone.count} blobs in container {gone.id}" if gone.kind == "blob" else f"{gone.kind} {gone.id}"


def _doomed_text(spec: Spec, doomed: Doomed) -> str:
    from batchspec.render.show import show
    from batchspec.render.values import size_text

    if doomed.is_empty:
        return f"nothing of {spec.name} is there\n"
    lines = [f"  - job {show(job_id)}, with its tasks" for job_id in doomed.jobs]
    if doomed.pool:
        lines.append(f"  - pool {show(doomed.pool)}, with its nodes")
    for blobs, what in ((doomed.inputs, "uploaded inputs"), (doomed.outputs, "outputs and logs")):
        if count := len(blobs.names):
            where = f"in container {show(blobs.container)}, {size_text(blobs.size)}"
            lines.append(f"  - {count} blobs {where} ({what})")
    return "\n".join(lines) + "\n"
