"""How many nodes a formula can ask for at most, found by calculating with ranges instead of numbers.

The ranges are never too narrow; where the language knows better than they do (an `if` that never comes true), they are
wider than what happens. No bound is infinity.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from batchspec.formula.evaluate import ALIASES, DEDICATED, LOW_PRIORITY, METRICS, SLOTS
from batchspec.formula.syntax import (
    Assignment,
    Binary,
    Call,
    Choice,
    Member,
    Method,
    Name,
    Node,
    Number,
    Unary,
    parse,
)
from batchspec.formula.syntax import Vector as VectorNode

_ROUNDS = 8  # how often a target that depends on the last one is asked again whether it still grows


class Reach(NamedTuple):
    """The most nodes of each kind; `math.inf` where nothing bounds them."""

    dedicated: float
    low_priority: float


class Range(NamedTuple):
    """A number somewhere from *low* to *high*; of a vector (*many*) each element, and there may be none."""

    low: float
    high: float
    many: bool = False


_ANY = Range(-math.inf, math.inf)
_TRUTH = Range(0.0, 1.0)
_AMOUNT = Range(0.0, math.inf)


def reach(formula: str, dedicated: int = 0, low_priority: int = 0) -> Reach:
    """The most that *formula* asks for, of a pool that has these targets now. Raises `FormulaSyntaxError`."""
    statements = parse(formula)
    last = Reach(float(dedicated), float(low_priority))
    for left in reversed(range(_ROUNDS)):
        now = _limits(statements, last)
        if now.dedicated <= last.dedicated and now.low_priority <= last.low_priority:
            break
        # A target may depend on the last one (`$TargetDedicatedNodes + 1`). One that goes on growing has no bound but
        # those that the formula sets.
        most = max if left > 2 else _beyond
        last = Reach(*map(most, last, now))
    return _limits(statements, last)


def _beyond(last: float, now: float) -> float:
    return last if now <= last else math.inf


def _limits(statements: Sequence[Node], before: Reach) -> Reach:
    found = _Ranges(before)
    stops = any(isinstance(node, Call) and node.name == "stop" for node in _all_of(statements))
    for statement in statements:
        if isinstance(statement, Assignment):
            found.assign(statement.name, statement.value, keep=stops)
    return Reach(*(math.floor(max(0.0, high)) if high < math.inf else math.inf for high in found.targets()))


def _all_of(statements: Sequence[Node]) -> Sequence[Node]:
    return [node for statement in statements for node in statement.walk()]


class _Ranges:
    """The range of each variable."""

    def __init__(self, before: Reach) -> None:
        self._known = {
            DEDICATED: Range(0.0, before.dedicated),
            LOW_PRIORITY: Range(0.0, before.low_priority),
            SLOTS: Range(1.0, 256.0),
            **dict.fromkeys(METRICS, _AMOUNT),
        }
        self._values: dict[str, Range] = {}

    def assign(self, name: str, value: Node, *, keep: bool) -> None:
        """*keep* where the evaluation may stop before: then the earlier value counts as well."""
        found = self.of(value)
        if keep:
            found = _either(found, self._named(name))
        self._values[name] = found

    def targets(self) -> tuple[float, float]:
        return self._target(DEDICATED, "$TargetDedicated"), self._target(LOW_PRIORITY, "$TargetLowPriority")

    def _target(self, name: str, alias: str) -> float:
        return self._values.get(name, self._values.get(alias, self._known[name])).high

    def _named(self, name: str) -> Range:
        full = ALIASES.get(name, name)
        return self._values.get(name, self._values.get(full, self._known.get(full, _ANY)))

    def of(self, node: Node) -> Range:
        match node:
            case Number(value=value):
                return Range(value, value)
            case Name(name=name):
                return self._named(name)
            case Unary(sign="-", operand=operand):
                inner = self.of(operand)
                return Range(-inner.high, -inner.low, inner.many)
            case Binary(left=left, sign="+" | "-" | "*" | "/" as sign, right=right):
                return _calculated(self.of(left), sign, self.of(right))
            case Unary() | Binary():
                return _TRUTH
            case Choice(then=then, other=other):
                return _either(self.of(then), self.of(other))
            case VectorNode(items=items):
                return _joined([self.of(item) for item in items])
            case Call(name=name, arguments=arguments):
                return _FUNCTIONS.get(name, _unknown)([self.of(argument) for argument in arguments])
            case Member(name=name):
                return _MEMBERS.get(name, _ANY)
            case Method(name=name):
                return _METHODS.get(name, _ANY)
        return _ANY


def _calculated(a: Range, sign: str, b: Range) -> Range:
    if sign == "/" and b.low <= 0 <= b.high:
        return _ANY._replace(many=a.many)
    ends = [_exact(x, sign, y) for x in a[:2] for y in b[:2]]
    if any(map(math.isnan, ends)):  # infinity less infinity
        return _ANY._replace(many=a.many or b.many)
    return Range(min(ends), max(ends), a.many or b.many)


def _exact(x: float, sign: str, y: float) -> float:
    """0 times infinity is 0: a range that ends at 0 stays there."""
    if sign == "*":
        return 0.0 if 0 in (x, y) else x * y
    if sign == "/":
        return 0.0 if math.isinf(y) else x / y
    return x + y if sign == "+" else x - y


def _either(a: Range, b: Range) -> Range:
    return Range(min(a.low, b.low), max(a.high, b.high), a.many or b.many)


def _joined(ranges: Sequence[Range]) -> Range:
    if not ranges:
        return Range(0.0, 0.0, many=True)
    return Range(min(r.low for r in ranges), max(r.high for r in ranges), many=True)


def _unknown(_: Sequence[Range]) -> Range:
    return _ANY


def _smallest(ranges: Sequence[Range]) -> Range:
    """Not above any single number; a vector may be empty, and then bounds nothing."""
    high = min(
        (r.high for r in ranges if not r.many), default=max((r.high for r in ranges), default=math.inf)
    )
    return Range(min((r.low for r in ranges), default=-math.inf), high)


def _largest(ranges: Sequence[Range]) -> Range:
    mirrored = _smallest([Range(-r.high, -r.low, r.many) for r in ranges])
    return Range(-mirrored.high, -mirrored.low)


def _average(ranges: Sequence[Range]) -> Range:
    return _joined(ranges)._replace(many=False) if ranges else _ANY


def _sum(ranges: Sequence[Range]) -> Range:
    if any(r.many for r in ranges):
        return _AMOUNT if all(r.low >= 0 for r in ranges) else _ANY
    return Range(math.fsum(r.low for r in ranges), math.fsum(r.high for r in ranges))


def _rounded(ranges: Sequence[Range]) -> Range:
    inner = _average(ranges)
    return Range(inner.low - 1, inner.high if math.isinf(inner.high) else float(math.ceil(inner.high)))


_FUNCTIONS: Mapping[str, Callable[[Sequence[Range]], Range]] = {
    "min": _smallest,
    "max": _largest,
    "avg": _average,
    "sum": _sum,
    "vec": _joined,
    "percentile": lambda ranges: _average(ranges[:1]),
    "val": lambda ranges: _average(ranges[:1]),
    "ceil": _rounded,
    "floor": _rounded,
    "round": _rounded,
    "len": lambda _: _AMOUNT,
    "norm": lambda _: _AMOUNT,
    "std": lambda _: _AMOUNT,
    "range": lambda _: _AMOUNT,
    "rand": lambda _: _TRUTH,
}
_MEMBERS = {
    "month": Range(1.0, 12.0),
    "day": Range(1.0, 31.0),
    "weekday": Range(0.0, 7.0),
    "hour": Range(0.0, 23.0),
    "minute": Range(0.0, 59.0),
    "second": Range(0.0, 59.0),
}
_METHODS = {
    "GetSample": Range(0.0, math.inf, many=True),
    "GetSamplePercent": Range(0.0, 100.0),
    "Count": _AMOUNT,
}
