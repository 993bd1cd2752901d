"""The values of a spec's parameters: declared in it, given in files, set on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.document.parser import parse
from batchspec.document.scalar import json_type, number_of
from batchspec.errors import SpecError, UsageError
from batchspec.language.schema.findings import check_value, nearest
from batchspec.language.schema.fits import Schema, fits
from batchspec.language.schema.secrets import find_secrets, may_be_secret
from batchspec.language.schema.spec_schema import spec_schema
from batchspec.language.templates.values import Series
from batchspec.patterns import lazy_regex
from batchspec.source import Diagnostic, Path, Source

# What a file has for a text, or for an item of a list, as it is written there.
_TEXT = {"type": ["string", "number", "boolean"]}
_REPEATED_GROUP = lazy_regex(r"\)[*+{]")
_REPEAT = lazy_regex(r"[*+]|\{[0-9]*,[0-9]*\}")
_ESCAPED = lazy_regex(r"\\.|\[\^?\]?[^\]]*\]", re.DOTALL)
_MOST_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Values:
    """The values of parameters. Those in `missing` have none: there is a finding about each, and what stands for it."""

    by_name: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, object] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)

    @property
    def names(self) -> dict[str, object]:
        """All parameters that there are, for who only asks whether there is one."""
        return {**self.missing, **self.by_name}


class _Given:
    """A value and where it stands: in a document, or in an option of the command line."""

    def __init__(self, value: Any, document: Document, path: Path, option: str = "") -> None:
        self.value = value
        self._document, self._path, self._option = document, path, option

    def check(self, rule: Schema) -> list[Diagnostic]:
        """What *rule* has against the value; of an option, with its words in place of a position."""
        found = check_value(self._document, self._path, self.value, rule)
        if self._option:
            found = [each._replace(source=Source(self._option, ""), position=None) for each in found]
        about = rule.get("description", "")
        return [each if about in each.helps or not about else each.with_help(about) for each in found]


def values_of(document: Document, files: Sequence[Document], settings: Mapping[str, str]) -> Values:
    """The values of the parameters that *document* declares; later *files* win, and *settings* over all.

    Raises `UsageError` for a setting of a parameter that there is not.
    """
    declared = document.raw.get("params")
    declared = declared if isinstance(declared, dict) else {}
    for name in settings:
        _require_declared(name, declared)
    values = Values()
    for file in files:
        values.findings.extend([*_undeclared(file, declared), *find_secrets(file)])
    for name in declared:
        _take(values, _Param(document, name, declared[name]), files, settings)
    return values


def _take(values: Values, param: _Param, files: Sequence[Document], settings: Mapping[str, str]) -> None:
    """*values* have one for *param*, or what keeps it from having one."""
    found = [*param.findings()]
    given = param.given(files, settings) if param.is_shaped and not found else None
    if given is not None:
        found = given.check(param.rule)
    elif param.is_shaped and not found:
        found = [param.nothing_given()]
    values.findings.extend(found)
    if given is None or found:
        values.missing[param.name] = param.stand_in
    else:
        values.by_name[param.name] = given.value


class _Param:
    """A parameter as the spec declares it: by its default, or by a mapping of JSON Schema's keywords."""

    def __init__(self, document: Document, name: str, declaration: Any) -> None:
        self.name = name
        self._document = document
        self._declaration = declaration
        self._is_typed = isinstance(declaration, dict)
        self._path: Path = ("params", name)
        root = spec_schema()
        self.is_shaped = fits(declaration, root["properties"]["params"]["additionalProperties"], root)

    @property
    def rule(self) -> Schema:
        if self._is_typed:
            declared: Schema = self._declaration
            return {**declared, "items": {**_TEXT, **declared.get("items", {})}}
        kind = json_type(self._declaration)
        return _TEXT if kind == "string" else {"type": kind, "items": _TEXT}

    @property
    def stand_in(self) -> object:
        """What has the members that a value would have."""
        return Series() if self.is_shaped and self.rule["type"] == "array" else ""

    def findings(self) -> Iterator[Diagnostic]:
        """What is wrong with the declaration, besides its shape."""
        pattern = self._declaration.get("pattern") if self._is_typed else None
        if isinstance(pattern, str) and (problem := _pattern_problem(pattern)):
            yield self._document.diagnostic(Code.PATTERN, problem, (*self._path, "pattern"))

    def nothing_given(self) -> Diagnostic:
        return self._document.diagnostic(
            Code.NO_VALUE,
            f"no value for parameter `{self.name}`",
            self._path,
            label="it has no default",
            helps=(f"set it: --set {self.name}=VALUE, or a line in a --params file",),
            key=True,
        )

    def given(self, files: Sequence[Document], settings: Mapping[str, str]) -> _Given | None:
        """The value that counts: of the command line, else of the last file that has one, else the default."""
        if self.name in settings:
            text = settings[self.name]
            shown = "…" if may_be_secret(self.name, text) else text
            return _Given(self._from_text(text), self._document, self._path, f"--set {self.name}={shown}")
        for file in reversed(files):
            if self.name in file.data:
                return _Given(self._from_file(file), file, (self.name,))
        if not self._is_typed:
            return _Given(self._declaration, self._document, self._path)
        if "default" in self._declaration:
            return _Given(self._declaration["default"], self._document, (*self._path, "default"))
        return None

    def _from_file(self, file: Document) -> Any:
        """The value in *file*; for a text, a number as it is written."""
        value = file.data[self.name]
        is_text = self.rule is _TEXT and isinstance(value, (int, float))
        return file.written((self.name,)) if is_text else value

    def _from_text(self, text: str) -> Any:
        """*text* as a value of the parameter's type; as it is where it is none."""
        kind = "string" if self.rule is _TEXT else self.rule["type"]
        if kind == "boolean":
            return {"true": True, "false": False}.get(text, text)
        if kind in ("integer", "number"):
            return text if (number := number_of(text)) is None else number
        return _list_of(text) if kind == "array" else text


def _list_of(text: str) -> Any:
    """The list that *text* is in YAML, `[480, 720]`; the text itself where it is none."""
    try:
        found = parse(Source("", f"list: {text}")).data["list"] if text.startswith("[") else text
    except SpecError:
        return text
    return found


def _pattern_problem(pattern: str) -> str | None:
    """Why *pattern* cannot be used, or could keep the machine busy for ever; None for a good one."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {error}"
    bare = _ESCAPED.sub("x", pattern)
    if _REPEATED_GROUP.search(bare):
        return "a pattern cannot repeat a group"
    if len(_REPEAT.findall(bare)) > _MOST_REPEATS:
        return f"a pattern can repeat {_MOST_REPEATS} times at most"
    return None


def _require_declared(name: str, declared: Mapping[str, object]) -> None:
    if name not in declared:
        raise UsageError(f"--set {name}: the spec has no such parameter", help=_known(name, declared))


def _undeclared(file: Document, declared: Mapping[str, object]) -> Iterator[Diagnostic]:
    for name in file.data:
        if name not in declared:
            what = f"the spec has no parameter `{name}`"
            yield file.diagnostic(
                Code.UNKNOWN_FIELD, what, (name,), helps=(_known(name, declared),), key=True
            )


def _known(name: str, declared: Mapping[str, object]) -> str:
    near = nearest(name, declared)
    return f"did you mean {near}?" if near else f"it has: {', '.join(declared) or 'none'}"
