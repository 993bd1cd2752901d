"""The image and the node agent of a pool's new nodes, held against the list of those that the account offers.

Source: FACTS 6.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from batchspec.codes import Code
from batchspec.desired.task import Desired
from batchspec.plan.model import Kind, Plan
from batchspec.resources.base import Json
from batchspec.resources.equality import caseless
from batchspec.source import Diagnostic, Path, Severity

_SOON = timedelta(days=183)
_MACHINE = "virtualMachineConfiguration"
_IMAGE: Path = ("pool", _MACHINE, "imageReference")
_AGENT: Path = ("pool", _MACHINE, "nodeAgentSKUId")
_NOT_LISTED = frozenset({Code.IMAGE_NOT_OFFERED.value, Code.AGENT_NOT_OFFERED.value})


def needs_images(plan: Plan) -> bool:
    """Whether the plan makes nodes of another image: only then the account's list is of interest."""
    return plan.creates(Kind.POOL) or any(
        change.path[0] == _MACHINE for action in plan.of(Kind.POOL) for change in action.changes
    )


def check_images(
    desired: Desired, pool: Json, images: Sequence[Json], today: date, *, takes_others: bool
) -> tuple[list[Diagnostic], list[str]]:
    """Whether the account has the image of the new nodes of *pool*: findings, and what could not be looked at."""
    machine = pool[_MACHINE]
    found = list(_image(desired, machine, images, today))
    is_unlisted = any(finding.code in _NOT_LISTED for finding in found)
    if takes_others and is_unlisted and "nodeAgentSKUId" in machine:
        return [], ["image: this account accepts images that it does not list"]
    return found, []


def _image(desired: Desired, machine: Json, images: Sequence[Json], today: date) -> Iterator[Diagnostic]:
    agent = machine.get("nodeAgentSKUId")
    reference = machine["imageReference"]
    if "publisher" not in reference:  # an image of one's own: the list has its agent at most
        if agent and not any(caseless(agent, entry["nodeAgentSKUId"]) for entry in images):
            yield _unknown_agent(desired, agent, [entry["nodeAgentSKUId"] for entry in images])
        return
    listed = [entry for entry in images if caseless(_name(reference), _name(entry["imageReference"]))]
    fitting = [entry for entry in listed if agent is None or caseless(agent, entry["nodeAgentSKUId"])]
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
    """A finding where Batch's support for a listed image has ended, or ends soon."""
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
    if "image" in (document.data.get("pool") or {}):  # type: ignore[operator]
        path = ("pool", "image")
    return document.diagnostic(code, summary, path, label=label, helps=helps, severity=severity)
