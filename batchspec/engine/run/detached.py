"""What a run that nobody waits for leaves undone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from batchspec.language.model import Pool, Spec, WhenDone
from batchspec.resources.equality import duration_s

_AFTERWARDS = {WhenDone.ZERO: "scale it to 0 nodes", WhenDone.DELETE: "delete it"}


def needs_client(pool: Pool | None) -> bool:
    """Whether somebody has to be there at the end to do what `whenDone` says; a formula shrinks a pool by itself."""
    if pool is None or pool.existing or pool.when_done is WhenDone.KEEP:
        return False
    return pool.when_done is WhenDone.DELETE or not pool.body.get("enableAutoScale")


def unwatched(spec: Spec) -> Iterator[str]:
    """What nobody does while the tasks of *spec* run without a client, and what to do about it."""
    if undone := left_undone(spec):
        yield undone
    watch = f"Run `batchspec apply {spec.arguments}` to watch it"
    if spec.safety.max_failures is not None:
        said = "nothing carries out `safety.maxFailures`: tasks start however many fail"
        yield f"with no client running, {said}. {watch}"
    if spec.pool is not None and spec.pool.other_sizes:
        yield f"with no client running, no other VM size is tried where Azure has no nodes of the first. {watch}"


def late_stages(spec: Spec, life: timedelta) -> Iterator[str]:
    """From when on stages of *spec* would fail whose links last for *life*, and what to do about it."""
    bound = ((spec.job or {}).get("constraints") or {}).get("maxWallClockTime")
    is_over_before = bound is not None and duration_s(bound) <= life.total_seconds()
    if spec.identity is None and not is_over_before and any(group.reads_others for group in spec.groups):
        end = datetime.now(UTC) + life
        yield (
            f"with no client running, nobody renews links: those of the tasks added now end on {end:%Y-%m-%d}, and "
            f"tasks of later stages that start after that fail. Run `batchspec apply {spec.arguments}` before, or "
            "use a managed identity (`identity:`)"
        )


def left_undone(spec: Spec) -> str:
    """What happens to the pool of *spec* without a client, and what to do about it; "" where nothing is missing."""
    pool = spec.pool
    if pool is None or not needs_client(pool):
        return ""
    return (
        f"the pool {pool.id} keeps its nodes when the tasks are done: with no client running, nothing carries out "
        f"`whenDone: {pool.when_done.value}`. Run `batchspec apply {spec.arguments}` then to "
        f"{_AFTERWARDS[pool.when_done]}, or use `pool.autoscale` with `min: 0`"
    )
