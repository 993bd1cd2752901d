"""Bringing outputs home: whole and checked, or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cached_property
from itertools import islice
from typing import BinaryIO, NamedTuple

from batchspec.counts import count_text
from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.engine.look.remembered.unpacked import pack_in
from batchspec.engine.run.downloads.landing import Landing, Place, md5_of
from batchspec.engine.run.downloads.unpack import remove, unpack
from batchspec.engine.run.progress.conduct import Conduct, Interrupted
from batchspec.errors import RunError
from batchspec.events import Step
from batchspec.language.model import Spec
from batchspec.plan.here import Here
from batchspec.plan.model import Download, Plan
from batchspec.resources.blob import LiveBlob
from batchspec.service.blob.blobs import BlobStorage

_AT_ONCE = 8


class Downloads:
    """The downloads of a run: those of its plan, then those that are wanted as tasks end.

    Workers take one after the other, so none waits anywhere but in the plan and in a table.
    """

    def __init__(self, conduct: Conduct, transfers: ThreadPoolExecutor) -> None:
        self._conduct = conduct
        self._transfers = transfers
        self._planned = iter(conduct.plan.work.downloads)
        self._database = conduct.desired.tasks.database
        self._total = len(conduct.plan.work.downloads)
        self._taken = 0
        self._over = 0
        self._workers = 0
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        for _ in range(min(_AT_ONCE, self._total)):
            self._hire()

    @cached_property
    def _landing(self) -> Landing:
        return landing_of(self._conduct.spec, self._conduct.plan)

    def want(self, blob: str, *, is_folder: bool = False) -> None:
        """*blob* is there, and is to be fetched."""
        with self._changed:
            self._database.change("INSERT INTO wanted (blob, is_folder) VALUES (?, ?)", blob, is_folder)
            self._total += 1
        if self._workers < _AT_ONCE:  # read without the lock: one worker too many finds nothing and goes
            self._hire()

    def finish(self) -> None:
        """Waits for the downloads; those not begun when the run is stopped are left for the next one.

        An output that is not there is the summary's to tell. Raises what a download raised.
        """
        if not self._total:
            return
        self._conduct.begin(Step.DOWNLOAD, total=self._total, unit="files")
        with self._changed:
            while self._workers:
                self._conduct.progress(Step.DOWNLOAD, "", self._over, self._total, "files")
                self._changed.wait()
        if self._error is not None:
            raise self._error
        self._conduct.end(Step.DOWNLOAD, count_text(self._conduct.outcome.downloaded, "file"))

    def _hire(self) -> None:
        with self._changed:
            self._workers += 1
        self._transfers.submit(self._work)

    def _work(self) -> None:
        """Fetches what no other worker has taken, until nothing is left or something goes wrong."""
        while (wanted := self._take()) is not None:
            fetched, error = Fetched(), None
            try:
                fetched = fetch(self._conduct.account.blobs, self._landing, *wanted)
            except BaseException as raised:  # `finish` raises it: in a thread of the pool nobody would see it
                error = raised
            with self._changed:
                self._over += 1
                self._error = self._error or error
                self._conduct.outcome.downloaded += fetched.size is not None
                self._conduct.outcome.kept += fetched.kept
                self._changed.notify()

    def _take(self) -> tuple[str, bool] | None:
        """The next blob, and whether it is a folder's pack; None when nothing is left, or nothing more is begun."""
        with self._changed:
            if self._error is None and not self._conduct.stopped.is_set():
                if (planned := next(self._planned, None)) is not None:
                    return planned.blob, planned.is_folder
                # A table, and no queue in memory: a million tasks may end faster than their files come.
                row = self._database.one(
                    "SELECT blob, is_folder FROM wanted WHERE number = ?", self._taken + 1
                )
                if row is not None:
                    self._taken += 1
                    return str(row[0]), bool(row[1])
            # Before the lock is given back: who wants something next sees that nobody is left to take it.
            self._workers -= 1
            self._changed.notify()
            return None


def landing_of(spec: Spec, plan: Plan) -> Landing:
    """Where *spec* downloads to; whether it may overwrite what is not batchspec's there, is said in *plan*."""
    return Landing(Places.of(spec), overwrites=bool(plan.terms.get("overwrite")))


def prune(landing: Landing, blob: str) -> bool:
    """Whether the file that was downloaded from *blob* is gone; one that is something else by now stays."""
    with landing.at(blob.removeprefix(landing.places.root)) as place:
        return place.remove()


def prune_all(spec: Spec, plan: Plan) -> Iterator[str]:
    """Deletes the stale files and folders of *plan*, and tells which are gone."""
    landing = landing_of(spec, plan)
    for stale in plan.stale:
        is_gone = _remove_folder(landing, stale.blob) if stale.is_folder else prune(landing, stale.blob)
        if is_gone:
            yield os.path.normpath(landing.places.folder / stale.file)


def _remove_folder(landing: Landing, blob: str) -> bool:
    """Whether what was unpacked from the pack *blob* is gone; what was edited since stays."""
    folder = landing.unpacked(blob)
    is_here = pack_in(folder) is not None
    if is_here:
        remove(folder)
    return is_here


