"""Tasks in containers: which of them run in one, and what of the node they see in it.

Source: Microsoft's pages on container workloads and on container isolation (2024-12).
"""

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchspec.emulator.life.account import node_folders as nodes
from batchspec.emulator.life.account.model import Body, Job, Node
from batchspec.emulator.node.container import Container, Mount
from batchspec.emulator.node.engine import NO_ENGINE, EngineError, Logins, host_of
from batchspec.emulator.node.process import Failure, Run, invalid_image, invalid_settings
from batchspec.emulator.state.errors import ApiError

if TYPE_CHECKING:
    from batchspec.emulator.life.account.account import Account

HOST = "host"  # the setting by which tasks with a container run without one

# Asserted by the tests of Azure's SDK for .NET; the sentence of the second is in microsoft/ga4gh-tes#525.
_NO_POOL_FOR_IT = Failure(
    "ContainerPoolNotSupported", "The pool is not configured to run container tasks", during="start"
)
_NO_SETTINGS = Failure(
    "ContainerTaskSettingsNotFound",
    "Container-enabled compute node requires task container settings",
    during="start",
)

# What a container sees of the node where the task names what it wants to see: folders below the node's root, and the
# environment that tells of them. Of what is not named, the environment is left out.
_SOURCES: dict[str, tuple[str, tuple[str, ...]]] = {
    "Shared": ("shared", ("AZ_BATCH_NODE_SHARED_DIR",)),
    "Startup": ("startup", ("AZ_BATCH_NODE_STARTUP_DIR", "AZ_BATCH_NODE_STARTUP_WORKING_DIR")),
    "VfsMounts": ("fsmounts", ("AZ_BATCH_NODE_MOUNTS_DIR",)),
    "Applications": ("applications", ("AZ_BATCH_APP_PACKAGE_",)),
    "Task": ("", ("AZ_BATCH_TASK_DIR", "AZ_BATCH_TASK_WORKING_DIR")),
    "JobPrep": ("", ("AZ_BATCH_JOB_PREP_DIR", "AZ_BATCH_JOB_PREP_WORKING_DIR")),
}
_OF_THE_HOST = ("PATH", "HOME", "LANG")


def configuration(pool: Body) -> Body | None:
    """What makes a pool one for containers."""
    machine: Body = pool.get("virtualMachineConfiguration", {})
    return machine.get("containerConfiguration")


def require_engine(account: "Account", pool: Body) -> None:
    """`ApiError` for a pool for containers where nothing could run them. May take a second the first time."""
    if configuration(pool) is not None and account.container_engine() == "":
        raise ApiError("NotImplemented", ("Operation", "containerConfiguration"), ("Reason", NO_ENGINE))


def container_of(
    account: "Account", node: Node, task: Body, folder: Path, job: Job | None, *, required: bool
) -> Container | Failure | None:
    """What the task runs in: a container, this machine itself (None), or nothing, for a reason.

    *required* of tasks and job manager tasks: on a pool for containers they need one.
    """
    settings, pool = task.get("containerSettings"), configuration(node.pool.doc)
    if settings is None:
        return _NO_SETTINGS if pool is not None and required else None
    if pool is None:
        return _NO_POOL_FOR_IT
    if account.settings.containers == HOST:
        return None
    return _container(account, node, task, folder, job)


def _container(
    account: "Account", node: Node, task: Body, folder: Path, job: Job | None
) -> Container | Failure:
    settings: Body = task["containerSettings"]
    inside = settings.get("workingDirectory", "taskWorkingDirectory").lower() == "taskworkingdirectory"
    wanted = settings.get("containerHostBatchBindMounts")
    if wanted is not None and inside and all(entry.get("source") != "Task" for entry in wanted):
        return invalid_settings(
            "workingDirectory is taskWorkingDirectory, and the task's folder is not mounted"
        )
    try:
        options = shlex.split(settings.get("containerRunOptions", ""))
    except ValueError as error:
        return invalid_settings(f"containerRunOptions: {error}")
    identity = task.get("userIdentity", {}).get("autoUser", {})
    return Container(
        engines=account.engines,
        images=account.images,
        image=settings["imageName"],
        label=str(account.settings.home),
        options=options,
        workdir=folder / "wd" if inside else None,
        mounts=tuple(_mounts(account, node, folder, job, wanted)),
        logins=_logins(account, node, [settings["registry"]] if "registry" in settings else []),
        as_root=identity.get("elevationLevel") == "admin",
        hidden=frozenset(_hidden(task, job, wanted)),
    )


