"""What batchspec makes of the tasks of a spec, as plain data. Here alone are its own functions called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from batchspec.desired.body import Links, task_body
from batchspec.desired.fold import Bodies
from batchspec.desired.places import Places
from batchspec.desired.task import DesiredTask
from batchspec.document import document
from batchspec.engine.look.reads import desired_now
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.resources.blob import LiveBlob

_PASSES = 4
"""Of a group, only bodies after the first three are put together and no longer rendered."""

Task = dict[str, Any]
Blobs = Mapping[str, Mapping[str, bool]]
"""Whether each blob of a container has an MD5."""


def tasks_of(file: Path, settings: Mapping[str, str], blobs: Blobs) -> list[Task]:
    """The tasks of the spec in *file*, in their order, given `--set` *settings* and *blobs* by container."""
    spec, tasks = _expanded(file, settings, blobs)
    return [
        {
            "name": task.name,
            "id": task.id,
            "fingerprint": task.fingerprint,
            "record": task.record,
            "output": task.output,
            "body": task_body(spec, task, task.id, _links(spec, task)),
        }
        for task in tasks
    ]


def bodies_as_sent(file: Path, settings: Mapping[str, str], blobs: Blobs) -> list[Any]:
    """The bodies of the same tasks, read from the bytes that would go over the wire."""
    spec, tasks = _expanded(file, settings, blobs)
    bodies = Bodies(spec, _output_link(spec), _folder_link(spec))
    passes = [[bodies.json(task, task.id, _input_link(spec, task)) for task in tasks] for _ in range(_PASSES)]
    return [json.loads(sent) for sent in passes[-1]]


def _expanded(file: Path, settings: Mapping[str, str], blobs: Blobs) -> tuple[Spec, list[DesiredTask]]:
    def list_blobs(container: str, prefix: str) -> Iterator[LiveBlob]:
        found = sorted(name for name in blobs[container] if name.startswith(prefix))
        return (_live(name, has_md5=blobs[container][name]) for name in found)

    spec = build(document.parse(document.decode(file.read_bytes(), str(file))), settings)
    return spec, list(desired_now(spec, list_blobs).tasks)


def _live(name: str, *, has_md5: bool) -> LiveBlob:
    """The blob *name*, whose content is its name."""
    md5 = hashlib.md5(name.encode()).hexdigest() if has_md5 else ""
    return LiveBlob(name, len(name.encode()), md5, etag=f"0x{len(name):016X}")


def _links(spec: Spec, task: DesiredTask) -> Links:
    return Links(_input_link(spec, task), _output_link(spec), _folder_link(spec))


def _input_link(spec: Spec, task: DesiredTask) -> str | None:
    return _link(spec, f"{task.input.container}/{task.input.blob}", "read") if task.input else None


def _output_link(spec: Spec) -> str:
    return _link(spec, spec.containers.output, "write")


def _folder_link(spec: Spec) -> str:
    return _link(spec, f"{spec.containers.input}/{Places.of(spec).node_folder}", "read")


def _link(spec: Spec, path: str, right: str) -> str:
    return f"https://example.invalid/{path}" + ("" if spec.identity else f"?{right}")
