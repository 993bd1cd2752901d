"""Time as the service writes it, and the timers that wait for it.

A moment is an integer: *ticks* of 100 nanoseconds since year 1, which is what the service's ETags are made of and what
its seven fractional digits count. Nothing in the endpoint reads the machine's clock or sleeps except through here.
"""

import asyncio
import heapq
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

TICKS_PER_S = 10_000_000
EPOCH = 621_355_968_000_000_000  # 1970-01-01 in ticks
FOREVER_TEXT = "P10675199DT2H48M5.4775807S"  # the service's "no limit", as a duration


class Clock:
    """The machine's clock; never gives the same moment twice, so that each change has its own ETag."""

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> int:
        self._last = max(self._last + 1, self._read())
        return self._last

    def _read(self) -> int:
        return time.time_ns() // 100 + EPOCH

    async def wait(self, wake: asyncio.Event, due: int | None) -> None:
        """Returns when *wake* is set, or when *due* has come."""
        if due is None:
            await wake.wait()
            return
        try:
            await asyncio.wait_for(wake.wait(), max(0.0, (due - self._read()) / TICKS_PER_S))
        except TimeoutError:
            return


class Timers:
    """What is to be done later, in order of its moment."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def add(self, due: int, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, action))

    def next_due(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: int) -> Callable[[], None] | None:
        """The next action whose moment has come."""
        return heapq.heappop(self._heap)[2] if self._heap and self._heap[0][0] <= now else None


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def time_text(ticks: int) -> str:
    """As in bodies: UTC, up to seven fractional digits, trailing zeros dropped (recorded 2026)."""
    second, fraction = divmod(ticks - EPOCH, TICKS_PER_S)
    if not fraction:
        return _second_text(second) + "Z"
    return f"{_second_text(second)}.{fraction:07d}".rstrip("0") + "Z"


def header_text(ticks: int) -> str:
    """As in headers: RFC 1123."""
    moment = datetime.fromtimestamp((ticks - EPOCH) // TICKS_PER_S, UTC)
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def etag(ticks: int) -> str:
    return f"0x{ticks:X}"


_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.IGNORECASE)


def parse_time(text: str) -> int:
    """Ticks of an ISO 8601 time; one without a zone is UTC. ValueError when it is not one."""
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(text)
    day, clock, fraction, zone = found.groups()
    zone = "+00:00" if zone in (None, "Z", "z") else zone
    second = int(datetime.fromisoformat(f"{day}T{clock}{zone}").timestamp())
    return EPOCH + second * TICKS_PER_S + int(((fraction or "") + "0000000")[:7])


_DURATION = re.compile(
    r"(-)?P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?"
)


def parse_duration(text: str) -> int:
    """Ticks of an ISO 8601 duration; years and months count 365 and 30 days, as .NET's XmlConvert has it."""
    found = _DURATION.fullmatch(text)
    if not found or text.endswith(("P", "T")):
        raise ValueError(text)
    sign, years, months, weeks, days, hours, minutes, seconds, fraction = found.groups()
    whole_days = int(years or 0) * 365 + int(months or 0) * 30 + int(weeks or 0) * 7 + int(days or 0)
    whole = ((whole_days * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    ticks = whole * TICKS_PER_S + int(((fraction or "") + "0000000")[:7])
    return -ticks if sign else ticks


def duration_text(ticks: int) -> str:
    """As the service writes it back: days, hours, minutes, seconds, without empty parts (`PT06M00S` is `PT6M`)."""
    sign, ticks = ("-", -ticks) if ticks < 0 else ("", ticks)
    seconds, fraction = divmod(ticks, TICKS_PER_S)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    part = f"{second}.{fraction:07d}".rstrip("0") if fraction else str(second)
    clock = (
        (f"{hour}H" if hour else "") + (f"{minute}M" if minute else "") + (f"{part}S" if part != "0" else "")
    )
    text = (f"{day}D" if day else "") + (f"T{clock}" if clock else "")
    return f"{sign}P{text}" if text else "PT0S"
