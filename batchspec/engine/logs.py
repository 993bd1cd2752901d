"""What a task wrote: found by its name or its id."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

from batchspec.desired.expansion.expand import keys_of
from batchspec.desired.places import Places
from batchspec.engine.health.status import LiveJob, as_it_ended, read_job, read_status, state_in
from batchspec.engine.health.trouble import in_words
from batchspec.engine.ran import read_ran
from batchspec.engine.run.written import task_output
from batchspec.errors import RunError, UsageError
from batchspec.language.model import Spec
from batchspec.resources.task import CANCELLED, LiveTask, TaskId, read_id
from batchspec.service.batch import task as task_service
from batchspec.service.connect import Account

_NAMED = 5  # of the tasks that there are, where none is called as wanted


class _Try(NamedTuple):
    """The last try of a task: its id, and how it stands in words."""

    id: str
    state: str


def find_task(account: Account, spec: Spec, name: str) -> tuple[str, str]:
    """The job and the id of the task that *name* means: `GROUP/INPUT`, an input that only one task has, or an id.

    Of several tries the last one is meant. Raises `UsageError` when there is none, or several tasks are meant.
    """
    job = read_job(account, spec)
    job_id = job.id if job else spec.job_id
    if read_id(name) and (live := next(_lives(account, job, f"id eq '{name}'"), None)):
        return job_id, live[0].id
    if read_id(name) and (logged := next(_logged(account, spec, f"{name}/"), None)):
        return job_id, logged
    keys = keys_of(spec, name)
    found = _live(account, spec, job, name, keys) or _ended(account, spec, keys)
    if name in found:
        return job_id, found[name].id
    if len(found) == 1:
        return job_id, next(iter(found.values())).id
    if found:
        names = ", ".join(f"{whole} ({last.state})" for whole, last in found.items())
        raise UsageError(f"{len(found)} tasks of {spec.name} are called {name}", help=f"one of {names}")
    raise _unknown(account, spec, job, name)


def failed_tasks(account: Account, spec: Spec) -> Iterator[tuple[str, str]]:
    """The job and the ids of its tasks that failed; those that were cancelled are none of them."""
    job = read_job(account, spec)
    for live, _ in _lives(account, job, "executionInfo/result eq 'failure'"):
        if live.failure != CANCELLED:
            yield (job.id if job else ""), live.id


def _live(
    account: Account, spec: Spec, job: LiveJob | None, name: str, keys: Mapping[str, str]
) -> dict[str, _Try]:
    """The tasks of the job that *name* may mean, by their whole names.

    There may be a million, so only those are listed whose ids begin as the wanted ones do. What tasks of rows are
    called cannot be told from their ids: all are listed where a group has rows.
    """
    tries: dict[str, list[tuple[LiveTask, TaskId]]] = {
        whole: list(_lives(account, job, f"startswith(id,'{key}-')")) for whole, key in keys.items()
    }
    if any(group.rows is not None for group in spec.groups):
        for live, said in _lives(account, job):
            if name in (live.name, live.name.partition("/")[2]) and live.name not in keys:
                tries.setdefault(live.name, []).append((live, said))
    last = {whole: max(some, key=_recent)[0] for whole, some in tries.items() if some}
    return {whole: _Try(live.id, _in_words(live, state_in(job, live))) for whole, live in last.items()}


def _ended(account: Account, spec: Spec, keys: Mapping[str, str]) -> dict[str, _Try]:
    """The same of tasks whose job is gone, by the logs that they left."""
    left = {whole: deque(_logged(account, spec, f"{key}-"), maxlen=1) for whole, key in keys.items()}
    return {whole: _Try(ids[0], "ended") for whole, ids in left.items() if ids}


def _in_words(live: LiveTask, state: str) -> str:
    if not live.is_completed:
        return "waiting" if state == "active" else state
    if live.failure == CANCELLED:
        return CANCELLED
    return f"failed: {live.failure}" if live.failure else "succeeded"


def _unknown(account: Account, spec: Spec, job: LiveJob | None, name: str) -> UsageError:
    """The error that no task has this name, with some that there are."""
    names = (
        islice((live.name or live.id for live, _ in _lives(account, job)), _NAMED),
        islice(_logged(account, spec), _NAMED),
    )
    some = ", ".join(islice(dict.fromkeys(chain(*names)), _NAMED))
    known = f"known: {some}" if some else "no task has run yet"
    return UsageError(f"no task of {spec.name} is called {name}", help=known)


def task_streams(
    account: Account, spec: Spec, job_id: str, task_id: str, names: Sequence[str]
) -> dict[str, str]:
    """The text of each of *names* (`stdout.txt`, `wd/out/x.log`) that can be had."""
    found = {name: task_output(account, spec, job_id, task_id, name) for name in names}
    return {name: text for name, text in found.items() if text is not None}


def why_silent(account: Account, spec: Spec, job_id: str, task_id: str, file: str = "") -> RunError:
    """The error that there is no text of the task, or no *file*, with what keeps it from writing any."""
    live = read_ran(account, spec, job_id, task_id)
    if live.state is None:
        return RunError(
            f"{task_id} is gone and left no logs", help=f"run it: batchspec apply {spec.arguments}"
        )
    if file and live.started:
        return RunError(f"{task_id} has no file {file}, or the node that had it is gone")
    if live.is_over:
        return RunError(
            f"{task_id} never started: {live.failure or 'it was ended first'}",
            help=f"fix the cause, then run `batchspec apply {spec.arguments}`",
        )
    if live.state != "active":
        return RunError(f"{task_id} is {live.state} and has not written anything yet")
    now = read_status(account, spec)
    if now.job == job_id and now.job_state == "completed":
        return RunError(
            f"{live.name or task_id} was not run: its job ended before",
            help=f"`batchspec apply {spec.arguments}` runs it",
        )
    nodes = in_words([state for state, count in now.nodes.items() for _ in range(count)])
    waits = now.problem or f"it waits for a free node ({nodes}), or for the tasks that it needs"
    return RunError(
        f"{task_id} has not started: {waits}",
        help=f"see what happens: batchspec status --watch {spec.arguments}",
    )


def _lives(account: Account, job: LiveJob | None, filter: str = "") -> Iterator[tuple[LiveTask, TaskId]]:
    """The tasks of ours that *filter* lets through, with what their ids say."""
    if job is None:
        return
    for live in task_service.read_all(account.batch, job.id, filter=filter, select=task_service.NAMED):
        if said := read_id(live.id):
            yield as_it_ended(job, live), said


def _recent(entry: tuple[LiveTask, TaskId]) -> tuple[bool, int]:
    return not entry[0].is_completed, entry[1].attempt


def _logged(account: Account, spec: Spec, prefix: str = "") -> Iterator[str]:
    """The ids of the tasks whose logs are in storage, in order; of those only whose names begin with *prefix*."""
    places = Places.of(spec)
    last = ""
    for blob in account.blobs.list(places.output, f"{places.logs}{prefix}"):
        task_id = blob.name.removeprefix(places.logs).partition("/")[0]
        if task_id != last:
            yield task_id
        last = task_id
