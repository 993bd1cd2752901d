"""A spec for what is in an account already, made elsewhere; and making it the spec's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from batchspec.counts import count_text
from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.expansion.expand import expand, without_tasks
from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.engine.imported_tasks import MOST_TASKS, groups_of
from batchspec.engine.look.named import noted_file
from batchspec.errors import RefusedError, SpecError, UsageError
from batchspec.language.build import build
from batchspec.language.schema.draft import Draft
from batchspec.language.schema.read_back import ReadBack, job_part, pool_part
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.observed import Observed
from batchspec.resources import job as jobs
from batchspec.resources.base import Json, is_protected, owner, stamped
from batchspec.resources.pool import identities_of
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.batch import task as task_service
from batchspec.service.batch.stamp import stamp
from batchspec.service.connect import Account
from batchspec.source import Path
from batchspec.version import __version__

_LONGEST_NAME = 40
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,58}")  # its generations need some room
_NOTES: dict[Path, str] = {
    ("name",): "everything this spec owns is tagged with it",
    ("pool", "targetLowPriorityNodes"): "Spot",
    ("pool", "startTask"): "runs on every node before its first task",
    ("pool", "autoScaleFormula"): "the service computes the number of nodes",
    ("job", "onAllTasksComplete"): "left out, the job would end with its tasks",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What lives in the account. `tasks` counts the job's tasks by state; `bodies` are those to be written down."""

    pool: Json | None
    job: Json | None
    tasks: dict[str, int]
    bodies: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """A spec of what was found: its text, and what that text asks for."""

    text: str
    desired: Desired


def find(account: Account, pool_id: str | None, job_id: str | None, *, with_tasks: bool = False) -> Found:
    """Reads the pool and the job of these ids; without an id, None. Raises `UsageError` for what is not there.

    *with_tasks*, the tasks that others added to the job are read, too.
    """
    pool = pool_service.read(account.batch, pool_id) if pool_id else None
    job = job_service.read(account.batch, job_id) if job_id else None
    for kind, id, live in (("pool", pool_id, pool), ("job", job_id, job)):
        if id and live is None:
            raise UsageError(
                f"the account has no {kind} {id}", help=f"`az batch {kind} list` shows what it has"
            )
        if live and live.get("state") == "deleting":
            raise UsageError(f"the {kind} {id} is being deleted")
    if job is not None:
        _require_importable(job, pool_id)
    if job is None:
        return Found(pool, None, {})
    counts = job_service.task_counts(account.batch, job["id"])
    are_theirs = with_tasks and owner(job) is None and _total(counts) <= MOST_TASKS
    return Found(pool, job, counts, _bodies(account, job) if are_theirs else ())


def _bodies(account: Account, job: Json) -> list[Json]:
    """The tasks of the job, but for its manager, which the job itself says."""
    manager = (job.get("jobManagerTask") or {}).get("id")
    return [body for body in task_service.read_bodies(account.batch, job["id"]) if body["id"] != manager]


def _total(counts: dict[str, int]) -> int:
    return sum(counts.get(state, 0) for state in ("active", "running", "completed"))


def _require_importable(job: Json, pool_id: str | None) -> None:
    if not _JOB_ID.fullmatch(job["id"]):
        raise UsageError(
            f"the job {job['id']} has an id that a spec does not support",
            help="at most 58 letters, digits, hyphens and underscores; jobs of a schedule have a colon in theirs",
        )
    runs_on = job["poolInfo"].get("poolId")
    if "autoPoolSpecification" in job["poolInfo"] or not runs_on:
        raise UsageError(
            f"the job {job['id']} uses an auto pool, which a spec does not support",
            help="import a pool and a job that runs on it",
        )
    if pool_id and runs_on.casefold() != pool_id.casefold():
        raise UsageError(
            f"the job {job['id']} runs on the pool {runs_on}, not on {pool_id}",
            help=f"batchspec import pool {runs_on} job {job['id']}",
        )


def name_for(found: Found) -> str:
    """A spec's name for what was found: its owner's if it has one, else made of its id."""
    live = found.pool or found.job or {}
    own = re.sub(r"^[^A-Za-z0-9]+", "", str(live["id"]))[:_LONGEST_NAME]
    return owner(live) or own or "imported"


def compose(found: Found, name: str, command: str) -> Imported:
    """The spec *name* that describes what was *found*. *command* is the one that imports it.

    It is planned against what was found, as if that were stamped; whatever would
    change for lack of words goes under `ignoreChanges`, so that the next plan is empty.
    """
    data: dict[str, Any] = {"version": 1, "name": name}
    parts: list[ReadBack] = []
    if found.pool:
        parts.append(pool_part(found.pool))
        data["pool"] = parts[-1].body
    if found.job:
        data.setdefault("pool", {"existing": found.job["poolInfo"]["poolId"]})
        parts.append(job_part(found.job))
        data["job"] = parts[-1].body
    header = _header(found, parts, name, command)
    draft = Draft(data, _NOTES)
    draft.cut_secrets()
    desired = _settled(draft, header)
    for action in make_plan(desired, _adopted(found, desired)).actions:
        for change in action.changes:
            draft.ignore((action.kind.value, *change.path), "cannot be expressed in a spec")
    if found.bodies:
        header += _add_tasks(draft, found)
    desired = _settled(draft, header)
    return Imported(draft.document(header).source.text, desired)


