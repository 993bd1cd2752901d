"""Uploading the inputs that tasks at hand read and the container lacks, several side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from batchspec.counts import count_text
from batchspec.desired.artifacts.files import PACKED
from batchspec.desired.artifacts.pack import RESOURCE_FILE_MODE
from batchspec.desired.expansion.local_packs import files_of
from batchspec.desired.places import Places
from batchspec.desired.task import Input
from batchspec.engine.look.machine.folders import pack_entries
from batchspec.engine.look.machine.packs import Entry, PackStream
from batchspec.engine.look.machine.project import ANYWHERE
from batchspec.engine.run.progress.conduct import Conduct
from batchspec.events import Step
from batchspec.plan.model import Upload
from batchspec.resources.records import SPEC_METADATA

_AT_ONCE = 8
_LINGER_S = 0.1


class Uploads:
    """The uploads of a run. Workers take one after the other, so none waits anywhere but in the plan."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct
        self._total = len(conduct.plan.work.uploads)
        self._todo = iter(conduct.plan.work.uploads)
        self._sent = _Sent(conduct, self._total, conduct.plan.work.upload_bytes)
        self._lock = threading.Lock()
        self._ended: SimpleQueue[str | BaseException] = SimpleQueue()
        self._working = min(_AT_ONCE, self._total)
        self._over = threading.Event()  # no worker is left

    def __len__(self) -> int:
        return self._total

    def start(self, transfers: ThreadPoolExecutor) -> None:
        """Puts the workers to work; `arrived` tells what they bring."""
        if not self._total:
            return
        total = self._conduct.plan.work.upload_bytes
        self._conduct.begin(Step.UPLOAD, total=total, unit="bytes")
        self._conduct.account.blobs.ensure_container(self._conduct.spec.containers.input)
        for _ in range(self._working):
            transfers.submit(self._work)

    def fail(self, error: BaseException) -> None:
        """From now on `arrived` raises *error*, also while it waits for the next blob."""
        self._ended.put(error)

    def arrived(self) -> Iterator[list[str]]:
        """The blobs, in lots as they arrive, until all are there. Raises what an upload raised."""
        left = self._total
        while left:
            lot = [self._ended.get(), *self._more()]
            if len(lot) < left:
                self._over.wait(_LINGER_S)  # small files come in quick succession: one collection for many
                lot += self._more()
            yield [_blob(ended) for ended in lot]
            left -= len(lot)

    def _more(self) -> list[str | BaseException]:
        return [self._ended.get_nowait() for _ in range(self._ended.qsize())]

    def _work(self) -> None:
        """Uploads what no other worker has taken, until nothing is left or something goes wrong."""
        try:
            while (upload := self._take()) is not None:
                _upload(self._conduct, upload, self._sent)
                self._ended.put(upload.input.blob)
        except BaseException as error:
            self._ended.put(error)
        with self._lock:
            self._working -= 1
            if not self._working:
                self._over.set()

    def _take(self) -> Upload | None:
        with self._lock:
            return next(self._todo, None)


def _blob(ended: str | BaseException) -> str:
    if isinstance(ended, BaseException):
        raise ended
    return ended


def _upload(conduct: Conduct, upload: Upload, sent: _Sent) -> None:
    conduct.check()
    progress = sent.of(upload.input.blob)
    if upload.name == PACKED:
        files = files_of(conduct.desired.tasks.database, upload.input.blob)
        entries = (Entry(name, file, RESOURCE_FILE_MODE) for name, file in files)
        _send_pack(conduct, upload.input, upload.input.path, entries, progress)
    else:
        send_file(conduct, upload.input, progress, is_pack=upload.is_pack)
    sent.whole(upload.input)


def send_file(conduct: Conduct, item: Input, progress: Callable[[int], None], *, is_pack: bool) -> None:
    """Uploads the local file *item*, or the pack of a folder; *progress* is told how many bytes are there so far."""
    if item.file is None:
        raise ValueError(f"{item.blob} is no local file")
    if is_pack:
        entries = pack_entries(Places.of(conduct.spec).folder, item.file, ANYWHERE)
        _send_pack(conduct, item, item.file, entries, progress)
    else:
        blobs, file = conduct.account.blobs, Path(item.file)
        blobs.upload(item.container, item.blob, file, item.content, _stamp(conduct), progress)


def _send_pack(
    conduct: Conduct, item: Input, called: str, entries: Iterable[Entry], progress: Callable[[int], None]
) -> None:
    content = PackStream(called, entries, item.content)
    conduct.account.blobs.send(item.container, item.blob, called, content, _stamp(conduct), progress)


def _stamp(conduct: Conduct) -> dict[str, str]:
    return {SPEC_METADATA: conduct.spec.name}  # `destroy` deletes what has it


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
        del self._done[item.blob]

    def _count(self, blob: str, done: int) -> None:
        with self._lock:
            self._bytes += done - self._done.get(blob, 0)
            self._done[blob] = done
            now, files = self._bytes, self._conduct.outcome.uploaded
        self._conduct.progress(
            Step.UPLOAD, f"{files} of {count_text(self._files, 'file')}", now, self._total, "bytes"
        )
