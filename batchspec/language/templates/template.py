"""Placeholders in the strings of a spec: `{{ params.bitrate }}`. The only door to jinja2.

A template is text with expressions in it; there are no statements, comments or
whitespace control, so that `{%s}` and `${#x}` of shell scripts stay as they
are. A dotted name, which is nearly all that people write, is looked up here;
only for a filter or an operator is jinja2 loaded, and given that expression
alone. What it may contain is a list of allowed syntax nodes: no calls, no
attributes of Python objects, nothing that makes much of little.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from batchspec.codes import Code
from batchspec.errors import BatchspecError
from batchspec.language.templates import shell
from batchspec.language.templates.filters import FILTERS, MAX_CHARACTERS, as_field, bounded, text_of
from batchspec.language.templates.values import Series, has_member, member

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

_MAX_PLACEHOLDERS = 1000
_MAX_EXPRESSION = 1_000
_MOST_IN_COMMAND = 120_000  # what Linux takes as one variable is 128 KiB, and words are quoted there
_LIST_HELP = "read them from a file: {{ inputs.list }} is the path of one that has a line for each input"
_CHUNK_HELP = "or let each task have fewer of them: `chunk`"
_LONGEST_NAME = 1_024  # of a blob, and so of an input
_LONGEST_QUOTED = 5  # what `'` becomes in a script

_T = TypeVar("_T")

Reference = tuple[str, ...]
Values = Mapping[str, object]

_PLACEHOLDER = re.compile(
    r"""\{\{((?:[^"'{}]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')*)\}\}""",
    re.DOTALL,
)
_DOTTED = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*", re.ASCII)
_JINJA_WORDS = frozenset(
    {"true", "false", "none", "True", "False", "None", "not", "and", "or", "if", "else", "in", "is"}
)
_MEANINGLESS = re.compile(r"[\w{}%.,:/@+=-]*", re.ASCII)
_RESERVED = frozenset(["self", "super", "loop", "caller", "varargs", "kwargs"])
LITERAL_HELP = 'write {{ "{{" }} for braces that are not a placeholder, also in quotes and here-documents'


class TemplateError(BatchspecError):
    """A template that is wrong; characters *start* to *end* (exclusive) of its text are.

    One that shows only when a task is rendered (a division by an input's size) ends the command.
    """

    exit_code = 65

    def __init__(
        self,
        message: str,
        start: int,
        end: int,
        *,
        code: Code = Code.TEMPLATE_SYNTAX,
        label: str = "",
        helps: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.code = code
        self.label = label
        self.helps = helps


class Use(NamedTuple):
    """A name that a placeholder reads; optional when a missing one has a fallback."""

    reference: Reference
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One `{{ ... }}`; `evaluate` raises `TemplateError` or what Python raises."""

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
            isinstance(part, str)
            or self.text[part.start + 2 : part.end - 2].strip()
            in {".".join(use.reference) for use in part.uses}
            for part in self.parts
        )

    @property
    def may_fail(self) -> bool:
        """Whether it could be rendered for one input of a task, and not for another."""
        slots = sum(1 for part in self.parts if isinstance(part, Placeholder))
        longest = _LONGEST_NAME * (_LONGEST_QUOTED if self.is_script else 1)
        return not self.is_verbatim or len(self.text) + slots * longest > MAX_CHARACTERS

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


class Unknown(NamedTuple):
    """A reference to nothing: where it stands in the text, and the nearest name that exists or ""."""

    reference: Reference
    start: int
    end: int
    nearest: str


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
    placeholders = _placeholders(template)
    bare: dict[Placeholder, str] = {}
    for refusal in shell.refusals(_slotted(template)):
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


def unknown_references(template: Template, known: Mapping[str, object]) -> list[Unknown]:
    """The names in *template* that *known* does not have; its values do not matter.

    A placeholder that would put in a whole group (`{{ params }}`) is one too.
    """
    found = []
    for placeholder in template.parts:
        if isinstance(placeholder, str):
            continue
        for use in placeholder.uses:
            whole = template.text[placeholder.start + 2 : placeholder.end - 2].strip() == ".".join(
                use.reference
            )
            if not _exists(use.reference, known, as_text=whole) and not use.optional:
                found.append(_unknown(template.text, placeholder, use.reference, known))
    return found


def _exists(reference: Reference, known: object, *, as_text: bool) -> bool:
    for name in reference:
        if not has_member(known, name):
            return False
        known = member(known, name)
    return not (as_text and isinstance(known, Mapping))


def _unknown(
    text: str, placeholder: Placeholder, reference: Reference, known: Mapping[str, object]
) -> Unknown:
    from difflib import get_close_matches

    dotted = ".".join(reference)
    names = list(_leaves(known, ""))
    same = [name for name in names if name.lower() == dotted.lower()]
    inside = [name for name in names if name.startswith(dotted + ".")]
    nearest = [*same, *inside, *get_close_matches(dotted, names, 1), ""][0]
    at = text.find(dotted, placeholder.start, placeholder.end)
    span = (at, at + len(dotted)) if at >= 0 else (placeholder.start, placeholder.end)
    return Unknown(reference, *span, nearest)


def misplaced_lists(
    template: Template, known: Mapping[str, object], *, is_word: bool = False
) -> Iterator[Placeholder]:
    """The placeholders that would put a list where one value is expected.

    In a script a list is several words, so it cannot be part of a word or stand where bash reads a single one.
    With *is_word*, *template* is a word of a command, and a list may be all of it.
    """
    lists = {
        number for number, part in enumerate(_placeholders(template)) if _gives_list(template, part, known)
    }
    if not lists or (is_word and len(template.parts) == 1):
        return
    single = frozenset(shell.single_words(_slotted(template))) if template.is_script else lists
    for number, part in enumerate(_placeholders(template)):
        if number in lists and number in single:
            yield part


def _placeholders(template: Template) -> list[Placeholder]:
    return [part for part in template.parts if isinstance(part, Placeholder)]


def _slotted(template: Template) -> str:
    return "".join(part if isinstance(part, str) else shell.SLOT for part in template.parts)


def _gives_list(template: Template, placeholder: Placeholder, known: object) -> bool:
    """Whether *placeholder* is the bare name of a list."""
    dotted = template.text[placeholder.start + 2 : placeholder.end - 2].strip()
    for name in dotted.split("."):
        if not has_member(known, name):
            return False
        known = member(known, name)
    return isinstance(known, (Series, list))


def _leaves(known: Mapping[str, object], prefix: str) -> Iterator[str]:
    for name, value in known.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


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
        raise TemplateError("a placeholder that does not end", stray, stray + 2, helps=helps)
    if start < end:
        yield text[start:end]


def _placeholder(match: re.Match[str]) -> Placeholder:
    expression = match[1]
    dotted = _DOTTED.fullmatch(expression)
    if dotted:
        reference = tuple(dotted[1].split("."))
        if reference[0] not in _JINJA_WORDS:
            return Placeholder(match.start(), match.end(), (Use(reference),), _lookup(reference))
    if len(expression) > _MAX_EXPRESSION:
        message = f"a placeholder of more than {_MAX_EXPRESSION:,} characters"
        raise TemplateError(message, match.start(), match.end(), code=Code.TEMPLATE_TOO_LARGE)
    uses, evaluate = _compiled(expression, match.start(), match.end())
    return Placeholder(match.start(), match.end(), uses, evaluate)


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
            "placeholder inside quotes can be broken out of",
            placeholder.start,
            placeholder.end,
            code=Code.PLACEHOLDER_IN_QUOTES,
            label="every value is quoted already; these quotes end its own",
            helps=("remove the quotes around it", helps[1], LITERAL_HELP),
        )
    return TemplateError(
        "the shell could read the value put in here as code",
        placeholder.start,
        placeholder.end,
        code=Code.UNSAFE_IN_SHELL,
        label=f"inside or after {refusal.inside}",
        helps=(*helps, LITERAL_HELP),
    )


# From here on: expressions that need jinja2.


def _compiled(expression: str, start: int, end: int) -> tuple[tuple[Use, ...], Callable[[Values], object]]:
    """The names in *expression*, and the function that gives its value."""
    from jinja2 import TemplateSyntaxError
    from jinja2.parser import Parser

    source = expression.strip()
    if not source or expression[0] in "-+" or expression[-1] in "-+":
        message = "whitespace control is not part of templates" if source else "an empty placeholder"
        raise TemplateError(message, start, end, helps=(LITERAL_HELP,))
    environment = _environment()
    try:
        tree = Parser(environment, source, state="variable").parse_expression()
        uses = tuple(dict.fromkeys(_uses(tree)))
        run = environment.compile_expression(source, undefined_to_none=False)
    except _NotAllowed as error:
        raise TemplateError(str(error), start, end, code=Code.NOT_IN_TEMPLATES, helps=error.helps) from None
    except TemplateSyntaxError as error:
        message = f"cannot be read: {error.message}"
        raise TemplateError(message, start, end, helps=(LITERAL_HELP,)) from None
    except (RecursionError, SyntaxError, MemoryError):
        raise TemplateError("too deeply nested", start, end) from None
    return uses, lambda values: _value(run, values)


def _value(run: Callable[[Values], object], values: Values) -> object:
    from jinja2 import Undefined, UndefinedError

    try:
        value = run(values)
    except UndefinedError as error:
        raise KeyError(str(error)) from None
    if isinstance(value, Undefined):
        raise KeyError("undefined")
    return value


class _NotAllowed(Exception):
    def __init__(self, message: str, *helps: str) -> None:
        super().__init__(message)
        self.helps = helps


_ALLOWED_NODES = frozenset(
    {
        *("Name", "Const", "List", "Tuple", "Getattr", "Getitem", "Filter", "Test", "Keyword", "CondExpr"),
        *("Compare", "Operand", "And", "Or", "Not", "Concat"),
        *("Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Neg", "Pos"),
    }
)


def _uses(node: "nodes.Node", optional: bool = False) -> Iterator[Use]:
    """The names that *node* reads. Raises `_NotAllowed` for syntax that is not on the list."""
    from jinja2 import nodes

    kind = type(node).__name__
    if kind not in _ALLOWED_NODES:
        raise _NotAllowed(f"{_NODE_WORDS.get(kind, kind)} cannot be used here")
    reference = _reference(node)
    if reference:
        yield Use(reference, optional)
        return
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        raise _NotAllowed("only a name can have fields, such as `params.bitrate`")
    if isinstance(node, nodes.Filter):
        _require_known("filter", node.name, _FILTERS)
        optional = node.name == "default"
    if isinstance(node, nodes.Test):
        _require_known("test", node.name, _TESTS)
        optional = node.name == "defined"
    for child in node.iter_child_nodes():
        yield from _uses(child, optional)


_NODE_WORDS = {"Call": "a call", "Pow": "`**`", "Dict": "a mapping", "Slice": "a slice"}


def _reference(node: "nodes.Node") -> Reference:
    """The dotted name that *node* is, or an empty one: `params["bitrate"]` is `params.bitrate`."""
    from jinja2 import nodes

    if isinstance(node, nodes.Name):
        if node.name in _RESERVED:
            raise _NotAllowed(f"`{node.name}` is a name of Jinja's own")
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        name: object = node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        name = node.arg.value
    else:
        return ()
    group = _reference(node.node)
    return (*group, name) if group and isinstance(name, str) else ()


def _require_known(kind: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise _NotAllowed(f"no {kind} `{name}`", f"there are: {', '.join(sorted(known))}")


def _default(value: object, instead: object) -> object:
    from jinja2 import Undefined

    return instead if isinstance(value, Undefined) else value


def _defined(value: object) -> bool:
    from jinja2 import Undefined

    return not isinstance(value, Undefined)


def _strict(function: Callable[..., object]) -> Callable[..., object]:
    """A filter that does not take what is undefined."""

    def strict(value: object, *arguments: object) -> object:
        if not _defined(value):
            raise KeyError("undefined")
        return function(value, *arguments)

    return strict


_FILTERS = {"default": _default, **{name: _strict(function) for name, function in FILTERS.items()}}
_TESTS: dict[str, Callable[..., object]] = {
    "defined": _defined,
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
}


def _require_comparable(left: object, right: object) -> None:
    """Raises `ValueError` where text meets a number: never equal, which nobody means who compares them."""
    others = right if isinstance(right, (list, tuple)) else (right,)
    if others and all({_kind(left), _kind(other)} == {"text", "number"} for other in others):
        text, number = (left, others[0]) if isinstance(left, str) else (others[0], left)
        raise ValueError(
            f"compares the text '{text}' with the number {number}: write `| int` behind the text, or quote the number"
        )


def _kind(value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return "text" if isinstance(value, str) else ""


@cache
def _environment() -> "ImmutableSandboxedEnvironment":
    """Jinja's sandbox, with less in it: no globals, our filters, no attributes of Python objects."""
    import operator

    from jinja2 import StrictUndefined, nodes
    from jinja2.compiler import CodeGenerator, Frame
    from jinja2.runtime import Context
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    arithmetic: dict[str, Callable[[Any, Any], Any]] = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "//": operator.floordiv,
        "%": operator.mod,
    }

    comparison: dict[str, Callable[[Any, Any], bool]] = {
        "eq": operator.eq,
        "ne": operator.ne,
        "lt": operator.lt,
        "gt": operator.gt,
        "lteq": operator.le,
        "gteq": operator.ge,
        "in": lambda left, right: left in right,
        "notin": lambda left, right: left not in right,
    }

    class Generator(CodeGenerator):
        """Has each comparison made by `Environment.compare`."""

        def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
            left: nodes.Expr = node.expr
            for number, operand in enumerate(node.ops):
                self.write(f"{' and ' if number else '('}environment.compare({operand.op!r}, ")
                self.visit(left, frame)
                self.write(", ")
                self.visit(operand.expr, frame)
                self.write(")")
                left = operand.expr
            self.write(")")

    class Environment(ImmutableSandboxedEnvironment):
        code_generator_class = Generator
        intercepted_binops = frozenset(arithmetic)

        @staticmethod
        def compare(name: str, left: Any, right: Any) -> bool:
            _require_comparable(left, right)
            return comparison[name](left, right)

        def getitem(self, obj: Any, argument: Any) -> Any:
            inside = isinstance(argument, str) and has_member(obj, argument)
            return member(obj, argument) if inside else self.undefined(obj=obj, name=argument)

        def getattr(self, obj: Any, attribute: str) -> Any:
            return self.getitem(obj, attribute)

        def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002
            if operator == "+" and isinstance(left, str) and isinstance(right, str):
                return bounded(left + right)
            for value in (left, right):
                if isinstance(value, bool) or not isinstance(value, (int, float)):
                    raise ValueError(f"`{operator}` takes numbers only; texts are joined with `~`")
            return arithmetic[operator](left, right)

    environment = Environment(undefined=StrictUndefined, optimized=False)
    environment.globals.clear()
    environment.filters = dict(_FILTERS)
    environment.tests = dict(_TESTS)
    return environment
