"""The cores that a plan asks for, held against the account's quota: in all, by family, and of Spot nodes.

Source: Microsoft.Batch, batchAccounts and virtualMachineSkus, REST API 2025-06-01.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from batchspec.codes import Code
from batchspec.cost.nodes import nodes_asked
from batchspec.counts import count_text
from batchspec.desired.task import Desired
from batchspec.plan.model import Kind, Plan
from batchspec.resources.base import Json
from batchspec.source import Diagnostic, Path, Severity

_SHORTHANDS = {"targetLowPriorityNodes": "spot", "autoScaleFormula": "autoscale"}


class Size(NamedTuple):
    """A VM size: its family, as quota names it, and the cores of a node."""

    family: str
    cores: int


class Quota(NamedTuple):
    """Cores that the account may have; `families` where dedicated ones have a quota of their own, None elsewhere."""

    dedicated: int
    spot: int
    families: Mapping[str, int] | None
    pools: int


class _Demand(NamedTuple):
    """Cores of one kind: what the plan asks for, what other pools have, and what the quota is."""

    what: str
    path: Path
    asked: float
    others: int
    quota: int


def read_quota(account: Json) -> Quota | None:
    """The quota of an account's resource; None where it is the subscription's (`poolAllocationMode`)."""
    found: Mapping[str, Any] = account.get("properties") or {}
    if found.get("dedicatedCoreQuota") is None or found.get("lowPriorityCoreQuota") is None:
        return None
    families = {
        str(entry["name"]).casefold(): int(entry["coreQuota"])
        for entry in found.get("dedicatedCoreQuotaPerVMFamily") or []
    }
    is_enforced = bool(found.get("dedicatedCoreQuotaPerVMFamilyEnforced"))
    return Quota(
        int(found["dedicatedCoreQuota"]),
        int(found["lowPriorityCoreQuota"]),
        families if is_enforced else None,
        int(found.get("poolQuota") or 0),
    )


def read_sizes(listed: Iterable[Json]) -> dict[str, Size]:
    """The sizes *listed*, by their names in lower case; those without a number of cores are left out."""
    found = {}
    for entry in listed:
        capabilities = {each.get("name"): each.get("value") for each in entry.get("capabilities") or []}
        if cores := capabilities.get("vCPUs"):
            name = str(entry["name"]).casefold()
            found[name] = Size(str(entry.get("familyName", "")).casefold(), int(cores))
    return found


def quota_findings(
    desired: Desired, plan: Plan, quota: Quota, sizes: Mapping[str, Size], pools: Sequence[Json]
) -> Iterator[Diagnostic]:
    """Where the quota is too small for *plan*; *pools* are all that the account has.

    An error where no node beyond it can ever come; a warning where others have them, where a formula may ask
    for less, and where another size of a list may be had: only the first is looked at.
    """
    pool = desired.pool
    size = sizes.get(str(pool["vmSize"]).casefold()) if pool else None
    if pool is None or size is None:
        return
    other_sizes = desired.spec.pool.other_sizes if desired.spec.pool else ()
    others = [live for live in pools if str(live["id"]).casefold() != str(pool["id"]).casefold()]
    if plan.creates(Kind.POOL) and len(others) >= quota.pools > 0:
        yield _finding(
            desired,
            ("pool", "id"),
            f"the account has {count_text(len(others), 'pool')}",
            f"its quota is {quota.pools}",
        )
    for demand in _demands(desired, pool, size, quota, sizes, others):
        if math.isfinite(demand.asked) and demand.asked + demand.others > demand.quota:
            is_error = demand.asked > demand.quota and not (pool.get("enableAutoScale") or other_sizes)
            yield _finding(
                desired,
                demand.path,
                f"{demand.asked:.0f} {demand.what} cores are asked for",
                _label(demand),
                Severity.ERROR if is_error else Severity.WARNING,
            )


def unknown_size(desired: Desired, sizes: Mapping[str, Size]) -> bool:
    """Whether the management plane does not tell the cores of the pool's size."""
    return desired.pool is not None and str(desired.pool["vmSize"]).casefold() not in sizes


def _demands(
    desired: Desired, pool: Json, size: Size, quota: Quota, sizes: Mapping[str, Size], others: Sequence[Json]
) -> Iterator[_Demand]:
    asked, scaled = nodes_asked(pool), bool(pool.get("enableAutoScale"))
    names = ("targetDedicatedNodes", "targetLowPriorityNodes")
    dedicated, spot = (_stated(desired, "autoScaleFormula" if scaled else name) for name in names)
    used = [(sizes.get(str(live.get("vmSize", "")).casefold()), live) for live in others]
    cores = size.cores
    if asked.dedicated:
        all_used = sum(_cores(live, other, "Dedicated") for other, live in used if other)
        yield _Demand("dedicated", dedicated, asked.dedicated * cores, all_used, quota.dedicated)
        if quota.families is not None:
            of_family = [(other, live) for other, live in used if other and other.family == size.family]
            family_used = sum(_cores(live, other, "Dedicated") for other, live in of_family)
            limit = quota.families.get(size.family, 0)
            yield _Demand(f"dedicated {size.family}", dedicated, asked.dedicated * cores, family_used, limit)
    if asked.spot:
        spot_used = sum(_cores(live, other, "LowPriority") for other, live in used if other)
        yield _Demand("Spot", spot, asked.spot * cores, spot_used, quota.spot)


def _stated(desired: Desired, name: str) -> Path:
    """The field *name* of the pool, or the shorthand by which the spec states it."""
    pool: Any = desired.spec.document.data.get("pool")
    short = _SHORTHANDS.get(name, name)
    return ("pool", short if short in pool else name)


def _cores(live: Json, size: Size, kind: str) -> int:
    """The cores that a live pool has, or has asked for."""
    return size.cores * max(int(live.get(f"{which}{kind}Nodes") or 0) for which in ("current", "target"))


def _label(demand: _Demand) -> str:
    others = f", of which other pools have {demand.others}" if demand.others else ""
    return f"the account's quota is {demand.quota} cores{others}"


def _finding(
    desired: Desired, path: Path, what: str, label: str, severity: Severity = Severity.ERROR
) -> Diagnostic:
    return desired.spec.document.diagnostic(
        Code.QUOTA,
        f"pool: {what}",
        path,
        label=label,
        helps=("request a higher quota in the portal (Batch account, Quotas), or for fewer nodes",),
        severity=severity,
    )
