"""Tasks that nothing would ever run, found before they are added.

Pure. What a spec contradicts in itself is a matter of `language/rules.py`; here it is held against what is live.
"""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.codes import Code
from batchspec.desired.task import Desired
from batchspec.plan.actions.action import is_ignored
from batchspec.plan.actions.job import current_job
from batchspec.plan.model import Plan
from batchspec.plan.observed import Observed
from batchspec.resources import job as jobs
from batchspec.resources.base import Json
from batchspec.resources.pool import nodes_of, target_nodes
from batchspec.source import Diagnostic, Path, Severity

_TARGETS = ("targetDedicatedNodes", "targetLowPriorityNodes")


def unschedulable(desired: Desired, observed: Observed, plan: Plan) -> tuple[Diagnostic, ...]:
    """What keeps the tasks of *plan* from ever running, as things are."""
    if not plan.work.needed or desired.spec.pool is None:
        return ()
    found = (_slots(desired, observed), _nodes(desired, observed), _job(desired, observed, plan))
    return tuple(finding for findings in found for finding in findings)


def _slots(desired: Desired, observed: Observed) -> Iterator[Diagnostic]:
    """A pool that the spec only uses has the slots it has; its own pool is held against its tasks without a call."""
    if desired.pool is not None or observed.pool is None:
        return
    has = int(observed.pool.get("taskSlotsPerNode") or 1)
    for group in desired.spec.groups:
        needs = int(group.body.get("requiredSlots") or 1)
        if needs > has:
            yield _finding(
                desired,
                Code.TOO_FEW_SLOTS_LIVE,
                (*group.path, "requiredSlots"),
                f"{group.name}: a task needs {needs} slots, and a node of the pool {observed.pool['id']} has {has}",
                "no node can ever run it",
                f"{has} at most, or a pool with more taskSlotsPerNode",
            )


def _nodes(desired: Desired, observed: Observed) -> Iterator[Diagnostic]:
    """A pool that asks for no node. Somebody may still resize it by hand, so it is a warning."""
    body = _pool_after(desired, observed.pool)
    if body.get("enableAutoScale") or target_nodes(body) or nodes_of(body):
        return
    path: Path = ("pool", "existing") if desired.pool is None else ("pool", _TARGETS[0])
    yield _finding(
        desired,
        Code.NO_NODES,
        path,
        f"pool: {body.get('id')} requests no nodes, so its tasks wait until it is resized",
        "no node, and no autoscale formula",
        "set targetDedicatedNodes or targetLowPriorityNodes, or enableAutoScale with a formula",
        Severity.WARNING,
    )


def _pool_after(desired: Desired, live: Json | None) -> Json:
    """The pool's size once the plan is done."""
    if desired.pool is None:
        return live or {}
    if live is None or live.get("state") == "deleting":
        return desired.pool
    kept = {name: live.get(name) for name in _TARGETS if is_ignored(desired, ("pool", name))}
    return {**desired.pool, **kept}


def _job(desired: Desired, observed: Observed, plan: Plan) -> Iterator[Diagnostic]:
    job = current_job(desired.spec, observed.jobs)
    if job is None or job["id"] != plan.job_id or job.get("state") not in ("disabled", "disabling"):
        return
    if jobs.is_stopped(job) and desired.spec.safety.max_failures is not None:
        return  # apply starts its tasks again
    yield _finding(
        desired,
        Code.JOB_DISABLED,
        ("job", "id"),
        f"job: {job['id']} is {job['state']}, so its tasks wait until it is enabled",
        "it was disabled",
        f"az batch job enable --job-id {job['id']}",
        Severity.WARNING,
    )


def _finding(
    desired: Desired,
    code: Code,
    path: Path,
    summary: str,
    label: str,
    help: str,
    severity: Severity = Severity.ERROR,
) -> Diagnostic:
    return desired.spec.document.diagnostic(
        code, summary, path, label=label, helps=(help,), severity=severity
    )
