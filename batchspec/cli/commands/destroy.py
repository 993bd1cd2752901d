"""`batchspec destroy`: takes away what a spec made, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchspec.cli.door import confirm, put, put_object, say
from batchspec.cli.options import (
    Environment,
    approve_option,
    environment_options,
    examples,
    format_option,
    lock_timeout_option,
    open_account,
    project_of,
    read_spec,
    spec_argument,
    take_over_option,
)
from batchspec.cli.words import Choice
from batchspec.errors import RefusedError

if TYPE_CHECKING:
    from batchspec.engine.belongings import Some
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
@click.option("--keep", type=Choice(["pool"]), help="What to leave standing.")
@click.option("--outputs", is_flag=True, help="Delete the outputs in storage too. Without it they are kept.")
@click.option(
    "--orphans",
    is_flag=True,
    help="Delete only pools and jobs that the spec no longer names, and outputs and uploads that no task makes or"
    " reads any more.",
)
@take_over_option
def destroy(
    spec_file: Path,
    environment: Environment,
    auto_approve: bool,
    form: str,
    lock_timeout_s: float,
    keep: str | None,
    outputs: bool,
    orphans: bool,
    takes_over: bool,
) -> None:
    """Delete the spec's jobs, pools and blobs, after asking. Downloaded files stay.

    Only what carries the spec's stamp is deleted, also what the spec no longer names. Outputs are kept, so that a later
    apply has nothing to run again, unless --outputs is given.

    In JSON the first line says what will be deleted and what is kept, then a line
    each what was deleted.
    """
    from batchspec.desired.places import Places
    from batchspec.engine.destroy import destroy as destroy_all
    from batchspec.engine.destroy import find_doomed, forget_lock, note_or_forget
    from batchspec.engine.look.reads import desired_now
    from batchspec.engine.run.lock import locked

    spec = read_spec(spec_file, environment, takes_over=takes_over)
    places = Places.of(spec)
    account = open_account(spec, environment.target)
    orphans_of = desired_now(spec, account.blobs.list, project_of(spec, environment)) if orphans else None

    def find() -> Doomed:
        return find_doomed(account, spec, keep_pool=keep == "pool", outputs=outputs, orphans_of=orphans_of)

    doomed = find()
    if form == "json":
        put_object(_doomed_json(spec, doomed))
    else:
        put(_doomed_text(spec, doomed))
    if doomed.is_empty:
        return
    if not confirm('This cannot be undone. Type "yes" to delete:', approved=auto_approve):
        raise RefusedError(
            'nothing was deleted: the answer was not "yes"',
            help="add --auto-approve to delete without asking",
        )
    with locked(account, places, "destroying", wait_s=lock_timeout_s) as held:
        doomed = find()
        for gone in destroy_all(account, doomed, held.check):
            if form == "json":
                put_object(_gone_json(gone))
            else:
                say(f"deleted {_gone_text(gone)}", err=False)
        note_or_forget(account, spec, doomed)
    forget_lock(account, places)


def _doomed_json(spec: Spec, doomed: Doomed) -> dict[str, Any]:
    from batchspec.render.as_json import heading

    return {
        **heading("destroy", spec.name),
        "jobs": doomed.jobs,
        "pool": next(
            (id for id in doomed.pools if spec.pool and id.casefold() == spec.pool.id.casefold()), None
        ),
        "pools": doomed.pools,
        "blobs": [_some_json(some) for some in doomed.blobs],
        "kept": [_some_json(some) for some in doomed.kept],
    }


def _some_json(some: Some) -> dict[str, Any]:
    return {
        "what": some.what.name.lower(),
        "container": some.container,
        "count": len(some.names),
        "bytes": some.size,
    }


def _gone_json(gone: Deleted) -> dict[str, Any]:
    what = {"what": gone.what.name.lower()} if gone.what else {}
    return {"type": "deleted", "kind": gone.kind, "id": gone.id, "count": gone.count, **what}


def _gone_text(gone: Deleted) -> str:
    from batchspec.render.values import count_text

    if gone.what is None:
        return f"{gone.kind} {gone.id}"
    return f"{count_text(gone.count, gone.what.value)} in container {gone.id}"


def _doomed_text(spec: Spec, doomed: Doomed) -> str:
    from batchspec.render.show import page

    lines = [f"  - job {job_id}, with its tasks" for job_id in doomed.jobs]
    lines += [f"  - pool {pool_id}, with its nodes" for pool_id in doomed.pools]
    lines += [f"  - {_some_text(some)}" for some in doomed.blobs]
    lines = lines or [f"nothing to delete of {spec.name}"]
    return page([*lines, *(f"  = {_some_text(some)}, kept" for some in doomed.kept)])


def _some_text(some: Some) -> str:
    from batchspec.render.values import count_text, size_text

    what = count_text(len(some.names), some.what.value)
    return f"{what} in container {some.container}, {size_text(some.size)}"
