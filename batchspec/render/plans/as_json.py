"""Plans and events as programs read them: plain values for one JSON object each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from batchspec.events import Event, NoteEvent, StepEvent, SummaryEvent, TaskEvent
from batchspec.plan.model import Excess, Kept, OpenAction, Plan, Stray, Unsimulated
from batchspec.plan.written import written
from batchspec.render.cost import estimate_json, hourly_json, used_json
from batchspec.render.findings import diagnostics
from batchspec.render.show import json_text
from batchspec.resources.base import camel_case
from batchspec.resources.task import LiveTask
from batchspec.source import Diagnostic, path_text
from batchspec.version import __version__

if TYPE_CHECKING:
    from batchspec.engine.health.status import Status  # imports azure, and a plan is shown without it

FORMAT_VERSION = 1
"""Of a plan, and of what begins as one. Readers ignore fields they do not know; a new number means that old ones
changed."""

_TYPES = {StepEvent: "step", TaskEvent: "task", NoteEvent: "note", SummaryEvent: "summary"}


def heading(name: str, spec_name: str) -> dict[str, Any]:
    """What a document of the type *name*, about a spec, begins with."""
    return {
        "type": name,
        "formatVersion": FORMAT_VERSION,
        "batchspecVersion": __version__,
        "spec": spec_name,
    }


def plan_json(plan: Plan, *, id: str, account: str, warnings: Sequence[Diagnostic] = ()) -> Iterator[str]:
    """*plan*, whole, with the *warnings* of its spec: one JSON object, in pieces, since there may be a million actions.

    Its schema is `schemas/batchspec-plan-v1.schema.json`. Actions stand in the order of the text.
    """
    head = {
        **heading("plan", plan.spec_name),
        "planId": id,
        "account": account,
        "hasChanges": plan.has_changes,
        "counts": {operation.name.lower(): count for operation, count in plan.counts().items()},
        "upToDate": plan.work.up_to_date,
        "notSelected": plan.work.not_selected,
        "packing": plan.work.packing,
        "orphans": plan.work.orphans,
        "terms": plan.terms,
        "findings": diagnostics.as_json([*warnings, *plan.findings]),
        "notChecked": list(plan.not_checked),
        "notSimulated": [_unsimulated(found) for found in plan.not_simulated],
        "excesses": [_excess(excess) for excess in plan.excesses],
        "cost": estimate_json(plan.cost),
    }
    yield json_text(head).removesuffix("}")
    yield from _list("inProgress", plan.in_progress)
    yield from _list("kept", map(_kept, plan.kept))
    yield from _list("stale", map(_kept, plan.stale))
    yield from _list("strays", map(_stray, plan.strays))
    yield from _list("unnoted", ({"kind": kind.value, "id": id} for kind, id in plan.unnoted))
    yield from _list("actions", map(written, plan.actions))
    yield from _list("unpublished", plan.work.unpublished)
    yield from _list("openActions", map(_open, plan.work.open))
    yield "}"


def _list(name: str, values: Iterable[object]) -> Iterator[str]:
    """A further member of an object that is written in pieces: a list."""
    yield f', "{name}": ['
    for number, value in enumerate(values):
        yield (", " if number else "") + json_text(value)
    yield "]"


def _kept(kept: Kept) -> dict[str, Any]:
    return {"id": kept.blob, "file": kept.file, "reason": kept.reason.name.lower()}


def _open(found: OpenAction) -> dict[str, Any]:
    return {"group": found.group, "atMost": found.most, "from": found.maker, "tasks": found.folders}


def _unsimulated(found: Unsimulated) -> dict[str, Any]:
    return {"path": path_text(found.path), "what": found.what, "place": found.place}


def _stray(stray: Stray) -> dict[str, Any]:
    return {
        "kind": stray.kind.value,
        "id": stray.id,
        "nodes": stray.nodes,
        "spotNodes": stray.spot,
        "vmSize": stray.vm_size,
        "autoscales": stray.autoscales,
        "blobs": stray.blobs,
        "bytes": stray.size,
        "cost": hourly_json(stray.cost) if stray.cost else None,
    }


def _excess(excess: Excess) -> dict[str, Any]:
    return {
        "threshold": excess.name,
        "limit": excess.limit,
        "found": excess.found,
        "of": excess.of,
        "what": excess.what,
        "place": excess.place,
    }


def event_json(event: Event) -> dict[str, Any]:
    """*event* as one object, after `schemas/batchspec-events-v1.schema.json`; `type` says which of them it is."""
    written = _camel(asdict(event, dict_factory=_values))
    if isinstance(event, SummaryEvent):
        written["used"] = used_json(event.used) if event.used else None
    return {"type": _TYPES[type(event)], **written}


def status_json(status: Status) -> dict[str, Any]:
    """*status*; the names of states are Batch's own."""
    failed = [_task(task) for task in status.failed]
    cost = hourly_json(status.cost) if status.cost else None
    return {"type": "status", **_camel({**asdict(status), "failed": failed}), "cost": cost}


def task_status_json(task: LiveTask) -> dict[str, Any]:
    """One task of a status, as a line of its own: there may be a million."""
    return {"type": "taskStatus", **_task(task)}


def _task(task: LiveTask) -> dict[str, str]:
    return {"id": task.id, "name": task.name, "state": task.state, "failure": task.failure}


def _values(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: _value(value) for name, value in pairs}


def _value(value: Any) -> Any:
    """*value* as JSON has it: an enum by its name, a moment in ISO 8601."""
    if isinstance(value, Enum):
        return value.name.lower()
    return value.isoformat() if isinstance(value, datetime) else value


def _camel(value: Any) -> Any:
    if hasattr(value, "_asdict"):  # a NamedTuple, which would be a list
        value = value._asdict()
    if isinstance(value, dict):
        return {camel_case(name): _camel(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_camel(member) for member in value]
    return value
