"""`batchspec destroy`: takes away what a spec made, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchspec.cli.door import put, put_object, require_yes, say
from batchspec.cli.options import (
    approve_option,
    environment_options,
    examples,
    format_option,
    load,
    lock_timeout_option,
    open_account,
    take_over_option,
)
from batchspec.cli.words import Choice
from batchspec.workload.reading import Environment

if TYPE_CHECKING:
    from batchspec.language.model import Spec
    from batchspec.workload.destruction import Destruction


@click.command(
    epilog=examples(
        "batchspec destroy specs/ffmpeg.yaml",
        "batchspec destroy specs/ffmpeg.yaml --outputs",
        "batchspec destroy specs/ffmpeg.yaml --auto-approve --format json",
        "batchspec destroy --idle --target azure",
    )
)
@click.argument("spec_file", metavar="[SPEC]", required=False, type=click.Path(path_type=Path))
@environment_options
@approve_option
@format_option
@lock_timeout_option
@click.option("--keep", type=Choice(["pool"]), help="Keep the pool.")
@click.option("--outputs", is_flag=True, help="Also delete the outputs in storage.")
@click.option(
    "--orphans",
    is_flag=True,
    help="Delete only pools and jobs that the spec no longer names, and outputs and uploads that no task makes or"
    " reads any more.",
)
@click.option(
    "--idle",
    is_flag=True,
    help="Instead of a spec: delete the idle pools of all specs in the account. Outputs and jobs are kept.",
)
@take_over_option
def destroy(
    spec_file: Path | None,
    environment: Environment,
    auto_approve: bool,
    form: str,
    lock_timeout_s: float,
    keep: str | None,
    outputs: bool,
    orphans: bool,
    idle: bool,
    takes_over: bool,
) -> None:
    """Delete the spec's jobs, pools and blobs after confirmation. Downloaded files are kept.

    Deletes only what is tagged as owned by the spec, including what the spec no longer names. Outputs are kept unless
    --outputs is given, so that a later apply has nothing to run again.

    With --idle, pools with nodes of which none works are deleted. A pool is kept while tasks wait for it or an apply
    that uses it runs, and where it is protected. The next apply that needs a deleted pool creates it again.

    In JSON the first line lists what will be deleted and what is kept, followed by one line per deletion.
    """
    if idle and not (spec_file or keep or outputs or orphans or takes_over):
        _destroy_idle(environment.target, form, approved=auto_approve)
        return
    if idle:
        raise click.UsageError(
            "--idle takes no SPEC, and none of --keep, --outputs, --orphans and --take-over"
        )
    if spec_file is None:
        raise click.UsageError("give a SPEC, or --idle")
    workload = load(spec_file, environment, takes_over=takes_over)
    destruction = workload.destruction(keep_pool=keep == "pool", outputs=outputs, orphans=orphans)
    _destroy(workload.spec, destruction, form, lock_timeout_s, approved=auto_approve)


def _destroy(
    spec: Spec, destruction: Destruction, form: str, lock_timeout_s: float, *, approved: bool
) -> None:
    """Deletes what is doomed, after asking."""
    from batchspec.render.plans import as_destroy

    doomed = destruction.doomed
    if form == "json":
        put_object(as_destroy.doomed_json(spec, doomed))
    else:
        put(as_destroy.doomed_text(spec.name, doomed))
    if doomed.is_empty:
        return
    _require_yes('This cannot be undone. Type "yes" to delete:', approved=approved)
    for gone in destruction.deleting(lock_timeout_s):
        if form == "json":
            put_object(as_destroy.deleted_json(gone))
        else:
            say(as_destroy.deleted_text(gone), err=False)


def _require_yes(question: str, *, approved: bool) -> None:
    require_yes(
        question,
        approved=approved,
        nothing="nothing was deleted",
        help="add --auto-approve to delete without asking",
    )


def _destroy_idle(target: str | None, form: str, *, approved: bool) -> None:
    """Lets the idle pools of the account go, after asking."""
    from batchspec.engine.idle import Fate, find_idle, let_go
    from batchspec.render.runs import idle as shown

    account = open_account(target)
    pools = find_idle(account)
    if form == "json":
        put_object(shown.idle_json(pools, account.name))
    else:
        put(shown.idle_text(pools))
    if all(pool.fate is Fate.KEEP for pool in pools):
        return
    _require_yes('Type "yes" to delete these pools and their nodes:', approved=approved)
    for pool in let_go(account, pools):
        if form == "json":
            put_object(shown.let_go_json(pool))
        else:
            say(shown.let_go_text(pool), err=False)
