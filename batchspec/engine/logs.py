"""What a task wrote: found by its id, or by the name of its input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from batchspec.engine.inputs import find_inputs
from batchspec.engine.status import newest_job
from batchspec.engine.summary import task_output
from batchspec.errors import SpecError, UsageError
from batchspec.resources.task import LiveTask, TaskId, read_id
from batchspec.service import task as task_service
from batchspec.service.connect import Account
from batchspec.spec.expand import OWN_FOLDER, expand, folder_of
from batchspec.spec.model import Spec


def find_task(account: Account, spec: Spec, name: str) -> tuple[str, str]:
    """The job and the id of the task that *name* means: its id, or its input's path.

    Of several tries the last one is meant. Raises `UsageError` when there is none.
    """
    job = newest_job(account, spec)
    lives = _ours(task_service.read_all(account.batch, job.id)) if job else []
    job_id = job.id if job else spec.job_id
    known = list(dict.fromkeys([*(live.id for live, _ in lives), *_logged(account, spec)]))
    if name in known:
        return job_id, name
    keys = _keys(account, spec, name)
    tries = [entry for entry in lives if entry[1].key in keys]
    if tries:
        return job_id, max(tries, key=_recent)[0].id
    logged = [task_id for task_id in known if any(task_id.startswith(f"{key}-") for key in keys)]
    if logged:
        return job_id, logged[-1]
    raise UsageError(
        f"no task of {spec.name} is called {name}",
        help=f"known: {', '.join(known[:5])}" if known else "no task has run yet",
    )


def task_streams(
    account: Account, spec: Spec, job_id: str, task_id: str, names: Sequence[str]
) -> dict[str, str]:
    """The text of each of *names* (`stdout.txt`, `stderr.txt`) that can be had."""
    found = {name: task_output(account, spec, job_id, task_id, name) for name in names}
    return {name: text for name, text in found.items() if text is not None}


def _ours(lives: Iterable[LiveTask]) -> list[tuple[LiveTask, TaskId]]:
    """Those of *lives* that are tasks of ours, with what their ids say."""
    return [(live, said) for live in lives if (said := read_id(live.id))]


def _recent(entry: tuple[LiveTask, TaskId]) -> tuple[bool, int]:
    return not entry[0].is_completed, entry[1].attempt


def _logged(account: Account, spec: Spec) -> list[str]:
    """The ids of the tasks whose logs lie in storage, in the order of their names."""
    prefix = f"{folder_of(spec)}{OWN_FOLDER}/logs/"
    blobs = account.blobs.list(spec.containers.output, prefix)
    return list(dict.fromkeys(blob.name.removeprefix(prefix).partition("/")[0] for blob in blobs))


def _keys(account: Account, spec: Spec, name: str) -> set[str]:
    """The keys of the tasks whose input is called *name*; none when the spec's inputs cannot be read now."""
    try:
        tasks = expand(spec, find_inputs(spec, account.blobs.list)).tasks
    except SpecError:
        return set()
    return {task.key for task in tasks if task.name == name}
