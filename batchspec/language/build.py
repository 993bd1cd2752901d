"""From a document to a `Spec`: parameters resolved, the values checked, the templates of tasks compiled.

All findings of a file are raised together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.document.scalar import WrittenFloat, WrittenInt
from batchspec.errors import SpecError
from batchspec.language.autoscale import scaling_fields
from batchspec.language.inputs import InputsReader
from batchspec.language.lints import lint
from batchspec.language.model import (
    Command,
    Containers,
    GroupFile,
    Limit,
    Output,
    Pool,
    Rollout,
    Rows,
    Safety,
    Spec,
    TaskGroup,
    WhenDone,
)
from batchspec.language.packages import packages_of, with_packages
from batchspec.language.params import Values, values_of
from batchspec.language.resolve import resolve
from batchspec.language.rows import scope
from batchspec.language.rows.linking import Linked, link_groups
from batchspec.language.rows.start_files import start_files
from batchspec.language.rows.words import LocalFile, Read
from batchspec.language.rules import SHORTHANDS, check_rules
from batchspec.language.schema import findings as schema
from batchspec.language.schema.requires import unmet
from batchspec.language.schema.secrets import find_secrets
from batchspec.language.templates.compiled import compiled
from batchspec.language.templates.deferred import Deferred
from batchspec.language.templates.filters import text_of
from batchspec.language.templates.template import Template, is_template
from batchspec.resources.base import Json
from batchspec.resources.pool import machine_from_image
from batchspec.resources.task import digest
from batchspec.source import Diagnostic, Path, Severity, in_order, value_at

_JOB_ID_LENGTH = 58  # leaves room for the generations: -2 up to -99999

# Fields of the service that a group's `body` does not carry: they are ours, or made for each task.
_OURS = frozenset(
    {
        *("inputs", "exclude", "allowEmpty", "command", "commandLine", "output", "outputs", "matrix", "when"),
        *("per", "collect", "chunk", "files", "temporary", "download", "successCodes", "env"),
        "applicationPackages",
    }
)

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

# Words of our own that decide a result, too. A spec without them has the digest that it always had.
_DECISIVE_WORDS = ("outputs", "successCodes")


WRONG_SHAPE = (LookupError, TypeError, ValueError, AttributeError)
"""What comes of taking a value for what it should be, where there is a finding that it is not."""


class Examined(NamedTuple):
    """A spec, as far as it could be made (None: not at all), and everything that was found."""

    spec: Spec | None
    findings: list[Diagnostic]

    @property
    def is_wrong(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def build(
    document: Document, settings: Mapping[str, str] | None = None, files: Sequence[Document] = ()
) -> Spec:
    """The `Spec` of *document*, with the values of *files*, then *settings* (`--set name=value`), for its parameters.

    Raises `SpecError` with every finding, `UsageError` for a setting that the spec does not know.
    """
    examined = examine(document, settings or {}, files)
    if examined.spec is None or examined.is_wrong:
        raise SpecError(examined.findings)
    return examined.spec


def examine(document: Document, settings: Mapping[str, str], files: Sequence[Document]) -> Examined:
    """All that there is to say of *document* as `build` takes it, and the spec, also where it is wrong."""
    if other := unmet(document):
        return Examined(None, [other])
    values = values_of(document, files, settings)
    document, found = resolve(document, values)
    found += [*values.findings, *schema.check(document), *find_secrets(document)]
    if Examined(None, found).is_wrong:
        return _salvaged(document, values, found)
    spec, more = _built(_Builder(document, values))
    found += more
    return Examined(spec._replace(warnings=in_order(found)), found)


def _built(builder: _Builder) -> tuple[Spec, list[Diagnostic]]:
    spec = builder.spec()
    warnings = [*builder.warnings, *builder.inputs.warnings, *lint(spec)]
    return spec, [*builder.findings, *check_rules(spec), *warnings]


def _salvaged(document: Document, values: Values, found: list[Diagnostic]) -> Examined:
    """What can be made of a spec of which something is wrong, and what else there is to say."""
    spec: Spec | None = None
    try:
        spec, more = _built(_Builder(document, values))
    except WRONG_SHAPE:
        builder = _Builder(document, values)
        for part in builder.parts():
            with suppress(*WRONG_SHAPE):
                part()
        more = builder.findings
    places = {finding.position for finding in found}
    return Examined(spec, [*found, *(finding for finding in more if finding.position not in places)])


class _Builder:
    """Collects findings while the parts are made; a part with a finding is still made, from what it has."""

    def __init__(self, document: Document, values: Values) -> None:
        self.document = document
        self.params = values.by_name
        self._missing = {("params", name) for name in values.missing}
        self._unset: set[Path] = set()  # where a template reads one of them, or there is none
        self.findings: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        self.inputs = InputsReader(document, self.findings)
        self.known: dict[str, Any] = {"params": values.names, "spec": {"name": ""}}

    def parts(self) -> Iterator[Callable[[], object]]:
        """What makes each part of the spec, for its findings alone."""
        data: Mapping[str, Any] = self.document.data
        yield self._job
        yield lambda: self._pool(data["pool"])
        yield self._groups

    def spec(self) -> Spec:
        data: Mapping[str, Any] = self.document.data
        return Spec(
            name=data["name"],
            target=data.get("target"),
            params=self.params,
            pool=self._pool(data["pool"]) if "pool" in data else None,
            job=self._job(),
            groups=self._groups(),
            download=data.get("download"),
            containers=Containers(**data.get("containers", {})),
            ignored=frozenset(_ignored_path(text) for text in data.get("ignoreChanges") or ()),
            document=self.document,
            safety=_safety(data.get("safety") or {}),
            identity=data.get("identity"),
            packages=tuple(packages_of(data)),
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
        others: list[str] = []
        if isinstance(body.get("vmSize"), list):
            body["vmSize"], *others = body["vmSize"]
        body = with_packages(body, body.pop("applicationPackages", {}))
        if "spot" in body:
            body["targetLowPriorityNodes"] = body.pop("spot")
        if "autoscale" in body:
            body |= scaling_fields(body.pop("autoscale"))
        return Pool(
            id=body["id"],
            existing=False,
            when_done=when_done,
            rollout=Rollout(body.pop("rollout")) if "rollout" in body else None,
            deallocation=body.pop("nodeDeallocationOption", "requeue"),
            protect=body.pop("protect", False),
            other_sizes=tuple(others),
            start_files=start_files(self.document, self._find),
            body=body,
        )

    def _groups(self) -> tuple[TaskGroup, ...]:
        """The groups, each behind those whose outputs it reads."""
        before = len(self.findings)
        linked = link_groups(self.document.data, self.document.raw, self._find)
        links = len(self.findings)
        groups = [self._group(one) for one in linked.values()]
        names = [found for found in self.findings[links:] if found.path[2:3] in (("output",), ("outputs",))]
        wrong = {found.path for found in (*self.findings[before:links], *names)} | self._unset
        unsound = _unsound(linked.values(), wrong)
        return tuple(group._replace(is_sound=group.name not in unsound) for group in groups)

    def _group(self, linked: Linked) -> TaskGroup:
        """A group: its values from the resolved document, its templates as they were written."""
        path: Path = ("tasks", linked.name)
        data, raw = value_at(self.document.data, path), value_at(self.document.raw, path)
        for word in ("inputs", "exclude", "allowEmpty"):
            for where, text in _strings(raw.get(word), (*path, word)):
                self._template(text, where, self.known)
        outputs = tuple(self._outputs(linked))
        known = self.known | scope.of_command(linked)
        command = self._command(raw, path, known)
        templates = [*command.templates, *(output.template for output in outputs)]
        for where, text in _strings({**_of_batch(raw), "env": raw.get("env", {})}, path):
            if template := self._template(text, where, known):
                templates.append(template)
        parts = self._parts(raw, _body(raw, data), command, outputs, templates)
        return TaskGroup(
            name=linked.name,
            inputs=self.inputs.read(data, path),
            command=command,
            outputs=outputs,
            body=_body(data, data),
            parts=parts,
            digest=digest(json.dumps(parts, sort_keys=True, ensure_ascii=False)),
            rows=None if linked.is_plain else self._rows(linked, raw, templates),
            temporary=data.get("temporary", False),
            downloads=data.get("download", True),
            success_codes=tuple(data.get("successCodes", (0,))),
        )

    def _outputs(self, linked: Linked) -> Iterator[Output]:
        known = self.known | scope.of_names(linked)
        for word in linked.outputs:
            if template := self._template(word.text, word.path, known):
                yield Output(word.name, template, word.is_folder, word.is_optional, word.is_published)

    def _rows(self, linked: Linked, raw: Mapping[str, Any], templates: Sequence[Template]) -> Rows:
        path: Path = ("tasks", linked.name)
        known = self.known | scope.of_row(linked)
        when = self._when(raw["when"], (*path, "when"), known) if "when" in raw else None
        files = tuple(self._file(linked, read, known) for read in linked.reads.values())
        paths = [file.template for file in files if file.template]
        mentions = {reference for template in (*templates, *paths) for reference in template.references}
        return Rows(
            matrix=linked.matrix,
            when=when,
            shape=linked.shape,
            axes=linked.axes,
            link=linked.link,
            files=files,
            names_source="source" in {reference[0] for reference in mentions},
            used=frozenset(ref[1] for ref in mentions if ref[0] == "matrix" and len(ref) > 1),
        )

    def _when(self, text: str, path: Path, known: Mapping[str, Any]) -> Template | None:
        when = self._template(text, path, known)
        if when is not None and not when.is_one_placeholder:
            help = 'for example: when: "{{ matrix.height < 1080 }}"'
            what = "`when` has to be one placeholder, which gives true or false"
            self._find(Code.NOT_TRUE_OR_FALSE, what, path, helps=(help,))
        return when

    def _file(self, linked: Linked, read: Read, known: Mapping[str, Any]) -> GroupFile:
        source, link = read.source, linked.links.get(read.name)
        template = None
        if isinstance(source, LocalFile) and is_template(source.path):
            template = self._template(source.path, read.path, known)
        return GroupFile(read, link, template)

    def _command(self, raw: Mapping[str, Any], path: Path, known: Mapping[str, Any]) -> Command:
        if "commandLine" in raw:
            return Command(line=self._template(raw["commandLine"], (*path, "commandLine"), known))
        where = (*path, "command")
        if isinstance(raw["command"], str):
            return Command(script=self._template(raw["command"], where, known, script=True))
        words = [
            self._template(self.document.written((*where, i)), (*where, i), known, is_word=True)
            for i in range(len(raw["command"]))
        ]
        if None in words:
            self._unset.add(where)  # the places of the others would be wrong
        return Command(words=tuple(word for word in words if word is not None))

    def _template(
        self, text: str, path: Path, known: Mapping[str, Any], *, script: bool = False, is_word: bool = False
    ) -> Template | None:
        """The compiled template, or None after a finding."""
        made = compiled(self.document, text, path, known, self.findings, script=script, is_word=is_word)
        if self._missing and made and any(name[:2] in self._missing for name in made.references):
            self._unset.add(path)
        return made

    def _find(
        self,
        code: Code,
        summary: str,
        path: Path,
        *,
        label: str = "",
        helps: tuple[str, ...] = (),
        warning: bool = False,
    ) -> None:
        severity = Severity.WARNING if warning else Severity.ERROR
        found = self.document.diagnostic(code, summary, path, label=label, helps=helps, severity=severity)
        (self.warnings if warning else self.findings).append(found)

    def _parts(
        self,
        raw: Json,
        body: Json,
        command: Command,
        outputs: Sequence[Output],
        templates: list[Template],
    ) -> dict[str, Any]:
        """All that decides the results of a group, except the inputs' content.

        It is what goes into the rendering, so that unchanged tasks are never rendered.
        """
        job = self.document.data.get("job")
        common = job.get("commonEnvironmentSettings") if isinstance(job, Mapping) else None
        only = outputs[0].template.text if outputs and not outputs[0].name else None
        return {
            "words": [word.text for word in command.words],
            "script": command.script.text if command.script else None,
            "line": command.line.text if command.line else None,
            "output": only,
            "params": _as_texts(self._used_params(templates)),
            "fields": _decisive(body) | {"commonEnvironmentSettings": common},
            **{word: raw[word] for word in _DECISIVE_WORDS if word in raw},
        }

    def _used_params(self, templates: list[Template]) -> dict[str, Any]:
        """The parameters that *templates* read; all of them where one reads the mapping itself."""
        references = [ref for template in templates for ref in template.references if ref[0] == "params"]
        if any(len(ref) == 1 for ref in references):
            return dict(self.params)
        return {ref[1]: self.params[ref[1]] for ref in references if ref[1] in self.params}


def _unsound(linked: Iterable[Linked], wrong: set[Path]) -> set[str | int]:
    """The groups of which something at *wrong* is, and those that read them; *linked* is in the order of the flow."""
    found = {path[1] for path in wrong if path[0] == "tasks"}
    files = {path[1] for path in wrong if path[0] == "files"}
    for group in linked:
        if group.producers & found or group.reads.keys() & files:
            found.add(group.name)
    return found


def _of_batch(group: Json) -> dict[str, Any]:
    """What of *group* are fields of the service."""
    return {key: value for key, value in group.items() if key not in _OURS}


def _body(group: Json, resolved: Json) -> dict[str, Any]:
    """The body of *group*: Batch's fields and what our words for them say; packages are as they are *resolved*."""
    return with_packages(
        _with_env(_of_batch(group), group.get("env", {})), resolved.get("applicationPackages", {})
    )


