"""From a spec and its inputs to what should be: one desired task for each input, names and digests fixed.

Nothing is rendered here but the names of outputs: a task that needs no work is
never rendered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any

from batchspec import __version__
from batchspec.codes import Code
from batchspec.desired.names import (
    Parts,
    input_path,
    name_problem,
    output_path,
    parts_of,
)
from batchspec.desired.places import OWN_FOLDER, Places
from batchspec.desired.task import Desired, DesiredTask, DesiredTasks, Input, Inputs
from batchspec.errors import SpecError
from batchspec.language.model import Spec, TaskGroup
from batchspec.language.template import Placeholder, Reference, Template, TemplateError
from batchspec.resources.base import Json, stamped
from batchspec.resources.task import Work, digest, task_id, task_key
from batchspec.source import Diagnostic, Path

_COLLISIONS = 20  # that are told of
_TOLD = 3  # how many inputs of one group are told of, when many have bad names


def expand(spec: Spec, inputs: Inputs) -> Desired:
    """What *spec* asks for, given the inputs of each of its groups, which are read once.

    Raises `SpecError` for names that cannot be: an output outside its folder, two
    tasks that would write one blob, a control character.
    """
    findings: list[Diagnostic] = []
    tasks = DesiredTasks(spec.groups, _tasks(spec, inputs, findings))
    findings.extend(_collisions(spec, tasks))
    if findings:
        raise SpecError([*spec.warnings, *findings])
    return Desired(spec=spec, pool=_pool_body(spec), job=_job_body(spec), tasks=tasks)


def _tasks(spec: Spec, inputs: Inputs, findings: list[Diagnostic]) -> Iterator[DesiredTask]:
    """The tasks of all groups; what is wrong with a name is added to *findings* instead."""
    number = 0
    for group in spec.groups:
        problems: list[_NameProblem] = []  # the first ones
        more = 0
        outputs = _Outputs(spec, group)
        try:
            for item in inputs[group.name] if group.inputs else (None,):
                try:
                    yield _task(group, item, number, outputs)
                    number += 1
                except _NameProblem as problem:
                    if len(problems) < _TOLD:
                        problems.append(problem)
                    else:
                        more += 1
        except SpecError as error:  # about the inputs themselves
            findings.extend(error.diagnostics)
        findings.extend(_finding(spec, group, told, more if told is problems[-1] else 0) for told in problems)


def keys_of(spec: Spec, name: str) -> list[str]:
    """The keys of the tasks that people call *name*, one for each group that may have such a task."""
    return [
        _key(group, name if group.inputs else None, parts_of(name))
        for group in spec.groups
        if group.inputs or group.name == name
    ]


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


class _NameProblem(Exception):
    def __init__(self, what: str, path: Path) -> None:
        super().__init__(what)
        self.path = path


def _task(group: TaskGroup, item: Input | None, number: int, outputs: _Outputs) -> DesiredTask:
    if item and (problem := name_problem(item.blob)):
        raise _NameProblem(f"the input {item.path!r} {problem}", ("inputs",))
    path, content = (item.path, item.content) if item else ("", "")
    parts = parts_of(path)
    key = _key(group, path if item else None, parts)
    work = Work(group.digest, digest(path, content))
    output = outputs.blob(item, parts)
    return DesiredTask(
        number=number,
        group=group,
        key=key,
        work=work,
        input=item,
        output=output,
        record=output or outputs.record(key),
        id=task_id(key, work),
        fingerprint=work.fingerprint,
    )


def _key(group: TaskGroup, path: str | None, parts: Parts) -> str:
    """The key of the task of *group* whose input is *path*, which has *parts*; None: the group's only one."""
    return task_key(group.name, "", group.name) if path is None else task_key(group.name, path, parts.stem)


