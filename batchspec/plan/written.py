"""Actions as JSON, and a plan read back from it: what a program is told, and what a saved plan holds.

What is read may have been written by anybody. It is held to its types, so that whatever is done with a plan can be
done with one that was read; what is missing or of another type raises `ValueError`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from batchspec.cost.estimate import Estimate, Hourly
from batchspec.cost.nodes import Nodes
from batchspec.cost.rates import Rates
from batchspec.language.model import WhenDone
from batchspec.plan.model import (
    Action,
    Excess,
    Kept,
    Kind,
    OpenAction,
    Operation,
    Plan,
    Reason,
    Stray,
    Unnoted,
    Unsimulated,
    Work,
)
from batchspec.resources.base import Change, Effect
from batchspec.source import Diagnostic, Severity, Source, path_text

T = TypeVar("T")


def written(action: Action) -> dict[str, Any]:
    """*action* as JSON. The name of an operation, a reason and an effect is that of its enum, in lower case."""
    return {
        "operation": action.operation.name.lower(),
        "kind": action.kind.value,
        "id": action.id,
        "reason": action.reason.name.lower(),
        "path": path_text(action.path),
        "place": action.place,
        "needsConsent": action.needs_consent,
        "before": action.before,
        "after": action.after,
        "changes": [_written_change(change) for change in action.changes],
        "interrupts": list(action.interrupts),
        "notes": list(action.notes),
    }


def _written_change(change: Change) -> dict[str, Any]:
    return {
        "path": path_text(change.path),
        "before": change.before,
        "after": change.after,
        "effect": change.effect.name.lower(),
    }


def read_plan(document: Any) -> Plan:
    """The plan that was written as *document*, as far as it can be shown and compared. Raises `ValueError`."""
    actions = _all(document, "actions", _action)
    of = {operation: tuple(a for a in actions if a.operation is operation) for operation in Operation}
    resources = tuple(action for action in actions if action.kind in (Kind.SPEC, *_RESOURCES))
    terms = _terms(_get(document, "terms", dict))
    return Plan(
        spec_name=_get(document, "spec", str),
        resources=resources,
        job_id=terms.get("job", {}).get("id", ""),
        work=Work(
            up_to_date=_get(document, "upToDate", int),
            not_selected=_get(document, "notSelected", int),
            packing=_get(document, "packing", int),
            orphans=_get(document, "orphans", int),
            open=_all(document, "openActions", _open),
            unpublished=_all(document, "unpublished", _text),
            upload_bytes=sum((action.after or {})["size"] for action in of[Operation.UPLOAD]),
        ),
        in_progress=_all(document, "inProgress", _text),
        upload_actions=of[Operation.UPLOAD],
        copy_actions=of[Operation.COPY],
        deletion_actions=tuple(a for a in of[Operation.DELETE] if a.kind is Kind.TASK),
        run_actions=of[Operation.RUN],
        download_actions=of[Operation.DOWNLOAD],
        kept=_all(document, "kept", _kept),
        stale=_all(document, "stale", _kept),
        strays=_all(document, "strays", _stray),
        unnoted=_all(document, "unnoted", _unnoted),
        terms=terms,
        findings=_all(document, "findings", _finding),
        not_checked=_all(document, "notChecked", _text),
        not_simulated=_all(document, "notSimulated", _unsimulated),
        excesses=_all(document, "excesses", _excess),
        cost=_cost(document["cost"]) if document.get("cost") else None,  # earlier plans have none
    )


def _action(data: Any) -> Action:
    operation, kind = _name(data, "operation", Operation), Kind(_get(data, "kind", str))
    if kind not in _KINDS[operation]:
        raise ValueError(f"no {kind.value} is ever what {operation.name.lower()} is done to")
    before, after = _body(data, "before"), _body(data, "after")
    for name, type_ in _SHOWN.get(operation, {}).items():
        _get(after, name, type_)
    if operation is Operation.RUN and after and "changed" in after:
        _all(after, "changed", _text)
    for body in (before, after):
        if body and operation is Operation.RUN and "work" in body:
            _get(body, "work", dict)
    return Action(
        operation,
        kind,
        _get(data, "id", str),
        _name(data, "reason", Reason),
        (_get(data, "path", str),),
        _get(data, "place", str),
        before,
        after,
        _all(data, "changes", _change),
        _all(data, "interrupts", _text),
        _all(data, "notes", _text),
        agreed=not _get(data, "needsConsent", bool),
    )


_RESOURCES = (Kind.PACKAGE, Kind.POOL, Kind.JOB)
_KINDS = {
    Operation.CREATE: _RESOURCES,
    Operation.UPDATE: (Kind.SPEC, *_RESOURCES),
    Operation.REPLACE: _RESOURCES,
    Operation.DELETE: (*_RESOURCES, Kind.TASK),
    Operation.UPLOAD: (Kind.INPUT,),
    Operation.COPY: (Kind.OUTPUT,),
    Operation.RUN: (Kind.TASK,),
    Operation.DOWNLOAD: (Kind.OUTPUT,),
}
_SHOWN: dict[Operation, dict[str, type]] = {
    Operation.UPLOAD: {"name": str, "size": int},
    Operation.RUN: {"name": str, "command": str},
}
"""What of an action's `after` is looked at when it is shown."""


