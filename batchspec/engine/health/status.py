"""How a workload stands now: its pool, its job, its tasks. Reads only, and a few requests whatever their number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from batchspec.cost.estimate import Hourly
from batchspec.cost.nodes import paid_nodes
from batchspec.desired.bodies.wrapper import OUTPUT_MISSING
from batchspec.engine.health.blocked import not_run
from batchspec.engine.health.diagnose import evidence, read_facts
from batchspec.engine.health.stuck import judge
from batchspec.engine.health.trouble import Facts, Trouble
from batchspec.engine.look.links import LinksEnd, links_end, what_now
from batchspec.engine.look.prices import prices_of
from batchspec.errors import UsageError
from batchspec.language.model import Spec
from batchspec.plan.actions import job as plan_job
from batchspec.resources import job as jobs
from batchspec.resources.base import Json
from batchspec.resources.task import CANCELLED, NOT_RUN, OVER_TIME, LiveTask, moment_of, read_id
from batchspec.service.batch import job as job_service
from batchspec.service.batch import task as task_service
from batchspec.service.connect import Account

_FAILURES = 20
_LOOKED_AT = 1000  # failed tasks: what one request lists
_FAILED = "executionInfo/result eq 'failure'"
_GROUP_END = re.compile(r"[/\[]")  # of a task's name, behind its group: `GROUP/INPUT[AXIS=VALUE]`
_ENDING = ("terminating", "deleting")  # its tasks are being ended


@dataclass(frozen=True, slots=True)
class Degraded:
    """Something that only makes the work slower; `reason` as in `Status.stuck`."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """States are Batch's own; None: it is not there. Beside `tasks`, which are without them, `not_run` counts waiting
    tasks that never will, and `cancelled` those of the failed ones, as far as one request tells.

    `help` says what to do about the failed tasks, where we know it. `stuck` is the `StuckReason`
    when no progress is being made, and `problem` explains it; otherwise both are empty.
    `cost` is that of the nodes, None where there are none, or they are free.
    """

    spec: str
    pool: str
    pool_state: str | None
    nodes: Mapping[str, int]
    job: str
    job_state: str | None
    tasks: Mapping[str, int] = field(default_factory=dict)
    cancelled: int = 0
    not_run: int = 0
    failed: tuple[LiveTask, ...] = ()
    help: str = ""
    links_end: LinksEnd | None = None
    stuck: str = ""
    problem: str = ""
    degraded: tuple[Degraded, ...] = ()
    cost: Hourly | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether tasks run, or will by themselves."""
        waiting = bool(self.tasks.get("active") or self.tasks.get("running"))
        return waiting and self.job_state == "active" and not self.stuck


def read_status(account: Account, spec: Spec) -> Status:
    """The status of the newest generation of the spec's job, and of its pool."""
    return look(account, spec)[0]


def look(account: Account, spec: Spec) -> tuple[Status, Facts]:
    """The same, with the facts that it was made of."""
    prices = prices_of(account, [spec.pool.body] if spec.pool else [])
    live_job = _read_newest(account, spec)
    job = _shown(live_job)
    facts = replace(
        read_facts(account, spec, job.id if job else spec.job_id, spec.groups),
        is_stopped=live_job is not None and jobs.is_stopped(live_job),
    )
    tasks = dict(job_service.task_counts(account.batch, job.id)) if job else {}
    never = not_run(account.batch, spec, job.id, job.state, tasks) if job else 0
    if never:
        tasks["active"] = max(0, tasks["active"] - never)
    failed, cancelled = _ended_badly(account, job) if job and tasks.get("failed") else ((), 0)
    if cancelled:
        tasks["failed"] = max(0, tasks["failed"] - cancelled)
    if job and job.left == CANCELLED:
        cancelled, never = cancelled + never, 0
    waiting = bool(job and job.state not in _ENDING and (tasks.get("active") or tasks.get("running")))
    judgement = judge(facts)
    stuck = judgement.stuck if waiting else None
    status = Status(
        spec=spec.name,
        pool=facts.pool_id,
        pool_state=f"{facts.pool['state']}, {facts.pool.get('allocationState')}" if facts.pool else None,
        nodes=dict(Counter(str(node.get("state")) for node in facts.nodes)),
        job=facts.job_id,
        job_state=job.state if job else None,
        tasks=tasks,
        cancelled=cancelled,
        not_run=never,
        failed=failed,
        help=next(filter(None, (what_now(spec, task.failure) for task in failed)), ""),
        links_end=links_end(account, spec, live_job),
        stuck=stuck.reason.value if stuck else "",
        problem=_in_full(account, stuck, facts) if stuck else "",
        degraded=tuple(Degraded(t.reason.value, t.text) for t in judgement.degraded),
        cost=prices.hourly(facts.pool, paid_nodes(facts.nodes)) if prices and facts.pool else None,
    )
    return status, facts


