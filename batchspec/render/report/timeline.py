"""The timeline: a row for each node, or for some neighbours where there are very many, with what ran there.

Few tasks are drawn one by one, side by side where a node ran several at a time. Of many, each row shows how busy it
was.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from batchspec.engine.history.figures import BINS, Load, Window
from batchspec.engine.history.trace import Trace
from batchspec.render.values import duration_text

WIDTH = 1000.0
MOST_BARS = 2000
MOST_ROWS = 100
LEVELS = 5
_TALL, _FLAT = 16.0, 8.0
_STARTED = "FROM traced WHERE started IS NOT NULL"


class Bar(NamedTuple):
    """A rectangle: a task, or a time at which a row was about equally busy."""

    x: float
    y: float
    width: float
    height: float
    style: str
    title: str = ""


class Row(NamedTuple):
    """A node, or several: what it is called, and in full."""

    label: str
    title: str
    y: float
    height: float
    bars: list[Bar]


class Timeline(NamedTuple):
    rows: list[Row]
    height: float
    is_aggregated: bool
    nodes: int

    @property
    def nodes_per_row(self) -> int:
        return -(-self.nodes // max(1, len(self.rows)))


def timeline_of(trace: Trace, window: Window, groups: list[str]) -> Timeline:
    """The timeline of tasks that started; *groups* give them their colours."""
    query = f"SELECT node, count(*) {_STARTED} AND node IS NOT NULL GROUP BY node ORDER BY min(started)"
    nodes = list(trace.database.rows(query))
    is_aggregated = sum(count for _, count in nodes) > MOST_BARS or len(nodes) > MOST_ROWS
    size = -(-len(nodes) // MOST_ROWS) or 1
    bands = [[name for name, _ in nodes[at : at + size]] for at in range(0, len(nodes), size)]
    rows: list[Row] = []
    for number, band in enumerate(bands):
        y = rows[-1].y + rows[-1].height + 4 if rows else 0.0
        draw = _busy(trace, band, window, y) if is_aggregated else _tasks(trace, band[0], window, groups, y)
        height, bars = draw
        rows.append(Row(_label(band, number * size), ", ".join(band[:20]), y, height, bars))
    return Timeline(rows, rows[-1].y + rows[-1].height if rows else 0.0, is_aggregated, len(nodes))


def _label(band: list[str], first: int) -> str:
    return short_node(band[0]) if len(band) == 1 else f"nodes {first + 1}–{first + len(band)}"


def short_node(name: str) -> str:
    """The id of a node, which may have 80 characters: how it begins and ends."""
    return name if len(name) <= 20 else f"{name[:13]}…{name[-6:]}"


def _tasks(trace: Trace, node: str, window: Window, groups: list[str], y: float) -> tuple[float, list[Bar]]:
    """A bar for each task of *node*, in as many lanes as it ran tasks at a time."""
    query = f"SELECT name, group_name, state, started, ended {_STARTED} AND node = ? ORDER BY started"
    found = list(trace.database.rows(query, node))
    free: list[float] = []  # when each lane is free again
    placed = []
    for name, group, state, started, ended in found:
        until = ended or window.ended
        lane = next((number for number, moment in enumerate(free) if moment <= started), len(free))
        free[lane : lane + 1] = [until]
        placed.append((lane, name, group, state, started, until))
    height = _TALL if len(free) == 1 else _FLAT
    bars = [_bar(window, y + lane * height, height - 1, task, groups) for lane, *task in placed]
    return height * len(free), bars


def _bar(window: Window, y: float, height: float, task: list[Any], groups: list[str]) -> Bar:
    name, group, state, started, ended = task
    x = window.place(started) * WIDTH
    width = max(1.0, window.place(ended) * WIDTH - x)
    style = "bad" if state in ("failed", "cancelled") else f"c{groups.index(group) % 8}"
    return Bar(
        round(x, 1), y, round(width, 1), height, style, f"{name}: {state}, {duration_text(ended - started)}"
    )


def _busy(trace: Trace, band: list[str], window: Window, y: float) -> tuple[float, list[Bar]]:
    """How busy the nodes of *band* were, and below it where tasks failed."""
    load, failed = Load(window), set[int]()
    for node in band:
        query = f"SELECT started, ended, state {_STARTED} AND node = ?"
        for started, ended, state in trace.database.rows(query, node):
            load.add(started, ended or window.ended)
            if state == "failed":
                failed.add(min(BINS - 1, int(window.place(ended or window.ended) * BINS)))
    bars = [*_levels(load.values, y), *_marks(failed, y + _TALL - 4)]
    return _TALL, bars


def _levels(values: list[float], y: float) -> Iterator[Bar]:
    """A bar for each stretch of about equal load; the most there was is the darkest."""
    most = max(values) or 1.0
    at = 0
    for level, stretch in groupby(-(-round(value / most * LEVELS * 100) // 100) for value in values):
        length = sum(1 for _ in stretch)
        if level:
            yield Bar(at * WIDTH / BINS, y, length * WIDTH / BINS, _TALL - 1, f"l{min(level, LEVELS)}")
        at += length


def _marks(failed: set[int], y: float) -> Iterator[Bar]:
    for number in sorted(failed):
        yield Bar(number * WIDTH / BINS, y, WIDTH / BINS, 3.0, "bad", "tasks failed")
