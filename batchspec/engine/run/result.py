"""Whether a task that ended did what it was for: with exit code 0 it has failed, too, where its output is missing."""

from __future__ import annotations

from batchspec.desired.body import may_be_unwrapped
from batchspec.desired.names import output_path
from batchspec.desired.task import DesiredTask
from batchspec.desired.wrapper import OUTPUT_MISSING
from batchspec.language.model import Spec
from batchspec.resources.records import FINGERPRINT_METADATA
from batchspec.resources.task import LiveTask
from batchspec.service.connect import Account

MISSING = "output missing"
"""Why such a task failed: a reason that many share. `told` adds what was missing of one."""

_SAID_BY_WRAPPER = f"exit code {OUTPUT_MISSING}"


def failure_of(account: Account, spec: Spec, task: DesiredTask, live: LiveTask) -> str:
    """Why *task*, which ended as *live*, has failed; empty when it succeeded."""
    if may_be_unwrapped(task.group):
        return live.failure or ("" if _is_made(account, spec, task) else MISSING)
    return MISSING if live.failure == _SAID_BY_WRAPPER else live.failure


def told(failure: str, task: DesiredTask) -> str:
    """*failure* as people read it: with the path on the node where the output was to be."""
    return f"{failure}: {expected(task)}" if failure == MISSING else failure


def _is_made(account: Account, spec: Spec, task: DesiredTask) -> bool:
    found = account.blobs.metadata(spec.containers.output, task.record)
    return found is not None and found.get(FINGERPRINT_METADATA) == task.fingerprint


def expected(task: DesiredTask) -> str:
    """The path on the node of what proves that the work was done."""
    return output_path(task.output) if task.output else "stdout.txt"
