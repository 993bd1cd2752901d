"""`batchspec apply`: makes it so, watches it, brings the outputs home."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from batchspec.cli import leave, signals
from batchspec.cli.display import display
from batchspec.cli.door import confirm, put, put_json, say
from batchspec.cli.options import (
    Environment,
    approve_option,
    environment_options,
    examples,
    format_option,
    lock_timeout_option,
    only_option,
    open_account,
    overwrite_option,
    project_of,
    read_spec,
    rerun_option,
    seconds,
    take_over_option,
    warn,
)
from batchspec.cli.words import Choice
from batchspec.errors import (
    InterruptedRunError,
    PlanError,
    RefusedError,
    RunError,
    StalePlanError,
    TasksFailedError,
)
from batchspec.plan.identity import describe as describe_action
from batchspec.plan.identity import differences, plan_digest
from batchspec.plan.identity import plan_id as id_of
from batchspec.plan.model import Kind, Reason
from batchspec.plan.safety import THRESHOLDS, describe

_MOST_DIFFERENCES = 20
_MOST_PLANS = 5

if TYPE_CHECKING:
    from batchspec.cli.planning import Planned
    from batchspec.engine.run.apply import Apply
    from batchspec.engine.saved_plan import SavedPlan
    from batchspec.plan.model import Action, Plan


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
@only_option
@rerun_option
@click.option("--detach", is_flag=True, help="Add the tasks and leave them running.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=Choice(THRESHOLDS),
    help="Go beyond this threshold of the spec's `safety:`, once; --auto-approve alone does not.",
)
@click.option("--plan-id", metavar="ID", help="Do it only if the plan still has this id, as it was reviewed.")
@overwrite_option
@take_over_option
def apply(
    file: Path,
    environment: Environment,
    auto_approve: bool,
    form: str,
    timeout_s: float | None,
    lock_timeout_s: float,
    only: tuple[str, ...],
    rerun: tuple[str, ...],
    detach: bool,
    allowed: tuple[str, ...],
    plan_id: str | None,
    overwrite: bool,
    takes_over: bool,
) -> None:
    """Make it so: pool, job, inputs and tasks; watch them; fetch the outputs.

    Run it again and only what is missing or changed is done. Exit code 3 when a
    task failed; Ctrl-C leaves everything so that the same command goes on. A saved
    plan is done exactly, or refused with exit code 5.
    """
    from batchspec.cli import planning
    from batchspec.desired.selection import Selection
    from batchspec.engine.saved_plan import is_saved_plan, load, mark_applied

    saved = load(file) if is_saved_plan(file) else None
    spec_file = Path(saved.spec_file) if saved else file
    if saved:
        files = tuple(map(Path, saved.params_files))
        environment = Environment(saved.settings, files, saved.target, environment.allowed_paths)
        takes_over = any(action.reason is Reason.TAKEN_OVER for action in saved.plan.of(Kind.SPEC))
    spec = read_spec(spec_file, environment, takes_over=takes_over)
    if saved:
        overwrite = bool(saved.plan.terms.get("overwrite"))
        only, rerun = (tuple(saved.plan.terms.get(option, ())) for option in ("only", "rerun"))
    project = project_of(spec, environment, overwrite=overwrite)
    account = open_account(spec, environment.target, project=project)
    shown = planning.make(account, spec, project, Selection(only, rerun))
    warn(shown.desired.spec)
    reviewed = plan_digest(saved.plan, saved.account) if saved else plan_id
    if saved:
        _require_current(saved, shown)
    elif plan_id:
        _require_id(plan_id, shown)
    if form == "json":
        put_json(shown.json())
    else:
        put(shown.text(show_all=False))
    if not shown.plan.is_empty:
        _require_safe(shown.plan, allowed)
        if reviewed is None:
            _require_consent(shown.plan, auto_approve)
        approved = auto_approve and reviewed is None
        _run(shown, form, timeout_s, lock_timeout_s, detach, allowed, reviewed, approved=approved)
    elif shown.plan.unnoted or (shown.plan.notes_file and shown.plan.work.up_to_date):
        _note(shown, lock_timeout_s)
    if saved:
        mark_applied(saved, file)


def _note(shown: Planned, lock_timeout_s: float) -> None:
    """Notes which file has the spec's name, where an earlier version has made what is there."""
    from batchspec.desired.places import Places
    from batchspec.engine.run.claim import claim_name
    from batchspec.engine.run.lock import locked

    spec = shown.desired.spec
    with locked(shown.account, Places.of(spec), "noting its file", wait_s=lock_timeout_s) as held:
        claim_name(shown.account, spec, shown.plan, held.check)


def _run(
    shown: Planned,
    form: str,
    timeout_s: float | None,
    lock_timeout_s: float,
    detach: bool,
    allowed: tuple[str, ...],
    reviewed: str | None,
    *,
    approved: bool,
) -> None:
    from batchspec.cli import planning
    from batchspec.desired.places import Places
    from batchspec.engine.run.apply import Apply
    from batchspec.engine.run.conduct import PlanAgain
    from batchspec.engine.run.lock import locked

    account, arguments = shown.account, shown.desired.spec.arguments
    places, doing = Places.of(shown.desired.spec), f"plan id {shown.id}"
    with locked(account, places, doing, wait_s=lock_timeout_s) as held:
        for number in range(_MOST_PLANS):
            now = planning.make(account, shown.desired.spec, shown.project, shown.desired.selection)
            if reviewed is None or number:
                _require_no_more(shown.plan, now.plan, approved)
            else:
                _require_id(reviewed, now)
            _require_safe(now.plan, allowed)
            run = Apply(account, now.desired, now.plan, held, timeout_s=timeout_s, detach=detach)
            try:
                return _watch(run, form, arguments)
            except PlanAgain as found:
                say(f"{found}: planning again.")
    raise RunError(
        f"after {_MOST_PLANS} plans there is still work that could not begin",
        help="run the same command again",
    )


