"""What a destroy takes away, as people and programs read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batchspec.counts import count_text
from batchspec.render.plans.as_json import heading
from batchspec.render.show import page
from batchspec.render.values import size_text

if TYPE_CHECKING:
    from batchspec.engine.belongings import Some
    from batchspec.engine.destroy import Deleted, Doomed
    from batchspec.language.model import Spec


def doomed_json(spec: Spec, doomed: Doomed) -> dict[str, Any]:
    """What will be deleted, and what is kept."""
    return {
        **heading("destroy", spec.name),
        "jobs": doomed.jobs,
        "pool": next(
            (id for id in doomed.pools if spec.pool and id.casefold() == spec.pool.id.casefold()), None
        ),
        "pools": doomed.pools,
        "needed": dict(doomed.needed),
        "blobs": [_some_json(some) for some in doomed.blobs],
        "kept": [_some_json(some) for some in doomed.kept],
    }


def _some_json(some: Some) -> dict[str, Any]:
    return {
        "what": some.what.name.lower(),
        "container": some.container,
        "count": len(some.names),
        "bytes": some.size,
    }


def doomed_text(spec_name: str, doomed: Doomed) -> str:
    """What will be deleted, and what is kept, a line each."""
    lines = [f"  - job {job_id}, with its tasks" for job_id in doomed.jobs]
    for pool_id in doomed.pools:
        lines.append(f"  - pool {pool_id}, with its nodes")
        lines += [f"      ! others need it: {why}" for why in [doomed.needed.get(pool_id)] if why]
    lines += [f"  - {_some_text(some)}" for some in doomed.blobs]
    lines = lines or [f"nothing to delete of {spec_name}"]
    return page([*lines, *(f"  = {_some_text(some)}, kept" for some in doomed.kept)])


def _some_text(some: Some) -> str:
    what = count_text(len(some.names), some.what.value)
    return f"{what} in container {some.container}, {size_text(some.size)}"


def deleted_json(gone: Deleted) -> dict[str, Any]:
    """One thing that is gone."""
    what = {"what": gone.what.name.lower()} if gone.what else {}
    return {"type": "deleted", "kind": gone.kind, "id": gone.id, "count": gone.count, **what}


def deleted_text(gone: Deleted) -> str:
    """One thing that is gone, in one line."""
    if gone.what is None:
        return f"deleted {gone.kind} {gone.id}"
    return f"deleted {count_text(gone.count, gone.what.value)} in container {gone.id}"
