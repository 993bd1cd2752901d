"""The pool and the job: made, brought into line, and put away when the run is over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from batchspec.desired.task import DesiredPackage
from batchspec.engine.look.needed import needed_by_others
from batchspec.engine.run.progress.conduct import Conduct, PlanAgain
from batchspec.engine.run.sending.cancelled import require_not_cancelled
from batchspec.engine.run.sending.node_files import job_with_links, pool_with_links
from batchspec.errors import ServiceError
from batchspec.events import Step
from batchspec.language.model import WhenDone
from batchspec.plan.model import Action, Kind, Operation
from batchspec.resources.base import Effect
from batchspec.service.application_package import add as add_package
from batchspec.service.batch import job as job_service
from batchspec.service.batch import package as package_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.batch import pool_update
from batchspec.service.batch.rollout import roll_out
from batchspec.service.batch.task_collection import JOB_IS_OVER
from batchspec.service.identity_pool import create_with_identity

_PACKAGES = "applications"
"""The blob container of application packages: they are the account's, not the spec's."""


def add_packages(conduct: Conduct) -> None:
    """Uploads the application packages that the account lacks."""
    wanted = {package.name: package for package in conduct.desired.packages}
    for action in conduct.plan.of(Kind.PACKAGE):
        conduct.check()
        conduct.begin(Step.PACKAGES, action.id)
        _add_package(conduct, wanted[action.id])
        conduct.end(Step.PACKAGES, f"{action.id} uploaded")


def _add_package(conduct: Conduct, package: DesiredPackage) -> None:
    file, management = Path(package.file), conduct.account.management
    if management is not None:
        add_package(management, package.id, package.version, file, package.content, conduct.check)
        return
    blobs, blob = conduct.account.blobs, f"{package.id}/{package.content}.zip"
    blobs.ensure_container(_PACKAGES)
    blobs.upload(_PACKAGES, blob, file, package.content, {}, lambda _: conduct.check())
    url = blobs.url(_PACKAGES, blob)
    package_service.add(conduct.account.batch, package.id, package.version, url, package.content)


def make_pool(conduct: Conduct) -> None:
    """Makes the pool, or brings the live one into line."""
    for action in conduct.plan.of(Kind.POOL):
        conduct.check()
        conduct.begin(Step.POOL, action.id)
        if action.operation is Operation.CREATE:
            _create_pool(conduct)
        elif action.operation is Operation.DELETE:
            pool_service.delete(conduct.account.batch, action.id)
        else:
            _update_pool(conduct, action)
        conduct.end(Step.POOL, _done(action))


def _create_pool(conduct: Conduct) -> None:
    account, spec, progress = conduct.account, conduct.spec, _progress(conduct, Step.POOL)
    body = pool_with_links(conduct, progress)
    if spec.identity is not None and account.management is not None and spec.pool is not None:
        create_with_identity(account.management, account.batch, spec.pool, body, spec.identity, progress)
    else:
        pool_service.create(account.batch, body, progress)


def _update_pool(conduct: Conduct, action: Action) -> None:
    """Changes the live pool, and brings its nodes along where the spec has a `rollout`."""
    batch, pool = conduct.account.batch, conduct.spec.pool
    if pool is None:
        raise ValueError("an action on a pool, and the spec has none")
    progress = _progress(conduct, Step.POOL)
    changes_start_task = any(change.path[0] == "startTask" for change in action.changes)
    body = pool_with_links(conduct, progress) if changes_start_task else conduct.pool
    pool_update.update(batch, pool, body, action.changes, progress, conduct.spec.ignored)
    if pool.rollout is not None and Effect.REJOIN in action.effects:
        roll_out(batch, pool, conduct.pool, progress, conduct.check)


def _progress(conduct: Conduct, step: Step) -> Callable[[str], None]:
    """Tells what a step waits for, and raises when it is not to go on: it may take half an hour."""

    def progress(text: str) -> None:
        conduct.check()
        conduct.progress(step, text)

    return progress


def make_job(conduct: Conduct) -> None:
    """Makes the next generation of the job, or brings the open one into line."""
    for action in conduct.plan.of(Kind.JOB):
        if action.operation is Operation.DELETE:
            continue  # see `retire_old_jobs`
        conduct.check()
        if action.operation is Operation.UPDATE:
            conduct.begin(Step.JOB, action.id)
            _update_job(conduct, action)
            conduct.end(Step.JOB, _done(action))
        else:
            create_job(conduct, action.id)


def _update_job(conduct: Conduct, action: Action) -> None:
    """Changes the open job. Raises `PlanAgain` where it has completed with its tasks since the plan."""
    try:
        job_service.update(
            conduct.account.batch, conduct.job, action.id, action.changes, conduct.spec.ignored
        )
    except ServiceError as error:
        if error.code not in JOB_IS_OVER:
            raise
        require_not_cancelled(conduct, action.id)
        raise PlanAgain(f"the job {action.id} has ended meanwhile") from error


def create_job(conduct: Conduct, job_id: str) -> None:
    conduct.begin(Step.JOB, job_id)
    progress = _progress(conduct, Step.JOB)
    job_service.create(conduct.account.batch, job_with_links(conduct, progress), job_id, progress)
    conduct.end(Step.JOB, f"{job_id} created")


def retire_old_jobs(conduct: Conduct) -> None:
    """Deletes jobs that were replaced, once the new one has its tasks."""
    for action in conduct.plan.of(Kind.JOB):
        if action.operation in (Operation.REPLACE, Operation.DELETE) and action.before:
            conduct.check()
            job_service.delete(conduct.account.batch, action.before["id"])


_CLEANED = {WhenDone.DELETE: "deleted", WhenDone.ZERO: "scaled to 0 nodes"}


def clean_up(conduct: Conduct) -> None:
    """What the spec's `whenDone` says of the pool."""
    pool = conduct.spec.pool
    if pool is None or pool.existing or pool.when_done is WhenDone.KEEP or not conduct.plan.work.needed:
        return
    if pool.when_done is WhenDone.ZERO and pool.body.get("enableAutoScale"):
        return  # its formula takes the nodes away
    conduct.check()
    conduct.begin(Step.CLEAN_UP, pool.id)
    batch = conduct.account.batch
    open_jobs = job_service.generations_and_open(batch, "")
    if needed := needed_by_others(conduct.account, pool.id, open_jobs, conduct.spec.name):
        conduct.end(Step.CLEAN_UP, f"pool {pool.id} is kept: {needed}")
        return
    if pool.when_done is WhenDone.DELETE:
        pool_service.delete(batch, pool.id)
    else:
        progress = _progress(conduct, Step.CLEAN_UP)
        pool_service.wait_until_steady(batch, pool.id, progress)
        pool_service.resize(batch, {"id": pool.id}, pool.deallocation, progress)
    conduct.end(Step.CLEAN_UP, f"pool {pool.id} {_CLEANED[pool.when_done]}")


def _done(action: Action) -> str:
    done = {Operation.CREATE: "created", Operation.DELETE: "deleted"}
    return f"{action.id} {done.get(action.operation, 'updated')}"
