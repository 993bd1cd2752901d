"""Application packages: those that the account lacks, and those that it cannot be given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from batchspec.codes import Code
from batchspec.desired.task import Desired, DesiredPackage
from batchspec.language.templates.template import is_template
from batchspec.plan.actions.action import place_of
from batchspec.plan.model import Action, Kind, Operation, Plan, Reason, Work
from batchspec.plan.observed import Observed
from batchspec.resources.base import Json
from batchspec.source import Diagnostic, Path, Severity

_REFERENCES = "applicationPackageReferences"
_UPLOAD = "az batch application package create --name ACCOUNT --resource-group GROUP"
_HERE = "give its zip file: `applicationPackages: {ID: {version: …, file: …}}`"


def wants_packages(desired: Desired) -> bool:
    """Whether the spec names application packages: only then those of the account are of interest."""
    return any(_REFERENCES in body for _, body in _parts(desired))


def _parts(desired: Desired) -> Iterator[tuple[Path, Json]]:
    """What may refer to packages: the pool, the job manager task and the groups."""
    if desired.spec.pool:
        yield ("pool",), desired.spec.pool.body
    if manager := (desired.spec.job or {}).get("jobManagerTask"):
        yield ("job", "jobManagerTask"), manager
    yield from ((group.path, group.body) for group in desired.spec.groups)


def package_actions(
    desired: Desired, observed: Observed, pool: Action | None, work: Work
) -> tuple[Action, ...]:
    """The packages to upload, of those that the pool or a task at hand needs."""
    needed = _needed(desired, pool, work)
    return tuple(_upload(desired, package) for package in needed if package.key not in observed.packages)


def _needed(desired: Desired, pool: Action | None, work: Work) -> Iterator[DesiredPackage]:
    return (package for package in desired.packages if _is_at_hand(package.path, pool, work))


def _is_at_hand(path: Path, pool: Action | None, work: Work) -> bool:
    """Whether the plan does anything with the pool, or runs the tasks at *path*."""
    if path[0] != "tasks":
        return pool is not None or work.needed
    return any(group.name == path[1] for group in work.groups)


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
    desired: Desired, observed: Observed, plan: Plan, *, is_local: bool, has_management: bool = False
) -> Iterator[Diagnostic]:
    """What keeps the account from having the packages of *plan* as they are here.

    The local account can be given any, one of Azure where its management plane is at hand.
    """
    pool = next(iter(plan.of(Kind.POOL)), None)
    needed = set(_needed(desired, pool, plan.work))
    for package in desired.packages:
        content = observed.packages.get(package.key)
        if content is None and package in needed and not (is_local or has_management):
            yield _management_plane(desired, package)
        elif content and content != package.content:
            yield _differs(desired, package, Severity.ERROR if package in needed else Severity.WARNING)
    for path, body in _parts(desired):
        if _is_at_hand(path, pool, plan.work):
            yield from _missing(
                desired, observed, (*path, _REFERENCES), body.get(_REFERENCES) or (), is_local
            )


def _missing(
    desired: Desired, observed: Observed, path: Path, references: Sequence[Json], is_local: bool
) -> Iterator[Diagnostic]:
    """The references to packages that neither the account nor the spec has. On Azure there may be a default version."""
    there = {*observed.packages, *(package.key for package in desired.packages)}
    for number, reference in enumerate(references):
        id, version = str(reference["applicationId"]), str(reference.get("version", ""))
        key = id.rpartition("/applications/")[2].lower(), version.lower()
        is_there = key in there if version or is_local else key[0] in {other for other, _ in there}
        if not is_there and not is_template(id) and not is_template(version):
            name = f"{id} {version or '(default version)'}"
            yield _no_package(desired, (*path, number), name, _HERE if is_local else _UPLOAD)


def _no_package(desired: Desired, path: Path, name: str, help: str) -> Diagnostic:
    return desired.spec.document.diagnostic(
        Code.NO_PACKAGE,
        f"the account has no application package {name}",
        path,
        label="not among the packages of the account",
        helps=(help,),
    )


def _management_plane(desired: Desired, package: DesiredPackage) -> Diagnostic:
    return desired.spec.document.diagnostic(
        Code.NO_PACKAGE,
        f"the account has no application package {package.name}",
        package.path,
        label="only the management plane of Azure can upload it",
        helps=(
            "to have it uploaded, set AZURE_SUBSCRIPTION_ID and AZURE_RESOURCE_GROUP and install batchspec[arm]",
            f"or: {_UPLOAD} --application-name {package.id} --version-name {package.version}"
            f" --package-file {package.file}",
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
