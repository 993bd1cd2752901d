"""How many nodes a pool has: counts, a formula, or one of Batch Shipyard's scenarios as `autoscale`."""

from __future__ import annotations

from typing import Any

from batchspec.shipyard.reading.durations import iso_duration
from batchspec.shipyard.reading.settings import Settings

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NO_LIMIT = 100


def sizes(pool: Settings, remarks: list[str]) -> dict[str, Any]:
    """The fields of a pool that say how many nodes it has."""
    dedicated, spot = _counts(pool, "vm_count")
    scaling = pool.inside("autoscale")
    if formula := scaling.text("formula"):
        scaling.take("scenario")
        found: dict[str, Any] = {"enableAutoScale": True, "autoScaleFormula": formula}
        if interval := scaling.text("evaluation_interval"):
            found["autoScaleEvaluationInterval"] = iso_duration(interval, scaling.where)
        return found
    if scenario := scaling.inside("scenario"):
        scaling.take("evaluation_interval")
        return {"autoscale": _scenario(scenario, dedicated, spot, remarks)}
    return {"targetDedicatedNodes": dedicated, "targetLowPriorityNodes": spot} if dedicated or spot else {}


def _counts(settings: Settings, name: str) -> tuple[int, int]:
    """Dedicated and Spot nodes; a plain number is of dedicated ones."""
    if isinstance(number := settings.says(name), int):
        settings.take(name)
        return number, 0
    counts = settings.inside(name)
    return counts.whole("dedicated"), counts.whole("low_priority")


def _scenario(scenario: Settings, dedicated: int, spot: int, remarks: list[str]) -> dict[str, Any]:
    name = scenario.text("name")
    most_dedicated, most_spot = _counts(scenario, "maximum_vm_count")
    is_spot = most_spot != 0 and (most_dedicated == 0 or scenario.says("bias_node_type") == "low_priority")
    least, most = (spot, most_spot) if is_spot else (dedicated, most_dedicated)
    if most_dedicated and most_spot:
        remarks.append(f"autoscale counts one kind of nodes: {'Spot' if is_spot else 'dedicated'} ones here.")
    if most < 0:
        remarks.append(f"maximum_vm_count had no limit; {_NO_LIMIT} stands for it.")
        most = _NO_LIMIT
    found: dict[str, Any] = {"min": min(least, most), "max": max(most, least, 1)}
    if look_back := scenario.text("sample_lookback_interval"):
        found["idle"] = iso_duration(look_back, scenario.where)
    if is_spot:
        found["spot"] = True
    for passed_over in ("bias_node_type", "bias_last_sample", "required_sample_percentage"):
        scenario.take(passed_over)
    return found | _hours(scenario, name, remarks)


def _hours(scenario: Settings, name: str, remarks: list[str]) -> dict[str, Any]:
    """`workingHours` of the scenarios that go by the calendar."""
    ranges = scenario.inside("time_ranges")
    week, hours = ranges.inside("weekdays"), ranges.inside("work_hours")
    first, last = week.whole("start", 1), week.whole("end", 5)
    start, end = hours.whole("start", 8), hours.whole("end", 17)
    if name not in ("workday", "workday_with_offpeak_max_low_priority", "weekday", "weekend"):
        return {}
    days = list(_DAYS[first - 1 : last])
    if name == "weekend":
        days = [day for day in _DAYS if day not in days]
    if not name.startswith("workday"):
        start, end = 0, 24
    remarks.append(
        "In the working hours there are as many nodes as tasks need, up to `max`; at other times none. Hours are UTC."
    )
    return {"workingHours": {"days": days, "from": start, "to": end}}
