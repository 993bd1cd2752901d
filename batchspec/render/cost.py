"""What nodes cost, as people and programs read it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from batchspec.cost.estimate import Estimate, Hourly, Used
from batchspec.cost.nodes import Nodes
from batchspec.cost.rates import Rates, money
from batchspec.counts import count_text

_AFTERWARDS = {
    "zero": "the pool is scaled to 0 nodes (whenDone: zero)",
    "keep": "{} until the pool is destroyed (whenDone: keep)",
    "": "{} as before",  # a pool that is only used
}


def estimate_text(estimate: Estimate) -> str:
    """`about 0.42 USD per hour for 5 Spot nodes; at most 0.84 USD for the job …; prices of 2026-11-28`."""
    hourly = estimate.hourly
    if hourly.unknown:
        return f"price not known: {hourly.unknown}"
    parts = [_per_hour(estimate), *_whole(estimate), _source(hourly.rates, hourly.nodes)]
    return "; ".join(parts)


def hourly_text(hourly: Hourly) -> str:
    """`about 0.42 USD per hour`, or that it is not known."""
    if hourly.unknown:
        return f"price not known: {hourly.unknown}"
    return f"about {money(hourly.amount, hourly.rates)} per hour"


def starting_text(estimate: Estimate) -> str:
    """What begins with the first node: `5 Spot nodes will start and cost about 0.42 USD per hour`."""
    hourly, how = estimate.hourly, "will"
    nodes = "Nodes" if math.inf in hourly.nodes else nodes_text(hourly.nodes)
    if estimate.autoscales:
        nodes, how = (nodes if nodes == "Nodes" else f"Up to {nodes}"), "may"
    if hourly.unknown or math.inf in hourly.nodes:
        costs = "money"
    else:
        costs = f"{'up to' if estimate.autoscales else 'about'} {money(hourly.amount, hourly.rates)} per hour"
    return f"{nodes} {how} start and cost {costs}"


def used_text(used: Used) -> str:
    """`0.42 dedicated and 1.20 Spot node hours; about 0.10 USD; prices of 2026-11-28`."""
    kinds = ((used.hours.dedicated, "dedicated"), (used.hours.spot, "Spot"))
    hours = " and ".join(f"{_hours(number)} {kind}" for number, kind in kinds if number) + " node hours"
    if unknown := used.rates.unknown(used.hours):
        return f"{hours}; price not known: {unknown}"
    return f"{hours}; {_about(used.cost, used.rates)}; {_source(used.rates, used.hours)}"


def _about(amount: float | None, rates: Rates) -> str:
    text = money(amount, rates)
    return text if text.startswith("less") else f"about {text}"


def _per_hour(estimate: Estimate) -> str:
    nodes, rates = estimate.hourly.nodes, estimate.hourly.rates
    if math.inf in nodes:
        kinds = zip(nodes, (rates.dedicated, rates.spot), ("dedicated", "Spot"), strict=True)
        each = [
            f"{money(price, rates)} per hour for each {kind} node" for number, price, kind in kinds if number
        ]
        return f"about {' and '.join(each)}; {estimate.unbounded}"
    amount = money(estimate.hourly.amount, rates)
    up_to = ("at most", "up to ") if estimate.autoscales else ("about", "")
    return f"{up_to[0]} {amount} per hour for {up_to[1]}{nodes_text(nodes)}"


def nodes_text(nodes: Nodes) -> str:
    """`2 dedicated nodes and 5 Spot nodes`."""
    kinds = ((nodes.dedicated, "dedicated node"), (nodes.spot, "Spot node"))
    return " and ".join(count_text(int(number), kind) for number, kind in kinds if number)


def _whole(estimate: Estimate) -> Iterator[str]:
    """What the run costs in all, and what the pool costs afterwards."""
    rates = estimate.hourly.rates
    if math.inf in estimate.hourly.nodes:
        return
    if not estimate.has_job:
        yield "until the pool is resized or destroyed"
        return
    if estimate.at_most is None:
        job = "no upper limit for the job (no maxWallClockTime)"
    else:
        job = f"at most {money(estimate.at_most, rates)} for the job (maxWallClockTime {_hours_text(estimate.hours)})"
    yield f"{job}, then {_afterwards(estimate)}"


def _afterwards(estimate: Estimate) -> str:
    if estimate.when_done == "delete":
        return "the pool is deleted (whenDone: delete)"
    if estimate.autoscales:
        return "what the autoscale formula keeps"
    per_hour = f"{money(estimate.hourly.amount, estimate.hourly.rates)} per hour"
    return _AFTERWARDS[estimate.when_done].format(per_hour)


def _hours_text(hours: float | None) -> str:
    return f"{round((hours or 0) * 60)} min" if (hours or 0) < 1 else f"{round(hours or 0, 2):g} h"


def _hours(number: float) -> str:
    return f"{number:.{1 if number >= 10 else 2 if number >= 0.1 else 4}f}"


def _source(rates: Rates, nodes: Nodes) -> str:
    meter = f" ({rates.spot_meter} meter)" if nodes.spot and rates.spot_meter else ""
    return f"prices of {rates.day}{meter}"


# For programs ------------------------------------------------------------------------------


def estimate_json(estimate: Estimate | None) -> dict[str, Any] | None:
    """As `cost` of a plan."""
    if estimate is None:
        return None
    return {
        **hourly_json(estimate.hourly),
        "hours": estimate.hours,
        "atMost": _number(estimate.at_most),
        "hasJob": estimate.has_job,
        "whenDone": estimate.when_done,
        "autoscales": estimate.autoscales,
    }


def hourly_json(hourly: Hourly) -> dict[str, Any]:
    """Nodes and their cost per hour; null where it is not known, or nothing bounds it."""
    return {
        **_rates_json(hourly.rates),
        "dedicatedNodes": _number(hourly.nodes.dedicated),
        "spotNodes": _number(hourly.nodes.spot),
        "perHour": _number(hourly.amount),
        "unknown": hourly.unknown,
    }


def used_json(used: Used) -> dict[str, Any]:
    """As `used` of a summary."""
    return {
        **_rates_json(used.rates),
        "dedicatedNodeHours": round(used.hours.dedicated, 4),
        "spotNodeHours": round(used.hours.spot, 4),
        "cost": used.cost,
        "unknown": used.rates.unknown(used.hours),
    }


def _rates_json(rates: Rates) -> dict[str, Any]:
    return {
        "vmSize": rates.vm_size,
        "currency": rates.currency,
        "dedicatedPrice": rates.dedicated,
        "spotPrice": rates.spot,
        "spotMeter": rates.spot_meter,
        "pricesOf": rates.day,
    }


def _number(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value
