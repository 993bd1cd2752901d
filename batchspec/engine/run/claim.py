"""Whose a name is: noted in the account before anything else under that name changes."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from batchspec.desired.places import Places
from batchspec.language.model import Spec
from batchspec.plan.model import Kind, Plan
from batchspec.resources import job as jobs
from batchspec.resources.base import STAMP_FILE
from batchspec.resources.records import FILE_METADATA, SPEC_METADATA
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.batch.client import Batch
from batchspec.service.batch.stamp import stamp
from batchspec.service.connect import Account


def claim_name(account: Account, spec: Spec, plan: Plan, check: Callable[[], None]) -> None:
    """All that has the spec's name says that it is of this file."""
    if plan.notes_file:
        check()
        note_file(account, spec)
    for kind, id in plan.unnoted:
        check()
        _stamp(account.batch, kind, id, spec.file)


def note_file(account: Account, spec: Spec) -> None:
    """The note beside the outputs says whose the name is: it outlives pool and job."""
    places = Places.of(spec)
    metadata = {SPEC_METADATA: spec.name, FILE_METADATA: quote(spec.file)}
    account.blobs.put(places.output, places.note, b"", metadata)


def _stamp(batch: Batch, kind: Kind, id: str, file: str) -> None:
    """What is gone, or has completed meanwhile, needs no stamp any more."""
    live = (pool_service if kind is Kind.POOL else job_service).read(batch, id)
    if live is not None and (kind is Kind.POOL or jobs.is_open(live)):
        stamp(batch, kind.value, {"metadata": [{"name": STAMP_FILE, "value": file}]}, live)
