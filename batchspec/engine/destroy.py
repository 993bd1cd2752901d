"""Taking away what a spec made: its jobs, its pool, its blobs; nothing that is not stamped as its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from batchspec.engine.lock import lock_blob
from batchspec.errors import RefusedError, ServiceError
from batchspec.plan.model import LiveBlob
from batchspec.resources.base import Json, is_protected, owner
from batchspec.service import job as job_service
from batchspec.service import pool as pool_service
from batchspec.service.connect import Account
from batchspec.spec.desired import Desired
from batchspec.spec.expand import OWN_FOLDER, folder_of
from batchspec.spec.model import Spec
from batchspec.spec.task_body import SPEC_METADATA

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Doomed:
    """What a destroy would delete. Blobs are (container, blob)."""

    jobs: tuple[str, ...]
    pool: str | None
    inputs: tuple[tuple[str, LiveBlob], ...]
    outputs: tuple[tuple[str, LiveBlob], ...]

    @property
    def is_empty(self) -> bool:
        return not (self.jobs or self.pool or self.inputs or self.outputs)

    @property
    def blobs(self) -> tuple[tuple[str, LiveBlob], ...]:
        return self.inputs + self.outputs


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is gone: a job or a pool by its id, or so many blobs."""

    kind: str
    id: str | None = None
    count: int = 1


def find_doomed(
    account: Account, spec: Spec, *, keep_pool: bool, outputs: bool, orphans_of: Desired | None
) -> Doomed:
    """What there is of *spec*; outputs only with *outputs*. With *orphans_of* only those no input makes any more."""
    if orphans_of is not None:
        return Doomed((), None, (), tuple(_orphans(account, orphans_of)))
    generations = job_service.generations(account.batch, spec.job_id) if spec.job else []
    return Doomed(
        jobs=tuple(job["id"] for job in generations if _is_ours(spec, job)),
        pool=None if keep_pool else _own_pool(account, spec),
        inputs=tuple(
            (spec.containers.input, blob)
            for blob in account.blobs.list(spec.containers.input, folder_of(spec))
            if blob.metadata.get(SPEC_METADATA) == spec.name
        ),
        outputs=tuple(_outputs(account, spec, outputs)),
    )


def _is_ours(spec: Spec, live: Json) -> bool:
    return owner(live) == spec.name and live.get("state") != "deleting"


def _own_pool(account: Account, spec: Spec) -> str | None:
    if spec.pool is None or spec.pool.existing:
        return None
    live = pool_service.read(account.batch, spec.pool.id)
    if live is None or not _is_ours(spec, live):
        return None
    if is_protected(live):
        raise RefusedError(
            f"the pool {spec.pool.id} is protected",
            help="take `protect: true` out of the spec and apply that, or leave the pool: --keep pool",
        )
    return spec.pool.id


def _outputs(account: Account, spec: Spec, everything: bool) -> Iterator[tuple[str, LiveBlob]]:
    """The logs always, since their tasks go; with *everything* the outputs and the records of work done too."""
    logs = f"{folder_of(spec)}{OWN_FOLDER}/logs/"
    for blob in account.blobs.list(spec.containers.output, folder_of(spec)):
        if blob.name != lock_blob(spec) and (everything or blob.name.startswith(logs)):
            yield spec.containers.output, blob


def _orphans(account: Account, desired: Desired) -> Iterator[tuple[str, LiveBlob]]:
    """The outputs, and the records of work done, that no task of the spec makes any more."""
    spec = desired.spec
    wanted = {task.record for task in desired.tasks} | {lock_blob(spec)}
    logs = f"{folder_of(spec)}{OWN_FOLDER}/logs/"
    for blob in account.blobs.list(spec.containers.output, folder_of(spec)):
        if blob.name not in wanted and not blob.name.startswith(logs):
            yield spec.containers.output, blob


def destroy(account: Account, doomed: Doomed, check: Callable[[], None]) -> Iterator[Deleted]:
    """Deletes it all, telling what is gone. What is gone already is fine, so it can be cut off and repeated.

    *check* is called before each deletion, and raises when we are no longer to go on.
    """
    for job_id in doomed.jobs:
        check()
        job_service.delete(account.batch, job_id)
        yield Deleted("job", job_id)
    if doomed.pool is not None:
        check()
        pool_service.delete(account.batch, doomed.pool)
        yield Deleted("pool", doomed.pool)

    def delete(entry: tuple[str, LiveBlob]) -> None:
        check()
        account.blobs.delete(entry[0], entry[1].name)

    with ThreadPoolExecutor(_AT_ONCE) as deleters:
        for _ in deleters.map(delete, doomed.blobs):
            pass
    if doomed.blobs:
        yield Deleted("blob", count=len(doomed.blobs))


def forget_lock(account: Account, spec: Spec) -> None:
    """Deletes the blob that the lock was on; another run that holds it by now keeps it."""
    try:
        account.blobs.delete(spec.containers.output, lock_blob(spec))
    except ServiceError as error:
        if error.status != 412:  # it is leased
            raise
