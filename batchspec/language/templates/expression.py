"""What stands in a placeholder beyond a name: filters, operators, conditions. The only door to jinja2.

Jinja is loaded when there is such an expression, and given that alone. What it may contain is a list of allowed
syntax nodes: no calls, no attributes of Python objects, nothing that makes much of little.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from batchspec.codes import Code
from batchspec.errors import BatchspecError
from batchspec.language.templates.filters import FILTERS, bounded
from batchspec.language.templates.values import has_member, member

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

Reference = tuple[str, ...]
Values = Mapping[str, object]

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


def compile_expression(
    expression: str, start: int, end: int
) -> tuple[tuple[Use, ...], Callable[[Values], object]]:
    """The names in *expression*, and the function that gives its value."""
    from jinja2 import TemplateSyntaxError
    from jinja2.parser import Parser

    source = expression.strip()
    if not source or expression[0] in "-+" or expression[-1] in "-+":
        message = "whitespace control is not supported in templates" if source else "an empty placeholder"
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
