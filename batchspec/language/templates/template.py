"""Placeholders in the strings of a spec: `{{ params.bitrate }}`.

A template is text with expressions in it; there are no statements, comments or
whitespace control, so that `{%s}` and `${#x}` of shell scripts stay as they
are. A dotted name, which is nearly all that people write, is looked up here;
only a filter or an operator makes it an expression of jinja2, in `sandbox.py`.
"""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from batchspec.codes import Code
from batchspec.language.templates import shell
from batchspec.language.templates.expression import (
    LITERAL_HELP,
    Reference,
    TemplateError,
    Use,
    Values,
)
from batchspec.language.templates.filters import MAX_CHARACTERS, as_field, text_of
from batchspec.language.templates.values import Series, member

_MAX_PLACEHOLDERS = 1000
_MAX_EXPRESSION = 1_000
_MOST_IN_COMMAND = 120_000  # what Linux takes as one variable is 128 KiB, and words are quoted there
_LIST_HELP = "read them from a file: {{ inputs.list }} is the path of one that has a line for each input"
_CHUNK_HELP = "or let each task have fewer of them: `chunk`"
_LONGEST_NAME = 1_024  # of a blob, and so of an input
_LONGEST_QUOTED = 5  # what `'` becomes in a script

_T = TypeVar("_T")

