"""Uploading the inputs that tasks at hand read and the container lacks, several side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from batchspec.engine.conduct import Conduct
from batchspec.engine.events import Step
from batchspec.plan.model import Kind
from batchspec.spec.expand import Input
from batchspec.spec.task_body import SPEC_METADATA

Uploads = dict[str, Future[None]]
"""The uploads under way, by blob."""


def start_uploads(conduct: Conduct, transfers: ThreadPoolExecutor) -> Uploads:
    """Starts every upload of the plan."""
    wanted = {action.id for action in conduct.plan.of(Kind.INPUT)}
    inputs = (run.task.input for run in conduct.plan.runs)
    items = {item.blob: item for item in inputs if item is not None and item.blob in wanted}
    if not items:
        return {}
    total = sum(item.size for item in items.values())
    conduct.begin(Step.UPLOAD, total=total, unit="bytes")
    conduct.account.blobs.ensure_container(conduct.spec.containers.input)
    sent = _Sent(conduct, len(items), total)
    return {blob: transfers.submit(_upload, conduct, item, sent) for blob, item in sorted(items.items())}


def _upload(conduct: Conduct, item: Input, sent: _Sent) -> None:
    conduct.check()
    if item.file is None:
        raise ValueError(f"{item.blob} is no local file")
    file = Path(item.file)
    stamp = {SPEC_METADATA: conduct.spec.name}  # `destroy` deletes what has it
    conduct.account.blobs.upload(item.container, item.blob, file, item.content, stamp, sent.of(item.blob))
    sent.whole(item)


class _Sent:
    """Adds up the bytes of uploads that run side by side, and tells of them."""

    def __init__(self, conduct: Conduct, files: int, total: int) -> None:
        self._conduct = conduct
        self._files = files
        self._total = total
        self._done: dict[str, int] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, blob: str) -> Callable[[int], None]:
        """What one upload tells its bytes to. It raises `Interrupted` between two blocks."""

        def progress(done: int) -> None:
            self._conduct.check()
            self._count(blob, done)

        return progress

    def whole(self, item: Input) -> None:
        with self._lock:
            self._conduct.outcome.uploaded += 1
            self._conduct.outcome.uploaded_bytes += item.size
        self._count(item.blob, item.size)

    def _count(self, blob: str, done: int) -> None:
        with self._lock:
            self._bytes += done - self._done.get(blob, 0)
            self._done[blob] = done
            now, files = self._bytes, self._conduct.outcome.uploaded
        self._conduct.progress(Step.UPLOAD, f"{files} of {self._files} files", now, self._total, "bytes")
