"""What can be wrong with a run, and what is known of its pool, nodes and job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from batchspec.resources.base import Json
from batchspec.resources.resize_errors import Shortage

PATIENCE = timedelta(minutes=30)
"""How long what should pass may last: a node that starts, a resize, tasks that wait beside nodes that are ready."""

READY = frozenset({"idle", "running"})
PASSING = frozenset(
    {
        *("creating", "starting", "waitingforstarttask", "rebooting", "reimaging", "upgradingos"),
        "unknown",  # the service has lost sight of it, which may be the network's fault
    }
)
COMES_BACK = frozenset({"preempted"})


class StuckReason(Enum):
    """Why a run is stuck or slower than it should be. Its value is what people and JSON see."""

    POOL_MISSING = "pool_missing"
    POOL_DELETING = "pool_deleting"
    NO_NODES_ASKED = "no_nodes_asked"
    AUTOSCALE = "autoscale_failed"
    VM_SIZE = Shortage.VM_SIZE.value
    QUOTA = Shortage.QUOTA.value
    RESIZE_STOPPED = Shortage.STOPPED.value
    ALLOCATION = Shortage.ALLOCATION.value
    REMOVAL = Shortage.REMOVAL.value
    RESIZING = "resizing"
    START_TASK = "start_task_failed"
    UNUSABLE = "nodes_unusable"
    NOT_READY = "nodes_not_ready"
    OFFLINE = "nodes_offline"
    SLOTS = "slots"
    PREPARATION = "job_preparation_failed"
    JOB_DISABLED = "job_disabled"
    JOB_OVER = "job_over"
    NO_PROGRESS = "no_progress"

    @property
    def leaves_nodes(self) -> bool:
        """Whether nodes are there, or still come, that run nothing and cost as much as others."""
        return self not in _WITHOUT_NODES


_WITHOUT_NODES = frozenset(
    {
        StuckReason.POOL_MISSING,
        StuckReason.POOL_DELETING,
        StuckReason.NO_NODES_ASKED,
        StuckReason.RESIZING,
        StuckReason.JOB_DISABLED,
    }
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong. `nodes` are those concerned; `since` tells one time of it from another."""

    reason: StuckReason
    text: str
    help: str = ""
    nodes: tuple[str, ...] = ()
    since: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a judgement is made from, as the service has it. `now` is by the service's clock.

    `job_state` None: it is gone; `is_stopped`: a run has disabled it by `safety.maxFailures`. `slots` are the
    fewest and the most that a task which has not ended needs. `preparation` are the entries of the job's
    preparation tasks, one for each node.
    """

    now: datetime
    pool_id: str
    job_id: str
    pool: Json | None
    nodes: Sequence[Json]
    job_state: str | None
    slots: tuple[int, int] = (1, 1)
    preparation: Sequence[Json] = ()
    is_stopped: bool = False


def in_words(states: Sequence[str]) -> str:
    """`3 idle, 2 running`, the common ones first."""
    counts = sorted(((states.count(state), state) for state in set(states)), reverse=True)
    return ", ".join(f"{count} {state}" for count, state in counts) or "no nodes yet"


def ids(nodes: Sequence[Json]) -> tuple[str, ...]:
    """Which they are."""
    return tuple(str(node["id"]) for node in nodes)


def exit_of(info: Mapping[str, Any]) -> str:
    """` with exit code 1`, of what the service says of a task that it runs on nodes; empty where it has none."""
    return f" with exit code {info['exitCode']}" if "exitCode" in info else ""
