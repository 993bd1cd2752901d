"""A run's doctor: looks at pool, nodes and job now and then, tells what is wrong once, and ends what is stuck."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from batchspec.engine.health.diagnose import evidence, explained, read_facts
from batchspec.engine.health.stuck import Judgement, is_up, judge, without
from batchspec.engine.health.trouble import PATIENCE, Facts, StuckReason, Trouble
from batchspec.engine.run.capacity import Capacity
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.events import NoteEvent
from batchspec.language.model import Spec, TaskGroup
from batchspec.plan.model import Kind
from batchspec.resources.base import Effect, Json
from batchspec.resources.equality import caseless
from batchspec.service.batch import pool as pool_service

LONGEST_SILENCE = timedelta(days=7)
"""Links to inputs and outputs last no longer, so nothing that waited so long will still succeed."""

_MOST_TOLD = 5  # times that one kind of trouble is worth a line, whatever the number of nodes


@dataclass(slots=True)
class LastLook:
    """A node at the last look."""

    state: str
    booted: str
    tasks: int


@dataclass(slots=True)
class Doctor:
    """Looks after one run."""

    conduct: Conduct
    allocation_s: float = 0.0  # how long a resize that got no node is repeated
    patience: timedelta = PATIENCE
    silence: timedelta = LONGEST_SILENCE
    clock: timedelta = timedelta()  # how far the service's is ahead of ours
    is_up: bool = False  # nodes were ready at the last look, and none was still on its way
    _told: set[tuple[StuckReason, str]] = field(default_factory=set)
    _nodes: dict[str, LastLook] = field(default_factory=dict)
    _times: Counter[StuckReason] = field(default_factory=Counter)
    _before: str = ""
    _resizes: bool = False
    _counts: tuple[int, ...] = ()
    _began: float = field(default_factory=time.monotonic)
    _still_since: float = field(default_factory=time.monotonic)
    _capacity: Capacity = field(init=False)

    def __post_init__(self) -> None:
        self._capacity = Capacity(self.conduct, self.allocation_s)

    def begin(self) -> None:
        """Before anything is changed: what an earlier resize came to is not this run's news."""
        if self._pool_id and self.conduct.plan.work.needed:
            live, now = pool_service.read_with_time(self.conduct.account.batch, self._pool_id)
            self.conduct.outcome.node_hours.begin(now)
            self._before = str((live or {}).get("allocationStateTransitionTime", ""))
            self._resizes = any(Effect.RESIZE in a.effects for a in self.conduct.plan.of(Kind.POOL))

    def look(self, job_id: str, counts: Mapping[str, int], groups: Iterable[TaskGroup]) -> str:
        """What the nodes are doing, in a few words. Raises `StuckError` when none will ever run a task.

        *counts* are those of the job's tasks, *groups* are of tasks that have not ended.
        """
        facts = read_facts(self.conduct.account, self.conduct.spec, job_id, groups)
        self.clock, self.is_up = facts.now - datetime.now(UTC), is_up(facts)
        self._count(facts)
        judgement = without(judge(facts), self._before, again=self._resizes)
        if short := self._capacity.asks_again(judgement, facts):
            self._before, self._resizes, self._still_since = short.since, True, time.monotonic()
        elif judgement.stuck is not None:
            raise explained(judgement.stuck, evidence(self.conduct.account, judgement.stuck, facts))
        self._tell(judgement, facts)
        self._require_progress(judgement, facts, counts)
        return judgement.words

    def at_the_end(self, job_id: str) -> str:
        """What the nodes are doing once all tasks ended; what is wrong with some is told, also of a short run."""
        facts = read_facts(self.conduct.account, self.conduct.spec, job_id, ())
        self._count(facts)
        judgement = without(judge(facts), self._before, again=self._resizes)
        self._tell(judgement, facts)
        return judgement.words

    def last_look(self) -> None:
        """Tells what failed start tasks wrote, before their nodes boot or go and take it along."""
        if self._pool_id:
            facts = read_facts(self.conduct.account, self.conduct.spec, self.conduct.plan.job_id, ())
            found = judge(facts)
            troubles = [*found.degraded, *([found.stuck] if found.stuck else [])]
            failed = tuple(t for t in troubles if t.reason is StuckReason.START_TASK)
            self._tell(Judgement(found.words, degraded=failed), facts)

    @property
    def states(self) -> dict[str, str]:
        """The nodes at the last look, each with its state."""
        return {id: node.state for id, node in self._nodes.items()}

    @property
    def _pool_id(self) -> str:
        return self.conduct.spec.pool.id if self.conduct.spec.pool else ""

    def _tell(self, judgement: Judgement, facts: Facts) -> None:
        """Each trouble once: again only when other nodes have it, or another resize."""
        for trouble in judgement.degraded:
            whom = trouble.nodes or (trouble.since,)
            news = tuple(one for one in whom if (trouble.reason, one) not in self._told)
            self._told |= {(trouble.reason, one) for one in news}
            if not news or self._times[trouble.reason] == _MOST_TOLD:
                continue
            self._times[trouble.reason] += 1
            lines = evidence(self.conduct.account, replace(trouble, nodes=news), facts)
            self.conduct.tell(NoteEvent(_with_help(trouble), warning=True, lines=lines))

    def _count(self, facts: Facts) -> None:
        self.conduct.outcome.node_hours.look(facts.nodes, facts.now)
        if facts.nodes and facts.pool:
            self.conduct.outcome.vm_size = _as_written(self.conduct.spec, facts.pool["vmSize"])
        self._count_lost(facts.nodes)

    def _count_lost(self, nodes: Iterable[Json]) -> None:
        """Spot nodes that are preempted, or were and have booted again since the last look."""
        before, self._nodes = self._nodes, {}
        lost = requeued = 0
        for node in nodes:
            seen = _seen(node)
            self._nodes[str(node["id"])] = seen
            last = before.get(str(node["id"]))
            if last is not None and not node.get("isDedicated", True) and _was_lost(last, seen):
                lost += 1
                requeued += last.tasks
        if lost:
            self.conduct.outcome.preempted += lost
            self.conduct.outcome.requeued += requeued
            which = "a Spot node was" if lost == 1 else f"{lost} Spot nodes were"
            self.conduct.tell(
                NoteEvent(
                    f"{which} preempted; the tasks that ran there are requeued (not counted as failures)"
                )
            )

    def _require_progress(self, judgement: Judgement, facts: Facts, counts: Mapping[str, int]) -> None:
        """Raises `StuckError` when nothing has changed for longer than anybody waits."""
        now, found = time.monotonic(), tuple(counts[name] for name in sorted(counts))
        if found != self._counts:
            self._counts, self._still_since = found, now
        busy = counts.get("running") or any(node.get("state") == "running" for node in facts.nodes)
        limit = self.silence if busy else self.patience
        if now - self._still_since > limit.total_seconds():
            raise explained(_no_progress(judgement, facts, counts, limit))


