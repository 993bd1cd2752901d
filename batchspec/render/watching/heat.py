"""The nodes of a pool as a heat map: a cell for each, or for a few where there are many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import Enum

from batchspec.ledger.database import lots


class Heat(Enum):
    """What a node is doing, the worse the later: its sign, the word for it, its colour."""

    RUNNING = ("■", "running", "green")
    IDLE = ("□", "idle", "blue")
    LEAVING = ("-", "leaving", "dim")
    STARTING = ("+", "starting", "yellow")
    PREEMPTED = ("x", "preempted", "magenta")
    OFFLINE = ("o", "offline", "yellow")
    UNKNOWN = ("?", "unknown", "yellow")
    UNUSABLE = ("!", "unusable", "red")
    FAILED = ("#", "start task failed", "red")

    @property
    def sign(self) -> str:
        return self.value[0]

    @property
    def word(self) -> str:
        return self.value[1]

    @property
    def color(self) -> str:
        return self.value[2]


_OF_STATE = {
    **{state: Heat[state.upper()] for state in ("running", "idle", "preempted", "offline", "unusable")},
    "starttaskfailed": Heat.FAILED,
    **dict.fromkeys(("leavingpool", "deallocating", "deallocated"), Heat.LEAVING),
    **dict.fromkeys(("creating", "starting", "waitingforstarttask"), Heat.STARTING),
    **dict.fromkeys(("rebooting", "reimaging", "upgradingos"), Heat.STARTING),
}
_RANK = {heat: rank for rank, heat in enumerate(Heat)}


def legend(states: Sequence[str]) -> Iterator[tuple[Heat, str]]:
    """`4 running`, and so on: what there is of each."""
    counts = Counter(map(_heat, states))
    yield from ((heat, f"{counts[heat]} {heat.word}") for heat in Heat if counts[heat])


def cells(states: Sequence[str], room: int) -> tuple[list[Heat], int]:
    """At most *room* cells, and of how many nodes each is."""
    per = -(-len(states) // room) or 1
    return [_of_several(list(map(_heat, some))) for some in lots(states, per)], per


def _of_several(nodes: Sequence[Heat]) -> Heat:
    """What is wrong with one of them, or else what most of them do."""
    worst = max(nodes, key=_RANK.__getitem__)
    return worst if _RANK[worst] >= _RANK[Heat.OFFLINE] else Counter(nodes).most_common(1)[0][0]


def _heat(state: str) -> Heat:
    return _OF_STATE.get(state, Heat.UNKNOWN)