def _add_tasks(draft: Draft, found: Found) -> list[str]:
    """Adds the groups of the tasks that were *found* to *draft*; what is to be said of them in the header."""
    limits = (found.job or {}).get("constraints") or {}
    groups = groups_of(found.bodies, limits.get("maxTaskRetryCount", 0))
    draft.data["tasks"] = dict(groups.bodies)
    draft.remarks |= {("tasks", name): remarks for name, remarks in groups.remarks.items()}
    draft.cut_secrets()
    if not groups.secrets:
        return []
    lines = [f"  {variable}: {use}" for variable, use in groups.secrets.items()]
    return ["", "These variables are read when tasks are added:", *lines]


def _settled(draft: Draft, header: list[str]) -> Desired:
    """What *draft* asks for, once all that the format refuses is cut out of it."""
    while True:
        try:
            return expand(build(draft.document(header)), Readable())
        except SpecError as error:
            why = "is not supported in a spec"
            if not draft.cut(error.diagnostics[0].path, why):
                raise


def _adopted(found: Found, desired: Desired) -> Observed:
    """What is there, as it will be once it is stamped.

    That its last resize fell short is left out: apply asks for those nodes again, and that is no field of a spec.
    """

    def as_ours(live: Json) -> Json:
        live = {name: value for name, value in live.items() if name != "resizeErrors"}
        return stamped(live, desired.spec.name, __version__, "", protect=is_protected(live))

    return Observed(
        pool=as_ours(found.pool) if found.pool else None, jobs=[as_ours(found.job)] if found.job else []
    )


def _header(found: Found, parts: list[ReadBack], name: str, command: str) -> list[str]:
    """What stands above the spec: where it comes from, and what it could not bring along."""
    foreign = [live for live in (found.pool, found.job) if live and owner(live) != name]
    lines = [f"Made by `{command}`. What the service has by default is left out."]
    if foreign:
        lines += [
            "",
            "batchspec did not create it, so it does not change it yet. To make this spec the owner:",
            f"  {command} --name {name} --adopt",
            "Then `batchspec plan` has no changes.",
        ]
    if secrets := {variable: use for part in parts for variable, use in part.secrets.items()}:
        lines += [
            "",
            "The service does not return secrets. These variables are read when the pool is created",
            "or its secrets' fields change:",
            *(f"  {variable}: {use}" for variable, use in secrets.items()),
        ]
    if unsigned := [path for part in parts for path in part.unsigned]:
        links = count_text(len(unsigned), "link")
        lines += [
            "",
            f"The signature was removed from {links}; where nodes still need access, use an identityReference.",
        ]
    if identities := identities_of(found.pool or {}):
        lines += [
            "",
            "The pool has a managed identity. If it may read and write the blobs, tasks need no signed links:",
            *(f"  identity: {identity}" for identity in identities),
        ]
    if unknown := [text for part in parts for text in part.unknown]:
        lines += ["", f"Not supported in a spec, and left unchanged: {', '.join(unknown)}."]
    return lines + _job_lines(found)


def _job_lines(found: Found) -> list[str]:
    if not found.job:
        return []
    lines = []
    if total := _total(found.tasks):
        lines += [
            "",
            f"The job has {count_text(total, 'task')} that this spec does not know and does not change;",
            "only `destroy`, which deletes the job, would delete them too.",
        ]
        if found.bodies:
            lines.append(
                "The groups below do the same work: `apply` adds them as new tasks. --adopt leaves them out."
            )
        elif total > MOST_TASKS:
            lines.append(
                f"They are more than {MOST_TASKS:,}, too many to list here: write a group with a CSV file."
            )
    if not jobs.is_open(found.job):
        job_id = str(found.job["id"])
        lines += [
            "",
            "The job has completed and accepts no more tasks: tasks of this spec would go into the next one,",
            f"{jobs.next_id(job_id, [job_id])}.",
        ]
    return lines


def foreign(found: Found, name: str) -> list[tuple[str, Json]]:
    """What does not carry the name of the spec yet, as (kind, live). Raises `RefusedError` for another spec's."""
    missing = []
    for kind, live in (("pool", found.pool), ("job", found.job)):
        if live is None or owner(live) == name:
            continue
        if stamp_of := owner(live):
            raise RefusedError(
                f"the {kind} {live['id']} belongs to the spec {stamp_of!r}",
                help=f"use that spec, or import it under that name: --name {stamp_of}",
            )
        if kind == "job" and not jobs.is_open(live):
            raise RefusedError(
                f"the job {live['id']} has completed and can no longer be changed, not even tagged",
                help="import the pool alone, and give the spec a job with another id",
            )
        missing.append((kind, live))
    return missing


def adopt(account: Account, imported: Imported, missing: list[tuple[str, Json]]) -> None:
    """Stamps what is *missing* the spec's name, and the file that the name is noted for. Nothing else changes."""
    spec = imported.desired.spec
    desired = without_tasks(spec._replace(file=noted_file(account, Places.of(spec)) or ""))
    bodies = {"pool": desired.pool, "job": desired.job}
    for kind, live in missing:
        stamp(account.batch, kind, bodies[kind] or {}, live)
