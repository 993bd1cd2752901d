"""What a task wrote: found by its id, or by the name of its input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice

from batchspec.desired.expand import keys_of
from batchspec.desired.places import Places
from batchspec.engine.health.status import LiveJob, newest_job, read_status
from batchspec.engine.health.stuck import in_words
from batchspec.engine.run.summary import task_output
from batchspec.errors import RunError, UsageError
from batchspec.language.model import Spec
from batchspec.resources.task import LiveTask, TaskId, read_id
from batchspec.service.batch import task as task_service
from batchspec.service.connect import Account

_NAMED = 5  # of the tasks that there are, where none is called as wanted


def find_task(account: Account, spec: Spec, name: str) -> tuple[str, str]:
    """The job and the id of the task that *name* means: its id, or its input's path.

    Of several tries the last one is meant. There may be a million tasks, so only those are listed whose ids begin
    as the wanted one does. Raises `UsageError` when there is none.
    """
    job, keys = newest_job(account, spec), keys_of(spec, name)
    job_id = job.id if job else spec.job_id
    lives = list(_lives(account, job, f"id eq '{name}'")) if read_id(name) else []
    lives = lives or [live for key in keys for live in _lives(account, job, f"startswith(id,'{key}-')")]
    if lives:
        return job_id, max(lives, key=_recent)[0].id
    logged = list(_logged(account, spec, f"{name}/"))
    logged = logged or [task_id for key in keys for task_id in _logged(account, spec, f"{key}-")]
    if logged:
        return job_id, logged[-1]
    ids = (
        islice((live.id for live, _ in _lives(account, job)), _NAMED),
        islice(_logged(account, spec), _NAMED),
    )
    some = ", ".join(islice(dict.fromkeys(chain(*ids)), _NAMED))
    raise UsageError(
        f"no task of {spec.name} is called {name}", help=f"known: {some}" if some else "no task has run yet"
    )


def task_streams(
    account: Account, spec: Spec, job_id: str, task_id: str, names: Sequence[str]
) -> dict[str, str]:
    """The text of each of *names* (`stdout.txt`, `stderr.txt`) that can be had."""
    found = {name: task_output(account, spec, job_id, task_id, name) for name in names}
    return {name: text for name, text in found.items() if text is not None}


def why_silent(account: Account, spec: Spec, job_id: str, task_id: str) -> RunError:
    """The error that there is no text of the task, with what keeps it from writing any."""
    live = task_service.read(account.batch, job_id, task_id)
    if live is None:
        return RunError(
            f"{task_id} is gone and left no logs", help=f"run it: batchspec apply {spec.arguments}"
        )
    if live.is_completed:
        return RunError(
            f"{task_id} never started: {live.failure or 'it was ended first'}",
            help=f"fix the cause, then run `batchspec apply {spec.arguments}`",
        )
    if live.state != "active":
        return RunError(f"{task_id} is {live.state} and has not written anything yet")
    now = read_status(account, spec)
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
    for live in task_service.read_all(account.batch, job.id, filter=filter):
        if said := read_id(live.id):
            yield live, said


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
