"""What nodes fetch before any task: in storage, and reached by links that last, since no task's turn renews them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from batchspec.desired.bodies.start_task import signed
from batchspec.desired.task import Input
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.engine.run.sending.uploads import send_file
from batchspec.resources.base import Json
from batchspec.resources.links import LONGEST_LINK_LIFE


def pool_with_links(conduct: Conduct, progress: Callable[[str], None]) -> Json:
    """The pool's body as it is sent; the files that its start task reads are in storage then."""
    items = [file.item for file in conduct.desired.start_files]
    for item in items:
        _store(conduct, item, progress)
    return _signed(conduct, conduct.pool, "startTask", items)


def job_with_links(conduct: Conduct, progress: Callable[[str], None]) -> Json:
    """The job's body as it is sent; the files that its nodes fetch once are in storage then."""
    for file in conduct.desired.node_files:
        _store(conduct, file.item, progress, is_pack=file.is_pack)
    items = [file.item for file in conduct.desired.node_files]
    return _signed(conduct, conduct.job, "jobPreparationTask", items)


def _signed(conduct: Conduct, body: Json, task: str, items: Sequence[Input]) -> Json:
    if conduct.spec.identity is not None:
        return body
    blobs = conduct.account.blobs
    return signed(body, task, items, blobs.url, partial(blobs.read_url, life=LONGEST_LINK_LIFE))


def _store(conduct: Conduct, item: Input, progress: Callable[[str], None], *, is_pack: bool = False) -> None:
    """Uploads *item*, unless it is there: its name has the digest of its content."""
    blobs = conduct.account.blobs
    if item.file is not None and blobs.metadata(item.container, item.blob) is None:
        progress(f"uploading {item.path}")
        blobs.ensure_container(item.container)
        send_file(conduct, item, lambda _: conduct.check(), is_pack=is_pack)
