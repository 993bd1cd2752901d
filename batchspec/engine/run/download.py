"""Bringing outputs home: whole and checked, or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from batchspec.desired.places import Places
from batchspec.engine.run.conduct import Conduct
from batchspec.engine.run.events import Step
from batchspec.engine.run.unpack import unpack
from batchspec.errors import RunError
from batchspec.resources.task import digest
from batchspec.service.blob.blobs import Blobs

_AT_ONCE = 8


class Downloads:
    """The downloads of a run: those of its plan, then those that are wanted as tasks end.

    Workers take one after the other, so none waits anywhere but in the plan and in a table.
    """

    def __init__(self, conduct: Conduct, transfers: ThreadPoolExecutor) -> None:
        self._conduct = conduct
        self._places = Places.of(conduct.spec)
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

    def want(self, blob: str, *, is_folder: bool = False) -> None:
        """*blob* is there, and is to be fetched."""
        with self._changed:
            self._database.change("INSERT INTO wanted (blob, is_folder) VALUES (?, ?)", blob, is_folder)
            self._total += 1
        if self._workers < _AT_ONCE:
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
        self._conduct.end(Step.DOWNLOAD, f"{self._conduct.outcome.downloaded} files")

    def _hire(self) -> None:
        with self._changed:
            self._workers += 1
        self._transfers.submit(self._work)

    def _work(self) -> None:
        """Fetches what no other worker has taken, until nothing is left or something goes wrong."""
        while (wanted := self._take()) is not None:
            fetched, error = None, None
            try:
                fetched = fetch(self._conduct.account.blobs, self._places, *wanted)
            except BaseException as raised:
                error = raised
            with self._changed:
                self._over += 1
                self._error = self._error or error
                self._conduct.outcome.downloaded += fetched is not None
                self._changed.notify()

    def _take(self) -> tuple[str, bool] | None:
        """The next blob, and whether it is a folder's pack; None when nothing is left, or nothing more is begun."""
        with self._changed:
            if self._error is None and not self._conduct.stopped.is_set():
                if (planned := next(self._planned, None)) is not None:
                    return planned.blob, planned.is_folder
                row = self._database.one(
                    "SELECT blob, is_folder FROM wanted WHERE number = ?", self._taken + 1
                )
                if row is not None:
                    self._taken += 1
                    return str(row[0]), bool(row[1])
            self._workers -= 1
            self._changed.notify()
            return None


def fetch(blobs: Blobs, places: Places, blob: str, is_folder: bool) -> int | None:
    """Fetches an output, a file or the pack of a folder, to its place; the bytes fetched, None when it is not there."""
    return download_folder(blobs, places, blob) if is_folder else download_output(blobs, places, blob)


def download_output(blobs: Blobs, places: Places, blob: str) -> int | None:
    """Fetches one output to its place; the bytes fetched, or None when the blob is not there.

    It is written beside its place, checked for length and MD5, and renamed: no part of
    a file ever has its final name. Raises `RunError` where it cannot be written.
    """
    target = places.file(blob)
    with _fetched(blobs, places, blob, target) as found:
        if found is None:
            return None
        found.part.replace(target)
        return found.size


def download_folder(blobs: Blobs, places: Places, blob: str) -> int | None:
    """Likewise for the pack *blob* of a folder output, which is unpacked at its place."""
    folder = places.unpacked(blob)
    with _fetched(blobs, places, blob, folder) as found:
        if found is None:
            return None
        _make_folder(places, folder)
        with found.part.open("rb") as stream:
            unpack(stream, folder, found.md5)
        return found.size


class _Fetched(NamedTuple):
    """A blob that has arrived whole, in a file of our own."""

    part: Path
    size: int
    md5: str


@contextmanager
def _fetched(blobs: Blobs, places: Places, blob: str, target: Path) -> Iterator[_Fetched | None]:
    """What is in *blob*, beside *target* until the block ends; None when it is not there."""
    try:
        _make_folder(places, target.parent)
        with _part_of(target) as part:
            live = blobs.download(places.output, blob, part)
            yield _Fetched(part, live.size, _check(part, live.size, live.md5, blob)) if live else None
    except OSError as error:
        raise RunError(
            f"could not write {target}: {error.strerror}",
            help=f"make room or fix the folder, then run `batchspec download {places.arguments}`",
        ) from error


@contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """A file beside *target* that is ours alone, until it has the name of *target* or is gone with the block.

    Its name is always the same: what a killed run left is written over, and stays nobody's leftover.
    """
    part = target.with_name(f".batchspec-{digest(target.name)[:16]}.part")
    while True:
        with part.open("ab") as held:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(held, fcntl.LOCK_EX)
            if not _is_still(held, part):
                continue  # who had it before us has renamed or removed it
            try:
                yield part
            finally:
                with suppress(OSError):  # what kept it from being written may keep it from being removed
                    if _is_still(held, part):
                        part.unlink()
            return


def _is_still(held: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(held.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _make_folder(places: Places, folder: Path) -> None:
    """Makes *folder*, which must not lead out of the download folder by a link (REQUIREMENTS S-13)."""
    root = places.file("")
    if not folder.resolve().is_relative_to(root.resolve()):
        raise RunError(f"{folder} is a link that leads out of {root}", help="remove the link")
    folder.mkdir(parents=True, exist_ok=True)


def _check(part: Path, size: int, md5: str, blob: str) -> str:
    """The MD5 of *part*. Raises `RunError` where it has not *size*, or not *md5*, if that is known."""
    with part.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        os.fsync(stream.fileno())
        length = stream.seek(0, os.SEEK_END)
    if length != size or (md5 and found != md5):
        raise RunError(f"{blob} did not arrive whole", help="run it again; nothing was left behind")
    return found
