"""Whose something is: what another spec made, or another file under the same name, is left alone."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.desired.task import Desired
from batchspec.errors import RefusedError
from batchspec.language.model import Spec
from batchspec.plan.actions.action import place_of
from batchspec.plan.model import Action, Kind, Operation, Reason, Unnoted
from batchspec.plan.observed import Named
from batchspec.resources.base import Change, Effect, Json, file_of, owner

_PATH = ("name",)


def refuse_foreign(live: Json | None, spec_name: str, kind: str) -> None:
    """Raises `RefusedError` where a live pool or job belongs to somebody else."""
    if live is None:
        return
    stamp = owner(live)
    if stamp == spec_name:
        return
    whose = f"belongs to the spec {stamp!r}" if stamp else "was not created by batchspec"
    ways = [f"choose another {kind} id"]
    if kind == "pool":
        ways.append("use it unchanged with `pool: {existing: …}`")
    if stamp is None:
        ways.append(f"take it over with `batchspec import {kind} {live['id']} --name {spec_name} --adopt`")
    raise RefusedError(f"the {kind} {live['id']} exists and {whose}", help=", or ".join(ways))


def refuse_other_file(spec: Spec, named: Named) -> None:
    """Raises `RefusedError` for what another file has made under this name, unless the person takes it over."""
    if spec.takes_over:
        return
    for file, what in _other_files(spec, named):
        raise RefusedError(
            f"the name {spec.name} belongs to the spec file {file}{what}; this one is {spec.file}",
            help="give one of them another `name`; if this file replaces the other, or was moved, add --take-over",
        )


def _other_files(spec: Spec, named: Named) -> Iterator[tuple[str, str]]:
    """The other files that have the name, and what they have made."""
    stamped = [(file_of(pool), f" (pool {pool['id']})") for pool in named.pools]
    stamped += [(file_of(job), f" (job {job['id']})") for job in named.jobs]
    for file, what in ((named.file, ""), *stamped):
        if spec.file and file is not None and file != spec.file:
            yield file, what


def take_over(desired: Desired, named: Named) -> Action | None:
    """What makes the name this file's where another one has it."""
    spec = desired.spec
    other = next((file for file, _ in _other_files(spec, named)), None)
    if other is None:
        return None
    return Action(
        Operation.UPDATE,
        Kind.SPEC,
        spec.name,
        Reason.TAKEN_OVER,
        _PATH,
        place_of(desired, _PATH),
        before={"file": other},
        after={"file": spec.file},
        changes=(Change(("file",), other, spec.file, Effect.IN_PLACE),),
    )


def unnoted(spec: Spec, named: Named) -> tuple[Unnoted, ...]:
    """What has the name of *spec* and does not say that it is of its file: an earlier version, or another file."""
    found = [Unnoted(Kind.POOL, str(pool["id"])) for pool in named.pools if file_of(pool) != spec.file]
    found += [Unnoted(Kind.JOB, str(job["id"])) for job in named.jobs if file_of(job) != spec.file]
    return tuple(found) if spec.file else ()