def _watch(run: Apply, form: str, arguments: str) -> None:
    """Shows *run* to its end. Raises `InterruptedRunError`, and `TasksFailedError` where tasks failed."""
    from batchspec.engine.run.conduct import Interrupted
    from batchspec.engine.run.events import SummaryEvent

    failed = 0
    try:
        with _signals(run) as caught, display(form, arguments) as take:
            for event in run.events():
                take(event)
                if isinstance(event, SummaryEvent):
                    failed = event.failed
    except Interrupted:
        raise _interrupted(caught(), arguments, watching=False) from None
    if number := caught():
        raise _interrupted(number, arguments, watching=True)
    if failed:
        raise TasksFailedError(
            "1 task failed" if failed == 1 else f"{failed} tasks failed",
            help=f"mend what failed; `batchspec apply {arguments}` runs only what failed",
        )


def _require_current(saved: SavedPlan, now: Planned) -> None:
    """Raises `StalePlanError` unless planning again gives the very actions that were reviewed."""
    if saved.applied:
        raise StalePlanError(
            f"this plan was applied at {saved.applied}", help="plan again for what is left to do"
        )
    if plan_digest(saved.plan, saved.account) == now.digest:
        return
    if saved.account != now.account.name:
        raise StalePlanError(f"this plan is for {saved.account}, and this is {now.account.name}")
    differing = list(islice(differences(saved.plan, now.plan), _MOST_DIFFERENCES + 1))
    lines = differing[:_MOST_DIFFERENCES] + ["…"] * (len(differing) > _MOST_DIFFERENCES)
    raise StalePlanError(
        "\n    ".join(["the saved plan is out of date: a new plan would differ as follows", *lines]),
        help="plan and review again",
    )


def _require_id(reviewed: str, now: Planned) -> None:
    """*reviewed* is a plan's id or its whole digest."""
    if reviewed not in (now.id, now.digest):
        raise StalePlanError(
            f"the reviewed plan was {id_of(reviewed)}; a new plan would be {now.id}",
            help="plan and review again",
        )


def _require_safe(plan: Plan, allowed: tuple[str, ...]) -> None:
    """Raises `PlanError` where the account would refuse, `RefusedError` past a threshold that is not *allowed*."""
    if plan.errors:
        raise PlanError("the account would refuse this plan", help="mend what it shows, and run this again")
    if beyond := [excess for excess in plan.excesses if excess.name not in allowed]:
        raise RefusedError(
            "; ".join(describe(excess) for excess in beyond),
            help="if that is meant, add " + " ".join(f"--allow {excess.name}" for excess in beyond),
        )


def _require_consent(plan: Plan, approved: bool) -> None:
    """Raises `RefusedError` when the plan takes something away and nobody says yes."""
    if not plan.consents:
        return
    what = _would_take_away(plan.consents)
    if not confirm(f"{what}. Type `yes` to continue:", approved=approved):
        raise RefusedError(f"{what} and was not approved", help="look at the plan, then add --auto-approve")


def _require_no_more(shown: Plan, now: Plan, approved: bool) -> None:
    """Under the lock the plan is made again. Raises `RefusedError` where it takes away what nobody said yes to.

    Tasks that have begun or ended meanwhile are nobody's change.
    """
    known = {_subject(action) for action in shown.consents}
    new = [action for action in now.consents if _subject(action) not in known]
    if not new or approved:
        return
    what = f"{_would_take_away(new)} since the plan was shown"
    lines = [f"  {describe_action(action)}" for action in new[:_MOST_DIFFERENCES]]
    for line in [*lines, *["  …"] * (len(new) > _MOST_DIFFERENCES)]:
        say(line)
    if not confirm(f"{what}. Type `yes` to continue:", approved=False):
        raise RefusedError(
            f"{what} and was not approved", help="run the same command again to see the new plan"
        )


def _would_take_away(actions: Sequence[Action]) -> str:
    count = "1 action" if len(actions) == 1 else f"{len(actions)} actions"
    return f"{count} would delete, replace or drain a resource"


def _subject(action: Action) -> tuple[object, ...]:
    return action.operation, action.kind, action.id, action.effects


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
                say("Interrupted: finishing the calls in flight. Interrupt again to stop at once.")
        run.stop()

    with signals.handled(handle):
        yield lambda: caught[0] if caught else 0


def _interrupted(number: int, arguments: str, *, watching: bool) -> InterruptedRunError:
    again = f"batchspec apply {arguments}"
    if watching:
        message = "no longer watching; the tasks go on, and on Azure their nodes cost money"
        look = f"batchspec status --watch {arguments}"
        help = f"look again with `{look}`, go on with `{again}`"
    else:
        message, help = "interrupted; nothing is lost", f"go on with `{again}`"
    return InterruptedRunError(message, signal_number=number, help=help)
