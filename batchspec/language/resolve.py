"""Parameters put into a document: all that reads it afterwards sees the values that will be sent.

A string that is one placeholder keeps the type of its value where the field takes it. Every value
keeps its place. What only a task can fill is `Deferred`; a task's script is never touched, since
there every value is quoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from batchspec.document.document import Document, Piece
from batchspec.language.params import Values
from batchspec.language.rows.start_files import START_TASK, mentioned_files
from batchspec.language.schema.spec_schema import spec_schema, types_at
from batchspec.language.templates.compiled import compiled, render_finding
from batchspec.language.templates.deferred import Deferred
from batchspec.language.templates.expression import TemplateError
from batchspec.language.templates.filters import text_of
from batchspec.language.templates.mentions import unknown_references
from batchspec.language.templates.template import Template, is_template
from batchspec.source import Diagnostic, Path

_LITERAL = frozenset({"version", "requires", "params"})
_STRUCTURES = frozenset({"object", "array"})
"""What decides which tasks there are, so that no task can fill it."""


def resolve(document: Document, params: Values) -> tuple[Document, list[Diagnostic]]:
    """*document* with *params* in its strings, and what is wrong with those outside of task groups.

    What tasks may name is known where they are built; so are the findings about it.
    """
    resolver = _Resolver(document, params)
    data = resolver.data()
    return document.resolved(data, resolver.pieces), resolver.findings


class _Resolver:
    def __init__(self, document: Document, params: Values) -> None:
        self.findings: list[Diagnostic] = []
        self.pieces: dict[Path, tuple[Piece, ...]] = {}
        self._document = document
        self._missing = {("params", name) for name in params.missing}
        self._known: dict[str, Any] = {"params": params.names}
        files: object = document.raw.get("files")
        names = files if isinstance(files, Mapping) else ()
        self._known_at_start = self._known | {"files": {name: {"path": ""} for name in names}}

    def data(self) -> dict[str, object]:
        raw = self._document.raw
        name = self._value(raw.get("name", ""), ("name",))
        self._known["spec"] = {"name": name}
        # Of a misspelt field (`task:`), only that it is unknown is worth saying.
        fields = spec_schema()["properties"].keys() - _LITERAL
        values = {
            key: self._value(value, (key,)) if key in fields else value
            for key, value in raw.items()
            if key != "name"
        }
        return {key: name if key == "name" else values[key] for key in raw}

    def _value(self, value: Any, path: Path) -> Any:
        if isinstance(value, Mapping):
            return {key: self._value(member, (*path, key)) for key, member in value.items()}
        if isinstance(value, list):
            members = [self._value(member, (*path, i)) for i, member in enumerate(value)]
            return list(_flat(value, members)) if _is_command(path) else members
        if isinstance(value, str):
            return self._text(value, path) if is_template(value) else value
        return self._document.written(path) if _is_word(path) and value is not None else value

    def _text(self, text: str, path: Path) -> Any:
        if _is_command(path) or path[-1] == "fromEnvironment":
            return text
        types = types_at(path) if _is_of_task(path) else frozenset()
        waits = bool(types - _STRUCTURES)
        known = self._known | self._known_at_start if path[:2] == START_TASK else self._known
        template = compiled(self._document, text, path, known, None if waits else self.findings)
        if template is None or self._missing & {name[:2] for name in template.references}:
            return Deferred.of(text)
        if known is not self._known and mentioned_files(template):
            return Deferred.of(text, template, types_at(path))
        if waits and not {reference[0] for reference in template.references} <= self._known.keys():
            return Deferred.of(text, template, types)
        return (
            Deferred.of(text) if unknown_references(template, self._known) else self._filled(template, path)
        )

    def _filled(self, template: Template, path: Path) -> Any:
        try:
            types = frozenset(("string", "array")) if _is_word(path) else types_at(path)
            value = template.value(self._known, types)
            if isinstance(value, list) and _is_word(path):
                return [text_of(item) for item in value]
        except TemplateError as error:
            self.findings.append(render_finding(self._document, error, path))
            return Deferred.of(template.text)
        if isinstance(value, str):
            self.pieces[path] = tuple(_pieces(template, template.rendered_parts(self._known)))
        return value


def _is_of_task(path: Path) -> bool:
    return path[0] == "tasks" and len(path) > 2


def _is_word(path: Path) -> bool:
    """Whether a word of a command stands at *path*: it is text, also where it looks like a number."""
    return _is_of_task(path) and path[2] == "command" and len(path) == 4


def _is_command(path: Path) -> bool:
    return _is_of_task(path) and path[2:] == ("command",)


def _flat(written: list[Any], words: list[Any]) -> Iterator[Any]:
    """*words*, where a placeholder that gives a list stands for several; a list that is *written* there stays one."""
    for before, word in zip(written, words, strict=True):
        yield from word if isinstance(word, list) and isinstance(before, str) else [word]


def _pieces(template: Template, rendered: list[str]) -> list[Piece]:
    """Where each part of the rendered text comes from."""
    pieces, at, source = [], 0, 0
    for part, text in zip(template.parts, rendered, strict=True):
        end = source + len(part) if isinstance(part, str) else part.end
        pieces.append(Piece(at, at + len(text), source, end, isinstance(part, str)))
        at, source = at + len(text), end
    return pieces
