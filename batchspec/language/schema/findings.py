"""A document against the schema. The only door to jsonschema.

Loading jsonschema takes longer than all else that `validate` does, so `fits`
answers first; jsonschema is asked only to find out what is wrong. Its errors
become findings in our words. The schema has one discriminator (`if`) wherever
there are alternatives, so no error is about a branch that nobody meant.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.document.parser import MAX_FINDINGS
from batchspec.document.scalar import is_type, kind
from batchspec.language.schema.fits import Schema, fits, repeated, resolved
from batchspec.language.schema.habits import answer_to
from batchspec.language.schema.secrets import hide
from batchspec.language.schema.spec_schema import spec_schema
from batchspec.language.templates.deferred import Deferred
from batchspec.source import Diagnostic, Path, in_order, path_text

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_LONGEST_SHOWN = 40
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")


def check(document: Document, *, schema: Schema | None = None) -> list[Diagnostic]:
    """All that the schema has against *document*, in order of position. *schema* is for tests."""
    return check_value(document, (), document.data, spec_schema() if schema is None else schema)


def check_value(document: Document, path: Path, value: object, schema: Schema) -> list[Diagnostic]:
    """All that *schema* has against *value*, which stands at *path* of *document*."""
    if fits(value, schema, schema):
        return []
    errors = _errors(value, schema)
    findings = (finding for error in errors for finding in _findings(_Broken(document, path, error, schema)))
    found: dict[tuple[str, Path, str], Diagnostic] = {}
    for finding in islice(findings, MAX_FINDINGS):
        found.setdefault((finding.code, finding.path, finding.summary), finding)
    return list(in_order(found.values()))


def _errors(data: object, schema: Schema) -> "Iterator[ValidationError]":
    """What jsonschema finds. Its test for repeated items is slow on long lists, its 2.0 an integer: not so here."""
    from jsonschema import Draft7Validator, ValidationError, validators

    def unique(_validator: object, wanted: bool, value: object, _schema: Schema) -> Iterator[ValidationError]:
        if wanted and isinstance(value, list) and any(repeated(value)):
            yield ValidationError("an item appears twice")

    types = Draft7Validator.TYPE_CHECKER.redefine("integer", lambda _, value: is_type(value, "integer"))
    validator: Any = validators.extend(  # type: ignore[no-untyped-call]
        Draft7Validator, {"uniqueItems": unique}, type_checker=types
    )
    errors: Iterator[ValidationError] = validator(schema).iter_errors(data)
    return (error for error in errors if not isinstance(error.instance, Deferred))


class _Broken:
    """One error of jsonschema, with what is needed to say it better."""

    def __init__(self, document: Document, at: Path, error: "ValidationError", root: Schema) -> None:
        self.document = document
        self.rule = str(error.validator)
        self.argument: Any = error.validator_value
        self.value: Any = error.instance
        self.path: Path = (*at, *error.absolute_path)
        self.schema: Schema = error.schema if isinstance(error.schema, Mapping) else {}
        self.is_key = "propertyNames" in error.absolute_schema_path
        self.root = root

    @property
    def description(self) -> tuple[str, ...]:
        text = self.schema.get("description")
        return (text,) if isinstance(text, str) else ()

    @property
    def parent(self) -> str:
        return f"`{path_text(self.path)}`" if self.path else "a spec"

    def say(
        self, code: Code, summary: str, label: str = "", *helps: str, at: Path = (), key: bool = False
    ) -> Diagnostic:
        """A finding at *at* below the error's own path."""
        path = (*self.path, *at)
        return self.document.diagnostic(code, summary, path, label=label, helps=helps, key=key)


def _findings(broken: _Broken) -> Iterator[Diagnostic]:
    if broken.is_key:
        yield broken.say(
            Code.PATTERN,
            f"`{_shown(broken.value)}` is not a valid name here",
            "",
            *broken.description,
            at=(broken.value,),
            key=True,
        )
        return
    say = _SENTENCES.get(broken.rule, _other)
    yield from say(broken)


