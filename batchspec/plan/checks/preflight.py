"""What will not work, found before it costs money: findings about a plan, each with the line that decides it.

Pure: the account's list of images and the day are handed in. Sources: FACTS 2 and 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

from batchspec.codes import Code
from batchspec.cost.nodes import nodes_asked
from batchspec.desired.task import Desired
from batchspec.ledger.database import Many
from batchspec.plan.checks.images import check_images, needs_images
from batchspec.plan.checks.moving import moving
from batchspec.plan.checks.vm_sizes import AS_OF, cores_of, retirement_of
from batchspec.plan.model import Kind, Plan
from batchspec.resources.base import Json
from batchspec.resources.equality import caseless
from batchspec.resources.pool import identities_of
from batchspec.source import Diagnostic, Severity

_NAMED = 3
_SLOTS_OF_A_CORE = 4
_MOST_SLOTS = 256


class Preflight(NamedTuple):
    """What was found, and in words what could not be looked at."""

    findings: tuple[Diagnostic, ...]
    not_checked: tuple[str, ...]


def preflight(
    desired: Desired,
    plan: Plan,
    images: Sequence[Json],
    today: date,
    *,
    pool: Json | None = None,
    ending: Many[str] = (),
    takes_others: bool = False,
    any_identity: bool = False,
    has_management: bool = False,
) -> Preflight:
    """What speaks against *plan*.

    *images* are entries of the account's list of supported images; it is looked at where
    `needs_images`. *pool* is the live one, *ending* the tasks that run with links that end.
    *takes_others*: the account takes images that it does not list, once it is told their node
    agent. *any_identity*: its pools have every identity. *has_management*: its management plane
    makes pools with an identity.
    """
    findings = list(_running_links(desired, ending))
    not_checked = [*moving(plan, desired.spec.groups)]
    if not plan.has_changes:
        return Preflight(tuple(findings), tuple(not_checked))
    if desired.spec.identity is not None and plan.work.needed:
        if any_identity:
            not_checked.append("identity: pools of this account have whatever identity a task names")
        else:
            findings += _identity(desired, plan, pool or {}, makes_any=has_management)
    if desired.pool is None:
        return Preflight(tuple(findings), tuple(not_checked))
    findings += [*_size(desired, today), *_slots(desired, desired.pool)]
    not_checked += _unknown(desired, desired.pool, plan)
    if needs_images(plan):
        found, unknown = check_images(desired, desired.pool, images, today, takes_others=takes_others)
        findings += found
        not_checked += unknown
    return Preflight(tuple(findings), tuple(not_checked))


def _unknown(desired: Desired, pool: Json, plan: Plan) -> Iterator[str]:
    if plan.asks_for_nodes and math.inf in nodes_asked(pool):
        yield "number of nodes: nothing in the autoscale formula bounds it"
    if pool.get("taskSlotsPerNode", 1) > _SLOTS_OF_A_CORE:
        for name in filter(lambda name: cores_of(name) is None, desired.spec.vm_sizes):
            yield f"task slots: the name {name} does not tell its cores"


# The identity -----------------------------------------------------------------------------


def _identity(desired: Desired, plan: Plan, pool: Json, *, makes_any: bool) -> Iterator[Diagnostic]:
    """Whether the pool of *plan* will have the spec's identity. Only the management plane gives it one (FACTS 3)."""
    spec = desired.spec
    wanted, name = str(spec.identity), str(spec.identity).rpartition("/")[2]
    has = identities_of(pool)
    id = spec.pool.id if spec.pool else ""
    if plan.creates(Kind.POOL):
        if makes_any:
            return
        yield desired.spec.document.diagnostic(
            Code.POOL_LACKS_IDENTITY,
            f"identity: the pool {id} does not exist, and one that is made here cannot have {name}",
            ("identity",),
            label="Batch lets only the management plane give a pool its identity",
            helps=(
                "to have it created with its identity, set AZURE_SUBSCRIPTION_ID and AZURE_RESOURCE_GROUP and install "
                "batchspec[arm]",
                "or make the pool with Bicep, an ARM template or the portal, and use it: "
                f"`pool: {{existing: {id}}}`; to have it as this spec describes it:\n"
                f"batchspec import pool {id} --name {spec.name} --adopt",
            ),
        )
    elif not any(caseless(wanted, other) for other in has):
        others = ", ".join(other.rpartition("/")[2] for other in has) or "none"
        yield desired.spec.document.diagnostic(
            Code.POOL_LACKS_IDENTITY,
            f"identity: the pool {id} does not have {name}, so its nodes could neither read inputs nor write outputs",
            ("identity",),
            label=f"it has: {others}",
            helps=(
                "give it to the pool with Bicep, an ARM template or the portal, while the pool has no nodes: "
                "nodes that run keep the identities that they started with",
            ),
        )


# Links ------------------------------------------------------------------------------------


def _running_links(desired: Desired, ending: Many[str]) -> Iterator[Diagnostic]:
    """Tasks that run with links which end soon. Nothing can be done for them."""
    if not ending:
        return
    some = ", ".join(islice(ending, _NAMED)) + (", …" if len(ending) > _NAMED else "")
    yield desired.spec.document.diagnostic(
        Code.LINKS_END,
        f"tasks: {len(ending)} run with links that end within a day, or have ended: {some}",
        ("tasks",),
        label="nothing renews the links of a task that runs",
        helps=(
            "an output that comes too late is refused by Storage, and the next apply runs its task again",
            "give the pool a managed identity, and name it in `identity:`: then there are no links to end",
        ),
        severity=Severity.WARNING,
    )


# The VM size ------------------------------------------------------------------------------


def _size(desired: Desired, today: date) -> Iterator[Diagnostic]:
    sizes = desired.spec.vm_sizes
    for number, retirement in enumerate(map(retirement_of, sizes)):
        if retirement is None:
            continue
        over = retirement.day < today
        verb = "were retired on" if over else "retire on"
        yield desired.spec.document.diagnostic(
            Code.SIZE_RETIRES,
            f"pool.vmSize: the VM sizes {retirement.family} {verb} {retirement.day}",
            ("pool", "vmSize", number) if len(sizes) > 1 else ("pool", "vmSize"),
            label="Azure starts no more of them" if over else "its nodes are stopped then",
            helps=(f"choose a size of a newer family; the list is of {AS_OF}",),
            severity=Severity.WARNING,
        )


def _slots(desired: Desired, pool: Json) -> Iterator[Diagnostic]:
    slots = pool.get("taskSlotsPerNode", 1)
    most, vm_size = min((_most_slots(size), size) for size in desired.spec.vm_sizes)
    if slots > most:
        yield desired.spec.document.diagnostic(
            Code.TOO_MANY_NODE_SLOTS,
            f"pool.taskSlotsPerNode: {slots} slots are more than a {vm_size} may have",
            ("pool", "taskSlotsPerNode"),
            label=f"at most {most}: {_SLOTS_OF_A_CORE} for each of {cores_of(vm_size)} cores, {_MOST_SLOTS} in all",
            helps=(f"{most} at most, or a size with more cores",),
        )


def _most_slots(vm_size: str) -> int:
    """The most slots of a node of *vm_size*."""
    cores = cores_of(vm_size)
    return min(_SLOTS_OF_A_CORE * cores, _MOST_SLOTS) if cores else _MOST_SLOTS
