"""What batchspec makes of the tasks of a spec, as plain data. Here alone are its own functions called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from batchspec.desired.bodies.body import Links, task_body
from batchspec.desired.bodies.composed_body import composed_body
from batchspec.desired.bodies.fold import Bodies
from batchspec.desired.places import Places
from batchspec.desired.task import Desired, DesiredTask, Input
from batchspec.document import parser
from batchspec.engine.look.reads import desired_now
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.resources.blob import LiveBlob

_PASSES = 4
"""Of a group, only bodies after the first three are put together and no longer rendered."""

Task = dict[str, Any]
StoredBlobs = Mapping[str, Mapping[str, bool]]
"""Whether each blob of a container has an MD5."""


def tasks_of(file: Path, settings: Mapping[str, str], blobs: StoredBlobs) -> list[Task]:
    """The tasks of the spec in *file*, in their order, given `--set` *settings* and *blobs* by container."""
    desired = _desired(file, settings, blobs)
    return [
        {
            "name": task.name,
            "id": task.id,
            "fingerprint": task.fingerprint,
            "record": task.record,
            "output": task.output,
            "body": _with_short_line(_body(desired, task)),
        }
        for task in desired.tasks
    ]


def _body(desired: Desired, task: DesiredTask) -> Mapping[str, Any]:
    spec = desired.spec
    if not desired.tasks.is_composed(task):
        return task_body(spec, task, task.id, _links(spec, task.input))
    producers = "SELECT task.id FROM edge JOIN task ON number = producer WHERE edge.task = ? ORDER BY number"
    needs = [row[0] for row in desired.tasks.database.rows(producers, task.number)]
    link = partial(_read_link, spec)
    return composed_body(desired, task, task.id, link, _links(spec, None), needs)


def bodies_as_sent(file: Path, settings: Mapping[str, str], blobs: StoredBlobs) -> list[Any]:
    """The bodies of the same tasks, read from the bytes that would go over the wire."""
    desired = _desired(file, settings, blobs)
    spec, tasks = desired.spec, list(desired.tasks)
    bodies = Bodies(spec, _output_link(spec), _folder_link(spec))

    def sent(task: DesiredTask) -> Any:
        if desired.tasks.is_composed(task):
            return _body(desired, task)  # these are rendered one by one
        return json.loads(bodies.json(task, task.id, _links(spec, task.input).input))

    return [_with_short_line(body) for body in [[sent(task) for task in tasks] for _ in range(_PASSES)][-1]]


def _with_short_line(body: Mapping[str, Any]) -> Task:
    """*body* with a digest in place of the wrapper's script, which is the same in most of them."""
    before, quote, rest = body["commandLine"].partition("'")
    script, end, words = rest.rpartition("'")
    if before != "/bin/sh -c " or not end:
        return {**body}
    digest = hashlib.md5(script.encode()).hexdigest()[:10]
    return {**body, "commandLine": f"{before}{quote}wrapper {digest}{end}{words}"}


def _desired(file: Path, settings: Mapping[str, str], blobs: StoredBlobs) -> Desired:
    def list_blobs(container: str, prefix: str) -> Iterator[LiveBlob]:
        found = sorted(name for name in blobs[container] if name.startswith(prefix))
        return (_live(name, has_md5=blobs[container][name]) for name in found)

    spec = build(parser.parse(parser.decode(file.read_bytes(), str(file))), settings)
    return desired_now(spec, list_blobs)


def _live(name: str, *, has_md5: bool) -> LiveBlob:
    """The blob *name*, whose content is its name."""
    md5 = hashlib.md5(name.encode()).hexdigest() if has_md5 else ""
    return LiveBlob(name, len(name.encode()), md5, etag=f"0x{len(name):016X}")


def _links(spec: Spec, item: Input | None) -> Links:
    return Links(_read_link(spec, item) if item else None, _output_link(spec), _folder_link(spec))


def _read_link(spec: Spec, item: Input) -> str:
    return _link(spec, f"{item.container}/{item.blob}", "read")


def _output_link(spec: Spec) -> str:
    return _link(spec, spec.containers.output, "write")


def _folder_link(spec: Spec) -> str:
    return _link(spec, f"{spec.containers.input}/{Places.of(spec).node_folder}", "read")


def _link(spec: Spec, path: str, right: str) -> str:
    return f"https://example.invalid/{path}" + ("" if spec.identity else f"?{right}")
