"""What of a spec the local account accepts and does not act on: every plan lists it, so that nobody takes it for tried.

Pure. A task that cannot be right without it is a finding. On Azure none of this applies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from batchspec.codes import Code
from batchspec.desired.task import Desired
from batchspec.language.pool_rules import is_windows
from batchspec.plan.actions.action import place_of
from batchspec.plan.model import Kind, Plan, Unsimulated
from batchspec.resources.base import Json
from batchspec.source import Diagnostic, Path, value_at

_MACHINE = "virtualMachineConfiguration"
_IMAGE: Path = ("pool", _MACHINE, "imageReference")
_MOUNTS = "AZ_BATCH_NODE_MOUNTS_DIR"


class _Field(NamedTuple):
    """A field that does nothing here; `only` is the one value of which that is worth a word, None: any."""

    path: Path
    what: str
    only: object = None


_NETWORK = "nodes share the network of this machine"
_ONE_MACHINE = "all nodes are this machine"

_OF_POOLS = (
    _Field(("mountConfiguration",), "nothing is mounted"),
    _Field(("networkConfiguration",), _NETWORK),
    _Field(("userAccounts",), "no accounts are created; tasks run as you"),
    _Field(("upgradePolicy",), "operating systems are not upgraded"),
    _Field((_MACHINE, "extensions"), "extensions are listed as installed and never run"),
    _Field((_MACHINE, "osDisk"), "nodes have the disk of this machine"),
    _Field((_MACHINE, "dataDisks"), "no disks are attached"),
    _Field((_MACHINE, "diskEncryptionConfiguration"), "nothing is encrypted"),
    _Field((_MACHINE, "securityProfile"), _ONE_MACHINE),
    _Field((_MACHINE, "nodePlacementConfiguration"), _ONE_MACHINE),
)
_OF_JOBS = (
    _Field(("networkConfiguration",), _NETWORK),
    _Field(("allowTaskPreemption",), "no task is preempted by another job's", only=True),
    _Field(("jobManagerTask", "runExclusive"), "it may share its node", only=True),
)
_OF_TASKS = (
    _Field(("userIdentity", "username"), "runs as you"),
    _Field(("userIdentity", "autoUser", "elevationLevel"), "runs as you", only="admin"),
    _Field(("affinityInfo",), "any node may take it"),
    _Field(("multiInstanceSettings",), "only the command line of its primary runs, on one node"),
)


def unsimulated(desired: Desired) -> tuple[Unsimulated, ...]:
    """What the spec states and the local account does not act on, in the order of the spec's parts."""
    spec = desired.spec
    found = [*_stated(("pool",), _own_pool(desired), _OF_POOLS), *_stated(("job",), spec.job or {}, _OF_JOBS)]
    for path, body in _tasks(desired):
        found += _stated(path, body, _OF_TASKS)
    if is_windows(_own_pool(desired).get(_MACHINE) or {}):
        found.append((_image(desired), "nodes run the operating system of this machine"))
    return tuple(Unsimulated(path, what, place_of(desired, path)) for path, what in found)


def unsimulated_findings(desired: Desired, live_pool: Json | None, plan: Plan) -> Iterator[Diagnostic]:
    """The tasks of *plan* that cannot be right on the local account."""
    if not plan.work.needed and not plan.of(Kind.POOL):
        return
    running = {group.path for group in plan.work.groups}
    tasks = [
        (path, body)
        for path, body in _tasks(desired)
        if path in running or path[0] == "pool" or (path[0] == "job" and plan.work.needed)
    ]
    yield from _on_windows(desired, live_pool, bool(tasks))
    for path, body in tasks:
        yield from _of_several_nodes(desired, path, body)
        yield from _of_mounts(desired, path)


def _on_windows(desired: Desired, live_pool: Json | None, runs: bool) -> Iterator[Diagnostic]:
    machine = (_own_pool(desired) or live_pool or {}).get(_MACHINE) or {}
    if runs and is_windows(machine):
        yield _finding(
            desired,
            _image(desired) if desired.pool else ("pool", "existing"),
            "the local account has no Windows nodes",
            "its tasks would run on this machine's own system",
        )


def _of_several_nodes(desired: Desired, path: Path, body: Json) -> Iterator[Diagnostic]:
    settings = body.get("multiInstanceSettings")
    if settings and settings.get("numberOfInstances", 1) != 1:
        yield _finding(
            desired,
            (*path, "multiInstanceSettings"),
            f"the local account runs {path[-1]} on one node only",
            "needs several nodes at once",
        )


def _of_mounts(desired: Desired, path: Path) -> Iterator[Diagnostic]:
    if _mentions(value_at(desired.spec.document.data, path), _MOUNTS):
        yield _finding(
            desired,
            path,
            f"{path[-1]} reads {_MOUNTS}, and the local account mounts nothing",
            "the folder is empty here",
        )


def _mentions(value: Any, word: str) -> bool:
    if isinstance(value, dict):
        return any(_mentions(member, word) for member in value.values())
    if isinstance(value, list):
        return any(_mentions(member, word) for member in value)
    return word in str(value)


def _tasks(desired: Desired) -> Iterator[tuple[Path, Json]]:
    """Everything that runs: the start task, what the job runs on its nodes, and the groups."""
    spec, pool = desired.spec, _own_pool(desired)
    if "startTask" in pool:
        yield ("pool", "startTask"), pool["startTask"]
    for name in ("jobPreparationTask", "jobReleaseTask", "jobManagerTask"):
        if name in (spec.job or {}):
            yield ("job", name), (spec.job or {})[name]
    yield from ((group.path, group.body) for group in spec.groups)


def _own_pool(desired: Desired) -> Json:
    return desired.spec.pool.body if desired.spec.pool else {}


def _stated(above: Path, body: Json, fields: tuple[_Field, ...]) -> Iterator[tuple[Path, str]]:
    for field in fields:
        value = value_at(body, field.path)
        if value if field.only is None else value == field.only:
            yield (*above, *field.path), field.what


def _image(desired: Desired) -> Path:
    """Where the spec names the image."""
    return ("pool", "image") if value_at(desired.spec.document.data, ("pool", "image")) else _IMAGE


def _finding(desired: Desired, path: Path, summary: str, label: str) -> Diagnostic:
    return desired.spec.document.diagnostic(
        Code.NOT_SIMULATED, summary, path, label=label, helps=("run it on an Azure account: --target azure",)
    )
