"""The outputs that are in storage, where the inputs that would tell which of them are current are not here."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.language.model import Output, Spec
from batchspec.language.rows.words import any_placeholder
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
        is_folder = blob.endswith(PACK_SUFFIX) and _is_pack(desired.spec, blob, command)
        here = local(blob, md5, etag, is_folder)
        if here is not Here.SAME:
            yield blob, number, here.reason.name, is_folder


def _is_pack(spec: Spec, blob: str, command: str) -> bool:
    """Whether *blob*, which is called like a pack, is a folder's; a group with the digest *command* has made it.

    Its name says which output it is. What no group of today has made may be of any.
    """
    groups = [group for group in spec.groups if group.digest == command] or spec.groups
    outputs = [output for group in groups for output in group.outputs if _ends_as_pack(output)]
    of_name = [output for output in outputs if fnmatchcase(blob, f"*/{_blobs(output)}")] or outputs
    return bool(of_name) and all(output.is_folder for output in of_name)


def _ends_as_pack(output: Output) -> bool:
    return output.is_folder or output.template.text.endswith(PACK_SUFFIX)


def _blobs(output: Output) -> str:
    """What blobs of *output* are called, as a glob."""
    name = any_placeholder(output.template.text)
    return f"{name.removesuffix('/')}{PACK_SUFFIX}" if output.is_folder else name
