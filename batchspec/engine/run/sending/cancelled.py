"""A job that somebody cancels while a run adds its tasks: the run goes on in no other one."""

from __future__ import annotations

from batchspec.engine.run.progress.conduct import Conduct
from batchspec.errors import TasksFailedError
from batchspec.service.batch import job as job_service


def require_not_cancelled(conduct: Conduct, job_id: str) -> None:
    """Raises `TasksFailedError` where the job was cancelled: else its tasks would run in the next one."""
    if job_service.why_ended(conduct.account.batch, job_id) == job_service.CANCELLED:
        raise TasksFailedError(
            f"the job {job_id} was cancelled while its tasks were being added",
            help=f"`batchspec apply {conduct.spec.arguments}` runs them again",
        )
