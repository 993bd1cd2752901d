"""A string that waits for its task: what a task group's templates are in a resolved document."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from batchspec.language.templates.expression import Values
from batchspec.language.templates.template import Template


class Deferred(str):
    """A text with placeholders that only a task can fill, or that could not be read at all.

    As a text it is the template's. It fits every field, until its value is known.
    """

    __slots__ = ("_template", "_types")

    _template: Template | None
    _types: Collection[str]

    @classmethod
    def of(cls, text: str, template: Template | None = None, types: Collection[str] = ()) -> Deferred:
        """*types* are the JSON types that the field takes; without *template* there is a finding already."""
        deferred = cls(text)
        deferred._template, deferred._types = template, types
        return deferred

    def as_text(self) -> Deferred:
        """The same for a field that takes nothing but text."""
        return Deferred.of(self, self._template, ("string",))

    @property
    def template(self) -> Template:
        if self._template is None:
            raise ValueError(f"no template: {self}")
        return self._template

    def value(self, values: Values) -> Any:
        """What the field gets in a task whose templates see *values*. Raises `TemplateError`."""
        return self.template.value(values, self._types)
