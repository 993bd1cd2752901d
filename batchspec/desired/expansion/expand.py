"""From a spec and its inputs to what should be: one desired task for each input, names and digests fixed.

Nothing is rendered here but the names of outputs, and what could fail: a task that needs no
work is never rendered otherwise.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter

from batchspec.codes import Code
from batchspec.counts import count_text
from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.artifacts.values import template_values
from batchspec.desired.expansion.collisions import collisions
from batchspec.desired.expansion.rehearsal import Rehearsal
from batchspec.desired.names import (
    Parts,
    name_problem,
    output_helps,
    parts_of,
)
from batchspec.desired.places import OWN_FOLDER, Places
from batchspec.desired.problem import TaskProblem
from batchspec.desired.task import Desired, DesiredTask, DesiredTasks, Input
from batchspec.errors import SpecError
from batchspec.language.model import Spec, TaskGroup
from batchspec.language.templates.expression import Reference, TemplateError
from batchspec.language.templates.template import Placeholder, Template
from batchspec.resources.base import Json, stamped
from batchspec.resources.task import Recipe, digest, task_id, task_key
from batchspec.source import Diagnostic, Path, Severity
from batchspec.version import __version__

_TOLD = 3  # inputs reported for a group in which many have bad names


def expand(spec: Spec, readable: Readable) -> Desired:
    """What *spec* asks for, given what was found for its tasks to read.

    Raises `SpecError` for names that cannot be: an output outside its folder, two
    tasks that would write one blob, a control character.
    """
    spec = spec._replace(groups=tuple(group for group in spec.groups if not group.packs_for))
    tasks = DesiredTasks(spec.groups)
    findings: list[Diagnostic] = []
    number = 0
    for group in spec.groups:  # each behind those whose outputs it reads
        number = _add(spec, group, readable, tasks, number, findings)
    tasks.index()
    findings = [*_once(findings), *collisions(spec, tasks)]
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise SpecError([*spec.warnings, *findings])
    warned = spec._replace(warnings=(*spec.warnings, *findings), groups=tuple(_with_packing(spec, tasks)))
    return Desired(
        spec=warned, pool=_pool_body(spec), job=_job_body(spec), tasks=tasks, members=readable.members
    )


def _once(findings: Sequence[Diagnostic]) -> Iterable[Diagnostic]:
    """*findings* without those that say the same again: several groups may miss one file."""
    found: dict[tuple[str, str, Path], Diagnostic] = {}
    for finding in findings:
        found.setdefault((finding.code, finding.summary, finding.path), finding)
    return found.values()


def _with_packing(spec: Spec, tasks: DesiredTasks) -> Iterator[TaskGroup]:
    """The groups, each behind that of the tasks which pack what its own read."""
    packing = {group.packs_for: group for group in tasks.groups.values() if group.packs_for}
    for group in spec.groups:
        if group.name in packing:
            yield packing[group.name]
        yield group


def without_tasks(spec: Spec) -> Desired:
    """What *spec* asks for of pool and job alone."""
    return Desired(spec=spec, pool=_pool_body(spec), job=_job_body(spec), tasks=DesiredTasks(()))


def _add(
    spec: Spec,
    group: TaskGroup,
    readable: Readable,
    tasks: DesiredTasks,
    number: int,
    findings: list[Diagnostic],
) -> int:
    """Adds the tasks of *group*; the number of the next one. What is wrong is added to *findings*."""
    problems, rehearsal = _Problems(spec, group), Rehearsal(spec, group)
    try:
        if not group.is_sound:
            deque(
                readable.inputs[group.name] if group.inputs else (), maxlen=0
            )  # for what is wrong with them
        elif group.rows is None:
            number += tasks.add(_plain_tasks(spec, group, readable, number, problems.add, rehearsal))
            if any(other.rows for other in spec.groups):
                from batchspec.desired.expansion.rows import add_what_is_read

                add_what_is_read(spec, group, tasks)
        else:
            # With a dozen modules, which a spec of plain groups does without.
            from batchspec.desired.expansion.rows import add_rows

            more, warnings = add_rows(
                spec, group, group.rows, tasks, readable, number, problems.add, rehearsal
            )
            number += more
            findings.extend(warnings)
    except SpecError as error:  # about the inputs themselves
        findings.extend(error.diagnostics)
    findings.extend([*problems.findings(), *rehearsal.findings])
    return number


def _plain_tasks(
    spec: Spec,
    group: TaskGroup,
    readable: Readable,
    number: int,
    problem: Callable[[TaskProblem], None],
    rehearsal: Rehearsal,
) -> Iterator[DesiredTask]:
    """A task for each input, or the only one of a group without inputs."""
    outputs = _Outputs(spec, group)
    for item in readable.inputs[group.name] if group.inputs else (None,):
        try:
            task = _task(group, item, number, outputs)
            if not rehearsal.is_over:
                rehearsal.take(task.name, template_values(spec, item, task.output))
            yield task
            number += 1
        except TaskProblem as why:
            problem(why)


class _Problems:
    """What is wrong with tasks of a group: the first few, and how many more there are."""

    def __init__(self, spec: Spec, group: TaskGroup) -> None:
        self._spec = spec
        self._group = group
        self._first: list[TaskProblem] = []
        self._more = 0

    def add(self, problem: TaskProblem) -> None:
        if any(problem.is_like(other) for other in self._first):
            return
        if len(self._first) < _TOLD:
            self._first.append(problem)
        else:
            self._more += 1

    def findings(self) -> Iterator[Diagnostic]:
        for problem in self._first:
            helps = [*problem.helps]
            if not helps and problem.code is Code.BAD_NAME:
                helps.append("rename it: this name cannot be transferred safely")
            if self._more and problem is self._first[-1]:
                helps.append(f"the same goes for {count_text(self._more, 'more task')} of {self._group.name}")
            yield self._spec.document.diagnostic(problem.code, str(problem), problem.path, helps=tuple(helps))


def keys_of(spec: Spec, name: str) -> dict[str, str]:
    """The keys of the tasks that *name* may mean, by their whole names: `GROUP/INPUT`, or that input of any group.

    Tasks of groups with rows are not among them: their keys are made of their values.
    """
    found = {}
    for group in spec.groups:
        if group.rows is None and group.inputs:
            for path in (name.removeprefix(f"{group.name}/"), name):
                found[f"{group.name}/{path}"] = _key(group, path, parts_of(path))
        elif group.rows is None and group.name == name:
            found[name] = _key(group, None, parts_of(name))
    return found


def _task(group: TaskGroup, item: Input | None, number: int, outputs: _Outputs) -> DesiredTask:
    if item and (problem := name_problem(item.blob)):
        raise TaskProblem(f"the input {item.path!r} {problem}", (*group.path, "inputs"))
    path, content = (item.path, item.content) if item else ("", "")
    parts = parts_of(path)
    key = _key(group, path if item else None, parts)
    work = Recipe(group.digest, digest(path, content))
    output = outputs.blob(item, parts)
    record, id = output or outputs.record(key), task_id(key, work)
    # With its fields named, a NamedTuple takes three times as long to make.
    return DesiredTask(number, group, key, work, item, output, record, id, work.fingerprint)


def _key(group: TaskGroup, path: str | None, parts: Parts) -> str:
    """The key of the task of *group* whose input is *path*, which has *parts*; None: the group's only one."""
    return task_key(group.name, "", group.name) if path is None else task_key(group.name, path, parts.stem)


