"""Drift as people and as programs read it: each field with both its values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from batchspec.plan.actions.drift import Compared, Difference
from batchspec.render.plans.as_json import heading
from batchspec.render.show import page
from batchspec.source import path_text


def drift_text(compared: Sequence[Compared]) -> str:
    """What exists, field by field, and how much of it differs."""
    return page(_lines(compared))


def _lines(compared: Sequence[Compared]) -> Iterator[str]:
    for one in compared:
        if not one.differences:
            yield f"  = {one.kind.value} {one.id}  as the spec says"
            continue
        yield f"  ~ {one.kind.value} {one.id}"
        for difference in one.differences:
            yield f"      {path_text(difference.change.path)}  {difference.place}"
            yield f"          spec  {_value(difference.change.after)}"
            yield f"          live  {_value(difference.change.before)}"
    if not compared:
        yield "Nothing of the spec's pool or job is there to compare."
        return
    count = sum(len(one.differences) for one in compared)
    yield ""
    noun = "field differs" if count == 1 else "fields differ"
    yield f"Drift: {count} {noun} from the spec." if count else "No drift."


def _value(value: Any) -> str:
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False)


def drift_json(spec_name: str, compared: Sequence[Compared]) -> dict[str, Any]:
    """The same as one JSON object."""
    return {
        **heading("drift", spec_name),
        "hasDrift": any(one.differences for one in compared),
        "resources": [
            {
                "kind": one.kind.value,
                "id": one.id,
                "differences": [_difference(difference) for difference in one.differences],
            }
            for one in compared
        ],
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "path": path_text(difference.change.path),
        "place": difference.place,
        "spec": difference.change.after,
        "live": difference.change.before,
        "effect": difference.change.effect.name.lower(),
    }
