"""A report as one HTML page that needs nothing beside itself: no script, no font, no address.

Names of tasks and what they wrote may hold anything. The template escapes all that it is given.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from batchspec.counts import count_text
from batchspec.engine.history.figures import Curves, GroupFigures, Window, curves_of, groups_of, window_of
from batchspec.engine.history.trace import Traced
from batchspec.engine.report import Report
from batchspec.render.report.runs import run_text
from batchspec.render.report.timeline import WIDTH, short_node, timeline_of
from batchspec.render.show import show
from batchspec.render.values import duration_text, size_text
from batchspec.version import __version__

MOST_LISTED = 500
_SLOWEST = 10
_CURVE = 80.0
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400)
_MOST_TICKS = 8
_SHORT_COMMIT = 12


class Tick(NamedTuple):
    x: float
    text: str


class Area(NamedTuple):
    """How many tasks waited, or ran, as the points of a polygon; `most` is the number at its top."""

    what: str
    style: str
    points: str
    most: int


def report_html(report: Report) -> str:
    """The page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_visible, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        {
            "duration": duration_text,
            "size": size_text,
            "moment": _moment,
            "number": _number,
            "counted": count_text,
            "runs": run_text,
            "short_node": short_node,
        }
    )
    source = Path(__file__).with_name("page.html").read_text("utf-8")
    return environment.from_string(source).render(_context(report))


def _visible(value: Any) -> Any:
    """Text with what does not print made visible; markup of the template's own passes."""
    return show(value) if type(value) is str else value


def _context(report: Report) -> dict[str, Any]:
    trace, groups = report.trace, groups_of(report.trace)
    window = window_of(trace, report.made.timestamp())
    names = [group.name for group in groups]
    return {
        "report": report,
        "version": __version__,
        "last": report.runs[-1] if report.runs else None,
        "states": _states(report),
        "groups": groups,
        "totals": _totals(report, groups),
        "window": window,
        "began": window and datetime.fromtimestamp(window.began, UTC),
        "ticks": _ticks(window) if window else [],
        "timeline": timeline_of(trace, window, names) if window else None,
        "areas": _areas(curves_of(trace, window)) if window else [],
        "width": WIDTH,
        "curve": _CURVE,
        "slowest": _slowest(report),
        "tasks": list(trace) if len(trace) <= MOST_LISTED else None,
        "most_listed": MOST_LISTED,
        "others": [run for run in reversed(report.all_runs) if run not in report.runs],
        "short": _SHORT_COMMIT,
    }


def _states(report: Report) -> dict[str, int]:
    query = "SELECT state, count(*) FROM traced GROUP BY state ORDER BY 2 DESC"
    return dict(report.trace.database.rows(query))


def _totals(report: Report, groups: list[GroupFigures]) -> dict[str, Any]:
    costs = [usage.cost for usage in report.usages]
    return {
        "task_hours": sum(group.seconds for group in groups) / 3600,
        "input_bytes": sum(group.input_bytes or 0 for group in groups),
        "output_bytes": sum(group.output_bytes or 0 for group in groups),
        "dedicated": math.fsum(usage.dedicated_hours for usage in report.usages),
        "spot": math.fsum(usage.spot_hours for usage in report.usages),
        "cost": math.fsum(cost for cost in costs if cost is not None)
        if costs and None not in costs
        else None,
        "currency": next((usage.currency for usage in report.usages if usage.currency), ""),
        "unknown": next((usage.unknown for usage in report.usages if usage.unknown), ""),
        "preempted": sum(run.preempted for run in report.runs),
        "requeued": sum(run.requeued for run in report.runs),
    }


def _slowest(report: Report) -> list[Traced]:
    query = "started IS NOT NULL AND ended IS NOT NULL"
    order = f"ended - started DESC, name LIMIT {_SLOWEST}"
    return list(report.trace.where(query, order))


def _ticks(window: Window) -> list[Tick]:
    """Marks of time since the beginning, at round distances."""
    step = next((step for step in _STEPS if window.seconds / step <= _MOST_TICKS), 0)
    step = step or math.ceil(window.seconds / _MOST_TICKS / 86400) * 86400
    return [
        Tick(round(second / window.seconds * WIDTH, 1), _since(second))
        for second in range(0, math.floor(window.seconds) + 1, step)
    ]


def _since(second: int) -> str:
    hours, minutes = divmod(second // 60, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{second} s"


def _areas(curves: Curves) -> list[Area]:
    """Each on a scale of its own: thousands may wait while a few run."""
    return [_area("running", "run", curves.running), _area("waiting", "wait", curves.waiting)]


def _area(what: str, style: str, values: list[float]) -> Area:
    """From left to right, and back at the bottom."""
    step, most = WIDTH / len(values), max(1, math.ceil(max(values)))
    points = [
        f"{x:.1f},{_CURVE * (1 - value / most):.1f}"
        for number, value in enumerate(values)
        for x in (number * step, (number + 1) * step)
    ]
    return Area(what, style, " ".join((f"0,{_CURVE:.0f}", *points, f"{WIDTH:.0f},{_CURVE:.0f}")), most)


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""


def _number(value: float) -> str:
    """A number of hours or money: as many digits as are worth reading."""
    return (
        f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.01 or not value else f"{value:.4f}"
    )
