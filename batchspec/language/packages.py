"""The word `applicationPackages`: packages that a spec has as zip files, and what Batch is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from batchspec.language.model import PackageFile
from batchspec.resources.base import Json
from batchspec.source import Path


def with_packages(body: Json, packages: Mapping[str, Any]) -> dict[str, Any]:
    """*body* with references to *packages* behind those it has."""
    references = [{"applicationId": id, "version": entry["version"]} for id, entry in packages.items()]
    if not references:
        return dict(body)
    there = body.get("applicationPackageReferences") or []
    return {**body, "applicationPackageReferences": [*there, *references]}


def packages_of(data: Mapping[str, Any]) -> Iterator[PackageFile]:
    """The packages of the pool and of the groups in the document *data*."""
    groups = (data.get("tasks") or {}).items()
    parts: list[tuple[Path, Json]] = [(("pool",), data.get("pool") or {})]
    parts += ((("tasks", name), group) for name, group in groups)
    for path, part in parts:
        for id, entry in part.get("applicationPackages", {}).items():
            yield PackageFile(id, entry["version"], entry["file"], (*path, "applicationPackages", id))
