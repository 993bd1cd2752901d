"""What tasks read under names that are not ours: it may change between a plan and its tasks, and nothing keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from batchspec.language.model import Blobs, TaskGroup
from batchspec.language.rows.words import StoredBlob
from batchspec.plan.model import Plan


def moving(plan: Plan, groups: Iterable[TaskGroup]) -> Iterator[str]:
    """In words what of it the plan cannot answer for; *groups* are all of the spec's."""
    containers = sorted({container for group in plan.work.groups for container in _containers(group)})
    if containers:
        yield (
            f"blobs in {', '.join(containers)}: a task reads them as they are when it starts; "
            "after a change the next apply runs it again"
        )
    raw = [group.name for group in groups if group.body.get("resourceFiles")]
    if raw:
        yield f"resourceFiles of {', '.join(raw)}: a change of what they lead to is no reason to run a task again"


def _containers(group: TaskGroup) -> Iterator[str]:
    if isinstance(group.inputs, Blobs):
        yield group.inputs.container
    for file in group.files:
        if isinstance(file.read.source, StoredBlob):
            yield file.read.source.container
