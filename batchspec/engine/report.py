"""What is known of how a spec ran: from the records of its runs, and from its jobs while they are there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from batchspec.desired.places import Places
from batchspec.engine.health.status import LiveJob, read_job
from batchspec.engine.health.wrote import excerpt
from batchspec.engine.history.record import Failures, Run, Usage, list_runs, read_record
from batchspec.engine.history.trace import RUNNING, WAITING, Trace, Traced, end_state
from batchspec.engine.run.written import task_output
from batchspec.errors import UsageError
from batchspec.language.model import Spec
from batchspec.resources.task import CANCELLED, NOT_RUN, LiveTask, read_id
from batchspec.service.batch import job as job_service
from batchspec.service.batch import task as task_service
from batchspec.service.connect import Account

_MOST_REASONS = 50
_NAMED = 20
_NAME = re.compile(r"(?P<group>[^/\[]+)(?:/(?P<input>.*?))?(?:\[(?P<axes>[^\[\]]*)\])?", re.DOTALL)


class Report(NamedTuple):
    """One job's worth of work: the `runs` that had part in it, the oldest first, and what became of its tasks.

    `jobs` are those of it that were read just now; without any, all is as the runs have left it.
    """

    spec: str
    account: str
    made: datetime
    runs: tuple[Run, ...]
    all_runs: tuple[Run, ...]
    jobs: tuple[str, ...]
    trace: Trace
    usages: tuple[Usage, ...]
    failures: tuple[Failures, ...]


def read_runs(account: Account, spec: Spec) -> list[Run]:
    """The runs of *spec* that have left a record, the oldest first."""
    return list_runs(account, Places.of(spec))


def read_report(account: Account, spec: Spec, run_id: str | None = None) -> Report:
    """What is known of the run *run_id*, or of the newest work. Raises `UsageError` where nothing is.

    A run that was cut off and the one that resumed it work on one job: they are reported together.
    """
    runs = read_runs(account, spec)
    place = _last(runs) if run_id is None else _named(spec, runs, run_id)
    chosen = resumed(runs, place)
    later = {
        job for run in runs[place + 1 :] if run.tasks for job in run.jobs
    }  # what is there by now is theirs
    jobs = {job for run in chosen for job in run.jobs} - later
    newest = read_job(account, spec) if run_id is None else None
    if newest and not any(_knew(run, newest) for run in runs):  # its run is at work, or was killed
        chosen, jobs = [], {newest.id}
    if not (jobs or runs):
        raise UsageError(
            f"{spec.name} has not run yet, or was destroyed with its outputs",
            help=f"run it: `batchspec apply {spec.arguments}`",
        )
    trace, usages = Trace(), list[Usage]()
    for run in chosen:
        usage, rows = read_record(account, Places.of(spec), run)
        trace.add(rows)
        usages.append(usage)
    there = tuple(job for job in sorted(jobs) if _add_live(account, job, trace))
    return Report(
        spec=spec.name,
        account=account.name,
        made=datetime.now(UTC),
        runs=tuple(chosen),
        all_runs=tuple(runs),
        jobs=there,
        trace=trace,
        usages=tuple(usages),
        failures=tuple(
            _failures(account, spec, trace, there, [each for usage in usages for each in usage.failures])
        ),
    )


def _failures(
    account: Account, spec: Spec, trace: Trace, jobs: Sequence[str], told: Sequence[Failures]
) -> Iterator[Failures]:
    """Failures by their reason, with what one task of each wrote: as a run has told it, else as it is read."""
    for reason, total in islice(trace.reasons(), _MOST_REASONS):
        failed = list(islice(trace.failed_for(reason), _NAMED))
        known = [each for each in told if each.reason == reason or each.reason.startswith(f"{reason}: ")]
        lines = known[-1].lines if known else ()
        if not known and failed[0].started:
            said = task_output(account, spec, jobs[-1] if jobs else spec.job_id, failed[0].id, "stderr.txt")
            lines = excerpt(said or "").lines
        yield Failures(reason, total, tuple(row.name for row in failed), lines)


def _knew(run: Run, job: LiveJob) -> bool:
    """Whether *run* worked on *job*, and not on an earlier one of that id."""
    return job.id in run.jobs and (job.created is None or job.created <= run.ended)


def _last(runs: Sequence[Run]) -> int:
    """The place of the newest run that had tasks, else of the newest one; -1 without any."""
    return next((place for place in reversed(range(len(runs))) if runs[place].tasks), len(runs) - 1)


def _named(spec: Spec, runs: Sequence[Run], run_id: str) -> int:
    """The place of the run *run_id*. Raises `UsageError` where there is none."""
    for place, run in enumerate(runs):
        if run.id == run_id:
            return place
    again = f"batchspec report {spec.arguments} --list"
    raise UsageError(f"{spec.name} has no run {run_id}", help=f"list its runs with `{again}`")


def resumed(runs: Sequence[Run], place: int) -> list[Run]:
    """The run at *place*, after those that it resumes."""
    first = place
    while first > 0 and runs[first].resumes and {*runs[first].jobs} & {*runs[first - 1].jobs}:
        first -= 1
    return [*runs[first : place + 1]]


def _add_live(account: Account, job_id: str, trace: Trace) -> bool:
    """Adds what no run has seen the end of. Whether the job is there, and has tasks of ours."""
    is_over = job_service.state(account.batch, job_id) == "completed"
    is_cancelled = is_over and job_service.why_ended(account.batch, job_id) == job_service.CANCELLED
    waits = CANCELLED if is_cancelled else NOT_RUN if is_over else WAITING
    lives = task_service.read_traced(account.batch, job_id)
    listed = (_traced(live, waits) for live in lives if read_id(live.id))
    before = len(trace)
    trace.add_newer(listed)
    return len(trace) > before


def _traced(live: LiveTask, waits: str) -> Traced:
    """*waits* is how a task stands that has not begun."""
    ran, said, named = live.execution, read_id(live.id), _NAME.fullmatch(live.name)
    state = {"active": waits, "completed": end_state(live.failure)}.get(live.state, RUNNING)
    return Traced(
        id=live.id,
        name=live.name or live.id,
        group=named["group"] if named else "",
        input=named["input"] if named else None,
        axes=dict(_axes((named["axes"] or "").split(",") if named else ())),
        state=state,
        failure=live.failure
        or {NOT_RUN: f"{NOT_RUN}: its job has ended", CANCELLED: CANCELLED}.get(state, ""),
        exit_code=ran.exit_code,
        attempts=(said.attempt if said else 1) - (not ran.started) + ran.retries + ran.requeues,
        node=ran.node,
        created=ran.created,
        started=ran.started,
        ended=ran.ended,
    )


def _axes(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    yield from ((name, value) for name, mark, value in (text.partition("=") for text in texts) if mark)
