"""Application packages: those that the account lacks, and those that it cannot be given."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.codes import Code
from batchspec.desired.task import Desired, DesiredPackage
from batchspec.plan.action import place_of
from batchspec.plan.model import Action, Kind, Operation, Plan, Reason, Work
from batchspec.plan.observed import Observed
from batchspec.source import Diagnostic, Severity


def package_actions(
    desired: Desired, observed: Observed, pool: Action | None, work: Work
) -> tuple[Action, ...]:
    """The packages to upload, of those that the pool or a task at hand needs."""
    needed = _needed(desired, pool, work)
    return tuple(_upload(desired, package) for package in needed if package.key not in observed.packages)


def _needed(desired: Desired, pool: Action | None, work: Work) -> Iterator[DesiredPackage]:
    of_pool = pool is not None or work.needed
    groups = {group.name for group in work.groups}
    for package in desired.packages:
        if of_pool if package.path[0] == "pool" else package.path[1] in groups:
            yield package


def _upload(desired: Desired, package: DesiredPackage) -> Action:
    return Action(
        Operation.CREATE,
        Kind.PACKAGE,
        package.name,
        Reason.MISSING,
        package.path,
        place_of(desired, package.path),
        after={"file": package.file, "size": package.size, "md5": package.content},
    )


def package_findings(
    desired: Desired, observed: Observed, plan: Plan, *, is_local: bool
) -> Iterator[Diagnostic]:
    """What keeps the account from having the packages of *plan* as they are here."""
    needed = set(_needed(desired, next(iter(plan.of(Kind.POOL)), None), plan.work))
    for package in desired.packages:
        content = observed.packages.get(package.key)
        if content is None and package in needed and not is_local:
            yield _management_plane(desired, package)
        elif content and content != package.content:
            yield _differs(desired, package, Severity.ERROR if package in needed else Severity.WARNING)


def _management_plane(desired: Desired, package: DesiredPackage) -> Diagnostic:
    return desired.spec.document.diagnostic(
        Code.NO_PACKAGE,
        f"the account has no application package {package.name}",
        package.path,
        label="only the management plane of Azure can upload it",
        helps=(
            "az batch application package create --name ACCOUNT --resource-group GROUP"
            f" --application-name {package.id} --version-name {package.version} --package-file {package.file}",
        ),
    )


def _differs(desired: Desired, package: DesiredPackage, severity: Severity) -> Diagnostic:
    return desired.spec.document.diagnostic(
        Code.OTHER_PACKAGE,
        f"the account has another {package.name}",
        (*package.path, "version"),
        label="nodes that have it would keep it",
        helps=("give the changed file a new version",),
        severity=severity,
    )


def unread_packages(desired: Desired, observed: Observed) -> Iterator[str]:
    """The packages whose content the account does not tell."""
    for package in desired.packages:
        if observed.packages.get(package.key) == "":
            yield f"application package {package.name}: the account does not tell its contents"