def _with_env(body: dict[str, Any], env: Mapping[str, object]) -> dict[str, Any]:
    """*body* with the variables of `env:` behind those it has."""
    entries = [{"name": name, "value": _env_value(value)} for name, value in env.items()]
    if not entries:
        return body
    return {**body, "environmentSettings": [*body.get("environmentSettings", []), *entries]}


def _env_value(value: object) -> object:
    """A text, or the reference to a secret."""
    if isinstance(value, Mapping):
        return dict(value)
    return value.as_text() if isinstance(value, Deferred) else text_of(value)


def _decisive(body: Json) -> dict[str, Any]:
    """The fields of *body* that decide a result. Secrets do not: a new token is no new work."""
    fields = {key: body[key] for key in _DECISIVE if key in body}
    settings = fields.get("environmentSettings", [])
    plain = [entry for entry in settings if not _is_secret(entry)]
    if len(plain) < len(settings):
        del fields["environmentSettings"]
        fields |= {"environmentSettings": plain} if plain else {}
    return fields


def _is_secret(setting: object) -> bool:
    return isinstance(setting, Mapping) and isinstance(setting.get("value"), Mapping)


def _safety(data: Mapping[str, Any]) -> Safety:
    names = {
        "maxDeletions": "max_deletions",
        "maxReplacements": "max_replacements",
        "maxNodes": "max_nodes",
        "maxObjects": "max_objects",
        "maxFailures": "max_failures",
    }
    limits = {names[name]: Limit(data[name]) for name in names if name in data}
    return Safety(
        min_objects=data.get("minObjects", Safety().min_objects),
        max_cost_per_hour=data.get("maxCostPerHour"),
        max_cost=data.get("maxCost"),
        **limits,
    )


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
