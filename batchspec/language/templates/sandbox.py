"""Expressions of jinja2: filters, operators, conditions. The door to jinja2, opened when there is an expression.

Jinja is given the expression alone. What that may contain is a list of allowed syntax nodes: no calls, no attributes
of Python objects, nothing that makes much of little.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from batchspec.codes import Code
from batchspec.language.templates.expression import LITERAL_HELP, Reference, TemplateError, Use, Values
from batchspec.language.templates.filters import FILTERS, bounded
from batchspec.language.templates.values import has_member, member

_RESERVED = frozenset(["self", "super", "loop", "caller", "varargs", "kwargs"])


def compile_expression(
    expression: str, start: int, end: int
) -> tuple[tuple[Use, ...], Callable[[Values], object]]:
    """The names in *expression*, and the function that gives its value."""
    source = expression.strip()
    if not source or expression[0] in "-+" or expression[-1] in "-+":
        message = "whitespace control is not supported in templates" if source else "an empty placeholder"
        raise TemplateError(message, start, end, helps=(LITERAL_HELP,))
    try:
        tree = Parser(_SANDBOX, source, state="variable").parse_expression()
        uses = tuple(dict.fromkeys(_uses(tree)))
        run = _SANDBOX.compile_expression(source, undefined_to_none=False)
    except _NotAllowed as error:
        raise TemplateError(str(error), start, end, code=Code.NOT_IN_TEMPLATES, helps=error.helps) from None
    except TemplateSyntaxError as error:
        message = f"cannot be read: {error.message}"
        raise TemplateError(message, start, end, helps=(LITERAL_HELP,)) from None
    except (RecursionError, SyntaxError, MemoryError):
        raise TemplateError("too deeply nested", start, end) from None
    return uses, lambda values: _value(run, values)


def _value(run: Callable[[Values], object], values: Values) -> object:
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


def _uses(node: nodes.Node, optional: bool = False) -> Iterator[Use]:
    """The names that *node* reads. Raises `_NotAllowed` for syntax that is not on the list."""
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


def _reference(node: nodes.Node) -> Reference:
    """The dotted name that *node* is, or an empty one: `params["bitrate"]` is `params.bitrate`."""
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
    return instead if isinstance(value, Undefined) else value


def _defined(value: object) -> bool:
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


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}

_COMPARISON: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "gt": operator.gt,
    "lteq": operator.le,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


class _Generator(CodeGenerator):
    """Has each comparison made by `_Sandbox.compare`."""

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


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, with less in it: no globals, our filters, no attributes of Python objects."""

    code_generator_class = _Generator
    intercepted_binops = frozenset(_ARITHMETIC)

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, optimized=False)
        self.globals.clear()
        self.filters = dict(_FILTERS)
        self.tests = dict(_TESTS)

    @staticmethod
    def compare(name: str, left: Any, right: Any) -> bool:
        _require_comparable(left, right)
        return _COMPARISON[name](left, right)

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
        return _ARITHMETIC[operator](left, right)


_SANDBOX = _Sandbox()