_PLACEHOLDER = re.compile(
    r"""\{\{((?:[^"'{}]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')*)\}\}""",
    re.DOTALL,
)
_DOTTED = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*", re.ASCII)
_JINJA_WORDS = frozenset(
    {"true", "false", "none", "True", "False", "None", "not", "and", "or", "if", "else", "in", "is"}
)
_MEANINGLESS = re.compile(r"[\w{}%.,:/@+=-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One `{{ expression }}`; `evaluate` raises `TemplateError` or what Python raises."""

    expression: str
    start: int
    end: int
    uses: tuple[Use, ...]
    evaluate: Callable[[Values], object] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Template:
    """A text whose placeholders are understood, ready to be rendered many times."""

    text: str
    references: frozenset[Reference]
    parts: tuple[str | Placeholder, ...] = field(repr=False)
    is_script: bool = False

    @property
    def is_verbatim(self) -> bool:
        """Whether each placeholder is a name, and nothing is done with its value."""
        return all(
            part.expression in {".".join(use.reference) for use in part.uses} for part in self.placeholders
        )

    @property
    def may_fail(self) -> bool:
        """Whether it could be rendered for one input of a task, and not for another."""
        longest = _LONGEST_NAME * (_LONGEST_QUOTED if self.is_script else 1)
        return not self.is_verbatim or len(self.text) + len(self.placeholders) * longest > MAX_CHARACTERS

    @property
    def placeholders(self) -> list[Placeholder]:
        return [part for part in self.parts if isinstance(part, Placeholder)]

    @property
    def slotted(self) -> str:
        """The text with a slot for each placeholder, as `shell` reads it."""
        return "".join(part if isinstance(part, str) else shell.SLOT for part in self.parts)

    @property
    def is_one_placeholder(self) -> bool:
        return len(self.parts) == 1 and isinstance(self.parts[0], Placeholder)

    def render(self, values: Values) -> str:
        """The text with *values* put in; quoted for bash in a script.

        Raises `TemplateError` for a name without a value, and for a value that
        is neither text, a number, nor true or false.
        """
        rendered = "".join(self.rendered_parts(values))
        if len(rendered) > MAX_CHARACTERS:
            raise self._too_large(MAX_CHARACTERS)
        return rendered

    def _too_large(self, most: int) -> TemplateError:
        what = f"gives more than {most:,} characters"
        lists = any(reference[-1] == "paths" or reference[0] == "matrix" for reference in self.references)
        helps = (_LIST_HELP, _CHUNK_HELP) if lists else ()
        return TemplateError(what, 0, len(self.text), code=Code.TEMPLATE_TOO_LARGE, helps=helps)

    def rendered_parts(self, values: Values) -> list[str]:
        """What each part gives."""
        write = _shell_word if self.is_script else text_of
        return [part if isinstance(part, str) else _written(part, values, write) for part in self.parts]

    def value(self, values: Values, types: Collection[str]) -> Any:
        """What a field gets that takes values of JSON's *types*: text, unless all of it is one placeholder.

        Such a value stays what it is where the field takes it, or takes no text either.
        """
        if len(self.parts) != 1 or isinstance(only := self.parts[0], str):
            return self.render(values)
        return _written(only, values, lambda value: as_field(value, types))

    def words(self, values: Values) -> list[str]:
        """The words that this word of a command becomes: as many as its list has, where it is one placeholder."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Placeholder):
            found = _evaluated(self.parts[0], values)
            if isinstance(found, (Series, list)):
                words = [text_of(item) for item in found]
                if sum(map(len, words)) + len(words) > _MOST_IN_COMMAND:
                    raise self._too_large(_MOST_IN_COMMAND)
                return words
        return [self.render(values)]


def is_template(text: str) -> bool:
    """Whether *text* has to be compiled: it has `{{`, perhaps of a broken placeholder."""
    return "{{" in text


def compile_text(text: str) -> Template:
    """The template of *text*. Raises `TemplateError` for the first thing that is wrong."""
    parts = tuple(_parts(text))
    uses = (use for part in parts if isinstance(part, Placeholder) for use in part.uses)
    return Template(text, frozenset(use.reference for use in uses), parts)


def compile_script(text: str) -> Template:
    """The template of a bash script: every text put in becomes one quoted word.

    Numbers, true and false are put in bare, so that `{1..{{ params.count }}}`
    counts. Raises `TemplateError` also where quotes would not protect a value; there,
    only a constant that means nothing to the shell is let through, as it is: braces of
    another language, `'{{ "{{" }}.ID}}'`.
    """
    template = compile_text(text)
    placeholders = template.placeholders
    bare: dict[Placeholder, str] = {}
    for refusal in shell.refusals(template.slotted):
        placeholder = placeholders[refusal.slot]
        if (constant := _harmless(placeholder)) is None:
            raise _shell_error(placeholder, refusal)
        bare[placeholder] = constant
    parts = tuple(part if isinstance(part, str) else bare.get(part, part) for part in template.parts)
    return Template(text, template.references, parts, is_script=True)


def _harmless(placeholder: Placeholder) -> str | None:
    """What *placeholder* always puts in, where no shell could read that as anything but text."""
    if placeholder.uses:
        return None
    text = _written(placeholder, {}, text_of)
    return text if _MEANINGLESS.fullmatch(text) else None


def _parts(text: str) -> Iterator[str | Placeholder]:
    if len(text) > MAX_CHARACTERS:
        raise _error(f"longer than {MAX_CHARACTERS:,} characters", text, Code.TEMPLATE_TOO_LARGE)
    end = 0
    for number, match in enumerate(_PLACEHOLDER.finditer(text)):
        if number == _MAX_PLACEHOLDERS:
            raise _error(f"more than {_MAX_PLACEHOLDERS:,} placeholders", text, Code.TEMPLATE_TOO_LARGE)
        yield from _plain(text, end, match.start())
        yield _placeholder(match)
        end = match.end()
    yield from _plain(text, end, len(text))


def _plain(text: str, start: int, end: int) -> Iterator[str]:
    stray = text.find("{{", start, end)
    if stray >= 0:
        helps = ("end it with `}}`, and use no braces inside", LITERAL_HELP)
        raise TemplateError("an unterminated placeholder", stray, stray + 2, helps=helps)
    if start < end:
        yield text[start:end]


def _placeholder(match: re.Match[str]) -> Placeholder:
    expression, (start, end) = match[1], match.span()
    dotted = _DOTTED.fullmatch(expression)
    if dotted:
        reference = tuple(dotted[1].split("."))
        if reference[0] not in _JINJA_WORDS:
            return Placeholder(dotted[1], start, end, (Use(reference),), _lookup(reference))
    if len(expression) > _MAX_EXPRESSION:
        message = f"a placeholder of more than {_MAX_EXPRESSION:,} characters"
        raise TemplateError(message, start, end, code=Code.TEMPLATE_TOO_LARGE)
    from batchspec.language.templates.sandbox import compile_expression  # loads jinja2

    uses, evaluate = compile_expression(expression, start, end)
    return Placeholder(expression.strip(), start, end, uses, evaluate)


def _lookup(reference: Reference) -> Callable[[Values], object]:
    def evaluate(values: Values) -> object:
        value: object = values
        for name in reference:
            value = member(value, name)
        return value

    return evaluate


def _written(placeholder: Placeholder, values: Values, write: Callable[[object], _T]) -> _T:
    """What *placeholder* puts in."""
    with _told(placeholder):
        return write(placeholder.evaluate(values))


def _evaluated(placeholder: Placeholder, values: Values) -> object:
    with _told(placeholder):
        return placeholder.evaluate(values)


@contextmanager
def _told(placeholder: Placeholder) -> Iterator[None]:
    """Within it, whatever goes wrong in the expression of *placeholder* ends as a `TemplateError`."""
    start, end = placeholder.start, placeholder.end
    try:
        yield
    except KeyError:
        names = ", ".join(".".join(use.reference) for use in placeholder.uses)
        message = f"no value for {names}" if names else "gives nothing"
        raise TemplateError(message, start, end, code=Code.UNDEFINED_VARIABLE) from None
    except (ValueError, ArithmeticError) as error:
        raise TemplateError(str(error), start, end, code=Code.NO_TEXT) from None
    except TypeError:
        message = "a filter or operator with values that it does not take"
        raise TemplateError(message, start, end, code=Code.NO_TEXT) from None


def _shell_word(value: object) -> str:
    """*value* for a script: a text as one quoted word, a list as several; numbers, true and false bare."""
    if isinstance(value, (Series, list)):
        return " ".join(map(_shell_word, value))
    return shell.word(value) if isinstance(value, str) else text_of(value)


def _error(message: str, text: str, code: Code) -> TemplateError:
    return TemplateError(message, 0, len(text), code=code)


def _shell_error(placeholder: Placeholder, refusal: shell.Refusal) -> TemplateError:
    helps: tuple[str, ...] = (
        'give it to a variable first: `x={{ ... }}`, and write "$x" here',
        "or use the list form: `command: [program, argument, ...]`",
    )
    if refusal.is_quotes:
        return TemplateError(
            "unsafe placeholder inside quotes",
            placeholder.start,
            placeholder.end,
            code=Code.PLACEHOLDER_IN_QUOTES,
            label="values are quoted automatically; these quotes would end that",
            helps=("remove the quotes around it", helps[1], LITERAL_HELP),
        )
    return TemplateError(
        "the shell could run the value inserted here as code",
        placeholder.start,
        placeholder.end,
        code=Code.UNSAFE_IN_SHELL,
        label=f"inside or after {refusal.inside}",
        helps=(*helps, LITERAL_HELP),
    )
