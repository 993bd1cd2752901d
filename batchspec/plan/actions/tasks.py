"""What is done to tasks and blobs, as actions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from batchspec.desired.artifacts.files import PACKED
from batchspec.desired.bodies.body import decided_at
from batchspec.desired.bodies.composed_body import artifacts_of, shown_command
from batchspec.desired.bodies.records import INPUTS, changed_reads, differing, recorded, recorded_reads
from batchspec.desired.expansion.local_packs import entry_of, files_of
from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.language.model import TaskGroup
from batchspec.plan.actions.action import place_of
from batchspec.plan.hidden import hidden, suspects_of
from batchspec.plan.model import Action, Copy, Download, Kept, Kind, Operation, Reason, Removal, Run, Upload
from batchspec.source import Path

_ABOUT_INPUT = (Reason.NEW_INPUT, Reason.INPUT_CHANGED)  # explained by the line of the inputs


def _read_at(found: Upload) -> Path:
    """Where the spec says that this is read: an entry of `files:` of the group or of the whole spec, or the inputs."""
    name = entry_of(found.input) if found.name == PACKED else found.name
    return _path_of(found.group, name) if name else (*found.group.path, "inputs")


def _path_of(group: TaskGroup, name: str | None) -> Path:
    return next((file.read.path for file in group.files if file.read.name == name), ("files",))


class TaskActions:
    """Makes actions of the plan's work. The line of the spec is looked up once for each path."""

    def __init__(self, desired: Desired, stored_as: Callable[[str], str]) -> None:
        self._desired = desired
        self._spec = desired.spec
        self._stored_as = stored_as
        self._places = Places.of(desired.spec)
        self._suspects = suspects_of(desired.spec)
        self._place = cache(lambda path: place_of(desired, path))

    def upload(self, found: Upload) -> Action:
        item = found.input
        path = _read_at(found)
        name = self._places.plain(item.blob)
        after = {"name": name, "container": item.container, "size": item.size, "md5": item.content}
        if found.name == PACKED:
            after["files"] = sum(1 for _ in files_of(self._desired.tasks.database, item.blob))
        return Action(
            Operation.UPLOAD, Kind.INPUT, item.blob, found.reason, path, self._place(path), after=after
        )

    def copy(self, found: Copy) -> Action:
        path = ("tasks",)
        return Action(
            Operation.COPY,
            Kind.OUTPUT,
            found.target,
            Reason.COPIED,
            path,
            self._place(path),
            after={"from": found.source},
        )

    def delete(self, found: Removal) -> Action:
        """A task that is queued or running and should not be: its input is gone, or its work changed."""
        path = decided_at(found.group) if found.group else ("tasks",)
        return Action(
            Operation.DELETE,
            Kind.TASK,
            found.id,
            found.reason,
            path,
            self._place(path),
            before={"state": found.state},
            interrupts=("it is running",) if found.state == "running" else (),
        )

    def run(self, found: Run) -> Action:
        """A task with what a person knows it by, and with what decides its result."""
        task, reason = found.task, found.reason
        path = (
            (*task.group.path, "inputs") if task.input and reason in _ABOUT_INPUT else decided_at(task.group)
        )
        files = self._changed_files(found)
        if files:
            reason, path = Reason.FILE_CHANGED, _path_of(task.group, files[0])
        item, output = task.input, task.output
        after: dict[str, Any] = {
            "name": task.name,
            "group": task.group.name,
            "command": hidden(shown_command(self._desired, task), self._suspects),
            "input": f"{item.container}/{self._stored_as(item.blob)}" if item else None,
            "output": output,
            "file": self._file(output) if output and self._spec.download is not None else None,
            "fingerprint": task.fingerprint,
        }
        if files:
            after["changed"] = files
        before = None
        if found.outdated is not None and found.reason is Reason.COMMAND_CHANGED:
            was, now = differing(found.outdated, recorded(task.group))
            before, after["work"] = {"work": hidden(was, self._suspects)}, hidden(now, self._suspects)
        return Action(
            Operation.RUN,
            Kind.TASK,
            found.id,
            reason,
            path,
            self._place(path),
            before=before,
            after=after,
        )

    def _changed_files(self, found: Run) -> list[str]:
        """The entries of `files:` whose content is all that differs from what the task has read; else none."""
        if found.outdated is None or found.reason is not Reason.INPUT_CHANGED:
            return []
        reads = artifacts_of(self._desired, found.task).reads
        names = changed_reads(found.outdated, recorded_reads(found.task.group, reads))
        return [] if INPUTS in names else names

    def download(self, found: Download) -> Action:
        path = ("download",)
        return Action(
            Operation.DOWNLOAD,
            Kind.OUTPUT,
            found.blob,
            found.reason,
            path,
            self._place(path),
            after={"file": self._file(found.blob, found.is_folder)},
        )

    def kept(self, found: tuple[str, Reason, bool]) -> Kept:
        blob, reason, is_folder = found
        return Kept(blob, self._file(blob, is_folder), reason)

    def stale(self, blob: str, is_folder: bool) -> Kept:
        return Kept(blob, self._file(blob, is_folder), Reason.LEFT_SPEC)

    def _file(self, output: str, is_folder: bool = False) -> str:
        """Where the blob *output* is downloaded to, relative to the spec: the same wherever that is."""
        output = output.removesuffix(PACK_SUFFIX) if is_folder else output
        return str(PurePosixPath(self._spec.download or "") / output.removeprefix(self._places.root))
