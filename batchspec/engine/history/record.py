"""The record that a run leaves beside its outputs: what `report` reads once job and pool are gone.

It is a small compressed blob of JSON lines: what the run used, then a line for each task that ended. What people list
runs by is in the blob's metadata. Nodes may write to the container, so whatever is read is held to its types.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, BinaryIO, NamedTuple, TypeVar
from urllib.parse import quote, unquote

from batchspec.desired.places import Places
from batchspec.engine.history.author import Author
from batchspec.engine.history.trace import Traced, read_moment, read_traced, traced_json
from batchspec.errors import RunError
from batchspec.resources.blob import LiveBlob
from batchspec.resources.records import RUN_METADATA
from batchspec.service.connect import Account

T = TypeVar("T")

MOST_RUNS = 100
"""How many records are kept; older ones are deleted."""
_SUFFIX = ".jsonl.gz"
# What lies there instead of a record fills neither memory nor disk: a few megabytes may unpack to as many gigabytes.
_MOST_ROWS = 10_000_000
_LONGEST_LINE = 1024 * 1024
_DAMAGE = (
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
    *(EOFError, OSError, zlib.error),
)


class Run(NamedTuple):
    """One apply. `problem` is why it ended early; empty: it did not. `unfinished` tasks were left to themselves.

    `resumes` says that it went on with the job of the run before.
    """

    id: str
    began: datetime
    ended: datetime
    author: Author
    file: str
    jobs: tuple[str, ...]
    pool: str
    vm_size: str
    resumes: bool
    succeeded: int
    failed: int
    not_run: int
    cancelled: int
    unfinished: int
    up_to_date: int
    preempted: int
    requeued: int
    problem: str = ""

    @property
    def tasks(self) -> int:
        return self.succeeded + self.failed + self.not_run + self.cancelled + self.unfinished


class Failures(NamedTuple):
    """Tasks that failed for one reason; some of their names; what one of them wrote, cut short."""

    reason: str
    total: int
    names: tuple[str, ...]
    lines: tuple[str, ...] = ()


class Usage(NamedTuple):
    """Node hours of a run, what they cost, and what failed in it.

    `cost` is None where nobody knows a price, and `unknown` then says why.
    """

    dedicated_hours: float = 0.0
    spot_hours: float = 0.0
    cost: float | None = None
    currency: str = ""
    unknown: str = ""
    failures: tuple[Failures, ...] = ()


def write_record(account: Account, places: Places, run: Run, usage: Usage, rows: Iterable[Traced]) -> None:
    """Leaves the record of *run*, and deletes the oldest ones beyond those that are kept."""
    with TemporaryDirectory(prefix="batchspec-") as folder:
        file = Path(folder) / "run"
        with gzip.open(file, "wt", encoding="utf-8", compresslevel=6) as stream:
            stream.write(json.dumps(_usage_json(usage)) + "\n")
            stream.writelines(json.dumps(traced_json(row)) + "\n" for row in rows)
        with file.open("rb") as content:
            md5 = hashlib.file_digest(content, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
        # In ASCII, as metadata has to be: listing the blobs is enough to list the runs.
        metadata = {RUN_METADATA: quote(json.dumps(_run_json(run)))}
        account.blobs.upload(places.output, _blob(places, run.id), file, md5, metadata, lambda _: None)
    for old in list_runs(account, places)[:-MOST_RUNS]:
        account.blobs.delete(places.output, _blob(places, old.id))


def list_runs(account: Account, places: Places) -> list[Run]:
    """The runs that have left a record, the oldest first. What is no record is left out."""
    listed = account.blobs.list(places.output, places.runs)
    return sorted(filter(None, map(_listed, listed)), key=lambda run: run.id)


def _listed(blob: LiveBlob) -> Run | None:
    try:
        run = _read_run(json.loads(unquote(blob.metadata[RUN_METADATA])))
        return run if blob.name.endswith(f"/{run.id}{_SUFFIX}") else None
    except _DAMAGE:
        return None


def read_record(account: Account, places: Places, run: Run) -> tuple[Usage, Iterator[Traced]]:
    """What *run* used, and its tasks. Raises `RunError` for a record that is damaged, also while tasks are read."""
    stream = TemporaryFile()  # noqa: SIM115 (whoever reads the lines closes it)
    account.blobs.download(places.output, _blob(places, run.id), stream.write)
    stream.seek(0)
    return read_content(stream, run.id)


def read_content(stream: BinaryIO, run_id: str) -> tuple[Usage, Iterator[Traced]]:
    """The same of a record's content, which is closed at its end."""
    lines = _lines(stream, run_id)
    usage = _guarded(_read_usage, next(lines, {}), run_id)
    return usage, (_guarded(read_traced, line, run_id) for line in lines)


def _lines(stream: BinaryIO, run_id: str) -> Iterator[Any]:
    try:
        with stream, gzip.open(stream) as content:
            lines = iter(partial(content.readline, _LONGEST_LINE), b"")
            yield from map(json.loads, islice(lines, _MOST_ROWS))
    except _DAMAGE as error:
        raise _damaged(run_id) from error


def _guarded(read: Callable[[Any], T], line: Any, run_id: str) -> T:
    try:
        return read(line)
    except _DAMAGE as error:
        raise _damaged(run_id) from error


def _damaged(run_id: str) -> RunError:
    return RunError(f"the record of the run {run_id} is damaged", help="choose another run: --list, --run ID")


def _blob(places: Places, run_id: str) -> str:
    return f"{places.runs}{run_id}{_SUFFIX}"


def _run_json(run: Run) -> dict[str, Any]:
    moments = {"began": run.began.isoformat(), "ended": run.ended.isoformat()}
    return {**run._asdict(), **moments, "author": run.author._asdict()}


def _read_run(found: dict[str, Any]) -> Run:
    """What `_run_json` wrote. A field that holds something else is damage."""
    author = Author(*(str(found["author"][name]) for name in Author._fields))
    moments = {name: _moment(found[name]) for name in ("began", "ended")}
    run = Run(**{**found, **moments, "author": author, "jobs": tuple(map(str, found["jobs"]))})
    kinds = (str, datetime, datetime, Author, str, tuple, str, str, bool, *[int] * 8, str)
    if not all(isinstance(value, kind) for value, kind in zip(run, kinds, strict=True)):
        raise ValueError("a field is of another type")
    return run


def _usage_json(usage: Usage) -> dict[str, Any]:
    return {**usage._asdict(), "failures": [failures._asdict() for failures in usage.failures]}


def _read_usage(found: dict[str, Any]) -> Usage:
    failures = tuple(
        Failures(
            str(each["reason"]),
            int(each["total"]),
            tuple(map(str, each["names"])),
            tuple(map(str, each["lines"])),
        )
        for each in found["failures"]
    )
    return Usage(
        float(found["dedicated_hours"]),
        float(found["spot_hours"]),
        None if found["cost"] is None else float(found["cost"]),
        str(found["currency"]),
        str(found["unknown"]),
        failures,
    )


def _moment(text: Any) -> datetime:
    moment = read_moment(text)
    if moment is None:
        raise ValueError("a moment is missing")
    return moment
