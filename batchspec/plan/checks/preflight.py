"""What will not work, found before it costs money: findings about a plan, each with the line that decides it.

Pure: the account's list of images and the day are handed in. Sources: FACTS 2, 3 and 6.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import islice
from typing import Any, NamedTuple

from batchspec.codes import Code
from batchspec.desired.task import Desired
from batchspec.ledger.database import Many
from batchspec.plan.checks.moving import moving
from batchspec.plan.checks.quota import grows
from batchspec.plan.checks.vm_sizes import AS_OF, cores_of, retirement_of
from batchspec.plan.model import Kind, Operation, Plan
from batchspec.resources.base import Json
from batchspec.resources.pool import most_nodes
from batchspec.source import Diagnostic, Path, Severity

_SOON = timedelta(days=183)
_NAMED = 3
_SLOTS_OF_A_CORE = 4
_MOST_SLOTS = 256
_IMAGE: Path = ("pool", "virtualMachineConfiguration", "imageReference")
_AGENT: Path = ("pool", "virtualMachineConfiguration", "nodeAgentSKUId")


class Preflight(NamedTuple):
    """What was found, and in words what could not be looked at."""

    findings: tuple[Diagnostic, ...]
    not_checked: tuple[str, ...]


def needs_images(plan: Plan) -> bool:
    """Whether the plan makes nodes of another image: only then the account's list is of interest."""
    return any(
        action.operation is Operation.CREATE
        or any(change.path[:1] == ("virtualMachineConfiguration",) for change in action.changes)
        for action in plan.of(Kind.POOL)
    )


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
    findings += [*_size(desired, today), *_slots(desired)]
    not_checked += _unknown(desired, plan)
    if needs_images(plan):
        found, unknown = _offered(desired, images, today, takes_others=takes_others)
        findings += found
        not_checked += unknown
    return Preflight(tuple(findings), tuple(not_checked))


def _unknown(desired: Desired, plan: Plan) -> Iterator[str]:
    pool = desired.pool or {}
    if grows(plan) and most_nodes(pool) == math.inf:
        yield "number of nodes: nothing in the autoscale formula bounds it"
    if pool.get("taskSlotsPerNode", 1) > _SLOTS_OF_A_CORE:
        for name in filter(lambda name: cores_of(name) is None, _sizes(desired)):
            yield f"task slots: the name {name} does not tell its cores"


# The identity -----------------------------------------------------------------------------


