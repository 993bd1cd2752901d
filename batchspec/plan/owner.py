"""Whose a live pool or job is. What is not the spec's own is left alone."""

from __future__ import annotations

from batchspec.errors import RefusedError
from batchspec.resources.base import Json, owner


def refuse_foreign(live: Json | None, spec_name: str, kind: str) -> None:
    """Raises `RefusedError` where a live pool or job belongs to somebody else."""
    if live is None:
        return
    stamp = owner(live)
    if stamp == spec_name:
        return
    whose = f"belongs to the spec {stamp!r}" if stamp else "was not made by batchspec"
    ways = [f"choose another {kind} id"]
    if kind == "pool":
        ways.append("use it unchanged with `pool: {existing: …}`")
    if stamp is None:
        ways.append(
            f"make it this spec's with `batchspec import {kind} {live['id']} --name {spec_name} --adopt`"
        )
    raise RefusedError(f"the {kind} {live['id']} exists and {whose}", help=", or ".join(ways))
