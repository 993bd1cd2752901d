"""What the templates of a group see: names with values of their kinds, which stand for those of any task.

A list is a list by the text of the spec, also where it will have one element.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchspec.language.rows.linking import Linked
from batchspec.language.templates.values import Series

INPUT = {"name": "", "stem": "", "suffix": "", "folder": "", "path": "", "size": 0}
"""What a template may say of an input."""

_SOME = Series()


def of_row(group: Linked) -> dict[str, Any]:
    """What `when` and the paths of files see: one row."""
    values = (dict.fromkeys(group.axes.rows, "") | _columns(group)) if not group.is_plain else {}
    return {
        **({"matrix": values} if values else {}),
        **({"input": _input(group)} if group.has_inputs else {}),
    }


def of_names(group: Linked) -> dict[str, Any]:
    """What the names of outputs see: a task, but nothing of where its files lie."""
    if group.is_plain:
        return {"input": INPUT} if group.has_inputs else {}
    known: dict[str, Any] = {}
    if axes := {name: "" if name in group.axes.has else _SOME for name in group.axes.rows} | _columns(group):
        known["matrix"] = axes
    if group.has_inputs:
        many = {"paths": _SOME, "folder": "", "list": "", "count": 0}
        known |= {"inputs": many} if group.shape.joins else {"input": _input(group)}
        if "source" in group.axes.has:
            known["source"] = INPUT
    if group.shape.chunk is not None:
        known["chunk"] = {"id": ""}
    return known


def of_command(group: Linked) -> dict[str, Any]:
    """What the command, and the fields of the task's body, see."""
    known = of_names(group)
    names = [word.name for word in group.outputs]
    if "" in names:
        known["output"] = {"path": ""}
    elif names:
        known["outputs"] = {name: {"path": ""} for name in names}
    if group.reads:
        known["files"] = {name: _file(group, name) for name in group.reads}
    return known


def _input(group: Linked) -> dict[str, object]:
    """The size of what another task makes is not known when the plan is made."""
    return {name: value for name, value in INPUT.items() if name != "size" or group.link is None}


def _columns(group: Linked) -> dict[str, Any]:
    """The columns of a sheet that are no axes: values of the row."""
    columns = group.matrix.columns if group.matrix else ()
    value: Any = _SOME if group.shape.joins else ""
    return {name: value for name in columns if name not in group.axes.rows}


def _file(group: Linked, name: str) -> Mapping[str, Any]:
    if group.reads[name].is_folder:
        return {"path": "", "paths": _SOME, "count": 0}
    return {"path": ""}
