"""From a checked document to a `Spec`: parameters put in, templates compiled, names held to Batch's rules.

All findings of a file are raised together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.errors import SpecError, UsageError
from batchspec.language import schema
from batchspec.language.lints import lint
from batchspec.language.model import (
    Blobs,
    Command,
    Containers,
    Limit,
    LocalFiles,
    Params,
    Pool,
    Rollout,
    Safety,
    Spec,
    TaskGroup,
    WhenDone,
)
from batchspec.language.rules import SHORTHANDS, check_rules
from batchspec.language.secrets import find_secrets
from batchspec.language.template import (
    Template,
    TemplateError,
    compile_script,
    compile_text,
    is_template,
    unknown_references,
)
from batchspec.resources.base import Json
from batchspec.resources.pool import machine_from_image
from batchspec.resources.task import digest
from batchspec.source import Diagnostic, Path, Severity, in_order, path_text

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_IDENTITY = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[^/]+",
    re.IGNORECASE,
)
_JOB_ID_LENGTH = 58  # leaves room for the generations: -2 up to -99999

# Fields of the service that a group's `body` does not carry: they are ours, or made for each task.
_OURS = frozenset({"inputs", "command", "commandLine", "output"})

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


def build(document: Document, settings: Mapping[str, str] | None = None) -> Spec:
    """The `Spec` of *document*, with *settings* (`--set name=value`) over its parameters.

    Raises `SpecError` with every finding, `UsageError` for a setting that the spec does not know.
    """
    found = [*schema.check(document), *find_secrets(document)]
    if any(finding.severity is Severity.ERROR for finding in found):
        raise SpecError([*found, *_beside(found, document)])
    builder = _Builder(document, _params(document, settings or {}))
    spec = builder.spec()
    if errors := [*builder.findings, *check_rules(spec)]:
        raise SpecError([*found, *errors])
    return replace(spec, warnings=in_order([*found, *lint(spec)]))


def _beside(found: Sequence[Diagnostic], document: Document) -> Iterator[Diagnostic]:
    """What there is to say of the parts of a spec whose shape is right, where that of others is wrong."""
    params = document.data.get("params", {})
    if not isinstance(params, Mapping):
        return
    places = {finding.position for finding in found}
    builder = _Builder(document, params)
    for part in builder.parts():
        with suppress(
            LookupError, TypeError, ValueError, AttributeError
        ):  # its shape is wrong: that is found
            part()
    yield from (finding for finding in builder.findings if finding.position not in places)


def _params(document: Document, settings: Mapping[str, str]) -> Params:
    declared: dict[str, Any] = dict(document.data.get("params") or {})  # type: ignore[call-overload]
    for name, text in settings.items():
        if name not in declared:
            from difflib import get_close_matches  # as in schema.py: not before it is needed

            near = get_close_matches(name, declared, 1)
            known = f"did you mean {near[0]}?" if near else f"it has: {', '.join(declared) or 'none'}"
            raise UsageError(f"--set {name}: the spec has no such parameter", help=known)
        declared[name] = _typed(name, text, declared[name])
    return declared


def _typed(name: str, text: str, default: object) -> str | int | float | bool:
    """*text* as a value of the default's type."""
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text]
        if isinstance(default, int):
            return int(text)
        return float(text) if isinstance(default, float) else text
    except (KeyError, ValueError):
        kind = {bool: "true or false", int: "a whole number", float: "a number"}[type(default)]
        raise UsageError(f"--set {name}={text}: expected {kind}", help=f"the spec says {default!r}") from None


