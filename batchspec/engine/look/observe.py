"""Reading what there is: the live pool, jobs and tasks, the blobs, the downloaded files. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module

from batchspec.codes import Code
from batchspec.desired.artifacts.listings import Part
from batchspec.desired.bodies.node_files import with_node_files
from batchspec.desired.bodies.start_task import with_start_files
from batchspec.desired.expansion.expand import without_tasks
from batchspec.desired.places import Places
from batchspec.desired.selection import Selection, choose
from batchspec.desired.task import Desired
from batchspec.engine.look.links import read_ending, start_links_end
from batchspec.engine.look.local_outputs import LocalOutputs
from batchspec.engine.look.machine.project import Project
from batchspec.engine.look.named import read_named
from batchspec.engine.look.prices import prices_of
from batchspec.engine.look.reads import desired_now
from batchspec.engine.look.remembered.cache import cache_path
from batchspec.engine.look.remembered.digests import Digests
from batchspec.engine.look.remembered.downloaded import Downloaded
from batchspec.engine.look.rounds import read_listings
from batchspec.engine.look.stale import find_stale
from batchspec.errors import SpecError
from batchspec.language.model import Spec, WhenDone
from batchspec.plan.actions.job import newest_job
from batchspec.plan.actions.package import wants_packages
from batchspec.plan.model import Plan, Work
from batchspec.plan.observed import Observed, Seen
from batchspec.resources import job as jobs
from batchspec.resources.base import Json
from batchspec.resources.blob import LiveBlob
from batchspec.service.batch import job as job_service
from batchspec.service.batch import package as package_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.batch import task as task_service
from batchspec.service.connect import Account
from batchspec.source import Severity

_DECIDING = "batchspec.engine.look.deciding"


def plan_now(
    account: Account, spec: Spec, project: Project | None = None, selection: Selection | None = None
) -> tuple[Desired, Plan]:
    """What *spec* asks for with the inputs of this moment, and what makes the account so.

    *project* is what it may read and write; None: without asking anybody. Raises `UsageError` where *selection*
    names tasks that there are not.
    """
    project = project or Project(Places.of(spec).folder)
    listings: dict[str, Sequence[Part] | None] = {}
    prices = prices_of(
        account, ({"vmSize": size} for size in spec.vm_sizes)
    )  # beside the requests that follow
    while True:
        desired = desired_now(spec, account.blobs.list, project, listings)
        desired = with_node_files(with_start_files(desired, account.blobs.url), account.blobs.url)
        if selection is not None:
            choose(desired.tasks.database, selection)
            desired = replace(desired, selection=selection)
        observed, plan = _planned(account, desired, project)
        is_whole = plan.work != Work()  # a plan that only lifts a protection has judged no task
        if not (spec.has_rounds and is_whole and read_listings(account, desired, listings)):
            break
    from batchspec.engine.look.deciding import with_judgement

    return desired, with_judgement(account, desired, observed, plan, prices)


def _planned(account: Account, desired: Desired, project: Project) -> tuple[Observed, Plan]:
    spec, places = desired.spec, Places.of(desired.spec)
    with Digests(cache_path()) as digests, Downloaded(spec.name) as downloaded:
        observed = observe(account, desired)
        if places.download is not None:
            local = LocalOutputs(places, digests, downloaded, overwrites=project.overwrites)
            stale = tuple(find_stale(desired, digests, downloaded))
            observed = replace(observed, local=local.find, stale=stale, overwrites=project.overwrites)
        return observed, _plan_of(desired, observed)


def _plan_of(desired: Desired, observed: Observed) -> Plan:
    """What makes the account as *desired*; what it costs, and what speaks against it, is not looked at."""
    from batchspec.engine.look.deciding import make_plan

    return make_plan(desired, observed)


def downloads_now(
    account: Account, spec: Spec, project: Project, tell: Callable[[str], None]
) -> tuple[Desired, Plan]:
    """The plan by which outputs are fetched: where inputs are not here, all outputs that are stored."""
    try:
        return plan_now(account, spec, project)
    except SpecError as error:
        # Which outputs stay in storage, a group says of its tasks; without inputs nobody knows whose they are.
        if not _lacks_inputs(error) or not all(group.downloads for group in spec.groups):
            raise
    tell("some inputs are not on this machine: downloading all stored outputs, current or not")
    places, desired = Places.of(spec), without_tasks(spec)
    with Digests(cache_path()) as digests, Downloaded(spec.name) as downloaded:
        local = LocalOutputs(places, digests, downloaded, overwrites=project.overwrites)
        observed = replace(observe(account, desired), local=local.find, overwrites=project.overwrites)
        return desired, _plan_of(desired, replace(observed, has_inputs=False))


def _lacks_inputs(error: SpecError) -> bool:
    """Whether nothing else is wrong than that files are not there."""
    errors = [finding.code for finding in error.diagnostics if finding.severity is Severity.ERROR]
    return set(errors) == {Code.NO_MATCH.value}


def observe(account: Account, desired: Desired) -> Observed:
    """What the account has of *desired*.

    Tasks are read before outputs: a task that ends in between is seen with its output.
    """
    spec, seen = desired.spec, Seen(desired.tasks)
    places = Places.of(spec)
    with ThreadPoolExecutor(3) as readers:
        # First what needs no SDK of Storage: that, and what decides, is imported while the first answer is on its way.
        pool = readers.submit(pool_service.read, account.batch, spec.pool.id) if spec.pool else None
        readers.submit(import_module, _DECIDING)
        inputs = readers.submit(lambda: seen.add_inputs(list_blobs(account, places, places.input)))
        listed = job_service.generations_and_open(account.batch, spec.job_id)
        named = readers.submit(read_named, account, spec, listed)
        generations = [job for job in listed if spec.job and jobs.generation(spec.job_id, job["id"])]
        newest = newest_job(spec, generations)
        ending = readers.submit(lambda: seen.add_ending(read_ending(account, spec, newest)))
        if newest:
            seen.add_tasks(task_service.read_texts(account.batch, newest["id"]))
        seen.add_outputs(list_blobs(account, places, places.output))
        inputs.result()
        ending.result()
        live_pool = pool.result() if pool else None
        has_name = named.result()
    return Observed(
        pool=live_pool,
        pool_running_tasks=_running_tasks(account, spec) if live_pool else 0,
        pool_needed=_needed(account, spec, listed) if live_pool else "",
        start_links_end=start_links_end(account, spec, live_pool),
        jobs=generations,
        named=has_name,
        seen=seen,
        packages=package_service.read(account.batch, stored=account.offer.stores_packages)
        if wants_packages(desired)
        else {},
    )


def list_blobs(account: Account, places: Places, container: str) -> Iterator[LiveBlob]:
    """The spec's blobs in *container*, without logs, records of runs and blobs that stand for folders."""
    blobs = account.blobs.list(container, places.root)
    return (
        blob for blob in blobs if not blob.is_folder and not blob.name.startswith((places.logs, places.runs))
    )


def _running_tasks(account: Account, spec: Spec) -> int:
    """How many tasks run on the pool now; what a drain would put back into the queue."""
    if spec.pool is None or spec.pool.existing:
        return 0
    return sum(
        int(node.get("runningTasksCount") or 0) for node in pool_service.nodes(account.batch, spec.pool.id)
    )


def _needed(account: Account, spec: Spec, listed: Sequence[Json]) -> str:
    """Why others need the pool, be it for tasks that wait, where `whenDone` would put it away."""
    if spec.pool is None or spec.pool.existing or spec.pool.when_done is WhenDone.KEEP:
        return ""
    from batchspec.engine.look.needed import needed_by_others  # which few plans ask for

    return needed_by_others(account, spec.pool.id, listed, spec.name)
