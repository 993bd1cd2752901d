"""A formula's text as a tree; `formula.lark` has the grammar, and says what each part is for."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

LONGEST = 8192  # characters
MOST_STATEMENTS = 100


class FormulaSyntaxError(Exception):
    """The text is no formula. *line* and *column* count from 1."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.message = message
        self.line = line
        self.column = column


class FormulaTooLongError(FormulaSyntaxError):
    """More characters, or more statements, than the service takes."""


class At(NamedTuple):
    line: int
    column: int

    def span(self, text: str, what: str = "x") -> tuple[int, int]:
        """Where *what* begins and ends, counted in characters of *text* from 0."""
        start = sum(len(line) + 1 for line in text.split("\n")[: self.line - 1]) + self.column - 1
        start = min(start, max(0, len(text) - 1))  # of a text that ends too soon its last character
        return start, start + len(what)


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a formula; *at* is where its name or its sign stands."""

    at: At

    def walk(self) -> Iterator["Node"]:
        """The node and all below it."""
        todo: list[Any] = [self]
        while todo:
            node = todo.pop()
            if isinstance(node, Node):
                yield node
                todo.extend(getattr(node, field.name) for field in fields(node))
            elif isinstance(node, tuple) and not isinstance(node, At):
                todo.extend(node)


@dataclass(frozen=True, slots=True)
class Number(Node):
    value: float


@dataclass(frozen=True, slots=True)
class String(Node):
    value: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Vector(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    sign: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    left: Node
    sign: str
    right: Node


@dataclass(frozen=True, slots=True)
class Choice(Node):
    test: Node
    then: Node
    other: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Member(Node):
    owner: Node
    name: str


@dataclass(frozen=True, slots=True)
class Method(Node):
    owner: Node
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Assignment(Node):
    name: str
    value: Node


@functools.lru_cache(maxsize=64)
def parse(text: str) -> tuple[Node, ...]:
    """The statements of the formula *text*. Raises `FormulaSyntaxError`."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    if len(text) > LONGEST:
        raise FormulaTooLongError(f"{len(text)} characters; a formula has at most {LONGEST}")
    try:
        statements: tuple[Node, ...] = _parser().parse(text)
    except UnexpectedToken as error:
        if error.token.type == "$END":
            last = text.rstrip().splitlines() or [""]
            raise FormulaSyntaxError("the formula ends too soon", len(last), len(last[-1]) + 1) from None
        raise FormulaSyntaxError(f"`{error.token}` is unexpected here", error.line, error.column) from None
    except UnexpectedCharacters as error:
        raise FormulaSyntaxError(f"`{error.char}` is unexpected here", error.line, error.column) from None
    if len(statements) > MOST_STATEMENTS:
        raise FormulaTooLongError(f"{len(statements)} statements; a formula has at most {MOST_STATEMENTS}")
    return statements


@functools.cache
def _parser() -> Any:
    """Made where there is a formula to read: importing lark and reading the grammar takes a tenth of a second."""
    import lark

    return lark.Lark.open(
        "formula.lark", rel_to=__file__, parser="lalr", start="formula", transformer=_tree(lark)
    )


def _tree(lark: Any) -> Any:
    """What makes nodes of the parser's finds."""

    def at(token: Any) -> At:
        return At(token.line, token.column)

    @lark.v_args(inline=True)
    class Tree(lark.Transformer):  # type: ignore[misc]
        def formula(self, *statements: Node) -> tuple[Node, ...]:
            return statements

        def assignment(self, name: Any, value: Node) -> Node:
            return Assignment(at(name), str(name), value)

        def choice(self, test: Node, then: Node, other: Node) -> Node:
            return Choice(test.at, test, then, other)

        def binary(self, left: Node, sign: Any, right: Node) -> Node:
            return Binary(at(sign), left, str(sign), right)

        def unary(self, sign: Any, operand: Node) -> Node:
            return Unary(at(sign), str(sign), operand)

        def member(self, owner: Node, name: Any) -> Node:
            return Member(at(name), owner, str(name))

        def method(self, owner: Node, name: Any, *arguments: Node) -> Node:
            return Method(at(name), owner, str(name), arguments)

        def number(self, text: Any) -> Node:
            return Number(at(text), float(text))

        def string(self, text: Any) -> Node:
            return String(at(text), str(text)[1:-1])

        def name(self, name: Any) -> Node:
            return Name(at(name), str(name))

        def call(self, name: Any, *arguments: Node) -> Node:
            return Call(at(name), str(name), arguments)

        def vector(self, *items: Node) -> Node:
            return Vector(items[0].at if items else At(1, 1), items)

    return Tree()
