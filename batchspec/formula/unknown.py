"""What a formula names that the documentation does not: a misspelt metric, or something that is newer than we are."""

from typing import NamedTuple

from batchspec.formula.evaluate import ALIASES, DEDICATED, LOW_PRIORITY, METRICS, OPTION, OPTIONS, SLOTS
from batchspec.formula.functions import FUNCTIONS, METHODS
from batchspec.formula.syntax import Assignment, At, Call, Method, Name, Node, parse
from batchspec.formula.values import INTERVALS

NAMES = frozenset({DEDICATED, LOW_PRIORITY, OPTION, SLOTS, *ALIASES, *METRICS, *OPTIONS, *INTERVALS})


class Unknown(NamedTuple):
    at: At
    name: str


def unknown(formula: str) -> list[Unknown]:
    """Names that nothing gave a value before, functions and methods. Raises `FormulaSyntaxError`."""
    found: list[Unknown] = []
    own: set[str] = set()
    for statement in parse(formula):
        found += sorted(
            Unknown(node.at, shown) for node in statement.walk() if (shown := _unknown(node, own))
        )
        if isinstance(statement, Assignment):
            own.add(statement.name)
    return found


def _unknown(node: Node, own: set[str]) -> str:
    match node:
        case Name(name=name) if name not in NAMES and name not in own:
            return name
        case Call(name=name) if name not in FUNCTIONS:
            return f"{name}()"
        case Method(name=name) if name not in METHODS:
            return f"{name}()"
    return ""
