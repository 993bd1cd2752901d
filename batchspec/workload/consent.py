"""What has to be so before a plan is done: each raises where it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from batchspec.counts import count_text
from batchspec.errors import PlanError, RefusedError, StalePlanError
from batchspec.plan.checks.safety import excess_line
from batchspec.plan.identity import action_line, differences, plan_digest, plan_id

if TYPE_CHECKING:
    from batchspec.engine.saved_plan import SavedPlan
    from batchspec.plan.model import Action, Plan
    from batchspec.workload.planned import Planned

Agrees = Callable[[str, Sequence[str]], bool]
"""Is told what would be taken away, with a line about each thing that no plan has shown, and says yes or no."""

_MOST_DIFFERENCES = 20


def require_current(saved: SavedPlan, now: Planned) -> None:
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


def require_id(reviewed: str, digest: str) -> None:
    """Raises `StalePlanError` unless *reviewed*, a plan's id or its whole digest, is that of *digest*."""
    if reviewed not in (plan_id(digest), digest):
        raise StalePlanError(
            f"the reviewed plan was {plan_id(reviewed)}; a new plan would be {plan_id(digest)}",
            help="plan and review again",
        )


def require_safe(plan: Plan, allowed: tuple[str, ...]) -> None:
    """Raises `PlanError` where the account would refuse, `RefusedError` past a threshold that is not *allowed*."""
    if plan.errors:
        raise PlanError("the account would reject this plan", help="fix what it shows and run this again")
    if beyond := [excess for excess in plan.excesses if excess.name not in allowed]:
        raise RefusedError(
            "; ".join(excess_line(excess) for excess in beyond),
            help="if this is intended, add " + " ".join(f"--allow {excess.name}" for excess in beyond),
        )


def require_consent(plan: Plan, agrees: Agrees) -> None:
    """Raises `RefusedError` when the plan takes something away and nobody says yes."""
    if not plan.consents:
        return
    what = _would_take_away(plan.consents)
    if not agrees(what, ()):
        raise RefusedError(
            f"{what} and was not approved",
            help="look at the plan, then add --auto-approve (in Python: approve=True)",
        )


def require_no_more(shown: Plan, now: Plan, agrees: Agrees) -> None:
    """Under the lock the plan is made again. Raises `RefusedError` where it takes away what nobody said yes to.

    Tasks that have begun or ended meanwhile are nobody's change.
    """
    known = {_subject(action) for action in shown.consents}
    new = [action for action in now.consents if _subject(action) not in known]
    if not new:
        return
    what = f"{_would_take_away(new)} since the plan was shown"
    lines = [action_line(action) for action in new[:_MOST_DIFFERENCES]]
    if not agrees(what, lines + ["…"] * (len(new) > _MOST_DIFFERENCES)):
        raise RefusedError(
            f"{what} and was not approved", help="run the same command again to see the new plan"
        )


def _would_take_away(actions: Sequence[Action]) -> str:
    return f"{count_text(len(actions), 'action')} would delete, replace or drain a resource"


def _subject(action: Action) -> tuple[object, ...]:
    return action.operation, action.kind, action.id, action.effects
