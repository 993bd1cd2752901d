"""Pools, nodes and jobs as the running account holds them: the REST body, and what is only true while it runs."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from batchspec.emulator.node.process import Run
from batchspec.emulator.state.store import TaskRow
from batchspec.formula.values import Sample

Body = dict[str, Any]

# A node in one of these can be given tasks.
WORKING = ("idle", "running")


class _Named:
    """Something that its *doc* names; it is found by its id, whatever the case of its letters."""

    __slots__ = ()
    doc: Body

    @property
    def id(self) -> str:
        return str(self.doc["id"])

    @property
    def key(self) -> str:
        return self.id.lower()


@dataclass(slots=True, eq=False)
class Running:
    """A task that a node has taken: preparing or running."""

    row: TaskRow
    job: "Job"
    node: "Node"
    run: Run = field(default_factory=Run)
    body: Body = field(default_factory=dict)  # the task as added, with defaults
    start_time: int = 0
    retries: int = 0
    settled: bool = False  # the state has gone on; only the process is still to end
    extra: Body = field(default_factory=dict)  # members of executionInfo that are not columns


@dataclass(slots=True, eq=False)
class Node:
    """*doc* is the node as it is read, without its URL. *epoch* grows with each boot: older timers are void."""

    doc: Body
    pool: "Pool"
    tasks: dict[int, Running] = field(default_factory=dict)
    used_slots: int = 0
    start_run: Run | None = None
    job_runs: set[Run] = field(default_factory=set)  # of preparation and release tasks
    epoch: int = 0
    leaving: str = ""  # why it takes no new tasks: remove, reboot, reimage, deallocate
    users: dict[str, Body] = field(default_factory=dict)
    packages: list[Body] = field(default_factory=list)  # references of the pool, as of the node's last boot

    @property
    def id(self) -> str:
        return str(self.doc["id"])

    @property
    def state(self) -> str:
        return str(self.doc["state"])

    @property
    def key(self) -> str:
        return f"{self.pool.key}/{self.id}"

    def free_slots(self) -> int:
        """0 when it takes no tasks."""
        if self.leaving or self.state not in WORKING or self.doc["schedulingState"] != "enabled":
            return 0
        return int(self.pool.doc["taskSlotsPerNode"]) - self.used_slots


@dataclass(slots=True, eq=False)
class Pool(_Named):
    """*doc* is the pool as it is read, without its URL and the current counts of nodes."""

    doc: Body
    nodes: dict[str, Node] = field(default_factory=dict)
    deallocation: str = "requeue"
    resize_epoch: int = 0
    growing: bool = False  # nodes asked for are still to be made
    scale_epoch: int = 0
    samples: dict[str, deque[Sample]] = field(default_factory=dict)  # by metric, for formulas
    last_enable: int = 0

    def count(self, dedicated: bool) -> int:
        return sum(1 for node in self.nodes.values() if node.doc["isDedicated"] == dedicated)


@dataclass(slots=True, eq=False)
class Schedule(_Named):
    """*doc* is the job schedule as it is read, without its URL; *runs* counts its jobs, *pool* is its auto pool."""

    doc: Body
    runs: int = 0
    pool: str = ""
    epoch: int = 0


@dataclass(slots=True, eq=False)
class Job(_Named):
    """*doc* is the job as it is read, without its URL; *number* is what its tasks are filed under."""

    number: int
    doc: Body
    running: dict[int, Running] = field(default_factory=dict)
    maybe_ready: bool = True  # False when the last look found no task that may run
    schedule: str = ""
    nodes: dict[str, Body] = field(default_factory=dict)  # preparation and release, by node key
    preparing: dict[str, list[Callable[[bool], None]]] = field(default_factory=dict)  # who waits, by node key
    finishing: str = ""  # the state whose end is already on its way

    @property
    def state(self) -> str:
        return str(self.doc["state"])

    @property
    def pool_key(self) -> str:
        return str(self.doc["executionInfo"].get("poolId", "")).lower()