def _ended_badly(account: Account, job: LiveJob) -> tuple[tuple[LiveTask, ...], int]:
    """Some of the tasks that failed, those last that were cancelled; and how many of these there are."""
    found = list(islice(_listed(account, job, _FAILED), _LOOKED_AT))
    found.sort(key=_is_cancelled)
    return tuple(found[:_FAILURES]), sum(map(_is_cancelled, found))


def _is_cancelled(task: LiveTask) -> bool:
    return task.failure == CANCELLED


def read_tasks(account: Account, spec: Spec, group: str | None, *, failed: bool) -> Iterator[LiveTask]:
    """The tasks of the newest generation of the spec's job: those of *group*, if it is given, and that *failed*.

    A task that is still waiting when the job ends has the state `not run` or `cancelled`.
    """
    names = [each.name for each in spec.groups]
    if group is not None and group not in names:
        raise UsageError(f"{spec.name} has no group {group}", help=f"one of {', '.join(names)}")
    live_job = read_job(account, spec)
    for task in _listed(account, live_job, _FAILED if failed else "") if live_job else ():
        if (group is None or group_of(task.name) == group) and not (failed and _is_cancelled(task)):
            yield task._replace(state=state_in(live_job, task))


def state_in(job: LiveJob | None, task: LiveTask) -> str:
    """The state of a task of the *job*: Batch's own, but that of what is left where it waits and the job is over."""
    return job.left if job and job.left and task.state == "active" else task.state


def group_of(name: str) -> str:
    """The group of the task that people call *name*."""
    return _GROUP_END.split(name)[0]


def _in_full(account: Account, trouble: Trouble, facts: Facts) -> str:
    """What is wrong, what its reason wrote, and what to do: a line each, the later ones set in."""
    lines = [trouble.text, *evidence(account, trouble, facts), f"help: {trouble.help}"]
    return "\n    ".join(lines)


@dataclass(frozen=True, slots=True)
class LiveJob:
    """A job. `left` is how the tasks stand that had not begun when it was over: not run, or cancelled with it.

    `is_over_time` says that it was ended because it took too long.
    """

    id: str
    state: str
    created: datetime | None = None
    left: str = ""
    is_over_time: bool = False


def read_job(account: Account, spec: Spec) -> LiveJob | None:
    """The newest generation of the spec's job, whatever its state."""
    return _shown(_read_newest(account, spec))


def _read_newest(account: Account, spec: Spec) -> Json | None:
    if not spec.job_id:
        return None
    return plan_job.newest_job(spec, job_service.generations(account.batch, spec.job_id))


def _shown(job: Json | None) -> LiveJob | None:
    if job is None:
        return None
    state, reason = str(job["state"]), (job.get("executionInfo") or {}).get("terminateReason")
    left = CANCELLED if reason == job_service.CANCELLED else NOT_RUN
    created = moment_of(job.get("creationTime"))
    over_time = reason == job_service.OVER_TIME
    return LiveJob(job["id"], state, created, left if state == "completed" else "", over_time)


def _listed(account: Account, job: LiveJob, filter: str) -> Iterator[LiveTask]:
    """Our tasks of the job, by their names."""
    listed = task_service.read_all(account.batch, job.id, filter=filter, select=task_service.NAMED)
    return (_explained(as_it_ended(job, task)) for task in listed if read_id(task.id))


def as_it_ended(job: LiveJob, task: LiveTask) -> LiveTask:
    """*task*, whose failure is the *job*'s that took too long: nobody has cancelled it."""
    return task._replace(failure=OVER_TIME) if job.is_over_time and _is_cancelled(task) else task


def _explained(task: LiveTask) -> LiveTask:
    is_missing = task.failure == f"exit code {OUTPUT_MISSING}"
    return task._replace(failure=f"output missing ({task.failure})") if is_missing else task
