"""What of a spec the local account does otherwise than Azure, and what it cannot do at all.

Pure: which engine runs its containers is handed in. On Azure none of this applies.
"""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.codes import Code
from batchspec.desired.task import Desired
from batchspec.source import Diagnostic, Path, Severity

ON_THIS_MACHINE = "host"
"""The engine's name where tasks with a container run on this machine without one."""


def wants_containers(desired: Desired) -> bool:
    return _place_of_containers(desired) is not None


def _place_of_containers(desired: Desired) -> Path | None:
    """Where the spec says that tasks run in containers; None where none does."""
    for group in desired.spec.groups:
        if "containerSettings" in group.body:
            return (*group.path, "containerSettings")
    machine = (desired.pool or {}).get("virtualMachineConfiguration") or {}
    if "containerConfiguration" in machine:
        return ("pool", "virtualMachineConfiguration", "containerConfiguration")
    return None


def container_findings(desired: Desired, engine: str) -> Iterator[Diagnostic]:
    """Containers need an engine; run without one, every plan says so."""
    place = _place_of_containers(desired)
    if place is None:
        return
    document = desired.spec.document
    if not engine:
        yield document.diagnostic(
            Code.NO_CONTAINER_ENGINE,
            "`--target local` found no container engine",
            place,
            label="needs podman or docker",
            helps=(
                "install podman or docker; or allow `batchspec local up --containers=host`, which runs the commands on"
                " this machine itself, and says so on every run",
            ),
        )
    elif engine == ON_THIS_MACHINE:
        yield document.diagnostic(
            Code.CONTAINERS_ON_HOST,
            "tasks run on this machine itself, not in their containers",
            place,
            label="as `batchspec local up --containers=host` allows",
            helps=("to run them in containers: batchspec local up --containers=engine",),
            severity=Severity.WARNING,
        )