class _Outputs:
    """The blobs that the tasks of a group make."""

    def __init__(self, spec: Spec, group: TaskGroup) -> None:
        self._spec = spec
        self._template = group.output
        self._places = Places.of(spec)
        self._put_together = _put_together(group.output) if group.output else None

    def record(self, key: str) -> str:
        """The blob that proves that a task without an output was done."""
        return self._places.record(key)

    def blob(self, item: Input | None, parts: Parts) -> str | None:
        """The output of *item*, whose path has *parts*: its name, in the input's folder, under the spec's name.

        None where the group declares none.
        """
        if self._template is None:
            return None
        name = self._put_together(parts) if self._put_together else self._rendered(self._template, item)
        if parts.folder:
            name = f"{parts.folder}/{name}"
        if problem := name_problem(name):
            raise _NameProblem(f"the output {name!r} {problem}", ("output",))
        if name.startswith(f"{OWN_FOLDER}/") or name == OWN_FOLDER:
            raise _NameProblem(
                f"the output {name!r} lies in {OWN_FOLDER}/, which batchspec keeps for itself", ("output",)
            )
        return self._places.root + name

    def _rendered(self, template: Template, item: Input | None) -> str:
        try:
            return template.render(template_values(self._spec, item, None))
        except TemplateError as error:
            raise _NameProblem(f"the output's name {error.message}", ("output",)) from error


def _put_together(template: Template) -> Callable[[Parts], str] | None:
    """What makes a name of nothing but parts of the input's, which nearly all are; None for other templates.

    It takes a fifth of the time that rendering takes.
    """
    if not template.is_verbatim:
        return None
    names = [part.uses[0].reference for part in template.parts if isinstance(part, Placeholder)]
    known: dict[Reference, int] = {("input", field): number for number, field in enumerate(Parts._fields)}
    if not names or not known.keys() >= set(names):
        return None
    form = "".join(part.replace("%", "%%") if isinstance(part, str) else "%s" for part in template.parts)
    pick = itemgetter(*(known[name] for name in names))
    return lambda parts: form % pick(parts)


def _collisions(spec: Spec, tasks: DesiredTasks) -> Iterator[Diagnostic]:
    """Two tasks that write one blob, or two files that would be uploaded as one."""
    for first, task in islice(tasks.sharing_output(), _COLLISIONS):
        what = f"{first.name!r} and {task.name!r} would both write {task.output!r}"
        yield _collision(spec, task, what, "output")
    for first, task in islice(tasks.sharing_upload(), _COLLISIONS):
        if first.input and task.input:
            what = (
                f"{first.input.file!r} and {task.input.file!r} would both be uploaded as {task.input.blob!r}"
            )
            yield _collision(spec, task, what, "inputs")


def _collision(spec: Spec, task: DesiredTask, what: str, field: str) -> Diagnostic:
    helps = {
        "output": ("make the names differ, for example with {{ input.name }} or a folder",),
        "inputs": ("move one of the files, or give the groups' inputs one common folder",),
    }[field]
    return spec.document.diagnostic(Code.NAME_COLLISION, what, (*task.group.path, field), helps=helps)


def _finding(spec: Spec, group: TaskGroup, problem: _NameProblem, more: int) -> Diagnostic:
    """The finding of *problem*; the last one told of a group says how many more there are."""
    helps = ["rename it: such a name cannot be carried safely"]
    if more:
        helps.append(f"{more} more inputs of {group.name} have such a name, or give one")
    path = (*group.path, *problem.path)
    return spec.document.diagnostic(Code.BAD_NAME, str(problem), path, helps=tuple(helps))


def _pool_body(spec: Spec) -> Json | None:
    if spec.pool is None or spec.pool.existing:
        return None
    body = spec.pool.body
    return stamped(body, spec.name, __version__, _digest(body), protect=spec.pool.protect)


def _job_body(spec: Spec) -> Json | None:
    if spec.job is None or spec.pool is None:
        return None
    body = {
        "onAllTasksComplete": "terminatejob",
        **spec.job,
        "poolInfo": {"poolId": spec.pool.id},
    }
    return stamped(body, spec.name, __version__, _digest(body))


def _digest(body: Json) -> str:
    """The same for two bodies that say the same, in whatever order."""
    return digest(json.dumps(body, sort_keys=True))
