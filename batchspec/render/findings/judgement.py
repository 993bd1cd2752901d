"""What speaks against a plan, as people read it: thresholds, findings, and what could not be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batchspec.counts import count_text
from batchspec.plan.checks.safety import excess_line
from batchspec.plan.model import Plan
from batchspec.render.findings import diagnostics
from batchspec.source import Diagnostic, path_text

_WIDTH = 80


def judgement(plan: Plan, warnings: Sequence[Diagnostic] = ()) -> Iterator[str]:
    """The lines between the actions of a plan and its counts. *warnings* are the spec's: they know its secrets."""
    for what in plan.not_checked:
        yield f"  ? not checked: {what}"
    if plan.not_simulated:
        yield "  ? not simulated locally:"
    for field in plan.not_simulated:
        yield f"      {path_text(field.path)}: {field.what}  {field.place}"
    for excess in plan.excesses:
        yield f"  ! {excess_line(excess)}  {excess.place}".rstrip()
        yield f"      apply refuses this without --allow {excess.name}"
    if plan.findings:
        yield ""
        text = diagnostics.as_text(plan.findings, color=False, width=_WIDTH, beside=warnings)
        yield from text.rstrip("\n").split("\n")


def verdict(plan: Plan) -> str:
    """The sentence behind the counts of a plan that cannot be applied; empty for any other."""
    if not plan.errors:
        return ""
    return f"{count_text(plan.errors, 'error')}: this plan cannot be saved or applied."
