"""Tasks that cannot be added yet: what they wait for was added before anybody read it, or their job takes no
dependencies. Such a job was made by an older version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from batchspec.desired.places import Places
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.plan.model import Kind, Operation, Run
from batchspec.service.batch import job as job_service
from batchspec.service.batch import task as task_service


class Postponed:
    """Lets through the tasks that can be added, in the order of the flow, and keeps the ids of the others."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct
        self._ids: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def without(self, runs: Iterable[Run]) -> Iterator[Run]:
        """*runs*, less those that wait for one that is of no use to them, or for one that is postponed."""
        if not self._may_postpone:
            yield from runs
            return
        for run in runs:
            producers = self._conduct.plan.work.waits_for(run.task.number)
            if producers and not (self._takes_dependencies and self._serve(producers)):
                self._ids.add(run.id)
            else:
                yield run

    def _serve(self, producers: Iterable[str]) -> bool:
        return self._ids.isdisjoint(producers) and self._useless.isdisjoint(producers)

    @cached_property
    def _may_postpone(self) -> bool:
        """Whether any task may have to be; nearly never, and then none is looked at."""
        has_flow = self._conduct.plan.work.has_flow and not self._is_new
        return has_flow and not (self._takes_dependencies and not self._useless)

    @cached_property
    def _takes_dependencies(self) -> bool:
        job = job_service.read(self._conduct.account.batch, self._conduct.plan.job_id)
        return job is None or bool(job.get("usesTaskDependencies"))

    @cached_property
    def _useless(self) -> frozenset[str]:
        """The tasks at work that do not store their outputs where other tasks look for them."""
        if not self._conduct.plan.in_progress:
            return frozenset()
        made = Places.of(self._conduct.spec).all_made
        at_work = task_service.read_outputs(self._conduct.account.batch, self._conduct.plan.job_id)
        return frozenset(id for id, blobs in at_work if not any(blob.startswith(made) for blob in blobs))

    @property
    def _is_new(self) -> bool:
        made = (Operation.CREATE, Operation.REPLACE)
        return any(action.operation in made for action in self._conduct.plan.of(Kind.JOB))
