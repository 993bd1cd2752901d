"""Reading what there is: the live pool, jobs and tasks, the blobs, the downloaded files. Reads only."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from batchspec.engine.digests import Digests, cache_path
from batchspec.engine.inputs import find_inputs, spec_folder
from batchspec.engine.links import read_ending
from batchspec.plan.model import LiveBlob, Observed, Plan
from batchspec.plan.planner import make_plan, newest_job
from batchspec.plan.preflight import needs_images, preflight
from batchspec.plan.safety import excesses
from batchspec.plan.schedulable import unschedulable
from batchspec.service import job as job_service
from batchspec.service import pool as pool_service
from batchspec.service import task as task_service
from batchspec.service.connect import Account
from batchspec.spec.expand import OWN_FOLDER, Desired, expand, folder_of
from batchspec.spec.model import Spec


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within it, Python does not look for dead cycles of objects; what is alive at its end is left out from then on.

    What a plan is made from is millions of objects without a cycle. Looking through them time
    and again took half of the time that a plan of 100,000 inputs takes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


@undisturbed()
def plan_now(account: Account, spec: Spec) -> tuple[Desired, Plan]:
    """What *spec* asks for with the inputs of this moment, and what makes the account so."""
    desired = expand(spec, find_inputs(spec, account.blobs.list))
    observed = observe(account, desired)
    return desired, _judged(account, desired, observed, make_plan(desired, observed))


def _judged(account: Account, desired: Desired, observed: Observed, plan: Plan) -> Plan:
    """*plan* with what speaks against it. The account's images are read only where it makes nodes of another one."""
    images = list(pool_service.supported_images(account.batch)) if needs_images(plan) else []
    today = datetime.now(UTC).date()
    found = preflight(
        desired,
        plan,
        images,
        today,
        pool=observed.pool,
        ending=observed.ending.running,
        takes_others=account.is_local,
        any_identity=account.is_local,
    )
    return replace(
        plan,
        findings=(*found.findings, *unschedulable(desired, observed, plan)),
        not_checked=found.not_checked,
        excesses=excesses(desired, observed, plan),
    )


def observe(account: Account, desired: Desired) -> Observed:
    """What the account has of *desired*, and this machine of its outputs.

    Tasks are read before outputs: a task that ends in between is seen with its output.
    """
    spec = desired.spec
    containers, prefix = spec.containers, folder_of(spec)
    with ThreadPoolExecutor(4) as readers:
        inputs = readers.submit(_blobs, account, containers.input, prefix)
        pool = readers.submit(pool_service.read, account.batch, spec.pool.id) if spec.pool else None
        generations = job_service.generations(account.batch, spec.job_id) if spec.job else []
        newest = newest_job(spec, generations)
        ending = readers.submit(read_ending, account, spec, newest)
        tasks = list(task_service.read_all(account.batch, newest["id"])) if newest else []
        outputs = _blobs(account, containers.output, prefix)
        live_pool = pool.result() if pool else None
        return Observed(
            pool=live_pool,
            pool_running_tasks=_running_tasks(account, spec) if live_pool else 0,
            jobs=generations,
            tasks=tasks,
            ending=ending.result(),
            inputs=inputs.result(),
            outputs=outputs,
            local_md5=local_md5(desired, outputs),
        )


def download_path(spec: Spec, blob: str) -> Path:
    """Where an output blob lands on this machine."""
    if spec.download is None:
        raise ValueError(f"the spec {spec.name} downloads nothing")
    return spec_folder(spec) / spec.download / blob.removeprefix(folder_of(spec))


def local_md5(desired: Desired, outputs: Mapping[str, LiveBlob]) -> dict[str, str]:
    """The MD5s of the files that are here already, by output blob."""
    if desired.spec.download is None:
        return {}
    found = {}
    with Digests(cache_path()) as digests:
        for task in desired.tasks:
            if task.output is not None and task.output in outputs:
                try:
                    found[task.output] = digests.md5(download_path(desired.spec, task.output))
                except OSError:
                    continue
    return found


def _blobs(account: Account, container: str, prefix: str) -> dict[str, LiveBlob]:
    logs = f"{prefix}{OWN_FOLDER}/logs/"
    return {
        blob.name: blob for blob in account.blobs.list(container, prefix) if not blob.name.startswith(logs)
    }


def _running_tasks(account: Account, spec: Spec) -> int:
    """How many tasks run on the pool now; what a drain would put back into the queue."""
    if spec.pool is None or spec.pool.existing:
        return 0
    return sum(
        int(node.get("runningTasksCount") or 0) for node in pool_service.nodes(account.batch, spec.pool.id)
    )
