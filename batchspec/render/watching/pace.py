"""How fast tasks end, and when the last one will have, as far as those tell that ended lately."""

from __future__ import annotations

from collections import deque

from batchspec.render.values import duration_text

_SHORTEST_S = 10.0
_FEWEST = 3  # ends within the time that is looked at, or there is nothing to go by
_PER = (("s", 1.0), ("min", 60.0), ("h", 3600.0))


class Pace:
    """Goes by the later half of the time since the first task ran, so that it follows tasks that become longer."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()
        self._began: float | None = None
        self.text = ""

    def take(self, ended: int, total: int, now: float) -> None:
        """So many of *total* have ended *now*, by the monotonic clock. `text` says what follows of it."""
        if self._began is None:
            self._began = now
        self._looks.append((now, ended))
        since = min(now - _SHORTEST_S, (self._began + now) / 2)
        while len(self._looks) > 1 and self._looks[1][0] <= since:
            self._looks.popleft()
        then, before = self._looks[0]
        self.text = ""
        if ended - before >= _FEWEST and now - then >= _SHORTEST_S / 2 and ended < total:
            rate = (ended - before) / (now - then)
            self.text = f"{rate_text(rate)}, {left_text((total - ended) / rate)}"


def left_text(seconds: float) -> str:
    """About how long it will take, in whole minutes: nobody knows better."""
    if seconds < 60:
        return "under a minute left"
    whole = round(seconds / 60) * 60
    return f"about {duration_text(whole).removesuffix(' 00s')} left"


def rate_text(per_second: float) -> str:
    """A rate in the unit in which it is at least one: `1.3 tasks/s`, `12 tasks/min`, `0.4 tasks/h`."""
    unit, seconds = next((entry for entry in _PER if per_second * entry[1] >= 1), _PER[-1])
    rate = per_second * seconds
    return f"{rate:.1f} tasks/{unit}" if rate < 10 else f"{rate:.0f} tasks/{unit}"
