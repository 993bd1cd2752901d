"""What tasks read that a plan cannot hold: blobs of others and addresses, whose content may be another by then."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.desired.task import Desired
from batchspec.language.model import Blobs, TaskGroup
from batchspec.language.words import StoredBlob
from batchspec.plan.model import Plan


def unbound_reads(desired: Desired, plan: Plan) -> Iterator[str]:
    """A line for each group: what of all that its tasks read is not held to what was planned."""
    for group in desired.spec.groups:
        containers = ", ".join(sorted(set(_containers(group))))
        if containers and plan.work.needed:
            yield f"{group.name}: whether its blobs in container {containers} change before the tasks start"
        if any(_addresses(group)):
            yield f"{group.name}: whether files behind the addresses in resourceFiles have changed"


def _containers(group: TaskGroup) -> Iterator[str]:
    if isinstance(group.inputs, Blobs):
        yield group.inputs.container
    for file in group.rows.files if group.rows is not None else ():
        if isinstance(file.read.source, StoredBlob):
            yield file.read.source.container


def _addresses(group: TaskGroup) -> Iterator[object]:
    yield from group.body.get("resourceFiles") or ()
    yield from (group.body.get("multiInstanceSettings") or {}).get("commonResourceFiles") or ()
