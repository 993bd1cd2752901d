"""A pool's start task with the files that it reads: their names put in, and each a resource file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from batchspec.desired.bodies.body import reference, rendered
from batchspec.desired.task import Desired, Input
from batchspec.resources.base import Json

Url = Callable[[str, str], str]
"""The address of a blob: of this name, in this container."""


def with_start_files(desired: Desired, url: Url) -> Desired:
    """*desired*, whose pool reads its start task's files from where *url* says; bare, as they are compared."""
    if not desired.start_files or desired.pool is None:
        return desired
    spec, files = desired.spec, desired.start_files
    values: dict[str, Any] = {
        "params": spec.params,
        "spec": {"name": spec.name},
        "files": {file.name: {"path": file.path} for file in files},
    }
    start = rendered(desired.pool["startTask"], values)
    ours = [
        {"httpUrl": url(file.item.container, file.item.blob), **reference(spec), "filePath": file.path}
        for file in files
    ]
    start = {**start, "resourceFiles": [*start.get("resourceFiles", []), *ours]}
    return replace(desired, pool={**desired.pool, "startTask": start})


def signed(body: Json, task: str, items: Sequence[Input], url: Url, link: Url) -> Json:
    """*body*, to be sent: in place of the addresses that *url* gives of *items*, links to them in its field *task*."""
    if not items:
        return body
    links = {url(item.container, item.blob): link(item.container, item.blob) for item in items}
    start = body[task]
    resources = [
        {**file, "httpUrl": links.get(file["httpUrl"], file["httpUrl"])} if "httpUrl" in file else file
        for file in start["resourceFiles"]
    ]
    return {**body, task: {**start, "resourceFiles": resources}}