def _open(data: Any) -> OpenAction:
    group, maker = _get(data, "group", str), _get(data, "from", str)
    return OpenAction(group, _get(data, "atMost", int), maker, _get(data, "tasks", int))


def _kept(data: Any) -> Kept:
    return Kept(_get(data, "id", str), _get(data, "file", str), _name(data, "reason", Reason))


def _unnoted(data: Any) -> Unnoted:
    return Unnoted(Kind(_get(data, "kind", str)), _get(data, "id", str))


def _stray(data: Any) -> Stray:
    return Stray(
        kind=Kind(_get(data, "kind", str)),
        id=_get(data, "id", str),
        nodes=_get(data, "nodes", int),
        spot=_get(data, "spotNodes", int),
        vm_size=_get(data, "vmSize", str),
        autoscales=_get(data, "autoscales", bool),
        blobs=_get(data, "blobs", int),
        size=_get(data, "bytes", int),
        cost=_hourly(data["cost"]) if data.get("cost") else None,
    )


def _body(data: Any, name: str) -> dict[str, Any] | None:
    """The body of a pool or job, or what is said of something else. Metadata is all of it that has to have a form."""
    if _get(data, name, object) is None:
        return None
    body = _get(data, name, dict)
    if body.get("metadata"):
        _all(body, "metadata", lambda entry: _get(entry, "name", str))
    return body


def _change(data: Any) -> Change:
    return Change(
        (_get(data, "path", str),),
        _get(data, "before", object),
        _get(data, "after", object),
        _name(data, "effect", Effect),
    )


def _terms(data: dict[str, Any]) -> dict[str, Any]:
    """The terms; of them is shown where tasks are added to, and what becomes of the pool."""
    if "job" in data:
        _get(_get(data, "job", dict), "id", str)
    if "pool" in data and "whenDone" in _get(data, "pool", dict):
        WhenDone(_get(data["pool"], "whenDone", str))
    return data


def _finding(data: Any) -> Diagnostic:
    """A finding whose excerpt is left out: the spec may have changed since."""
    place = (_get(data, name, object) for name in ("file", "line", "column"))
    return Diagnostic(
        code=_get(data, "code", str),
        summary=_get(data, "summary", str),
        source=Source(":".join(str(part) for part in place if part is not None), ""),
        label=_get(data, "label", str),
        helps=_all(data, "helps", _text),
        severity=Severity(_get(data, "severity", str)),
    )


def _unsimulated(data: Any) -> Unsimulated:
    return Unsimulated(
        (_get(data, "path", str),), what=_get(data, "what", str), place=_get(data, "place", str)
    )


def _excess(data: Any) -> Excess:
    of = _get(data, "of", object)
    return Excess(
        name=_get(data, "threshold", str),
        limit=_get(data, "limit", str),
        found=_maybe_number(data, "found"),
        of=None if of is None else _get(data, "of", int),
        what=_get(data, "what", str),
        place=_get(data, "place", str),
    )


def _hourly(data: Any) -> Hourly:
    """What nodes cost, as it was when the plan was made."""
    rates = Rates(
        vm_size=_get(data, "vmSize", str),
        dedicated=_maybe_number(data, "dedicatedPrice"),
        spot=_maybe_number(data, "spotPrice"),
        currency=_get(data, "currency", str),
        day=_get(data, "pricesOf", str),
        spot_meter=_get(data, "spotMeter", str),
        why_not=_get(data, "unknown", str),
    )
    dedicated, spot = (_maybe_number(data, f"{kind}Nodes") for kind in ("dedicated", "spot"))
    return Hourly(Nodes(*(math.inf if number is None else number for number in (dedicated, spot))), rates)


def _cost(data: Any) -> Estimate:
    return Estimate(
        _hourly(data),
        hours=_maybe_number(data, "hours"),
        has_job=_get(data, "hasJob", bool),
        when_done=_get(data, "whenDone", str),
        autoscales=_get(data, "autoscales", bool),
    )


def _maybe_number(data: Any, name: str) -> float | None:
    return None if _get(data, name, object) is None else _number(data, name)


def _get(data: Any, name: str, type_: type[T]) -> T:
    if not isinstance(data, Mapping) or name not in data or not isinstance(data[name], type_):
        raise ValueError(f"`{name}` is missing or of another type")
    value: T = data[name]
    return value


def _number(data: Any, name: str) -> float:
    """A number as it stands: a count stays one."""
    return _get(data, name, float if isinstance(data.get(name), float) else int)


def _all(data: Any, name: str, read: Callable[[Any], T]) -> tuple[T, ...]:
    return tuple(read(value) for value in _get(data, name, list))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")
    return value


def _name(data: Any, name: str, names: type[Any]) -> Any:
    """The member of an enum by its name, in lower case."""
    found = names.__members__.get(_get(data, name, str).upper())
    if found is None:
        raise ValueError(f"`{name}` has a value that is not known")
    return found
