"""`batchspec apply`: makes it so, watches it, brings the outputs home."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from batchspec.cli.display import display
from batchspec.cli.options import (
    approve_option,
    confirm,
    examples,
    format_option,
    open_account,
    read_spec,
    say,
    set_option,
    spec_argument,
    target_option,
)
from batchspec.errors import InterruptedRunError, RefusedError, TasksFailedError

if TYPE_CHECKING:
    from batchspec.engine.apply import Apply
    from batchspec.plan.model import Plan
    from batchspec.service.connect import Account
    from batchspec.spec.model import Spec


@click.command(
    epilog=examples(
        "batchspec apply specs/ffmpeg.yaml",
        "batchspec apply specs/ffmpeg.yaml --set bitrate=128k --timeout 30m",
        "batchspec apply specs/ffmpeg.yaml --detach",
    )
)
@spec_argument
@set_option
@target_option
@approve_option
@format_option
@click.option("--timeout", metavar="TIME", help="Stop watching after so long: 90s, 30m, 2h. Tasks go on.")
@click.option("--detach", is_flag=True, help="Add the tasks and leave them running.")
def apply(
    spec_file: Path,
    settings: tuple[str, ...],
    target: str | None,
    auto_approve: bool,
    form: str,
    timeout: str | None,
    detach: bool,
) -> None:
    """Make it so: pool, job, inputs and tasks; watch them; fetch the outputs.

    Run it again and only what is missing or changed is done. Exit code 3 when a
    task failed; Ctrl-C leaves everything so that the same command goes on.
    """
    from batchspec.engine.observe import plan_now

    timeout_s = _seconds(timeout) if timeout else None
    spec = read_spec(spec_file, settings)
    account = open_account(spec, target)
    try:
        _, plan = plan_now(account, spec)
        _show_plan(spec, plan, form)
        if plan.is_empty:
            return
        _require_consent(plan, auto_approve)
        _run(account, spec, plan, spec_file, form, timeout_s, detach)
    finally:
        account.close()


def _run(
    account: Account,
    spec: Spec,
    shown: Plan,
    spec_file: Path,
    form: str,
    timeout_s: float | None,
    detach: bool,
) -> None:
    from batchspec.engine.apply import Apply, Interrupted
    from batchspec.engine.events import SummaryEvent
    from batchspec.engine.lock import locked
    from batchspec.engine.observe import plan_now

    with locked(account, spec) as held:
        desired, plan = plan_now(account, spec)
        _require_same(shown, plan)
        run = Apply(account, desired, plan, held, timeout_s=timeout_s, detach=detach)
        failed = 0
        try:
            with _signals(run) as caught, display(form, str(spec_file)) as take:
                for event in run.events():
                    take(event)
                    if isinstance(event, SummaryEvent):
                        failed = event.failed
        except Interrupted:
            raise _interrupted(caught(), spec_file, watching=False) from None
    if number := caught():
        raise _interrupted(number, spec_file, watching=True)
    if failed:
        raise TasksFailedError(
            f"{failed} tasks failed",
            help=f"mend what failed; `batchspec apply {spec_file}` runs only those again",
        )


def _show_plan(spec: Spec, plan: Plan, form: str) -> None:
    if form == "json":
        import json

        from batchspec.render.as_json import plan_json

        click.echo(json.dumps(plan_json(plan), ensure_ascii=False))
        return
    from batchspec.render.as_text import plan_text
    from batchspec.spec.task_body import shown_command

    click.echo(plan_text(plan, lambda run: shown_command(spec, run.task)), nl=False)


def _require_consent(plan: Plan, approved: bool) -> None:
    """Raises `RefusedError` when the plan takes something away and nobody says yes."""
    if not plan.consents:
        return
    count = len(plan.consents)
    what = (
        "1 action deletes, replaces or empties" if count == 1 else f"{count} actions delete, replace or empty"
    )
    if not confirm(f"{what} something. Only `yes` goes on:", approved=approved):
        raise RefusedError(
            f"{what} something, and nobody said yes", help="look at the plan, then add --auto-approve"
        )


def _require_same(shown: Plan, now: Plan) -> None:
    """Under the lock the plan is made again; what it takes away must have been shown."""
    known = {(action.operation, action.kind, action.id) for action in shown.consents}
    new = [action for action in now.consents if (action.operation, action.kind, action.id) not in known]
    if new:
        raise RefusedError(
            f"meanwhile something changed: {new[0].kind.value} {new[0].id} would go too",
            help="run the same command again to see the new plan",
        )


def _seconds(text: str) -> float:
    """Seconds of `90`, `90s`, `30m`, `2h` or of an ISO 8601 duration."""
    from batchspec.resources.base import duration_s

    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    try:
        if text.startswith("P"):
            return duration_s(text)
        return float(text[:-1]) * units[text[-1]] if text[-1:] in units else float(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time; write 90s, 30m or 2h", param_hint="--timeout"
        ) from None


@contextmanager
def _signals(run: Apply) -> Iterator[Callable[[], int]]:
    """Within it the first SIGINT or SIGTERM lets the run finish what is in flight, the second ends at once.

    What it gives says which signal came, 0 for none.
    """
    caught: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        if caught:
            raise SystemExit(128 + number)
        caught.append(number)
        if not run.is_only_watching:
            say("interrupted: finishing the calls in flight; once more to end at once")
        run.stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: caught[0] if caught else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupted(number: int, spec_file: Path, *, watching: bool) -> InterruptedRunError:
    if watching:
        message = "no longer watching; the tasks go on, and the nodes go on costing money"
        help = f"look again with `batchspec status --watch {spec_file}`, go on with `batchspec apply {spec_file}`"
    else:
        message, help = "interrupted; nothing is lost", f"go on with `batchspec apply {spec_file}`"
    return InterruptedRunError(message, signal_number=number, help=help)
