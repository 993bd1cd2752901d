"""`batchspec apply`: makes it so, watches it, brings the outputs home."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from batchspec.cli import leave, signals
from batchspec.cli.display import display
from batchspec.cli.door import confirm, is_somebody_there, put_json, put_painted, require_yes, say
from batchspec.cli.options import (
    approve_option,
    environment_options,
    examples,
    format_option,
    load,
    lock_timeout_option,
    only_option,
    overwrite_option,
    prices_option,
    rerun_option,
    seconds,
    take_over_option,
    warn,
)
from batchspec.cli.words import Choice
from batchspec.errors import InterruptedRunError, UsageError
from batchspec.plan.checks.safety import ALLOWED
from batchspec.plan.model import Kind, Reason
from batchspec.workload.reading import Environment

if TYPE_CHECKING:
    from batchspec.engine.run.apply import Apply
    from batchspec.engine.saved_plan import SavedPlan
    from batchspec.workload.planned import Manner, Planned


@click.command(
    epilog=examples(
        "batchspec apply specs/ffmpeg.yaml",
        "batchspec apply specs/ffmpeg.yaml --set bitrate=128k --timeout 30m",
        "batchspec apply specs/ffmpeg.yaml --detach",
        "batchspec apply specs/ffmpeg.yaml --allow maxDeletions",
        "batchspec apply ffmpeg.plan",
    )
)
@click.argument("file", metavar="SPEC|PLAN", type=click.Path(path_type=Path))
@environment_options
@approve_option
@format_option
@click.option(
    "--timeout",
    "timeout_s",
    metavar="TIME",
    callback=seconds,
    help="Stop watching after this time (90s, 30m, 2h). Tasks keep running.",
)
@lock_timeout_option
@click.option(
    "--allocation-timeout",
    "allocation_s",
    metavar="TIME",
    callback=seconds,
    default="45m",
    show_default=True,
    help="Keep requesting nodes for this time (90s, 30m, 2h) if Azure has none.",
)
@only_option
@rerun_option
@click.option("--detach", is_flag=True, help="Exit once the tasks are added; do not wait for them.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=Choice(ALLOWED),
    help="Override this `safety` limit for this run. --auto-approve does not override limits.",
)
@click.option("--plan-id", metavar="ID", help="Apply only if the plan still has this (reviewed) id.")
@overwrite_option
@take_over_option
@prices_option
def apply(
    file: Path,
    environment: Environment,
    auto_approve: bool,
    form: str,
    timeout_s: float | None,
    lock_timeout_s: float,
    allocation_s: float,
    only: tuple[str, ...],
    rerun: tuple[str, ...],
    detach: bool,
    allowed: tuple[str, ...],
    plan_id: str | None,
    overwrite: bool,
    takes_over: bool,
    prices: str | None,
) -> None:
    """Create or update the pool and job, upload inputs, run the tasks and download their outputs.

    Run it again and only what is missing or changed is done. Exits with 3 if a task
    failed. After Ctrl-C, run the same command again to resume. A saved plan is
    applied exactly, or refused with exit code 5.

    In a terminal it asks before resources are deleted, replaced or drained and, on Azure, before the first nodes
    start.
    """
    from batchspec.engine.saved_plan import is_saved_plan, mark_applied
    from batchspec.engine.saved_plan import load as load_plan
    from batchspec.plan.identity import plan_digest
    from batchspec.workload import consent
    from batchspec.workload.planned import Manner

    saved = load_plan(file) if is_saved_plan(file) else None
    if saved:
        _require_none(saved, environment, only=only, rerun=rerun, overwrite=overwrite, take_over=takes_over)
    reviewed = plan_digest(saved.plan, saved.account) if saved else plan_id
    if saved:
        shown = _planned_again(saved, environment.allowed_paths, prices)
    else:
        shown = load(file, environment, takes_over=takes_over, prices=prices).plan(
            overwrite=overwrite, only=only, rerun=rerun
        )
    warn(shown.desired.spec)
    if saved:
        consent.require_current(saved, shown)
    if plan_id:
        consent.require_id(plan_id, shown.digest)
    _print(shown, form)
    if not shown.plan.is_empty:
        consent.require_safe(shown.plan, allowed)
        if detach:
            _warn_of_leaving(shown)
        agrees = _agrees(auto_approve and reviewed is None)
        manner = Manner(allowed, timeout_s, lock_timeout_s, allocation_s, detach, reviewed, agrees)
        if reviewed is None:
            consent.require_consent(shown.plan, manner.agrees)
            _ask_before_nodes(shown, approved=auto_approve)
        _run(shown, manner, form)
    else:
        shown.note_file(lock_timeout_s)
        shown.require_few_enough()
    if saved:
        mark_applied(saved, file)


def _require_none(saved: SavedPlan, environment: Environment, **options: object) -> None:
    """Raises `UsageError` for an option that says what *saved* has settled already."""
    if environment.target not in (None, saved.target):
        raise UsageError(f"this plan is for the target {saved.target}, not for {environment.target}")
    said = {"set": environment.settings, "params": environment.params_files, **options}
    for name in (name.replace("_", "-") for name, value in said.items() if value):
        raise UsageError(f"--{name} has no effect on a saved plan", help="plan again with it")


def _planned_again(saved: SavedPlan, allowed_paths: tuple[Path, ...], prices: str | None) -> Planned:
    """What *saved* was made of, planned as it is now."""
    files = tuple(map(Path, saved.params_files))
    environment = Environment(saved.settings, files, saved.target, allowed_paths)
    terms = saved.plan.terms
    takes_over = any(action.reason is Reason.TAKEN_OVER for action in saved.plan.of(Kind.SPEC))
    return load(Path(saved.spec_file), environment, takes_over=takes_over, prices=prices).plan(
        overwrite=bool(terms.get("overwrite")), only=terms.get("only", ()), rerun=terms.get("rerun", ())
    )


def _print(shown: Planned, form: str) -> None:
    from batchspec.render.paint import plan_painted

    if form == "json":
        put_json(shown.json_pieces())
    else:
        put_painted(shown.text(), plan_painted)


def _warn_of_leaving(shown: Planned) -> None:
    """Says what nobody does once nobody watches, and which stages come too late for their links."""
    from batchspec.engine.look.links import links_last
    from batchspec.engine.run.detached import late_stages, unwatched

    spec = shown.desired.spec
    for undone in (*unwatched(spec), *late_stages(spec, links_last(shown.account, spec))):
        say(f"warning: {undone}")


def _agrees(approved: bool) -> Callable[[str, Sequence[str]], bool]:
    """Asks who sits at a terminal about what would be taken away, unless it is *approved* beforehand."""

    def ask(what: str, news: Sequence[str]) -> bool:
        for line in () if approved else news:
            say(f"  {line}")
        return confirm(f'{what}. Type "yes" to continue:', approved=approved)

    return ask


def _ask_before_nodes(shown: Planned, *, approved: bool) -> None:
    """Raises `RefusedError` where a person at a terminal does not want the first nodes that cost money.

    Nobody is asked twice, or without a terminal.
    """
    cost = shown.plan.cost
    if (
        approved
        or cost is None
        or not shown.starts_paid_nodes
        or shown.plan.consents
        or not is_somebody_there()
    ):
        return
    from batchspec.render.cost import starting_text

    require_yes(
        f'{starting_text(cost)}. Type "yes" to continue:',
        approved=False,
        nothing="nothing was changed",
        help="add --auto-approve to start them without asking",
    )


def _run(shown: Planned, manner: Manner, form: str) -> None:
    with shown.runs(manner) as runs:
        for run in runs:
            _watch(run, form, shown.desired.spec.arguments)
    run.require_success()


def _watch(run: Apply, form: str, arguments: str) -> None:
    """Shows *run* to its end. Raises `InterruptedRunError`."""
    from batchspec.engine.run.progress.conduct import Interrupted

    try:
        with _signals(run) as caught, display(form, arguments) as shown:
            for event in run.events(shown.see):
                shown.take(event)
    except Interrupted:
        raise _interrupted(caught(), arguments, watching=False) from None
    if number := caught():
        raise _interrupted(number, arguments, watching=True)


@contextmanager
def _signals(run: Apply) -> Iterator[Callable[[], int]]:
    """Within it the first SIGINT, SIGTERM or SIGHUP lets the run finish what is in flight, the second ends at once.

    What it gives says which signal came, 0 for none.
    """
    caught: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        if caught:
            leave.leave(number)
        caught.append(number)
        if not run.is_only_watching:
            with suppress(OSError):
                say(leave.FINISHING)
        run.stop()

    with signals.handled(handle):
        yield lambda: caught[0] if caught else 0


def _interrupted(number: int, arguments: str, *, watching: bool) -> InterruptedRunError:
    again = f"batchspec apply {arguments}"
    if watching:
        message = "stopped watching; the tasks keep running, and on Azure their nodes cost money"
        look = f"batchspec status --watch {arguments}"
        help = f"watch again with `{look}`, resume with `{again}`"
    else:
        message, help = "interrupted; nothing is lost", f"resume with `{again}`"
    return InterruptedRunError(message, signal_number=number, help=help)
