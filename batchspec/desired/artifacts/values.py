"""What the templates of a task see: names with values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from batchspec.desired.artifacts.files import SOURCE_READ, TaskRead, values_of_files
from batchspec.desired.names import INPUT_FOLDER, alias, input_path, node_name, output_path, parts_of
from batchspec.desired.task import Input
from batchspec.language.model import Rows, Spec
from batchspec.language.templates.values import Series

if TYPE_CHECKING:
    from batchspec.desired.artifacts.outputs import TaskOutput

LIST_FILE = f"{INPUT_FOLDER}.list"
"""A text file with a line for each input, in their order."""


def template_values(spec: Spec, item: Input | None, output: str | None) -> dict[str, Any]:
    """All that a template of one task sees. *output* is the blob's name."""
    values: dict[str, Any] = {"params": spec.params, "spec": {"name": spec.name}}
    if item is not None:
        values["input"] = input_values(item)
    if output is not None:
        values["output"] = {"path": output_path(output)}
    return values


def input_values(item: Input) -> dict[str, Any]:
    """What templates see of an input."""
    folder, name, stem, suffix = parts_of(item.path)
    path = input_path(item.path)
    return {"name": name, "stem": stem, "suffix": suffix, "folder": folder, "path": path, "size": item.size}


def values_of(
    rows: Rows,
    matrix: Mapping[str, Any],
    reads: Iterable[TaskRead],
    chunk: str,
    members: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """What templates see of a task with these values along its axes, which reads *reads*."""
    of_files = [read for read in reads if read.name]
    inputs = [read for read in reads if not read.name]
    values: dict[str, Any] = {"matrix": matrix}
    if rows.shape.joins:
        paths = Series(read.path for read in inputs)
        values["inputs"] = {"paths": paths, "folder": INPUT_FOLDER, "list": LIST_FILE, "count": len(paths)}
    elif inputs:
        values["input"] = {**input_values(inputs[0].item), "path": inputs[0].path}
    if source := next((read for read in of_files if read.name == SOURCE_READ), None):
        values["source"] = {**input_values(source.item), "path": source.path}
    if rows.files:
        values["files"] = values_of_files(rows.files, of_files, members)
    return values | ({"chunk": {"id": chunk}} if chunk else {})


def output_values(outputs: Iterable[TaskOutput]) -> dict[str, Any]:
    """What a command sees of the task's outputs."""
    named = {output.name: {"path": output.path} for output in outputs}
    if "" in named:
        return {"output": named[""]}
    return {"outputs": named} if named else {}


def input_paths(paths: Sequence[str], *, joined: bool) -> list[str]:
    """Where a task finds its inputs: an only one under its name, several at their paths below `in/`.

    Of several that are unsafe or would meet, each has an alias: its own, whatever the others are.
    """
    if not joined:
        return [input_path(path) for path in paths]
    safe = ["/".join(map(node_name, path.split("/"))) for path in paths]
    if safe == list(paths) and len(set(map(str.lower, safe))) == len(safe):
        return [f"{INPUT_FOLDER}/{path}" for path in safe]
    return [f"{INPUT_FOLDER}/{alias(path)}" for path in paths]
