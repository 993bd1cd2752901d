"""What a download brings and leaves, as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterator
from os.path import normpath
from typing import TYPE_CHECKING, Any

from batchspec.counts import count_text
from batchspec.render.plans.as_json import heading

if TYPE_CHECKING:
    from batchspec.desired.places import Places
    from batchspec.engine.run.downloads.download import Arrived
    from batchspec.plan.model import Plan

KEPT = "not downloaded by batchspec, or edited since (--overwrite replaces them)"
"""Why local files are kept where outputs would be."""


def download_json(plan: Plan, places: Places) -> dict[str, Any]:
    """What is to come, and where to; `waiting` are the tasks that have no output yet."""
    counts = {"files": len(plan.work.downloads), "waiting": _waiting(plan)}
    return {**heading("download", plan.spec_name), "folder": places.download_text, **counts}


def arrived_json(arrived: Arrived) -> dict[str, Any]:
    """A file that is here."""
    return {
        "type": "downloaded",
        "blob": arrived.blob,
        "file": arrived.file,
        "bytes": arrived.size,
        "kept": arrived.kept,
    }


def arrived_text(arrived: Arrived) -> str:
    """The blob; of a folder also what was left alone in it."""
    if not arrived.kept:
        return arrived.blob
    return f"{arrived.blob}  {count_text(arrived.kept, 'file')} in {arrived.file} kept: {KEPT}"


def pruned_json(file: str) -> dict[str, Any]:
    """A file that is gone."""
    return {"type": "deleted", "kind": "file", "id": file}


def download_end(plan: Plan, places: Places, fetched: int) -> Iterator[str]:
    """How it ended: how many files came, what was kept, what has to run first; a line each."""
    yield f"{count_text(fetched, 'file')} fetched to {places.download_text}"
    for kept in plan.kept:
        file = normpath(places.folder / kept.file)
        yield f"{file} was kept: {kept.reason.value} (--overwrite replaces it)"
    if waiting := _waiting(plan):
        yield f"{waiting} tasks have no output yet: batchspec apply {places.arguments}"


def _waiting(plan: Plan) -> int:
    return len(plan.work.runs) + len(plan.work.in_progress)