class _Outputs:
    """The blobs that the tasks of a group make."""

    def __init__(self, spec: Spec, group: TaskGroup) -> None:
        self._spec = spec
        self._template = group.output
        self._places = Places.of(spec)
        self._path: Path = (*group.path, "output")
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
            raise TaskProblem(f"the output {name!r} {problem}", self._path, *output_helps(name))
        if name.startswith(f"{OWN_FOLDER}/") or name == OWN_FOLDER:
            raise TaskProblem(
                f"the output {name!r} is in {OWN_FOLDER}/, which is reserved for batchspec",
                self._path,
            )
        return self._places.root + name

    def _rendered(self, template: Template, item: Input | None) -> str:
        try:
            return template.render(template_values(self._spec, item, None))
        except TemplateError as error:
            raise TaskProblem(f"the output's name {error.message}", self._path) from error


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


def _pool_body(spec: Spec) -> Json | None:
    if spec.pool is None or spec.pool.existing:
        return None
    body = spec.pool.body
    return _stamped(spec, body, protect=spec.pool.protect)


def _job_body(spec: Spec) -> Json | None:
    if spec.job is None or spec.pool is None:
        return None
    body = {
        "onAllTasksComplete": "terminatejob",
        "usesTaskDependencies": True,  # it cannot be set later, when a spec comes to have stages
        **spec.job,
        "poolInfo": {"poolId": spec.pool.id},
    }
    return _stamped(spec, body)


def _stamped(spec: Spec, body: Json, *, protect: bool = False) -> Json:
    """*body* with what says whose it is."""
    file, containers = spec.file, spec.containers
    digest_ = _digest(body)
    return stamped(body, spec.name, __version__, digest_, file=file, containers=containers, protect=protect)


def _digest(body: Json) -> str:
    """The same for two bodies that say the same, in whatever order."""
    return digest(json.dumps(body, sort_keys=True))
