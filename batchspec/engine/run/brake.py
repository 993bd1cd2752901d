"""The brake of a run: where more tasks fail than `safety.maxFailures` allows, no further task starts.

The job is disabled until the tasks that run have ended; then it is ended.
"""

from __future__ import annotations

from batchspec.counts import count_text
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.events import NoteEvent, SummaryEvent
from batchspec.language.model import Limit
from batchspec.resources.task import NOT_RUN
from batchspec.service.batch import job as job_service


class Brake:
    """Stops the jobs of one run; with *limit* None it never does. *earlier* is what its earlier rounds came to."""

    def __init__(self, conduct: Conduct, limit: Limit | None, earlier: SummaryEvent | None = None) -> None:
        self._conduct = conduct
        self._batch = conduct.account.batch
        self._limit = limit
        self._earlier = (earlier.failed, earlier.succeeded) if earlier else (0, 0)
        self._stopped: dict[str, str] = {}  # jobs, and why
        self.was_used = False

    def begin(self) -> None:
        """A job that an earlier run had stopped, and was cut off before it ended it, goes on."""
        job_id = self._conduct.plan.job_id
        if self._conduct.spec.safety.max_failures is not None and self._conduct.plan.work.needed:
            self._conduct.check()
            if job_service.resume(self._batch, job_id):
                self._conduct.tell(
                    NoteEvent(f"the job {job_id} was stopped by an earlier run; its tasks start again")
                )

    def is_on(self, job_id: str) -> bool:
        """Whether nothing of the job starts any more, since too many tasks have failed."""
        if job_id not in self._stopped and (why := self._why()):
            self._conduct.check()
            job_service.stop(self._batch, job_id)
            self._stopped[job_id], self.was_used = why, True
            text = f"{why}: no further task starts; waiting for those that run"
            self._conduct.tell(NoteEvent(text, warning=True))
        return job_id in self._stopped

    def end(self, job_id: str) -> None:
        """Ends the job if it was stopped: what has not begun in it never will."""
        if why := self._stopped.pop(job_id, ""):
            self._conduct.check()
            job_service.terminate(self._batch, job_id, job_service.FAILURES)
            self._conduct.outcome.give_up(job_id, f"{NOT_RUN}: {why}")

    def _why(self) -> str:
        """What is too much; empty while it is not."""
        outcome, (failed, succeeded) = self._conduct.outcome, self._earlier
        failed, succeeded = failed + outcome.failed, succeeded + outcome.succeeded
        ended, fewest = failed + succeeded, self._conduct.spec.safety.min_objects
        if self._limit is None or allows(self._limit, failed, ended, fewest):
            return ""
        of = count_text(ended, "ended task")
        return f"{failed} of {of} failed, and safety.maxFailures is {self._limit.written}"


def allows(limit: Limit, failed: int, ended: int, fewest: int) -> bool:
    """Whether so many may fail. A share is one of the tasks that have ended, and counts beyond *fewest*."""
    return (limit.is_share and ended <= fewest) or limit.allows(failed, ended)
