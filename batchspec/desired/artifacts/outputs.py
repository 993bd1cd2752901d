"""What tasks make: the names of their outputs, where each lies on the node and in storage."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from batchspec.desired.artifacts.files import TaskRead
from batchspec.desired.names import (
    FILES_FOLDER,
    OUTPUT_FOLDER,
    name_problem,
    node_name,
    output_helps,
    output_path,
)
from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import OWN_FOLDER, Places
from batchspec.desired.problem import TaskProblem
from batchspec.desired.task import DesiredTask
from batchspec.language.model import TaskGroup
from batchspec.language.templates.expression import TemplateError
from batchspec.resources.task import digest
from batchspec.source import Path


class TaskOutput(NamedTuple):
    """An output of a task: `title` is what people call it, a folder without a slash; `path` where the task leaves it.

    `blob` is the one for people, None of a temporary output; `made` the one that other groups read, which is never
    written over, None where none does. The blob `listed` names the files of a folder that is stored file by file, too:
    for other tasks where it `is_spread`, for people where it `is_published`.
    """

    name: str
    title: str
    path: str
    blob: str | None
    made: str | None
    is_folder: bool
    is_optional: bool
    listed: str | None = None
    is_spread: bool = False
    is_published: bool = False

    @property
    def record(self) -> str:
        """The blob that tells which work it was made by: the one for people, which has the older work's too."""
        found = self.blob or self.made
        if found is None:
            raise ValueError(f"{self.path} lies nowhere")
        return found


def outputs_of(
    places: Places,
    group: TaskGroup,
    values: Mapping[str, Any],
    folder: str,
    fingerprint: str,
    *,
    is_read: bool,
    spread: Collection[str] = (),
) -> Iterator[TaskOutput]:
    """The outputs of a task whose templates see *values*; *folder* is its only input's. Raises `TaskProblem`.

    Of those that are *spread*, other groups read the files one by one.
    """
    names = [_name(group, number, values, folder) for number in range(len(group.outputs))]
    paths = _paths([name.rstrip("/") for name in names])
    for output, name, path in zip(group.outputs, names, paths, strict=True):
        blob = name.rstrip("/") + PACK_SUFFIX if output.is_folder else name
        made = places.made(fingerprint, blob) if is_read else None
        public = None if group.temporary else places.root + blob
        title, is_spread = name.rstrip("/"), output.name in spread
        listed = places.listed(fingerprint, title) if is_spread or output.is_published else None
        kind = (output.is_folder, output.is_optional, listed, is_spread, output.is_published)
        yield TaskOutput(output.name, title, path, public, made, *kind)


def _name(group: TaskGroup, number: int, values: Mapping[str, Any], folder: str) -> str:
    output = group.outputs[number]
    try:
        name = output.template.render(values)
    except TemplateError as error:
        raise TaskProblem(f"the output's name {error.message}", _place(group, number)) from error
    name = f"{folder}/{name}" if folder else name
    if problem := name_problem(name.removesuffix("/") if output.is_folder else name):
        raise TaskProblem(f"the output {name!r} {problem}", _place(group, number), *output_helps(name))
    if wild := next((mark for mark in "*?[" if mark in name), None):
        raise TaskProblem(
            f"the output {name!r} has a `{wild}`; of several files, declare the folder: `NAME/`",
            _place(group, number),
        )
    if name.startswith(f"{OWN_FOLDER}/") or name == OWN_FOLDER:
        raise TaskProblem(
            f"the output {name!r} is in {OWN_FOLDER}/, which is reserved for batchspec",
            _place(group, number),
        )
    return name


def _place(group: TaskGroup, number: int) -> Path:
    """Where the spec has an output."""
    name = group.outputs[number].name
    return (*group.path, "outputs", name) if name else (*group.path, "output")


def _paths(names: Sequence[str]) -> list[str]:
    """Where the outputs lie on the node: one at its own name, several at their paths; unsafe names have an alias."""
    if len(names) == 1:
        return [f"{OUTPUT_FOLDER}/{node_name(names[0])}"]
    paths = ["/".join(map(node_name, name.split("/"))) for name in names]
    if len(set(paths)) < len(paths):
        paths = [f"{digest(name)[:16]}/{node_name(name)}" for name in names]
    return [f"{OUTPUT_FOLDER}/{path}" for path in paths]


def is_stored_prefix(read: TaskRead) -> bool:
    """Whether *read* is all blobs of a container whose names begin alike: it has a digest and no file of its own."""
    return read.path == f"{FILES_FOLDER}/{read.name}" and read.producer is None and not read.is_pack


def plain_outputs(places: Places, task: DesiredTask) -> list[TaskOutput]:
    """The output of a task of a group without rows, which other groups read."""
    if task.output is None:
        return []
    title = task.output.removeprefix(places.root)
    made = places.made(task.fingerprint, title)
    return [TaskOutput("", title, output_path(task.output), task.output, made, False, False)]
