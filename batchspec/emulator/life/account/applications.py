"""Application packages: which the account has, which a node has to have, and what its tasks see of them."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from batchspec.emulator.life.account import node_folders as nodes
from batchspec.emulator.life.account.model import Body, Node
from batchspec.emulator.node.package import Package, PackageError, install_all
from batchspec.emulator.node.process import Failure, Run, not_installed
from batchspec.emulator.state.errors import ApiError

if TYPE_CHECKING:
    from batchspec.emulator.life.account.account import Account

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VERSION = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,64}")
_FLATTENED = str.maketrans(".-#", "___")
_VARIABLE = "AZ_BATCH_APP_PACKAGE"


class Applications:
    """The applications of the account by their ids, without regard to case. None has a default version."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._known: dict[str, Body] = {doc["id"].lower(): doc for doc in store.load("application")}

    def __iter__(self) -> Iterator[Body]:
        return iter(sorted(self._known.values(), key=lambda doc: str(doc["id"]).lower()))

    def add(self, id: str, version: str, blob: Body) -> None:
        """*blob* is where the package lies: its `url` and `md5`. One that is there already is replaced."""
        if not _ID.fullmatch(id) or not _VERSION.fullmatch(version):
            raise ApiError("InvalidRequestBody", ("Reason", "not an application id, or not a version"))
        application = self._known.setdefault(id.lower(), {"id": id, "versions": {}})
        application["versions"][version] = blob
        self._store.save("application", id.lower(), application)

    def get(self, id: str) -> Body | None:
        """By its name, or by its full resource id."""
        return self._known.get(id.rpartition("/applications/")[2].lower())

    def find(self, reference: Body) -> tuple[str, str, str] | None:
        """(id, version, URL) of the package that is referred to."""
        application, wanted = self.get(reference["applicationId"]), reference.get("version", "").lower()
        for version, blob in (application or {"versions": {}})["versions"].items():
            if version.lower() == wanted and application is not None:
                return application["id"], version, blob["url"]
        return None


def require(account: "Account", pool: Body) -> None:
    """`ApiError` for a pool that refers to what the account does not have."""
    for reference in pool.get("applicationPackageReferences", []):
        if account.applications.find(reference) is None:
            named = ("ApplicationPackageReferences", shown(reference))
            raise ApiError("InvalidApplicationPackageReferences", named)


def shown(reference: Body) -> str:
    return f"{reference['applicationId']} {reference.get('version', '(default version)')}"


def packages(account: "Account", node: Node, references: Iterable[Body]) -> tuple[Package, ...]:
    folder = nodes.root(account, node) / "applications"
    return tuple(_package(account, folder, reference) for reference in references)


def _package(account: "Account", folder: Any, reference: Body) -> Package:
    found = account.applications.find(reference)
    if found is None:
        id, version = reference["applicationId"], reference.get("version", "")
        return Package(id, version, "", folder / ".none")
    id, version, url = found
    link = account.faults.link("read_blob", nodes.opened(account, url))
    return Package(id, version, link, folder / id / version)


def bring_in(account: "Account", node: Node, run: Run) -> Failure | None:
    """The packages of the node's pool are on it; else why not. Takes as long as it takes: for a thread."""
    try:
        install_all(account.storage, packages(account, node, node.packages), run.is_stopped)
    except PackageError as error:
        return not_installed(error)
    return None


def variables(found: Iterable[Package]) -> dict[str, str]:
    """Where each package lies. Microsoft's pages differ on the case of the id, so there are both."""
    names: dict[str, str] = {}
    for package in found:
        for id in (package.id, package.id.lower()):
            names[f"{_VARIABLE}_{id}_{package.version}".translate(_FLATTENED)] = str(package.folder)
    return names
