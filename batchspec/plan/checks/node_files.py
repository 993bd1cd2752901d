"""Files that each node fetches once, where a user delegation key signs: nothing renews their links."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from batchspec.codes import Code
from batchspec.desired.task import Desired
from batchspec.resources.equality import duration_s
from batchspec.source import Diagnostic, Path

_BOUND: Path = ("job", "constraints", "maxWallClockTime")
_MOST = timedelta(days=6)  # a day less than links last: the job is made before its first task


def node_files_findings(desired: Desired) -> Iterator[Diagnostic]:
    """That a node could come to the job when the links have ended: it would be lost to it."""
    spec = desired.spec
    bound = ((spec.job or {}).get("constraints") or {}).get("maxWallClockTime")
    is_bounded = bound is not None and duration_s(bound) <= _MOST.total_seconds()
    if desired.node_files and spec.identity is None and not is_bounded:
        yield spec.document.diagnostic(
            Code.BOUND_TOO_LONG,
            "`once: node` without a storage key: links end after seven days, and nodes that join the job later fail",
            _BOUND,
            helps=("add `constraints: {maxWallClockTime: P6D}` to the job, or less, or use `identity:`",),
        )
