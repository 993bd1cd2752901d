"""What the codes of a pool's `resizeErrors` mean for the work that waits for its nodes.

Source: FACTS 3.2, and "Troubleshoot pool resizing failures" in the Azure Batch documentation.
A code that is not known here counts as an allocation that failed: it may pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any


class Shortage(Enum):
    """Why a resize got too few nodes, the gravest first."""

    VM_SIZE = "vm_size"  # no wait mends it
    QUOTA = "quota"  # somebody has to ask for more, or for less
    STOPPED = "resize_stopped"  # somebody ended the resize
    ALLOCATION = "allocation"  # Azure had none at that time
    REMOVAL = "removal"  # nodes that should have gone are still there; it keeps no work waiting


_VM_SIZE = frozenset({"unsupportedvmsize", "overconstrainedallocationrequesterror"})
_STOPPED = frozenset({"resizestopped"})
_REMOVAL = frozenset({"removenodesfailed"})

ADVICE = {
    Shortage.VM_SIZE: "choose another pool.vmSize: the region or the account does not offer this one",
    Shortage.QUOTA: "request fewer nodes or more quota (`az batch account show` shows the quota)",
    Shortage.STOPPED: "run the same command again: it requests the nodes again",
    Shortage.ALLOCATION: "run the same command again later, or use dedicated nodes or another pool.vmSize",
    Shortage.REMOVAL: "look at the nodes that should have been removed: `az batch node list`",
}


def shortage(errors: Sequence[Mapping[str, Any]]) -> Shortage | None:
    """The gravest thing that *errors* say; None without any."""
    found = {_kind(str(error.get("code", ""))) for error in errors}
    return next((kind for kind in Shortage if kind in found), None)


def _kind(code: str) -> Shortage:
    name = code.lower()
    if name in _VM_SIZE:
        return Shortage.VM_SIZE
    if name.endswith(("quotareached", "reachedmaxvmcount")):
        return Shortage.QUOTA
    if name in _STOPPED:
        return Shortage.STOPPED
    return Shortage.REMOVAL if name in _REMOVAL else Shortage.ALLOCATION


def said(errors: Sequence[Mapping[str, Any]]) -> str:
    """The errors in the service's own words."""
    return "; ".join(f"{error.get('code')}: {error.get('message')}" for error in errors)
