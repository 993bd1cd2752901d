"""What a trace comes to: counts, durations by group, and how many tasks waited and ran at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NamedTuple

from batchspec.engine.history.trace import Trace

BINS = 200
"""Into how many equal parts the time of a report is cut."""
HISTOGRAM_BINS = 24


class Window(NamedTuple):
    """The time of a report, in seconds since 1970: from when the first task was added to when the last one ended."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    def place(self, moment: float) -> float:
        """Where *moment* is, from 0 to 1."""
        return min(1.0, max(0.0, (moment - self.began) / self.seconds))


class Durations(NamedTuple):
    """In seconds, of tasks that ended: the shortest, the middle one, what 95 of 100 do not exceed, the longest."""

    shortest: float
    median: float
    most: float
    longest: float


class GroupFigures(NamedTuple):
    """What the tasks of a group come to. `waited` is the median of seconds between adding and starting.

    `histogram` counts tasks by duration, from 0 to the longest.
    """

    name: str
    tasks: int
    succeeded: int
    failed: int
    seconds: float
    input_bytes: int | None
    output_bytes: int | None
    durations: Durations | None
    waited: float | None
    histogram: tuple[int, ...]


class Load:
    """How many of some intervals there are at a time: in each of the bins, on average."""

    def __init__(self, window: Window, bins: int = BINS) -> None:
        self._window = window
        self._parts = [0.0] * (bins + 1)
        self._whole = [0.0] * (bins + 2)
        self._bins = bins

    # Of an interval only its first and its last bin are reckoned, and where the full ones begin and end: to count it in
    # each bin, a million tasks that take long would cost two hundred million additions.
    def add(self, began: float, ended: float) -> None:
        first, last = (self._window.place(moment) * self._bins for moment in (began, ended))
        low, high = int(first), int(last)
        if low == high:
            self._parts[low] += last - first
            return
        self._parts[low] += low + 1 - first
        self._parts[high] += last - high
        self._whole[low + 1] += 1
        self._whole[high] -= 1

    @property
    def values(self) -> list[float]:
        whole = accumulate(self._whole)
        return [part + full for part, full in zip(self._parts, whole, strict=False)][: self._bins]


class Curves(NamedTuple):
    """How many tasks waited and ran, over the time of the report."""

    waiting: list[float]
    running: list[float]


def window_of(trace: Trace, now: float) -> Window | None:
    """The time of the report; None where nothing was ever added. What has not ended lasts until *now*."""
    query = (
        "SELECT min(coalesce(created, started)), max(coalesce(ended, started, created)),"
        " max(state IN ('waiting', 'running')) FROM traced"
    )
    began, ended, is_open = trace.database.one(query)
    if began is None:
        return None
    return Window(began, max(now if is_open else ended, began + 0.001))  # places are fractions of its length


def curves_of(trace: Trace, window: Window) -> Curves:
    """Of tasks that waited for others, too: they waited."""
    waiting, running = Load(window), Load(window)
    for created, started, ended in intervals(trace):
        if created is not None and created < (started or window.ended):
            waiting.add(created, started or window.ended)
        if started is not None:
            running.add(started, ended or window.ended)
    return Curves(waiting.values, running.values)


def intervals(trace: Trace) -> Iterator[tuple[Any, ...]]:
    """When each task was added, started and ended. What ended without starting did not wait until now."""
    query = "SELECT created, coalesce(started, ended), ended FROM traced"
    return trace.database.rows(query)


def groups_of(trace: Trace) -> list[GroupFigures]:
    """The groups, in the order in which they began."""
    query = (
        "SELECT group_name, count(*), sum(state = 'succeeded'), sum(state = 'failed'),"
        " coalesce(sum(ended - started), 0), sum(input_bytes), sum(output_bytes) FROM traced"
        " GROUP BY group_name ORDER BY min(started) IS NULL, min(started), group_name"
    )
    return [
        GroupFigures._make(
            (*row, _durations(trace, row[0]), _median_wait(trace, row[0]), _histogram(trace, row[0]))
        )
        for row in trace.database.rows(query)
    ]


_ENDED = "FROM traced WHERE group_name = ? AND started IS NOT NULL AND ended IS NOT NULL"


def _durations(trace: Trace, group: str) -> Durations | None:
    count = trace.database.one(f"SELECT count(*) {_ENDED}", group)[0]
    if not count:
        return None
    # SQLite knows no quantiles; it sorts on disk, so that memory does not grow with the tasks.
    ranks = (0, (count - 1) // 2, -(-count * 95 // 100) - 1, count - 1)
    query = f"SELECT ended - started {_ENDED} ORDER BY 1 LIMIT 1 OFFSET ?"
    return Durations(*(trace.database.one(query, group, rank)[0] for rank in ranks))


def _median_wait(trace: Trace, group: str) -> float | None:
    waited = "FROM traced WHERE group_name = ? AND created IS NOT NULL AND started IS NOT NULL"
    count = trace.database.one(f"SELECT count(*) {waited}", group)[0]
    if not count:
        return None
    query = f"SELECT max(0, started - created) {waited} ORDER BY 1 LIMIT 1 OFFSET ?"
    return float(trace.database.one(query, group, (count - 1) // 2)[0])


def _histogram(trace: Trace, group: str) -> tuple[int, ...]:
    longest = trace.database.one(f"SELECT max(ended - started) {_ENDED}", group)[0]
    if not longest:
        return ()
    # The `?` of the group is the third value: SQLite numbers it behind the largest before it.
    query = (
        f"SELECT min(?1, cast((ended - started) / ?2 * (?1 + 1) AS INTEGER)), count(*) {_ENDED} GROUP BY 1"
    )
    counts = dict(trace.database.rows(query, HISTOGRAM_BINS - 1, longest, group))
    return tuple(counts.get(number, 0) for number in range(HISTOGRAM_BINS))