def _no_progress(judgement: Judgement, facts: Facts, counts: Mapping[str, int], limit: timedelta) -> Trouble:
    waiting = counts.get("active", 0) + counts.get("running", 0)
    words = judgement.words
    if judgement.degraded:
        words += "; " + "; ".join(trouble.text for trouble in judgement.degraded)
    return Trouble(
        StuckReason.NO_PROGRESS,
        f"{waiting} tasks of {facts.job_id} are waiting, and nothing has changed for {_spoken(limit)} ({words})",
        "check for tasks whose dependencies failed, for job.maxParallelTasks, for an autoscale formula "
        "that asks for no node, and for other jobs on the pool; then run the same command again",
    )


def _spoken(limit: timedelta) -> str:
    seconds = limit.total_seconds()
    return f"{round(seconds / 60)} minutes" if seconds < 86400 else f"{limit.days} days"


def _with_help(trouble: Trouble) -> str:
    return f"DEGRADED({trouble.reason.value}): {trouble.text}; {trouble.help}"


def _as_written(spec: Spec, vm_size: str) -> str:
    """*vm_size*, which comes from Batch, as the spec spells it."""
    return next((size for size in spec.vm_sizes if caseless(size, vm_size)), vm_size)


def _seen(node: Json) -> LastLook:
    return LastLook(
        str(node.get("state")), str(node.get("lastBootTime", "")), int(node.get("runningTasksCount") or 0)
    )


def _was_lost(last: LastLook, now: LastLook) -> bool:
    if now.state == "preempted":
        return last.state != "preempted"
    came_back = last.state in ("idle", "running") and bool(last.booted) and now.booted != last.booted
    return came_back and now.state not in ("rebooting", "reimaging")
