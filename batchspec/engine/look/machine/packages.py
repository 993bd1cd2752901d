"""Application packages that are zip files of this machine."""

from __future__ import annotations

import stat

from batchspec.codes import Code
from batchspec.desired.places import Places
from batchspec.desired.task import DesiredPackage
from batchspec.engine.look.machine.project import Project, Use
from batchspec.engine.look.remembered.cache import cache_path
from batchspec.engine.look.remembered.digests import Digests
from batchspec.errors import SpecError
from batchspec.language.model import PackageFile, Spec
from batchspec.source import Diagnostic


def find_packages(spec: Spec, project: Project) -> tuple[DesiredPackage, ...]:
    """The packages of *spec*, each once. Raises `SpecError` with all that cannot be used."""
    found: dict[tuple[str, str], DesiredPackage] = {}
    findings: list[Diagnostic] = []
    with Digests(cache_path()) as digests:
        for wanted in spec.packages:
            try:
                package = _package(spec, wanted, project, digests)
                _add(spec, found, package)
            except SpecError as error:
                findings += error.diagnostics
    if findings:
        raise SpecError(findings)
    return tuple(found.values())


def _add(spec: Spec, found: dict[tuple[str, str], DesiredPackage], package: DesiredPackage) -> None:
    first = found.setdefault(package.key, package)
    if first.content != package.content:
        raise _bad(spec, package, f"{package.name} is {first.file!r} already, with other content")


def _package(spec: Spec, wanted: PackageFile, project: Project, digests: Digests) -> DesiredPackage:
    import zipfile  # not before there is a package

    file = Places.of(spec).folder / wanted.file
    folder = file.resolve().parent
    if not project.allows(Use.READ, folder):
        raise SpecError([project.outside(spec.document, wanted.path, f"the package {wanted.file!r}", folder)])
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode) or not zipfile.is_zipfile(file):
            raise _bad(spec, wanted, f"{wanted.file!r} is not a zip file")
        content = digests.md5(file, status)
    except OSError as error:
        raise _bad(spec, wanted, f"{wanted.file!r} cannot be read: {error.strerror}") from error
    return DesiredPackage(wanted.id, wanted.version, str(file), status.st_size, content, wanted.path)


def _bad(spec: Spec, package: PackageFile | DesiredPackage, what: str) -> SpecError:
    return SpecError([spec.document.diagnostic(Code.BAD_PACKAGE, what, (*package.path, "file"))])