class Fetched(NamedTuple):
    """What became of a download: its bytes, None where the blob is not there or its file is not ours.

    `kept` are the files here that it was not to replace: its own, or files of a folder.
    """

    size: int | None = None
    kept: int = 0


class Arrived(NamedTuple):
    """An output that was fetched: its blob, the file or folder that it is now, and its size in bytes.

    `kept` are the files in the folder that were not replaced, since they are not ours.
    """

    blob: str
    file: str
    size: int
    kept: int


def fetch_all(blobs: BlobStorage, spec: Spec, plan: Plan) -> Iterator[Arrived]:
    """Fetches what *plan* downloads, several side by side, and yields each as it arrives. Raises `RunError`.

    Closing the iterator stops the transfers; those in flight end with their next piece.
    """
    landing, stopped = landing_of(spec, plan), threading.Event()

    def arrived(wanted: Download) -> Arrived | None:
        fetched = fetch(blobs, landing, wanted.blob, wanted.is_folder, stopped, source=wanted.source)
        if fetched.size is None:  # somebody has deleted it since, or has put something else in its place
            return None
        file = wanted.blob.removesuffix(PACK_SUFFIX) if wanted.is_folder else wanted.blob
        return Arrived(wanted.blob, os.path.normpath(landing.places.file(file)), fetched.size, fetched.kept)

    todo, errors = iter(plan.work.downloads), list[BaseException]()
    in_flight: set[Future[Arrived | None]] = set()
    with ThreadPoolExecutor(_AT_ONCE, "transfer") as transfers:
        try:
            while True:
                more = () if errors else islice(todo, _AT_ONCE - len(in_flight))
                in_flight |= {transfers.submit(arrived, wanted) for wanted in more}
                if not in_flight:
                    break
                done, in_flight = wait(in_flight, return_when=FIRST_COMPLETED)
                for transfer in done:
                    if (error := transfer.exception()) is not None:
                        stopped.set()
                        errors.append(error)
                    elif (found := transfer.result()) is not None:
                        yield found
        finally:
            stopped.set()
    if errors:
        raise errors[0]  # the others were stopped, or failed later
    for blob in plan.work.unpublished:
        blobs.delete(spec.containers.output, blob)


def fetch(
    blobs: BlobStorage,
    landing: Landing,
    blob: str,
    is_folder: bool,
    stopped: threading.Event | None = None,
    *,
    source: str = "",
) -> Fetched:
    """Fetches an output, a file or the pack of a folder, to its place. Raises `RunError`, or `Interrupted`.

    It comes from *source*, where *blob* is not yet a copy of that.
    """
    places = landing.places
    path = blob.removeprefix(places.root).removesuffix(PACK_SUFFIX if is_folder else "")
    bring = _fetch_folder if is_folder else _fetch
    if stopped is not None and stopped.is_set():
        raise Interrupted
    try:
        with landing.at(path) as place:
            return bring(blobs, places, source or blob, place, stopped)
    except OSError as error:
        raise RunError(
            f"could not write {places.file(path)}: {error.strerror}",
            help=f"make room or fix the folder, then run `batchspec download {places.arguments}`",
        ) from error


def _fetch(
    blobs: BlobStorage, places: Places, blob: str, place: Place, stopped: threading.Event | None
) -> Fetched:
    """One file: written beside its place, checked for length and MD5, and then given its name."""
    here = place.find()
    if here.is_kept:
        return Fetched(kept=1)
    with place.written() as stream:
        live = blobs.download(places.output, blob, _until(stopped, stream))
        if live is None:
            return Fetched()
        md5 = _checked(stream, live)
        is_put = place.put(md5, live.md5 or live.etag, replaces=here is Here.OUTDATED)
        return Fetched(live.size) if is_put else Fetched(kept=1)


def _fetch_folder(
    blobs: BlobStorage, places: Places, pack: str, place: Place, stopped: threading.Event | None
) -> Fetched:
    """A folder: its pack is written beside it, checked and unpacked."""
    if place.file.is_symlink():
        raise RunError(f"{place.file} is a link, and none is followed", help="remove it")
    with place.written() as stream:
        live = blobs.download(places.output, pack, _until(stopped, stream))
        if live is None:
            return Fetched()
        md5 = _checked(stream, live)
        contents = unpack(stream, place.file, overwrites=place.overwrites)
    # Once the pack is gone: killed in between, nobody would come here again and remove it.
    contents.remember(md5)
    place.note_unpacked(md5)
    return Fetched(live.size, contents.kept)


def _until(stopped: threading.Event | None, stream: BinaryIO) -> Callable[[bytes], object]:
    """Writes to *stream*, and raises `Interrupted` once the transfer is *stopped*."""

    def write(piece: bytes) -> None:
        if stopped is not None and stopped.is_set():
            raise Interrupted
        stream.write(piece)

    return write


def _checked(stream: BinaryIO, live: LiveBlob) -> str:
    """The MD5 of what was written. Raises `RunError` where that is not the whole blob."""
    # On disk before it gets its name: after a power cut no file has the name and only half of the content.
    stream.flush()
    os.fsync(stream.fileno())
    found = md5_of(stream)
    if stream.seek(0, os.SEEK_END) != live.size or (live.md5 and found != live.md5):
        raise RunError(
            f"{live.name} was not downloaded completely", help="run it again; no partial file was left"
        )
    return found
