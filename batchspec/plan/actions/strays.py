"""What the spec has made and no longer names: it had another id, or another `--set`, when that was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from batchspec.language.model import Spec
from batchspec.plan.model import Kind, Stray
from batchspec.plan.observed import Left, Named
from batchspec.resources import job as jobs
from batchspec.resources.base import Json


def find_strays(spec: Spec, named: Named) -> tuple[Stray, ...]:
    """What nobody would miss until the bill comes. A completed job costs nothing."""
    pools, listed = stray_pools(spec, named.pools), stray_jobs(spec, named.jobs)
    return (*map(_pool, pools), *map(_job, listed), *map(_container, named.containers))


def stray_pools(spec: Spec, pools: Iterable[Json]) -> Iterator[Json]:
    """Those of *pools*, which have the spec's name, that it does not name."""
    own = spec.pool.id.casefold() if spec.pool else None
    return (pool for pool in pools if pool["id"].casefold() != own)


def stray_jobs(spec: Spec, listed: Iterable[Json]) -> Iterator[Json]:
    """Those of *listed* jobs, which have the spec's name, that are no generation of the one that it names."""
    return (job for job in listed if not spec.job or jobs.generation(spec.job_id, job["id"]) is None)


def _pool(live: Json) -> Stray:
    spot = _nodes(live, "LowPriority")
    return Stray(
        Kind.POOL,
        str(live["id"]),
        _nodes(live, "Dedicated") + spot,
        spot,
        str(live.get("vmSize", "")),
        bool(live.get("enableAutoScale")),
    )


def _nodes(live: Json, kind: str) -> int:
    """The nodes that are there, or are asked for and so will be before long."""
    return max(int(live.get(f"{which}{kind}Nodes") or 0) for which in ("current", "target"))


def _job(live: Json) -> Stray:
    return Stray(Kind.JOB, str(live["id"]))


def _container(left: Left) -> Stray:
    return Stray(Kind.CONTAINER, left.container, blobs=left.blobs, size=left.size)