def _unknown_fields(broken: _Broken) -> Iterator[Diagnostic]:
    known = broken.schema.get("properties", {})
    for name in broken.value:
        if name not in known:
            near = nearest(name, known)
            help = answer_to(name) or (f"did you mean `{near}`?" if near else f"fields: {_listed(known)}")
            summary = f"unknown field `{_shown(name)}`"
            label = f"not a field of {broken.parent}"
            yield broken.say(Code.UNKNOWN_FIELD, summary, label, help, at=(name,), key=True)


def _missing_fields(broken: _Broken) -> Iterator[Diagnostic]:
    properties = broken.schema.get("properties", {})
    for name in broken.argument:
        if name not in broken.value:
            rule = properties.get(name, {})
            text = rule.get("description") or resolved(rule, broken.root).get("description")
            helps = (f"`{name}`: {text}",) if text else broken.description
            yield broken.say(
                Code.MISSING_FIELD, f"missing field `{name}`", f"{broken.parent} needs it", *helps
            )


def _missing_partners(broken: _Broken) -> Iterator[Diagnostic]:
    for name, partners in broken.argument.items():
        for partner in partners if name in broken.value else ():
            if partner not in broken.value:
                label = f"`{name}` needs `{partner}`"
                yield broken.say(
                    Code.MISSING_FIELD, f"missing field `{partner}`", label, at=(name,), key=True
                )


def _wrong_type(broken: _Broken) -> Iterator[Diagnostic]:
    if "fromEnvironment" in broken.schema.get("properties", {}):
        help = "write {fromEnvironment: NAME}, and put the value into that environment variable"
        summary = f"`{broken.path[-1]}` is a secret and must not be written here"
        yield broken.say(Code.PLAIN_SECRET, summary, "secrets never belong in a spec", help)
        return
    names = [broken.argument] if isinstance(broken.argument, str) else broken.argument
    *others, last = (_TYPE_WORDS[name] for name in names)
    expected = f"{', '.join(others)} or {last}" if others else last
    help = _type_help(broken.value, names)
    helps = (help,) if help else () if "object" in names else broken.description
    yield broken.say(
        Code.WRONG_TYPE, f"expected {expected}, found {kind(broken.value)}", _limits(broken.schema), *helps
    )


_TYPE_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


def _type_help(value: object, names: list[str]) -> str:
    """What to write instead, where it is plain."""
    if value is None:
        return "give it a value, or remove the field"
    if (
        isinstance(value, str)
        and not {"integer", "number"}.isdisjoint(names)
        and _WHOLE_NUMBER.fullmatch(value)
    ):
        return f"write {value} without quotes"
    if isinstance(value, float) and "integer" in names and value.is_integer():
        return f"write {int(value)}"
    if value in ("yes", "on", "no", "off") and "boolean" in names:
        return f"write {'true' if value in ('yes', 'on') else 'false'}"
    if isinstance(value, (bool, int, float)) and "string" in names:
        text = str(value).lower()
        return f'write it in quotes: "{text}"' + (f", or as a list: [{text}]" if "array" in names else "")
    if "array" in names and "object" not in names and not isinstance(value, (list, dict)):
        return "a list of one item is written [item]"
    return ""


def _limits(schema: Schema) -> str:
    return _between(schema.get("minimum"), schema.get("maximum"))


def _between(low: object, high: object) -> str:
    if low is not None and low == high:
        return f"allowed: {low}"
    if low is not None and high is not None:
        return f"allowed: {low} to {high}"
    if low is not None:
        return f"allowed: {low} or more"
    return f"allowed: up to {high}" if high is not None else ""


def _not_one_of(broken: _Broken) -> Iterator[Diagnostic]:
    allowed = [str(item) for item in broken.argument]
    near = nearest(str(broken.value), allowed)
    helps = [f"did you mean `{near}`?"] if near else []
    summary = f"`{_shown(broken.value)}` is not a valid value"
    yield broken.say(Code.NOT_ONE_OF, summary, f"allowed: {_listed(allowed)}", *helps)