class _Builder:
    """Collects findings while the parts are made; a part with a finding is still made, from what it has."""

    def __init__(self, document: Document, params: Params) -> None:
        self.document = document
        self.params = params
        self.findings: list[Diagnostic] = []
        self.known: dict[str, Any] = {"params": dict(params), "spec": {"name": document.data.get("name", "")}}

    def parts(self) -> Iterator[Callable[[], object]]:
        """What makes each part of the spec, for its findings alone."""
        data: Mapping[str, Any] = self.document.data
        yield self._job
        yield self._identity
        yield lambda: self._pool(data["pool"])
        tasks = data.get("tasks")
        for name, body in tasks.items() if isinstance(tasks, Mapping) else ():
            yield partial(self._group, name, body, None)

    def spec(self) -> Spec:
        data: Mapping[str, Any] = self.document.data
        job = self._job()
        common = (job or {}).get("commonEnvironmentSettings")
        return Spec(
            name=data["name"],
            target=data.get("target"),
            params=self.params,
            pool=self._pool(data["pool"]) if "pool" in data else None,
            job=job,
            groups=tuple(self._group(name, body, common) for name, body in (data.get("tasks") or {}).items()),
            download=data.get("download"),
            containers=Containers(**data.get("containers", {})),
            ignored=frozenset(_ignored_path(text) for text in data.get("ignoreChanges") or ()),
            document=self.document,
            safety=_safety(data.get("safety") or {}),
            identity=self._identity(),
        )

    def _identity(self) -> str | None:
        text: str | None = self._rendered(self.document.data.get("identity"), ("identity",))
        if text is not None and not is_template(text) and not _IDENTITY.fullmatch(text):
            self._find(
                Code.BAD_ID,
                f"identity: {text!r} is not the resource id of a user-assigned identity",
                ("identity",),
                label="/subscriptions/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/NAME",
                helps=("az identity show --name NAME --resource-group GROUP --query id",),
            )
        return text

    def _job(self) -> dict[str, Any] | None:
        job: dict[str, Any] | None = self._rendered(self.document.data.get("job"), ("job",))
        if job is not None:
            self._check_id(job["id"], ("job", "id"), "job", _JOB_ID_LENGTH)
        return job

    def _pool(self, data: Mapping[str, Any]) -> Pool:
        if "existing" in data:
            existing = self._rendered(data, ("pool",))["existing"]
            self._check_id(existing, ("pool", "existing"), "pool", 64)
            return Pool(id=existing, body={}, existing=True, when_done=WhenDone.KEEP)
        body = self._rendered(data, ("pool",))
        self._check_id(body["id"], ("pool", "id"), "pool", 64)
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

    def _group(self, name: str, data: Mapping[str, Any], common: object) -> TaskGroup:
        path: Path = ("tasks", name)
        inputs = self._inputs(data.get("inputs"), (*path, "inputs"))
        before_output = self.known | ({"input": INPUT_NAMES} if inputs else {})
        output = (
            self._template(data["output"], (*path, "output"), before_output) if "output" in data else None
        )
        known = before_output | ({"output": {"path": ""}} if output else {})
        command = self._command(data, path, known)
        body = {key: value for key, value in data.items() if key not in _OURS}
        templates = [*command.templates, *filter(None, [output])]
        for where, text in _strings(body, path):
            if template := self._template(text, where, known):
                templates.append(template)
        decisive = {key: body[key] for key in _DECISIVE if key in body} | {
            "commonEnvironmentSettings": common
        }
        return TaskGroup(
            name=name,
            inputs=inputs,
            command=command,
            output=output,
            body=body,
            digest=_group_digest(decisive, command, output, self._used_params(templates)),
        )

    def _inputs(self, data: Any, path: Path) -> LocalFiles | Blobs | None:
        if data is None:
            return None
        if isinstance(data, Mapping):
            rendered = self._rendered(data, path)
            return Blobs(rendered["container"], rendered.get("prefix", ""), rendered.get("match", "**"))
        patterns = self._rendered([data] if isinstance(data, str) else data, path)
        return LocalFiles(tuple(patterns))

    def _command(self, data: Mapping[str, Any], path: Path, known: Mapping[str, Any]) -> Command:
        if "commandLine" in data:
            return Command(line=self._template(data["commandLine"], (*path, "commandLine"), known))
        where = (*path, "command")
        if isinstance(data["command"], str):
            return Command(script=self._template(data["command"], where, known, script=True))
        words = (self._template(word, (*where, i), known) for i, word in enumerate(data["command"]))
        return Command(words=tuple(word for word in words if word is not None))

    def _template(
        self, text: str, path: Path, known: Mapping[str, Any], *, script: bool = False
    ) -> Template | None:
        """The compiled template, or None after a finding."""
        try:
            template = compile_script(text) if script else compile_text(text)
        except TemplateError as error:
            span = (error.start, error.end)
            self._find(error.code, error.message, path, label=error.label, span=span, helps=error.helps)
            return None
        for reference, start, end, near in unknown_references(template, known):
            self._unknown(".".join(reference), path, (start, end), near, known)
        return template

    def _unknown(
        self, reference: str, path: Path, span: tuple[int, int], near: str, known: Mapping[str, Any]
    ) -> None:
        names = [f"{top}.{name}" for top, members in known.items() for name in members]
        helps = (f"did you mean `{near}`?",) if near else (f"known here: {', '.join(names)}",)
        if reference.startswith("input") and "input" not in known:
            helps = ("only tasks with `inputs` have an input",)
        if reference.startswith("output") and "output" not in known:
            helps = ("give the task group an `output: NAME`, then `output.path` is where to write it",)
        self._find(
            Code.UNDEFINED_VARIABLE,
            f"`{reference}` is not defined",
            path,
            span=span,
            label="undefined",
            helps=helps,
        )

    def _rendered(self, value: Any, path: Path) -> Any:
        """*value* with the templates in its strings rendered; they see parameters and the spec's name."""
        if isinstance(value, Mapping):
            return {key: self._rendered(member, (*path, key)) for key, member in value.items()}
        if isinstance(value, list):
            return [self._rendered(member, (*path, i)) for i, member in enumerate(value)]
        if not isinstance(value, str) or not is_template(value):
            return value
        before = len(self.findings)
        template = self._template(value, path, self.known)
        if template is None or len(self.findings) > before:
            return value
        try:
            return template.render(self.known)
        except TemplateError as error:
            self._find(error.code, error.message, path, span=(error.start, error.end), helps=error.helps)
            return value

    def _used_params(self, templates: list[Template]) -> dict[str, Any]:
        """The parameters that *templates* read; all of them where one reads the mapping itself."""
        references = [ref for template in templates for ref in template.references if ref[0] == "params"]
        if any(len(ref) == 1 for ref in references):
            return dict(self.params)
        return {ref[1]: self.params[ref[1]] for ref in references if ref[1] in self.params}

    def _check_id(self, text: str, path: Path, kind: str, longest: int) -> None:
        if is_template(text):
            return  # its template has a finding already
        if not _ID.fullmatch(text) or len(text) > longest:
            rule = (
                f"a Batch {kind} id has letters, digits, hyphens and underscores only, here at most {longest}"
            )
            self._find(Code.BAD_ID, f"{path_text(path)}: Batch would refuse this id", path, label=rule)

    def _find(
        self,
        code: Code,
        summary: str,
        path: Path,
        *,
        label: str = "",
        helps: tuple[str, ...] = (),
        span: tuple[int, int] | None = None,
    ) -> None:
        self.findings.append(
            self.document.diagnostic(code, summary, path, label=label, helps=helps, span=span)
        )


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


def _group_digest(
    decisive: Json, command: Command, output: Template | None, params: Mapping[str, Any]
) -> str:
    """A digest of all that decides the group's results, except the inputs' content.

    It is made from what goes into the rendering, so that unchanged tasks are never rendered.
    """
    parts = {
        "words": [word.text for word in command.words],
        "script": command.script.text if command.script else None,
        "line": command.line.text if command.line else None,
        "output": output.text if output else None,
        "params": params,
        "fields": decisive,
    }
    return digest(json.dumps(parts, sort_keys=True, ensure_ascii=False))
