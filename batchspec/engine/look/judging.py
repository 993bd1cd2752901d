"""What speaks against a plan: all that is looked up for it, handed to the checks. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from batchspec.desired.task import Desired
from batchspec.errors import BatchspecError, NotSignedInError, ServiceError
from batchspec.language.lints import bound_too_long
from batchspec.plan.actions.package import package_findings, unread_packages
from batchspec.plan.checks.formula import Evaluation, changed_formula, formula_findings, is_evaluated
from batchspec.plan.checks.images import needs_images
from batchspec.plan.checks.local import container_findings, wants_containers
from batchspec.plan.checks.node_files import node_files_findings
from batchspec.plan.checks.preflight import Preflight, preflight
from batchspec.plan.checks.quota import quota_findings, read_quota, read_sizes, unknown_size
from batchspec.plan.checks.rounds import exceeding_findings
from batchspec.plan.checks.safety import excesses
from batchspec.plan.checks.schedulable import unschedulable
from batchspec.plan.checks.unsimulated import unsimulated, unsimulated_findings
from batchspec.plan.model import Plan
from batchspec.plan.observed import Observed
from batchspec.resources.links import LONGEST_LINK_LIFE
from batchspec.service.batch import pool as pool_service
from batchspec.service.connect import Account
from batchspec.service.local_control import container_engine
from batchspec.source import Diagnostic


def judged(account: Account, desired: Desired, observed: Observed, plan: Plan) -> Plan:
    """*plan* with what speaks against it."""
    found = _preflight(account, desired, observed, plan)
    of_formula, unread_formula = _formula(account, desired, observed, plan)
    of_quota, unread_quota = _quota(account, desired, plan)
    return replace(
        plan,
        findings=(
            *found.findings,
            *of_formula,
            *of_quota,
            *package_findings(
                desired,
                observed,
                plan,
                is_local=account.offer.stores_packages,
                has_management=account.management is not None,
            ),
            *_local_findings(account, desired, observed, plan),
            *_bound(account, desired, plan),
            *unschedulable(desired, observed, plan),
            *exceeding_findings(desired, plan),
        ),
        not_checked=(
            *unread_quota,
            *found.not_checked,
            *unread_packages(desired, observed),
            *unread_formula,
        ),
        not_simulated=unsimulated(desired) if account.offer.simulates and plan.has_changes else (),
        excesses=excesses(desired, observed, plan),
    )


def _preflight(account: Account, desired: Desired, observed: Observed, plan: Plan) -> Preflight:
    """What the account rejects, or soon will. Its images are read only where *plan* makes nodes of another one."""
    images = list(pool_service.supported_images(account.batch)) if needs_images(plan) else []
    return preflight(
        desired,
        plan,
        images,
        datetime.now(UTC).date(),
        pool=observed.pool,
        ending=observed.ending,
        takes_others=account.offer.takes_any_image,
        any_identity=account.offer.takes_any_identity,
        has_management=account.management is not None,
    )


def _formula(
    account: Account, desired: Desired, observed: Observed, plan: Plan
) -> tuple[list[Diagnostic], list[str]]:
    """What Batch has against a raw formula that *plan* sends; in words where it cannot be asked."""
    formula = changed_formula(desired, plan)
    if not formula:
        return [], []
    if is_evaluated(observed) and desired.pool is not None:
        with suppress(ServiceError):  # the pool has gone, or no longer scales itself
            said = pool_service.evaluate(account.batch, desired.pool["id"], formula)
            return [*formula_findings(desired, Evaluation(*said))], []
    return [], ["autoscale formula: Batch evaluates it only once the pool exists and scales itself"]


def _local_findings(
    account: Account, desired: Desired, observed: Observed, plan: Plan
) -> Iterator[Diagnostic]:
    """What the local account cannot run, or runs otherwise."""
    if not account.offer.simulates or not plan.has_changes:
        return
    yield from unsimulated_findings(desired, observed.pool, plan)
    if wants_containers(desired):
        yield from container_findings(desired, container_engine(account.batch))


def _bound(account: Account, desired: Desired, plan: Plan) -> Iterator[Diagnostic]:
    """That the job may go on for longer than links last that a user delegation key signs."""
    life = account.blobs.link_life(LONGEST_LINK_LIFE)
    if plan.work.needed and life < LONGEST_LINK_LIFE:
        yield from bound_too_long(desired.spec, life)
        yield from node_files_findings(desired)


def _quota(account: Account, desired: Desired, plan: Plan) -> tuple[list[Diagnostic], list[str]]:
    """What of *plan* the account has no quota for; in words where nobody tells, which stops no plan.

    A quota of the local account would say nothing about the run: its nodes are processes.
    """
    if desired.pool is None or not plan.asks_for_nodes or account.offer.simulates:
        return [], []
    if account.management is None:
        return [], ["quota: not available from the Batch data plane; see `az batch account show`"]
    try:
        resource = account.management.account()
        sizes = read_sizes(account.management.sizes(str(resource.get("location", ""))))
    except (ServiceError, NotSignedInError) as error:
        return [], [f"quota: {_first_line(error)}"]
    quota = read_quota(resource)
    if quota is None:
        return [], ["quota: this account uses that of its subscription"]
    if unknown_size(desired, sizes):
        return [], [f"quota: the account's region does not list {desired.pool['vmSize']}"]
    return [*quota_findings(desired, plan, quota, sizes, pool_service.pools(account.batch))], []


def _first_line(error: BatchspecError) -> str:
    """What went wrong; the ways to sign in that were tried are for who has to sign in."""
    return str(error).partition("\n")[0]
