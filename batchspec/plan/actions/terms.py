"""What of a spec decides, beside the actions of a plan, what is sent or done: the terms they are carried out under."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batchspec.desired.task import Desired
from batchspec.language.model import Pool, Safety, TaskGroup, WhenDone
from batchspec.plan.hidden import hidden, suspects_of
from batchspec.plan.model import Action, Work
from batchspec.resources.base import Effect, Json, camel_case, unsigned

_MOVES_NODES = frozenset({Effect.RESIZE, Effect.DRAIN, Effect.REJOIN})


def terms_of(
    desired: Desired, work: Work, pool: Action | None, job: Json, *, overwrites: bool = False
) -> dict[str, Any]:
    """The terms of a plan that does *pool* and *work*; *job* says what its tasks are added to.

    What changes nothing in this plan is left out: so two plans have the same terms when they do the same.
    """
    spec = desired.spec
    terms: dict[str, Any] = {"safety": _safety(spec.safety)}
    if spec.pool is not None and desired.pool is not None:
        terms["pool"] = _pool(spec.pool, work.needed, pool.effects if pool else frozenset())
    if work.runs:
        terms["job"] = job
        terms["identity"] = spec.identity
        terms["tasks"] = {group.name: _group(group, suspects_of(spec)) for group in work.groups}
    if work.unpublished:
        terms["unpublished"] = len(work.unpublished)
    if work.goes_on:
        terms["open"] = {found.group: found.most for found in work.open}
    if work.runs or work.downloads:
        terms["outputContainer"] = spec.containers.output
    if overwrites and spec.download is not None and (work.needed or work.downloads):
        terms["overwrite"] = True
    return terms | {name: given for name, given in desired.selection.named.items() if given}


def _pool(pool: Pool, needed: bool, effects: frozenset[Effect]) -> dict[str, Any]:
    zeroes = needed and pool.when_done is WhenDone.ZERO
    found: dict[str, Any] = {}
    if needed:
        found["whenDone"] = pool.when_done.value
    if needed and pool.other_sizes:
        found["vmSizes"] = list(pool.vm_sizes)
    if zeroes and pool.body.get("enableAutoScale"):
        found["autoscales"] = True
    if zeroes or effects & _MOVES_NODES:
        found["nodeDeallocationOption"] = pool.deallocation
    if Effect.REJOIN in effects:
        found["rollout"] = pool.rollout and pool.rollout.value
    return found


def _group(group: TaskGroup, suspects: Sequence[str]) -> dict[str, Any]:
    """What the group's tasks are sent with, by digest and by Batch's fields, and what becomes of their outputs."""
    kept = {"temporary": group.temporary, "download": group.downloads}
    return {"digest": group.digest, "fields": hidden(unsigned(group.body), suspects), **kept}


def _safety(safety: Safety) -> dict[str, Any]:
    return {camel_case(name): getattr(limit, "written", limit) for name, limit in safety._asdict().items()}
