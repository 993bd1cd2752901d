"""Bringing outputs home: whole and checked, or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from batchspec.engine.conduct import Conduct
from batchspec.engine.events import Step
from batchspec.engine.inputs import spec_folder
from batchspec.engine.observe import download_path
from batchspec.errors import RunError
from batchspec.resources.task import digest
from batchspec.service.blobs import Blobs
from batchspec.spec.model import Spec

Downloads = dict[str, Future[int | None]]
"""The downloads under way, by blob; each gives the bytes fetched, None where there was no blob."""


def start_downloads(conduct: Conduct, transfers: ThreadPoolExecutor, blobs: Iterable[str]) -> Downloads:
    """Starts fetching *blobs*."""
    return {blob: transfers.submit(_fetch, conduct, blob) for blob in blobs}


def _fetch(conduct: Conduct, blob: str) -> int | None:
    """Fetches *blob*, unless the run is stopped: then it is left for the next one."""
    return None if conduct.stopped.is_set() else download_output(conduct.account.blobs, conduct.spec, blob)


def finish_downloads(conduct: Conduct, downloads: Downloads) -> None:
    """Waits for the downloads; those not begun when the run is stopped are left for the next one.

    An output that is not there is the summary's to tell.
    """
    if not downloads:
        return
    conduct.begin(Step.DOWNLOAD, total=len(downloads), unit="files")
    for number, future in enumerate(as_completed(downloads.values()), 1):
        if future.result() is not None:
            conduct.outcome.downloaded += 1
        conduct.progress(Step.DOWNLOAD, "", number, len(downloads), "files")
    conduct.end(Step.DOWNLOAD, f"{conduct.outcome.downloaded} files")


def download_output(blobs: Blobs, spec: Spec, blob: str) -> int | None:
    """Fetches one output to its place; the bytes fetched, or None when the blob is not there.

    It is written beside its place, checked for length and MD5, and renamed: no part of
    a file ever has its final name. Raises `RunError` where it cannot be written.
    """
    target = download_path(spec, blob)
    try:
        _make_folder(spec, target.parent)
        with _part_of(target) as part:
            live = blobs.download(spec.containers.output, blob, part)
            if live is None:
                return None
            _check(part, live.size, live.md5, blob)
            part.replace(target)
    except OSError as error:
        raise RunError(
            f"could not write {target}: {error.strerror}",
            help="make room or mend the folder, then `batchspec download` goes on",
        ) from error
    return live.size


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


def _make_folder(spec: Spec, folder: Path) -> None:
    """Makes *folder*, which must not lead out of the download folder by a link (REQUIREMENTS S-13)."""
    root = spec_folder(spec) / (spec.download or "")
    folder.mkdir(parents=True, exist_ok=True)
    if not folder.resolve().is_relative_to(root.resolve()):
        raise RunError(f"{folder} is a link that leads out of {root}", help="remove the link")


def _check(part: Path, size: int, md5: str, blob: str) -> None:
    with part.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        os.fsync(stream.fileno())
        length = stream.seek(0, os.SEEK_END)
    if length != size or (md5 and found != md5):
        raise RunError(f"{blob} did not arrive whole", help="run it again; nothing was left behind")
