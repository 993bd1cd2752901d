"""The shorthand `autoscale`: the fields of Batch that it stands for, above all the formula.

The formula uses only what the documentation of "Create a formula to automatically scale compute nodes" names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from batchspec.codes import Code
from batchspec.language.finding import Finding
from batchspec.resources.base import Json
from batchspec.resources.equality import duration_s
from batchspec.source import Path

_PATH: Path = ("pool", "autoscale")
_IDLE = "PT10M"
_INTERVAL = "PT5M"  # the shortest that Batch takes
_SHORTEST_IDLE_S, _LONGEST_IDLE_S = 5 * 60, 24 * 3600  # an evaluation; what is sure to be kept of samples
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_KNOWN_PERCENT = (
    70  # of the samples; below it the documentation's own formulas ask for the newest sample alone
)


def scaling_fields(autoscale: Json) -> dict[str, Any]:
    """The fields of a pool's body that *autoscale* stands for."""
    return {
        "enableAutoScale": True,
        "autoScaleFormula": formula(autoscale),
        "autoScaleEvaluationInterval": _INTERVAL,
    }


def formula(autoscale: Json) -> str:
    """As many nodes as the busiest moment of the last `idle` needed, from `min` to `max`.

    So the pool grows with the next evaluation, and shrinks when it was too large for all of `idle`. A new pool has
    few samples: it starts with one node instead of waiting for the second evaluation. Running tasks count as pending,
    and a node that goes ends its tasks first.
    """
    window = f"{duration_s(autoscale.get('idle', _IDLE)) / 60:g} * TimeInterval_Minute"
    least, most = autoscale.get("min", 0), autoscale["max"]
    target, other = "$TargetLowPriorityNodes", "$TargetDedicatedNodes"
    if not autoscale.get("spot", False):
        target, other = other, target
    lines = [
        f"// {in_words(autoscale)}",
        f"known = $PendingTasks.GetSamplePercent({window}) >= {_KNOWN_PERCENT};",
        f"tasks = known ? max(0, $PendingTasks.GetSample({window})) : max(1, $PendingTasks.GetSample(1));",
        f"nodes = max({least}, min({most}, ceil(tasks / $TaskSlotsPerNode)));",
        *_opening(autoscale.get("workingHours")),
        f"{target} = nodes;",
        f"{other} = 0;",
        "$NodeDeallocationOption = taskcompletion;",
    ]
    return "\n".join(lines)


def in_words(autoscale: Json) -> str:
    """What *autoscale* does, for who reads the plan or the portal."""
    kind = "Spot" if autoscale.get("spot", False) else "dedicated"
    least, idle = autoscale.get("min", 0), autoscale.get("idle", _IDLE)
    text = f"{least} to {autoscale['max']} {kind} nodes as tasks wait; {least} after {idle} without work"
    if hours := autoscale.get("workingHours"):
        days = ", ".join(hours.get("days", ["every day"]))
        text += f"; none outside of {days} {hours['from']}:00 to {hours['to']}:00 UTC"
    return text


def _opening(hours: Mapping[str, Any] | None) -> Iterator[str]:
    """No nodes outside of *hours*. Formulas know no time zone but UTC."""
    if hours is None:
        return
    days = " || ".join(f"now.weekday == {_DAYS.index(day)}" for day in hours.get("days", _DAYS))
    yield "now = time();"
    yield f"open = ({days}) && now.hour >= {hours['from']} && now.hour < {hours['to']};"
    yield "nodes = open ? nodes : 0;"


def check_autoscale(autoscale: Json | None) -> Iterator[Finding]:
    """What in *autoscale* contradicts itself, or cannot be kept."""
    if autoscale is None:
        return
    least, most, idle = autoscale.get("min", 0), autoscale["max"], autoscale.get("idle", _IDLE)
    if least > most:
        yield Finding(Code.CONTRADICTION, (*_PATH, "min"), f"{least} is more than `max`", f"max is {most}")
    if not _SHORTEST_IDLE_S <= duration_s(idle) <= _LONGEST_IDLE_S:
        rule = "5 minutes (PT5M) to 24 hours (PT24H)"
        yield Finding(Code.DURATION_RANGE, (*_PATH, "idle"), f"{idle} is out of range", rule)
    hours = autoscale.get("workingHours")
    if hours and hours["from"] >= hours["to"]:
        what = f"{hours['from']} to {hours['to']}: the pool would never have nodes"
        yield Finding(Code.CONTRADICTION, (*_PATH, "workingHours", "to"), what, "must be later than `from`")
