"""What tasks wrote: read from their nodes or, once those are gone, from the copies that they uploaded."""

from __future__ import annotations

from batchspec.desired.places import Places
from batchspec.language.model import Spec
from batchspec.service.batch import task as task_service
from batchspec.service.connect import Account


def task_output(account: Account, spec: Spec, job_id: str, task_id: str, file_name: str) -> str | None:
    """The text of a task's stdout.txt or stderr.txt; None where there is none."""
    content = task_bytes(account, spec, job_id, task_id, file_name)
    return None if content is None else content.decode("utf-8", "replace")


def task_bytes(
    account: Account, spec: Spec, job_id: str, task_id: str, file_name: str, start: int = 0
) -> bytes | None:
    """The same from the byte *start* on, as it was written."""
    content = task_service.read_file(account.batch, job_id, task_id, file_name, start)
    if content is not None:
        return content
    places = Places.of(spec)
    copy = account.blobs.read(places.output, places.log(task_id, file_name))
    return None if copy is None else copy[start:]
