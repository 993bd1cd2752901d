"""Watching tasks until they end: counts first, then only what completed since the last look."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

from batchspec.desired.task import DesiredTask
from batchspec.engine.run.brake import Brake
from batchspec.engine.run.doctor import Doctor
from batchspec.engine.run.lookout import Lookout
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.engine.run.progress.result import failure_of, task_event
from batchspec.errors import RunError
from batchspec.events import Step
from batchspec.language.model import TaskGroup
from batchspec.resources.task import CANCELLED, NOT_RUN, OVER_TIME, LiveTask
from batchspec.service.batch import job as job_service
from batchspec.service.batch import task as task_service

OnSuccess = Callable[[DesiredTask], None]

_AT_WORK = ("disabling", "active", "enabling")  # states of a job whose tasks may run
_LEFT = {
    job_service.CANCELLED: CANCELLED,
    job_service.OVER_TIME: f"{NOT_RUN}: job.constraints.maxWallClockTime exceeded",
    job_service.TASK_FAILED: f"{NOT_RUN}: the exit conditions of a failed task ended the job",
}
"""What becomes of tasks that have not begun when their job ends, by the reason for which it was ended."""
_SLOWER = 1.3
_LOOKS = 10  # at what is left, while tasks end: each look costs the account as much as it costs us
_LOOKS_A_VISIT = (
    4  # of the doctor, who asks for pool, nodes and job; with the list of what runs that is 3 requests a look
)


class Visits:
    """When the doctor is due while tasks run: after some seconds; and at one of a few looks, while tasks end."""

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._due_at = 0.0
        self._looks = _LOOKS_A_VISIT

    def is_due(self, moved: int) -> bool:
        """Asked at each look, at which *moved* tasks had ended."""
        self._looks += 1
        return time.monotonic() >= self._due_at and (not moved or self._looks > _LOOKS_A_VISIT)

    def made(self) -> None:
        self._due_at, self._looks = time.monotonic() + self._pause_s, 1


class Watch:
    """Waits for the tasks of one job that are followed, and tells *on_success* of each that succeeds.

    With a *lookout*, it tells how things stand at each look.
    """

    def __init__(
        self,
        conduct: Conduct,
        doctor: Doctor,
        brake: Brake,
        job_id: str,
        on_success: OnSuccess,
        lookout: Lookout | None = None,
    ) -> None:
        self._conduct = conduct
        self._doctor = doctor
        self._brake = brake
        self._outcome = conduct.outcome
        self._job_id = job_id
        self._on_success = on_success
        self._lookout = lookout
        self._total = conduct.outcome.followed[job_id]
        self._latest: datetime | None = None  # until when it is known what has ended
        self._began = 0.0
        self._reason = ""  # for which the job was ended

    @property
    def pending(self) -> int:
        """How many have yet to end."""
        return self._outcome.pending(self._job_id)

    def run(self, deadline: float | None) -> None:
        """Watches until every task ended, or the run is stopped: then some are still pending.

        *deadline* is a time of the monotonic clock. Raises `RunError` when it passes, or
        when no node will ever run a task.
        """
        pace = self._conduct.account.offer.pace
        pause, seen, visits = pace.shortest_s, 0, Visits(pace.trouble_s)
        self._began = time.monotonic()
        while self.pending and not self._conduct.stopped.is_set():
            counts = job_service.task_counts(self._conduct.account.batch, self._job_id)
            over = bool(counts["completed"]) and not (counts["active"] or counts["running"])
            first = self._latest is None
            moved = self._collect(everything=over) if over or counts["completed"] != seen else 0
            # A listing may be behind the counts: then it is looked at again the next time.
            seen = counts["completed"] if first else min(counts["completed"], seen + moved)
            self._tell(counts)
            is_stopped = bool(self.pending) and self._brake.is_on(self._job_id)
            if is_stopped:
                self._end_stopped()
            elif not counts["running"]:
                self._end_blocked()
            nothing_runs = not counts["running"] and not moved
            diagnoses = bool(self.pending) and not is_stopped and (nothing_runs or visits.is_due(moved))
            if diagnoses:
                self._diagnose(counts)
                visits.made()
            if self._lookout:
                self._lookout.tell(counts, again=diagnoses)
            if self.pending and deadline is not None and time.monotonic() >= deadline:
                raise self._out_of_time()
            soon = max(pace.shortest_s, self._left_s() / _LOOKS)
            pause = min(pace.longest_s, soon if moved else pause * _SLOWER)
            if self.pending:
                self._conduct.stopped.wait(pause)
        if not self.pending:
            self._brake.end(self._job_id)

    def _end_stopped(self) -> None:
        """Ends the job where too many tasks failed, once those that ran have ended."""
        batch = self._conduct.account.batch
        if job_service.state(batch, self._job_id) not in _AT_WORK:
            self._collect(everything=True)
            if self.pending and not self._was_ended():
                self._brake.end(self._job_id)

    def _end_blocked(self) -> None:
        """Ends the job where all that is left waits for tasks that failed or were cancelled: it would wait for ever."""
        if self._outcome.has_gone_well or self._outcome.blocked(self._job_id) < self.pending:
            return
        self._collect(everything=True)  # the counts may lag behind a task that has just ended
        is_blocked = self.pending and self._outcome.blocked(self._job_id) == self.pending
        if is_blocked and not self._was_ended():
            self._conduct.check()
            job_service.terminate(self._conduct.account.batch, self._job_id, job_service.BLOCKED)
            self._outcome.give_up_blocked(self._job_id)

    def _left_s(self) -> float:
        """About how long the pending tasks will take, as far as the ended ones tell."""
        pending = self.pending
        return (time.monotonic() - self._began) * pending / max(self._total - pending, 1)

    def _collect(self, *, everything: bool) -> int:
        """Takes the tasks that ended since the last look, or ever, out of the pending ones; says how many."""
        before, desired = self.pending, self._conduct.desired
        latest, begun = self._latest, datetime.now(UTC) + self._doctor.clock
        lag = timedelta(seconds=self._conduct.account.offer.pace.lag_s)
        since = None if everything or latest is None else latest - lag
        why_ended = cache(self._why_ended)  # asked once for all that were ended
        for live in task_service.read_completed(self._conduct.account.batch, self._job_id, since):
            latest = max(filter(None, (latest, live.changed)), default=None)
            task = self._outcome.awaited(self._job_id, live.id)
            if task is not None:
                failure = self._failure_of(task, live, why_ended)
                self._outcome.end(self._job_id, live.id, failure, live.execution)
                self._conduct.tell(task_event(live.id, failure, desired, task, live.execution))
                if self._lookout:
                    self._lookout.ended(live.id, task.group.name, failure)
                if not failure:
                    self._on_success(task)
        if latest:  # what has ended since the listing began may be missing from a page of it
            self._latest = min(latest, begun)
        return before - self.pending

    def _diagnose(self, counts: Mapping[str, int]) -> None:
        """Tells what the nodes do. A job that completed just now, with all of its tasks, is no reason to stop."""
        try:
            nodes = self._doctor.look(self._job_id, counts, self._groups())
        except RunError:
            self._collect(everything=True)
            if self.pending and not self._was_ended():
                raise
            return
        if self._conduct.is_under_way(Step.NODES):
            tell = self._conduct.end if self._doctor.is_up else self._conduct.progress
            tell(Step.NODES, nodes)

    def _was_ended(self) -> bool:
        """Whether the job was cancelled, took too long, or a task ended it: what has not ended in it never will."""
        failure = _LEFT.get(self._why_ended())
        if failure is not None:
            self._outcome.give_up(self._job_id, failure)
        return failure is not None

    def _failure_of(self, task: DesiredTask, live: LiveTask, why_ended: Callable[[], str]) -> str:
        """Why the task has failed. Of one that somebody ended the service says the same as of one whose job is over."""
        failure = failure_of(self._conduct.account, self._conduct.desired, task, live)
        is_over_time = failure == CANCELLED and why_ended() == job_service.OVER_TIME
        return OVER_TIME if is_over_time else failure

    def _why_ended(self) -> str:
        """The reason for which the job was ended, asked for until there is one."""
        batch = self._conduct.account.batch
        self._reason = self._reason or job_service.why_ended(batch, self._job_id)
        return self._reason

    def _groups(self) -> Iterable[TaskGroup]:
        """The groups of the tasks that have not ended."""
        groups = self._conduct.spec.groups
        return groups if len(groups) == 1 else filter(self._is_at_work, groups)

    def _is_at_work(self, group: TaskGroup) -> bool:
        return self._outcome.is_pending(self._job_id, group)

    def _tell(self, counts: Mapping[str, int]) -> None:
        """Tells how many have ended. The step begins with the first task that runs: nodes take minutes to start."""
        outcome = self._outcome
        if Step.RUN.value not in outcome.seconds:
            if not (counts["running"] or counts["completed"]):
                return
            self._conduct.begin(Step.RUN, total=self._total, unit="tasks")
        text = f"{counts.get('running', 0)} running" + (
            f", {outcome.failed} failed" if outcome.failed else ""
        )
        self._conduct.progress(Step.RUN, text, outcome.ended[self._job_id], self._total, "tasks")

    def _out_of_time(self) -> RunError:
        return RunError(
            f"time is up: {self.pending} of {self._total} tasks have not completed; they keep running",
            help=f"watch them with `batchspec status --watch {self._conduct.spec.arguments}`, "
            f"resume with `batchspec apply {self._conduct.spec.arguments}`",
        )
