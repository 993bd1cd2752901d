"""The outputs that are in storage, where the inputs that would tell which of them are current are not here."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.language.model import Spec
from batchspec.plan.here import FindLocal, Here

_STORED = (
    "SELECT name, coalesce(md5, ''), coalesce(etag, '') FROM output"
    " WHERE fingerprint IS NOT NULL AND substr(name, 1, ?) <> ? ORDER BY name"
)


def find_stored(desired: Desired, local: FindLocal) -> Iterator[tuple[object, ...]]:
    """The outputs of the spec that are not here as they are there, or that will not get here, whatever made them."""
    own, packs = Places.of(desired.spec).own, _has_folders(desired.spec)
    rows = desired.tasks.database.rows(_STORED, len(own), own)
    for number, (blob, md5, etag) in enumerate(rows):
        is_folder = packs and blob.endswith(PACK_SUFFIX)
        here = local(blob, md5, etag, is_folder)
        if here is not Here.SAME:
            yield blob, number, here.reason.name, is_folder


def _has_folders(spec: Spec) -> bool:
    return any(output.is_folder for group in spec.groups for output in group.outputs)
