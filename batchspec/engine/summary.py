"""How a run ended: what succeeded, what failed and why, where the outputs are, what still costs money."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator

from batchspec.engine.conduct import Conduct, Outcome
from batchspec.engine.diagnose import last_lines
from batchspec.engine.events import FailureGroup, SummaryEvent
from batchspec.engine.inputs import spec_folder
from batchspec.engine.links import what_now
from batchspec.resources.pool import nodes_of
from batchspec.service import pool as pool_service
from batchspec.service import task as task_service
from batchspec.service.connect import Account
from batchspec.spec.expand import DesiredTask, folder_of, log_blob
from batchspec.spec.model import Spec
from batchspec.spec.task_body import FINGERPRINT_METADATA

_LAST_LINES = 5
_MANY_PREEMPTIONS = 3  # and more than there are Spot nodes: each was taken away more than once


def summarize(conduct: Conduct) -> SummaryEvent:
    """The summary of a run, with every output looked for once more: completed is not success."""
    account, spec, plan, outcome = conduct.account, conduct.spec, conduct.plan, conduct.outcome
    tasks = conduct.tasks
    failures = {id: live.failure for id, live in outcome.ended.items() if live.failure}
    failures |= {id: str(error) for id, error in outcome.refused.items()}
    succeeded = {id: tasks[id] for id in outcome.ended if id not in failures}
    failures |= dict.fromkeys(_without_output(account, spec, succeeded), "its output is missing")
    return SummaryEvent(
        spec=spec.name,
        succeeded=len(outcome.ended.keys() - failures.keys()),
        failed=len(failures),
        up_to_date=plan.up_to_date,
        uploaded=outcome.uploaded,
        uploaded_bytes=outcome.uploaded_bytes,
        downloaded=outcome.downloaded,
        downloads_to=os.path.normpath(spec_folder(spec) / spec.download) if spec.download else None,
        outputs_in=f"{spec.containers.output}/{folder_of(spec)}",
        seconds={step: spent for step, spent in outcome.seconds.items() if spent >= 0},
        failures=_grouped(conduct, failures),
        still_there=tuple(_still_there(account, spec, list(outcome.jobs)[-1])),
        detached=outcome.detached,
        preempted=outcome.preempted,
        requeued=outcome.requeued,
        advice=tuple(_advice(spec, outcome)),
    )


def _advice(spec: Spec, outcome: Outcome) -> Iterator[str]:
    """What would have gone better."""
    spot = int((spec.pool.body if spec.pool else {}).get("targetLowPriorityNodes") or 0)
    if outcome.preempted > max(spot, _MANY_PREEMPTIONS):
        yield "so many Spot nodes were taken away: dedicated ones (pool.targetDedicatedNodes) would end sooner"


def _without_output(account: Account, spec: Spec, succeeded: dict[str, DesiredTask]) -> list[str]:
    """The tasks that ended well and whose output, or record, is not there with their fingerprint."""
    if not succeeded:
        return []
    stamps = {
        blob.name: blob.metadata.get(FINGERPRINT_METADATA)
        for blob in account.blobs.list(spec.containers.output, folder_of(spec))
    }
    return [id for id, task in succeeded.items() if stamps.get(task.record) != task.work.fingerprint]


def _grouped(conduct: Conduct, failures: dict[str, str]) -> tuple[FailureGroup, ...]:
    """Failures by their reason, each with the end of one task's stderr."""
    tasks = conduct.tasks
    job_of = {id: job_id for job_id, ids in conduct.outcome.jobs.items() for id in ids}

    def said(id: str, reason: str) -> str:
        if id not in job_of:  # it was refused, and has no files
            return ""
        return task_output(conduct.account, conduct.spec, job_of[id], id, _telling(reason)) or ""

    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for id, reason in sorted(failures.items()):
        by_reason[reason].append(id)
    return tuple(
        FailureGroup(
            reason=reason,
            tasks=tuple(ids),
            names=tuple(tasks[id].name for id in ids),
            last_lines=last_lines(said(ids[0], reason), _LAST_LINES),
            help=what_now(conduct.spec, reason),
        )
        for reason, ids in sorted(by_reason.items(), key=lambda entry: -len(entry[1]))
    )


def _telling(reason: str) -> str:
    """The file of a task that says more about why it failed."""
    return "fileuploaderr.txt" if reason.startswith("FileUpload") else "stderr.txt"


def task_output(account: Account, spec: Spec, job_id: str, task_id: str, file_name: str) -> str | None:
    """A task's stdout.txt or stderr.txt: from its node or, when that is gone, the copy it uploaded."""
    content = task_service.read_file(account.batch, job_id, task_id, file_name)
    if content is None:
        content = account.blobs.read(spec.containers.output, log_blob(spec, task_id, file_name))
    return None if content is None else content.decode("utf-8", "replace")


def _still_there(account: Account, spec: Spec, job_id: str) -> list[str]:
    """What is left in the account, and whether it costs money."""
    found = []
    if spec.pool is not None and (pool := pool_service.read(account.batch, spec.pool.id)):
        nodes = nodes_of(pool)
        cost = ", which cost nothing here" if account.is_local else ", which cost money until they are gone"
        found.append(f"pool {spec.pool.id} with {nodes} nodes" + (cost if nodes else ""))
    if job_id:
        found.append(f"job {job_id}")
    return found
