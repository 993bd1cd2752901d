"""A raw autoscale formula, held against what Batch itself makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from batchspec.codes import Code
from batchspec.desired.task import Desired
from batchspec.plan.model import Kind, Plan
from batchspec.plan.observed import Observed
from batchspec.source import Diagnostic, Path, Severity

_NAME = "autoScaleFormula"
_PATH: Path = ("pool", _NAME)


class Evaluation(NamedTuple):
    """What Batch says of a formula: why it refuses it, or why it cannot calculate it now; both empty where it can."""

    refused: str = ""
    failed: str = ""


def changed_formula(desired: Desired, plan: Plan) -> str:
    """The formula of the spec's own words that *plan* sends; empty where it sends none."""
    pool = desired.pool or {}
    sends = plan.creates(Kind.POOL) or any(
        change.path == (_NAME,) for action in plan.of(Kind.POOL) for change in action.changes
    )
    is_raw = _NAME in (desired.spec.document.data.get("pool") or {})  # type: ignore[operator]
    return str(pool.get(_NAME, "")) if sends and is_raw else ""


def is_evaluated(observed: Observed) -> bool:
    """Whether Batch evaluates formulas on the live pool: it does on one that scales itself."""
    pool = observed.pool or {}
    return bool(pool.get("enableAutoScale")) and pool.get("state") == "active"


def formula_findings(desired: Desired, evaluation: Evaluation) -> Iterator[Diagnostic]:
    """What Batch has against the formula of *desired*."""
    said = evaluation.refused or evaluation.failed
    if said:
        yield desired.spec.document.diagnostic(
            Code.FORMULA_FAILS,
            f"pool.autoScaleFormula: Batch {'refuses it' if evaluation.refused else 'cannot evaluate it now'}",
            _PATH,
            label=said,
            helps=("until Batch can evaluate a formula, it does not resize the pool",),
            severity=Severity.ERROR if evaluation.refused else Severity.WARNING,
        )
