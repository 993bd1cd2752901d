"""Tasks that made more files than the spec allows to become tasks."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.codes import Code
from batchspec.desired.task import Desired
from batchspec.plan.model import Exceeding, Plan
from batchspec.source import Diagnostic, Severity


def exceeding_findings(desired: Desired, plan: Plan) -> Iterator[Diagnostic]:
    """A warning for each: the others run, and apply says at its end that something is left undone."""
    for found in plan.work.exceeding:
        path = ("tasks", found.group, "inputs", "atMost")
        help = f"raise `atMost`: none of its files becomes a task of {found.group} until then"
        yield desired.spec.document.diagnostic(
            Code.TOO_MANY_FILES, exceeding_text(found), path, helps=(help,), severity=Severity.WARNING
        )


def exceeding_text(found: Exceeding) -> str:
    return f"{found.name} made {found.files:,} files for {found.group}, and `atMost` is {found.most:,}"
