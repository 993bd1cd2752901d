"""`make_plan(desired, observed)`: a pure function from what should be and what is to what to do."""

from __future__ import annotations

from dataclasses import replace

from batchspec.desired.task import Desired
from batchspec.ledger.database import Mapped
from batchspec.plan.actions.job import current_job, job_action, newest_job, next_job, outdated_jobs, seals
from batchspec.plan.actions.owner import refuse_other_file, take_over, unnoted
from batchspec.plan.actions.package import package_actions
from batchspec.plan.actions.pool import lifts_protection, pool_action, unprotect
from batchspec.plan.actions.strays import find_strays
from batchspec.plan.actions.tasks import TaskActions
from batchspec.plan.actions.terms import terms_of
from batchspec.plan.model import Action, Operation, Plan
from batchspec.plan.observed import Observed, Seen
from batchspec.plan.verdicts.work import Counted, find_work
from batchspec.resources.base import Json


def make_plan(desired: Desired, observed: Observed) -> Plan:
    """What makes *observed* into *desired*. Raises `RefusedError` for what is not ours."""
    refuse_other_file(desired.spec, observed.named)
    if lifts_protection(desired, observed.pool):
        return _only(desired, unprotect(desired))
    if observed.seen is None:
        observed = replace(observed, seen=Seen(desired.tasks))
    job, current = job_action(desired, observed), current_job(desired.spec, observed.jobs)
    work = find_work(desired, _counted(job, current), observed.local, has_inputs=observed.has_inputs)
    if job is None and work.runs and current is None:
        job = next_job(desired, observed)
    pool = pool_action(desired, observed, work)
    packages = package_actions(desired, observed, pool, work)
    name = take_over(desired, observed.named)
    resources = (name, *packages, pool, job, *outdated_jobs(desired, observed))
    newest = newest_job(desired.spec, observed.jobs)
    job_id = job.id if job else str(newest["id"]) if newest else desired.spec.job_id
    completes = seals(desired, current, job)
    act = TaskActions(desired, work.stored_as)
    return Plan(
        spec_name=desired.spec.name,
        resources=tuple(action for action in resources if action is not None),
        job_id=job_id,
        work=work,
        in_progress=Mapped(work.in_progress, lambda entry: entry[1]),
        upload_actions=Mapped(work.uploads, act.upload),
        copy_actions=Mapped(work.copies, act.copy),
        deletion_actions=Mapped(work.deletions, act.delete),
        run_actions=Mapped(work.runs, act.run),
        download_actions=Mapped(work.downloads, act.download),
        kept=Mapped(work.kept, act.kept),
        stale=[act.stale(blob, is_folder) for blob, is_folder in observed.stale],
        strays=find_strays(desired.spec, observed.named),
        terms=terms_of(
            desired, work, pool, {"id": job_id, "completes": completes}, overwrites=observed.overwrites
        ),
        seals_job=completes,
        notes_file=desired.spec.file not in ("", observed.named.file),
        unnoted=unnoted(desired.spec, observed.named),
    )


def _counted(job: Action | None, current: Json | None) -> Counted:
    """Which live tasks the work is held against."""
    if job is not None and job.operation is Operation.REPLACE:
        return Counted.NONE  # they go with the old job; their work is done anew in the next
    # What was still queued when the job ended stays so for ever, and nobody runs it (FACTS 4).
    return Counted.ALL if current is not None else Counted.COMPLETED


def _only(desired: Desired, action: Action) -> Plan:
    """A plan of one action: what else differs is for the next plan to say."""
    return Plan(spec_name=desired.spec.name, resources=(action,), job_id=desired.spec.job_id)