def _mounts(
    account: "Account", node: Node, folder: Path, job: Job | None, wanted: list[Body] | None
) -> Iterator[Mount]:
    """The node's root, where the task does not choose; each folder is in the container under its own path."""
    root = nodes.root(account, node)
    if wanted is None:
        yield Mount(root)
        return
    for entry in wanted:
        source, read_only = entry.get("source"), entry.get("isReadOnly", False)
        if source == "Task":
            yield Mount(folder, read_only)
        elif source == "JobPrep":
            if job is not None and "jobPreparationTask" in job.doc:
                yield Mount(root / nodes.task_folder(job, job.doc["jobPreparationTask"]["id"]), read_only)
        elif source in _SOURCES:
            yield Mount(root / _SOURCES[source][0], read_only)


def _hidden(task: Body, job: Job | None, wanted: list[Body] | None) -> Iterator[str]:
    """Names of the environment that a container does not see: the host's, and of folders that it has not."""
    common = job.doc.get("commonEnvironmentSettings", []) if job is not None else []
    said = {item["name"] for item in [*common, *task.get("environmentSettings", [])]}
    yield from (name for name in _OF_THE_HOST if name not in said)
    if wanted is not None:
        there = {entry.get("source") for entry in wanted}
        for source, (_, names) in _SOURCES.items():
            yield from names if source not in there else ()


def end_orphans(account: "Account") -> None:
    """Containers that the last life left are gone."""
    wanted = any(configuration(pool.doc) is not None for pool in account.pools.values())
    engine = account.engines.get() if wanted and account.settings.containers != HOST else None
    if engine is not None and (names := engine.labelled(str(account.settings.home))):
        engine.remove(*names)


# --- images


def _logins(account: "Account", node: Node, more: Iterable[Body] = ()) -> Logins:
    """The passwords of the pool's registries and of *more*, as far as they are known."""
    registries = [*(configuration(node.pool.doc) or {}).get("containerRegistries", []), *more]
    found = {}
    for registry in registries:
        server, user = host_of(registry.get("registryServer", "docker.io")), registry.get("username")
        password = account.registries.password(server, user) if user else None
        if user and password is not None:
            found[server] = (user, password)
    return found


def prefetched(account: "Account", node: Node) -> list[str]:
    """The images that the node brings in before it takes tasks."""
    found: list[str] = (configuration(node.pool.doc) or {}).get("containerImageNames", [])
    return [] if account.settings.containers == HOST else found


def bring_in(account: "Account", node: Node, run: Run) -> Failure | None:
    """The pool's images are on the node; else why not. Takes as long as it takes: for a thread."""
    for image in prefetched(account, node):
        try:
            account.images.bring_in(account.engines.require(), image, _logins(account, node), run)
        except EngineError as error:
            return invalid_image(image, error)
    return None


class Registries:
    """The passwords of registries, which no property gives back; kept, since nodes fetch images all the time."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._known: dict[str, str] = dict(*store.load("registry"))

    def password(self, server: str, user: str) -> str | None:
        return self._known.get(f"{server} {user}")

    def learn(self, body: Any) -> None:
        """Every registry with a password that lies in the body of a request is known from now on."""
        found = dict(_passwords(body))
        if found.items() - self._known.items():
            self._known |= found
            self._store.save("registry", "", self._known)


def _passwords(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _passwords(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            for registry in [item] if name == "registry" else item if name == "containerRegistries" else ():
                if isinstance(registry, dict) and registry.keys() >= {"username", "password"}:
                    server = host_of(str(registry.get("registryServer") or "docker.io"))
                    yield f"{server} {registry['username']}", str(registry["password"])
            yield from _passwords(item)
