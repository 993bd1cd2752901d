"""The outputs that are in storage, where the inputs that would tell which of them are current are not here."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.language.model import Spec
from batchspec.plan.here import FindLocal, Here

_STORED = (
    "SELECT name, coalesce(md5, ''), coalesce(etag, ''), command FROM output"
    " WHERE fingerprint IS NOT NULL AND substr(name, 1, ?) <> ? ORDER BY name"
)


def find_stored(desired: Desired, local: FindLocal) -> Iterator[tuple[object, ...]]:
    """The outputs of the spec that are not here as they are there, or that will not get here, whatever made them."""
    own = Places.of(desired.spec).own
    rows = desired.tasks.database.rows(_STORED, len(own), own)
    for number, (blob, md5, etag, command) in enumerate(rows):
        is_folder = blob.endswith(PACK_SUFFIX) and _is_pack(desired.spec, command)
        here = local(blob, md5, etag, is_folder)
        if here is not Here.SAME:
            yield blob, number, here.reason.name, is_folder


def _is_pack(spec: Spec, command: str) -> bool:
    """Whether an output called like a pack is a folder's, which a group with the digest *command* has made.

    What no group of today has made may be of any.
    """
    groups = [group for group in spec.groups if group.digest == command] or spec.groups
    outputs = [output for group in groups for output in group.outputs]
    is_tar = any(output.template.text.endswith(PACK_SUFFIX) for output in outputs)
    return any(output.is_folder for output in outputs) and not is_tar