def _not_the_one(broken: _Broken) -> Iterator[Diagnostic]:
    wanted = json.dumps(broken.argument)
    quoted = [f"write {wanted} without quotes"] if broken.value == wanted else broken.description
    yield broken.say(Code.NOT_ONE_OF, f"expected {wanted}", "", *quoted)


def _wrong_form(broken: _Broken) -> Iterator[Diagnostic]:
    examples = broken.schema.get("examples", ())
    helps = [*broken.description, *(f"for example: {example}" for example in examples[:1])]
    named = [part for part in broken.path if isinstance(part, str) and part != "default"]
    field = named[-1] if named else "value"
    label = "" if helps else f"it has to match {broken.argument}"
    yield broken.say(Code.PATTERN, f"`{_shown(broken.value)}` is not a valid {field}", label, *helps)


def _out_of_range(broken: _Broken) -> Iterator[Diagnostic]:
    size = "small" if broken.rule == "minimum" else "large"
    yield broken.say(
        Code.OUT_OF_RANGE, f"{broken.value} is too {size}", _limits(broken.schema), *broken.description
    )


class _Count(NamedTuple):
    code: Code
    low: str
    high: str
    unit: str


_COUNTS = {
    "Length": _Count(Code.TEXT_LENGTH, "minLength", "maxLength", "characters"),
    "Items": _Count(Code.ITEM_COUNT, "minItems", "maxItems", "items"),
    "Properties": _Count(Code.ITEM_COUNT, "minProperties", "maxProperties", "fields"),
}


def _wrong_count(broken: _Broken) -> Iterator[Diagnostic]:
    count = _COUNTS[broken.rule.removeprefix("min").removeprefix("max")]
    size = "few" if broken.rule.startswith("min") else "many"
    limits = _between(broken.schema.get(count.low), broken.schema.get(count.high))
    summary = f"too {size} {count.unit}: {len(broken.value)}"
    yield broken.say(count.code, summary, limits, *broken.description)


def _repeated(broken: _Broken) -> Iterator[Diagnostic]:
    for i, first in repeated(broken.value):
        line = broken.document.position((*broken.path, first)).line
        yield broken.say(Code.REPEATED_ITEM, "appears twice in this list", f"first in line {line}", at=(i,))


def _not_allowed(broken: _Broken) -> Iterator[Diagnostic]:
    if broken.argument == {}:
        summary = f"`{broken.path[-1]}` is not allowed here"
        yield broken.say(Code.NOT_ALLOWED_HERE, summary, "".join(broken.description), key=True)
    else:
        summary = f"`{_shown(broken.value)}` is not allowed here"
        yield broken.say(Code.NOT_ALLOWED_HERE, summary, "", *broken.description)


def _other(broken: _Broken) -> Iterator[Diagnostic]:
    yield broken.say(
        Code.OTHER_RULE, f"breaks the rule `{broken.rule}` of the schema", "", *broken.description
    )


_SENTENCES: dict[str, Callable[[_Broken], Iterator[Diagnostic]]] = {
    "additionalProperties": _unknown_fields,
    "required": _missing_fields,
    "dependencies": _missing_partners,
    "type": _wrong_type,
    "enum": _not_one_of,
    "const": _not_the_one,
    "pattern": _wrong_form,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _wrong_count),
    **dict.fromkeys(("minProperties", "maxProperties"), _wrong_count),
    "uniqueItems": _repeated,
    "not": _not_allowed,
}


def nearest(name: str, known: Mapping[str, object] | list[str]) -> str:
    """The name of *known* that *name* probably means, or "": other case and separators count as equal."""
    from difflib import get_close_matches

    plain = {_letters(candidate): candidate for candidate in known}
    near = get_close_matches(_letters(name[:_LONGEST_SHOWN]), plain, 1, 0.7)
    return plain[near[0]] if near else ""


def _letters(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _listed(names: Mapping[str, object] | list[str]) -> str:
    shown = list(names)[:12]
    return ", ".join(shown) + (", …" if len(names) > len(shown) else "")


def _shown(value: object) -> str:
    """*value* for a message: hidden when it is a secret, and not longer than a line can bear."""
    text = hide(value if isinstance(value, str) else json.dumps(value))
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