def _identity(desired: Desired, plan: Plan, pool: Json, *, makes_any: bool) -> Iterator[Diagnostic]:
    """Whether the pool of *plan* will have the spec's identity. Only the management plane gives it one (FACTS 3)."""
    spec = desired.spec
    wanted, name = str(spec.identity), str(spec.identity).rpartition("/")[2]
    has = [entry["resourceId"] for entry in (pool.get("identity") or {}).get("userAssignedIdentities") or []]
    id = spec.pool.id if spec.pool else ""
    if any(action.operation is Operation.CREATE for action in plan.of(Kind.POOL)):
        if makes_any:
            return
        yield _finding(
            desired,
            Code.POOL_LACKS_IDENTITY,
            ("identity",),
            f"identity: the pool {id} does not exist, and one that is made here cannot have {name}",
            label="Batch lets only the management plane give a pool its identity",
            helps=(
                "to have it created with its identity, set AZURE_SUBSCRIPTION_ID and AZURE_RESOURCE_GROUP and install "
                "batchspec[arm]",
                "or make the pool with Bicep, an ARM template or the portal, and use it: "
                f"`pool: {{existing: {id}}}`; to have it as this spec describes it:\n"
                f"batchspec import pool {id} --name {spec.name} --adopt",
            ),
        )
    elif not any(_same(wanted, other) for other in has):
        others = ", ".join(str(other).rpartition("/")[2] for other in has) or "none"
        yield _finding(
            desired,
            Code.POOL_LACKS_IDENTITY,
            ("identity",),
            f"identity: the pool {id} does not have {name}, so its nodes could neither read inputs nor write outputs",
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
    yield _finding(
        desired,
        Code.LINKS_END,
        ("tasks",),
        f"tasks: {len(ending)} run with links that end within a day, or have ended: {some}",
        label="nothing renews the links of a task that runs",
        helps=(
            "an output that comes too late is refused by Storage, and the next apply runs its task again",
            "give the pool a managed identity, and name it in `identity:`: then there are no links to end",
        ),
        severity=Severity.WARNING,
    )


# The VM size ------------------------------------------------------------------------------


def _size(desired: Desired, today: date) -> Iterator[Diagnostic]:
    sizes = _sizes(desired)
    for number, retirement in enumerate(map(retirement_of, sizes)):
        if retirement is None:
            continue
        over = retirement.day < today
        verb = "were retired on" if over else "retire on"
        yield _finding(
            desired,
            Code.SIZE_RETIRES,
            ("pool", "vmSize", number) if len(sizes) > 1 else ("pool", "vmSize"),
            f"pool.vmSize: the VM sizes {retirement.family} {verb} {retirement.day}",
            label="Azure starts no more of them" if over else "its nodes are stopped then",
            helps=(f"choose a size of a newer family; the list is of {AS_OF}",),
            severity=Severity.WARNING,
        )


def _sizes(desired: Desired) -> tuple[str, ...]:
    """The VM sizes that nodes of the spec's pool may have."""
    return desired.spec.pool.vm_sizes if desired.spec.pool else ()


def _slots(desired: Desired) -> Iterator[Diagnostic]:
    slots = _pool(desired).get("taskSlotsPerNode", 1)
    most, vm_size = min((_most_slots(size), size) for size in _sizes(desired))
    if slots > most:
        yield _finding(
            desired,
            Code.TOO_MANY_NODE_SLOTS,
            ("pool", "taskSlotsPerNode"),
            f"pool.taskSlotsPerNode: {slots} slots are more than a {vm_size} may have",
            label=f"at most {most}: {_SLOTS_OF_A_CORE} for each of {cores_of(vm_size)} cores, {_MOST_SLOTS} in all",
            helps=(f"{most} at most, or a size with more cores",),
        )


def _most_slots(vm_size: str) -> int:
    """The most slots of a node of *vm_size*."""
    cores = cores_of(vm_size)
    return min(_SLOTS_OF_A_CORE * cores, _MOST_SLOTS) if cores else _MOST_SLOTS


# The image --------------------------------------------------------------------------------

_NOT_LISTED = frozenset({Code.IMAGE_NOT_OFFERED.value, Code.AGENT_NOT_OFFERED.value})


def _offered(desired: Desired, images: Sequence[Json], today: date, *, takes_others: bool) -> Preflight:
    """Whether the account has the image of the pool's new nodes."""
    machine = _pool(desired)["virtualMachineConfiguration"]
    found = tuple(_image(desired, machine, images, today))
    is_unlisted = any(finding.code in _NOT_LISTED for finding in found)
    if takes_others and is_unlisted and "nodeAgentSKUId" in machine:
        return Preflight((), ("image: this account accepts images that it does not list",))
    return Preflight(found, ())


def _image(desired: Desired, machine: Json, images: Sequence[Json], today: date) -> Iterator[Diagnostic]:
    agent = machine.get("nodeAgentSKUId")
    reference = machine["imageReference"]
    if "publisher" not in reference:  # an image of one's own: the list has its agent at most
        if agent and not any(_same(agent, entry["nodeAgentSKUId"]) for entry in images):
            yield _unknown_agent(desired, agent, [entry["nodeAgentSKUId"] for entry in images])
        return
    listed = [entry for entry in images if _same(_name(reference), _name(entry["imageReference"]))]
    fitting = [entry for entry in listed if agent is None or _same(agent, entry["nodeAgentSKUId"])]
    if not listed:
        yield _no_image(desired, _name(reference), [_name(entry["imageReference"]) for entry in images])
    elif not fitting:
        yield _no_agent(desired, str(agent), [entry["nodeAgentSKUId"] for entry in listed])
    else:
        yield from _support(desired, fitting[0], today)


def _no_image(desired: Desired, name: str, offered: list[str]) -> Diagnostic:
    near = difflib.get_close_matches(name.lower(), [other.lower() for other in offered], 1, cutoff=0.5)
    return _finding(
        desired,
        Code.IMAGE_NOT_OFFERED,
        _IMAGE,
        f"pool: the account does not offer the image {name}",
        label="not among the supported images",
        helps=(
            *(f"did you mean `{other}`?" for other in near),
            "all of them: az batch pool supported-images list",
        ),
    )


def _no_agent(desired: Desired, agent: str, offered: list[str]) -> Diagnostic:
    return _finding(
        desired,
        Code.AGENT_NOT_OFFERED,
        _AGENT,
        f"pool: the account does not offer the node agent {agent!r} for this image",
        label="not among the supported images",
        helps=(f"use `{offered[0]}`, or leave it out: then the one that fits is looked up",),
    )


def _unknown_agent(desired: Desired, agent: str, offered: list[str]) -> Diagnostic:
    near = difflib.get_close_matches(agent.lower(), offered, 1, cutoff=0.8)
    return _finding(
        desired,
        Code.AGENT_NOT_OFFERED,
        _AGENT,
        f"pool: the account does not offer the node agent {agent!r} at all",
        label="not among the supported images",
        helps=(
            *(f"did you mean `{other}`?" for other in near),
            "all of them: az batch pool supported-images list",
        ),
    )


def _support(desired: Desired, entry: Json, today: date) -> Iterator[Diagnostic]:
    """Whether Batch goes on supporting a listed image."""
    text = entry.get("batchSupportEndOfLife")
    if not text:
        return
    end = date.fromisoformat(str(text)[:10])
    if today <= end and end - today > _SOON:
        return
    over = end < today
    name = _name(entry["imageReference"])
    yield _finding(
        desired,
        Code.IMAGE_SUPPORT_ENDED if over else Code.IMAGE_SUPPORT_ENDS,
        _IMAGE,
        f"pool: Batch's support for the image {name} {'ended' if over else 'ends'} on {end}",
        label="no new pools" if over else "after that day, no new pools can be created and nodes are removed",
        helps=("move to a newer image: az batch pool supported-images list",),
        severity=Severity.ERROR if over else Severity.WARNING,
    )


def _name(reference: Json) -> str:
    return ":".join(str(reference.get(part, "")) for part in ("publisher", "offer", "sku"))


def _same(one: Any, other: Any) -> bool:
    """The service does not mind the case of images and agents (FACTS 6)."""
    return str(one).casefold() == str(other).casefold()


# Findings ---------------------------------------------------------------------------------


def _pool(desired: Desired) -> Json:
    if desired.pool is None:
        raise ValueError("a spec without a pool of its own")
    return desired.pool


def _finding(
    desired: Desired,
    code: Code,
    path: Path,
    summary: str,
    *,
    label: str,
    helps: tuple[str, ...],
    severity: Severity = Severity.ERROR,
) -> Diagnostic:
    """A finding at *path*, or at the shorthand `image` where the spec has that."""
    document = desired.spec.document
    pool: Any = document.data.get("pool")
    if path[:2] == _IMAGE[:2] and "image" in pool:
        path = ("pool", "image")
    return document.diagnostic(code, summary, path, label=label, helps=helps, severity=severity)
