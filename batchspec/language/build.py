"""From a document to a `Spec`: parameters resolved, the values checked, the templates of tasks compiled.

All findings of a file are raised together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.document.scalar import WrittenFloat, WrittenInt
from batchspec.errors import SpecError
from batchspec.language import schema
from batchspec.language.compiled import compiled
from batchspec.language.deferred import Deferred
from batchspec.language.inputs import InputsReader
from batchspec.language.lints import lint
from batchspec.language.model import (
    Command,
    Containers,
    Limit,
    Pool,
    Rollout,
    Safety,
    Spec,
    TaskGroup,
    WhenDone,
)
from batchspec.language.params import Values, values_of
from batchspec.language.resolve import resolve
from batchspec.language.rules import SHORTHANDS, check_rules
from batchspec.language.secrets import find_secrets
from batchspec.language.template import Template, is_template
from batchspec.resources.base import Json
from batchspec.resources.pool import machine_from_image
from batchspec.resources.task import digest
from batchspec.source import Diagnostic, Path, Severity, in_order

_JOB_ID_LENGTH = 58  # leaves room for the generations: -2 up to -99999

# Fields of the service that a group's `body` does not carry: they are ours, or made for each task.
_OURS = frozenset({"inputs", "exclude", "allowEmpty", "command", "commandLine", "output"})

# What decides a task's result. The rest (priority, limits, slots) may change without anything running again.
_DECISIVE = (
    "environmentSettings",
    "containerSettings",
    "resourceFiles",
    "outputFiles",
    "applicationPackageReferences",
    "userIdentity",
    "multiInstanceSettings",
)

INPUT_NAMES = {"name": "", "stem": "", "suffix": "", "folder": "", "path": "", "size": 0}
"""What a template may say of its input."""


def build(
    document: Document, settings: Mapping[str, str] | None = None, files: Sequence[Document] = ()
) -> Spec:
    """The `Spec` of *document*, with the values of *files*, then *settings* (`--set name=value`), for its parameters.

    Raises `SpecError` with every finding, `UsageError` for a setting that the spec does not know.
    """
    values = values_of(document, files, settings or {})
    document, found = resolve(document, values)
    found += [*values.findings, *schema.check(document), *find_secrets(document)]
    builder = _Builder(document, values)
    if any(finding.severity is Severity.ERROR for finding in found):
        raise SpecError([*found, *_beside(found, builder)])
    spec = builder.spec()
    if errors := [*builder.findings, *check_rules(spec)]:
        raise SpecError([*found, *errors])
    return replace(spec, warnings=in_order([*found, *builder.inputs.warnings, *lint(spec)]))


def _beside(found: Sequence[Diagnostic], builder: _Builder) -> Iterator[Diagnostic]:
    """What there is to say of the parts of a spec whose shape is right, where that of others is wrong."""
    places = {finding.position for finding in found}
    for part in builder.parts():
        with suppress(
            LookupError, TypeError, ValueError, AttributeError
        ):  # its shape is wrong: that is found
            part()
    yield from (finding for finding in builder.findings if finding.position not in places)


class _Builder:
    """Collects findings while the parts are made; a part with a finding is still made, from what it has."""

    def __init__(self, document: Document, values: Values) -> None:
        self.document = document
        self.params = values.by_name
        self.findings: list[Diagnostic] = []
        self.inputs = InputsReader(document, self.findings)
        self.known: dict[str, Any] = {"params": values.names, "spec": {"name": ""}}

    def parts(self) -> Iterator[Callable[[], object]]:
        """What makes each part of the spec, for its findings alone."""
        data: Mapping[str, Any] = self.document.data
        yield self._job
        yield lambda: self._pool(data["pool"])
        for name in data.get("tasks") or ():
            yield partial(self._group, name)

    def spec(self) -> Spec:
        data: Mapping[str, Any] = self.document.data
        return Spec(
            name=data["name"],
            target=data.get("target"),
            params=self.params,
            pool=self._pool(data["pool"]) if "pool" in data else None,
            job=self._job(),
            groups=tuple(self._group(name) for name in data.get("tasks") or ()),
            download=data.get("download"),
            containers=Containers(**data.get("containers", {})),
            ignored=frozenset(_ignored_path(text) for text in data.get("ignoreChanges") or ()),
            document=self.document,
            safety=_safety(data.get("safety") or {}),
            identity=data.get("identity"),
        )

    def _job(self) -> dict[str, Any] | None:
        job: Any = self.document.data.get("job")
        if job is not None and len(job["id"]) > _JOB_ID_LENGTH and not isinstance(job["id"], Deferred):
            rule = f"at most {_JOB_ID_LENGTH} characters, to leave room for the number of a later job"
            self.findings.append(
                self.document.diagnostic(Code.BAD_ID, "job.id: too long", ("job", "id"), label=rule)
            )
        return dict(job) if job is not None else None

    def _pool(self, data: Mapping[str, Any]) -> Pool:
        if "existing" in data:
            return Pool(id=data["existing"], body={}, existing=True, when_done=WhenDone.KEEP)
        body = dict(data)
        when_done = WhenDone(body.pop("whenDone", "keep"))
        if image := body.pop("image", None):
            machine = body.get("virtualMachineConfiguration") or {}
            body["virtualMachineConfiguration"] = {**machine_from_image(image), **machine}
        if "spot" in body:
            body["targetLowPriorityNodes"] = body.pop("spot")
        return Pool(
            id=body["id"],
            existing=False,
            when_done=when_done,
            rollout=Rollout(body.pop("rollout")) if "rollout" in body else None,
            deallocation=body.pop("nodeDeallocationOption", "requeue"),
            protect=body.pop("protect", False),
            body=body,
        )

    def _group(self, name: str) -> TaskGroup:
        """The group *name*: its values from the resolved document, its templates as they were written."""
        path: Path = ("tasks", name)
        data, raw = _at(self.document.data, path), _at(self.document.raw, path)
        for word in ("inputs", "exclude", "allowEmpty"):
            for where, text in _strings(raw.get(word), (*path, word)):
                self._template(text, where, self.known)
        inputs = self.inputs.read(data, path)
        before_output = self.known | ({"input": INPUT_NAMES} if inputs else {})
        output = self._template(raw["output"], (*path, "output"), before_output) if "output" in raw else None
        known = before_output | ({"output": {"path": ""}} if output else {})
        command = self._command(raw, path, known)
        written = {key: value for key, value in raw.items() if key not in _OURS}
        templates = [*command.templates, *filter(None, [output])]
        for where, text in _strings(written, path):
            if template := self._template(text, where, known):
                templates.append(template)
        return TaskGroup(
            name=name,
            inputs=inputs,
            command=command,
            output=output,
            body={key: value for key, value in data.items() if key not in _OURS},
            digest=self._digest(written, command, output, templates),
        )

    def _command(self, raw: Mapping[str, Any], path: Path, known: Mapping[str, Any]) -> Command:
        if "commandLine" in raw:
            return Command(line=self._template(raw["commandLine"], (*path, "commandLine"), known))
        where = (*path, "command")
        if isinstance(raw["command"], str):
            return Command(script=self._template(raw["command"], where, known, script=True))
        words = (
            self._template(self.document.written((*where, i)), (*where, i), known)
            for i in range(len(raw["command"]))
        )
        return Command(words=tuple(word for word in words if word is not None))

    def _template(
        self, text: str, path: Path, known: Mapping[str, Any], *, script: bool = False
    ) -> Template | None:
        """The compiled template, or None after a finding."""
        return compiled(self.document, text, path, known, self.findings, script=script)

    def _digest(
        self, written: Json, command: Command, output: Template | None, templates: list[Template]
    ) -> str:
        """A digest of all that decides the results of a group, except the inputs' content.

        It is made from what goes into the rendering, so that unchanged tasks are never rendered.
        """
        job = self.document.data.get("job")
        common = job.get("commonEnvironmentSettings") if isinstance(job, Mapping) else None
        parts = {
            "words": [word.text for word in command.words],
            "script": command.script.text if command.script else None,
            "line": command.line.text if command.line else None,
            "output": output.text if output else None,
            "params": _as_texts(self._used_params(templates)),
            "fields": {key: written[key] for key in _DECISIVE if key in written}
            | {"commonEnvironmentSettings": common},
        }
        return digest(json.dumps(parts, sort_keys=True, ensure_ascii=False))

    def _used_params(self, templates: list[Template]) -> dict[str, Any]:
        """The parameters that *templates* read; all of them where one reads the mapping itself."""
        references = [ref for template in templates for ref in template.references if ref[0] == "params"]
        if any(len(ref) == 1 for ref in references):
            return dict(self.params)
        return {ref[1]: self.params[ref[1]] for ref in references if ref[1] in self.params}


def _at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def _safety(data: Mapping[str, Any]) -> Safety:
    names = {
        "maxDeletions": "max_deletions",
        "maxReplacements": "max_replacements",
        "maxNodes": "max_nodes",
        "maxObjects": "max_objects",
    }
    limits = {names[name]: Limit(data[name]) for name in names if name in data}
    return Safety(min_objects=data.get("minObjects", Safety().min_objects), **limits)


def _ignored_path(text: str) -> Path:
    """The path that an entry of `ignoreChanges` names; a shorthand means the field it stands for."""
    kind, first, *rest = text.split(".")
    return (kind, *(SHORTHANDS.get(first, (first,)) if kind == "pool" else (first,)), *rest)


def _strings(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The strings in *value* that are templates, and where they stand."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from _strings(member, (*path, key))
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from _strings(member, (*path, i))
    elif isinstance(value, str) and is_template(value):
        yield path, value


def _as_texts(params: Any) -> Any:
    """*params* with the numbers that are put in as they were written, and not as JSON has them, as texts."""
    if isinstance(params, Mapping):
        return {name: _as_texts(value) for name, value in params.items()}
    if isinstance(params, list):
        return [_as_texts(value) for value in params]
    return str(params) if isinstance(params, (WrittenInt, WrittenFloat)) else params
