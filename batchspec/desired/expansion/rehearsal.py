"""Templates of tasks tried before anything is sent.

All are for the first task of a group; for every task those that may fail for one input and not
for another. What only puts names in cannot, and is not rendered for tasks that need no work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from batchspec.language.model import Spec, TaskGroup
from batchspec.language.rules import told, too_many_slots
from batchspec.language.schema.findings import check_value
from batchspec.language.schema.spec_schema import decides, rules_at
from batchspec.language.templates.compiled import render_finding
from batchspec.language.templates.deferred import Deferred
from batchspec.language.templates.expression import TemplateError
from batchspec.language.templates.template import Template
from batchspec.source import Diagnostic, Path

_TOLD = 3  # tasks reported for a template that fails for many

Values = Mapping[str, Any]


class _Trial(NamedTuple):
    """`attempt` gives what is wrong for a task; `for_each` says whether the tasks may differ in that."""

    attempt: Callable[[Values], list[Diagnostic]]
    for_each: bool


class Rehearsal:
    """The trials of a group's tasks, one after the other; `findings` has what is wrong."""

    def __init__(self, spec: Spec, group: TaskGroup) -> None:
        self.findings: list[Diagnostic] = []
        trials = [*_of_command(spec, group), *_of_fields(spec, group.body, group.path)]
        self._due = [trial.attempt for trial in trials]
        self._later = [trial.attempt for trial in trials if trial.for_each]
        self._failures = 0

    @property
    def is_over(self) -> bool:
        """Whether no task of those to come can fail, or enough have."""
        return not self._due or self._failures >= _TOLD

    def take(self, name: str, values: Values) -> None:
        """The next task is *name*; its templates see *values*."""
        found = [finding for attempt in self._due for finding in attempt(values)]
        self.findings += (finding.with_help(f"this is so for {name!r}") for finding in found)
        self._failures += bool(found)
        self._due = self._later


def _of_command(spec: Spec, group: TaskGroup) -> Iterator[_Trial]:
    command = group.command
    if command.script is not None:
        yield _rendering(spec, command.script, (*group.path, "command"), command.script.render)
    if command.line is not None:
        yield _rendering(spec, command.line, (*group.path, "commandLine"), command.line.render)
    for i, word in enumerate(command.words):
        yield _rendering(spec, word, (*group.path, "command", i), word.words)


def _rendering(spec: Spec, template: Template, path: Path, render: Callable[[Values], object]) -> _Trial:
    def attempt(values: Values) -> list[Diagnostic]:
        try:
            render(values)
        except TemplateError as error:
            return [render_finding(spec.document, error, path)]
        return []

    return _Trial(attempt, template.may_fail or _has_list(template))


def _has_list(template: Template) -> bool:
    """Whether it puts in paths, of which one task may have more than a command takes, and another one few."""
    return any(reference[-1] == "paths" for reference in template.references)


def _of_fields(spec: Spec, value: Any, path: Path) -> Iterator[_Trial]:
    """Trials of the fields below *path* that wait for a task."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from _of_fields(spec, member, (*path, key))
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from _of_fields(spec, member, (*path, i))
    elif isinstance(value, Deferred):
        yield _filling(spec, value, path)


def _filling(spec: Spec, field: Deferred, path: Path) -> _Trial:
    rules = [rule for rule in rules_at(path) if decides(rule)]

    def attempt(values: Values) -> list[Diagnostic]:
        try:
            value = field.value(values)
        except TemplateError as error:
            return [render_finding(spec.document, error, path)]
        found = [finding for rule in rules for finding in check_value(spec.document, path, value, rule)]
        is_slots = path[2:] == ("requiredSlots",)
        too_many = too_many_slots(spec.pool, value, path) if is_slots and not found else ()
        return [*found, *(told(spec, finding) for finding in too_many)]

    return _Trial(attempt, bool(rules) or field.template.may_fail)
