"""Which tasks need work, and why. The outputs are the record of what was done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from batchspec.plan.model import LiveBlob, Observed, Reason, Run
from batchspec.resources.task import LiveTask, same_command, task_id
from batchspec.spec.expand import OWN_FOLDER, Desired, DesiredTask, folder_of
from batchspec.spec.task_body import COMMAND_METADATA, FINGERPRINT_METADATA


@dataclass(slots=True)
class Work:
    """Every desired task in one of three places, and the live ones that are none of them."""

    runs: list[Run] = field(default_factory=list)
    in_progress: list[tuple[DesiredTask, LiveTask]] = field(default_factory=list)
    up_to_date: int = 0
    outputs: list[str] = field(default_factory=list)  # the blobs of tasks that are up to date
    outdated: list[tuple[DesiredTask, LiveTask]] = field(
        default_factory=list
    )  # would write over what is current
    left: list[LiveTask] = field(default_factory=list)  # their input is no longer in the spec
    orphans: int = 0

    @property
    def needed(self) -> bool:
        """Whether any task has yet to end, so that a pool is needed."""
        return bool(self.runs or self.in_progress)


def find_work(desired: Desired, observed: Observed) -> Work:
    """What is up to date, what is at work, and what has to run."""
    live_by_key: defaultdict[str, list[LiveTask]] = defaultdict(list)
    for live in observed.tasks:
        live_by_key[live.key].append(live)
    work = Work()
    for task in desired.tasks:
        _sort_in(work, task, live_by_key.pop(task.key, []), observed)
    work.left = [live for lives in live_by_key.values() for live in lives if not live.is_completed]
    work.orphans = _orphans(desired, observed.outputs)
    return work


def _sort_in(work: Work, task: DesiredTask, lives: Sequence[LiveTask], observed: Observed) -> None:
    record = observed.outputs.get(task.record)
    others = [live for live in lives if live.work != task.work.short and not live.is_completed]
    if record is not None and record.metadata.get(FINGERPRINT_METADATA) == task.work.fingerprint:
        work.outdated.extend((task, live) for live in others)
        work.up_to_date += 1
        if task.output is not None:
            work.outputs.append(task.output)
        return
    current = max((live for live in lives if live.work == task.work.short), key=_attempt, default=None)
    reissued = current is not None and current.id in observed.ending.queued
    if current is not None and not current.is_completed and not reissued:
        work.outdated.extend((task, live) for live in others)
        work.in_progress.append((task, current))
        return
    reason = Reason.LINKS_END if reissued else _reason(task, current, lives, record, observed.inputs)
    attempt = current.attempt + 1 if current else 1
    superseded = tuple(live for live in lives if live is current or not live.is_completed)
    work.runs.append(Run(task, task_id(task.key, task.work, attempt), reason, superseded))


def _attempt(live: LiveTask) -> int:
    return live.attempt


def _reason(
    task: DesiredTask,
    current: LiveTask | None,
    lives: Sequence[LiveTask],
    record: LiveBlob | None,
    inputs: Mapping[str, LiveBlob],
) -> Reason:
    if current is not None:
        return Reason.FAILED_LAST_TIME if current.failure else Reason.OUTPUT_MISSING
    if record is not None and FINGERPRINT_METADATA in record.metadata:
        command = record.metadata.get(COMMAND_METADATA)
        return Reason.INPUT_CHANGED if command == task.work.command else Reason.COMMAND_CHANGED
    if lives:
        changed_input = any(same_command(live, task.work) for live in lives)
        return Reason.INPUT_CHANGED if changed_input else Reason.COMMAND_CHANGED
    if task.input is None:
        return Reason.NOT_RUN
    uploaded = inputs.get(task.input.blob)
    if uploaded is None or task.input.file is None:
        return Reason.NEW_INPUT
    return Reason.OUTPUT_MISSING if uploaded.md5 == task.input.content else Reason.INPUT_CHANGED


def _orphans(desired: Desired, outputs: Mapping[str, LiveBlob]) -> int:
    """How many outputs of ours belong to no desired task any more. They are kept, and counted."""
    wanted = {task.output for task in desired.tasks}
    own = f"{folder_of(desired.spec)}{OWN_FOLDER}/"
    return sum(1 for name in outputs if name not in wanted and not name.startswith(own))
