"""What is told of a run to whoever looks on: no more is read for it than a list of the running tasks now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from batchspec.engine.health.situation import GroupTally, RunningTask, See, Situation
from batchspec.engine.run.doctor import Doctor
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.resources.task import CANCELLED
from batchspec.service.batch import task as task_service


class Lookout:
    """Tells *see* how the tasks stand. The nodes are those that the doctor saw at the last look."""

    def __init__(self, conduct: Conduct, doctor: Doctor, job_id: str, see: See) -> None:
        self._conduct = conduct
        self._doctor = doctor
        self._job_id = job_id
        self._see = see
        self._tally = conduct.outcome.tally()
        self._running: dict[str, tuple[str, RunningTask]] = {}
        self._moved = False  # tasks have ended since it was told last

    def ended(self, id: str, group: str, failure: str) -> None:
        """A task that was waited for has ended."""
        self._moved = True
        self._running.pop(id, None)
        self._tally[group]["pending"] -= 1
        state = CANCELLED if failure == CANCELLED else "failed" if failure else "succeeded"
        self._tally[group][state] += 1

    def tell(self, counts: Mapping[str, int], *, again: bool) -> None:
        """Tells how things stand. The running tasks are listed anew with *again*, and when more of them have begun."""
        if not counts["running"]:
            self._running = {}
        elif again or (counts["running"] != len(self._running) and not self._moved):
            self._running = {id: (group, task) for id, group, task in self._at_work()}
        self._moved = False
        self._show()

    def over(self) -> None:
        """All tasks have ended: tells how."""
        self._tally, self._running = self._conduct.outcome.tally(), {}
        self._show()

    def _show(self) -> None:
        running = Counter(group for group, _ in self._running.values())
        tasks = tuple(task for _, task in self._running.values())
        groups = tuple(_group(name, tally, running[name]) for name, tally in self._tally.items())
        self._see(Situation(datetime.now(UTC) + self._doctor.clock, groups, tasks, self._doctor.states))

    def _at_work(self) -> Iterator[tuple[str, str, RunningTask]]:
        """The id, the group and the rest of each task that runs."""
        batch, job_id = self._conduct.account.batch, self._job_id
        for live in task_service.read_running(batch, job_id):
            if task := self._conduct.outcome.awaited(job_id, live.id):
                yield (
                    live.id,
                    task.group.name,
                    RunningTask(task.name, live.execution.node or "", live.execution.started),
                )


def _group(name: str, tally: Mapping[str, int], running: int) -> GroupTally:
    waiting = max(0, tally["pending"] - running)
    ended = (tally[state] for state in ("succeeded", "failed", CANCELLED, "not run"))
    return GroupTally(name, waiting, running, *ended)
