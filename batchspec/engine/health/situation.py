"""How a workload stands at one moment, for whoever looks on. Values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple


class GroupTally(NamedTuple):
    """How many tasks of a group are in each state; `not_run` are those that wait for one that failed."""

    name: str
    waiting: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    not_run: int = 0


class RunningTask(NamedTuple):
    """A task that is running; `since` is by the service's clock, None where it is not known yet."""

    name: str
    node: str
    since: datetime | None


class Situation(NamedTuple):
    """The tasks by group, what is running, and the nodes' states by their ids. `now` is by the service's clock."""

    now: datetime
    groups: tuple[GroupTally, ...]
    running: tuple[RunningTask, ...] = ()
    nodes: Mapping[str, str] = {}


See = Callable[[Situation], None]
"""Takes a situation from the thread that found it."""
