"""The values of formulas, and which operators take which of them (the documentation's table "Operations")."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple


class EvaluationError(Exception):
    """The formula could be read, but not evaluated: the pool keeps its size."""


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """Seconds since 1970, UTC."""

    seconds: float


@dataclass(frozen=True, slots=True, order=True)
class TimeInterval:
    seconds: float


class Sample(NamedTuple):
    at: float  # seconds since 1970
    value: float


@dataclass(frozen=True, slots=True)
class Metric:
    """A service variable with a history; *samples* are in the order of their time."""

    name: str
    samples: Sequence[Sample]


Vector = tuple[float, ...]
Value = float | Vector | str | Timestamp | TimeInterval | Metric

_KINDS: Mapping[type, str] = {
    float: "double",
    tuple: "doubleVec",
    str: "string",
    Timestamp: "timestamp",
    TimeInterval: "timeinterval",
    Metric: "metric",
}


def kind(value: Value) -> str:
    """The name of its type, as the documentation has it."""
    return _KINDS[type(value)]


def number(value: Value) -> float:
    """A double; of a metric the newest sample. Raises `EvaluationError` for what is none."""
    if isinstance(value, Metric):
        if not value.samples:
            raise EvaluationError(f"{value.name} has no sample yet")
        return value.samples[-1].value
    if not isinstance(value, float):
        raise EvaluationError(f"a {kind(value)} is given where a double is needed")
    return value


def plain(value: Value) -> Value:
    """What operators and functions see: of a metric its newest sample."""
    return number(value) if isinstance(value, Metric) else value


def unary(sign: str, value: Value) -> Value:
    value = plain(value)
    if isinstance(value, float):
        return -value if sign == "-" else float(not value)
    if isinstance(value, TimeInterval) and sign == "-":
        return TimeInterval(-value.seconds)
    raise EvaluationError(f"`{sign}` of a {kind(value)} is not known here")


def binary(left: Value, sign: str, right: Value) -> Value:
    """The result of any operator but `&&` and `||`, which do not always need their right side."""
    left, right = plain(left), plain(right)
    if sign in _COMPARISONS and type(left) is type(right) and not isinstance(left, tuple):
        return float(_COMPARISONS[sign](left, right))
    found = _OPERATIONS.get((kind(left), sign, kind(right)))
    if found is None:
        raise EvaluationError(f"{kind(left)} {sign} {kind(right)} is not known here")
    return found(left, right)


_COMPARISONS: Mapping[str, Callable[..., bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
    "!=": operator.ne,
}


def _divide(a: float, b: float) -> float:
    if b == 0:
        raise EvaluationError("a division by zero")
    return a / b


_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
}


def _each_with(sign: str) -> Callable[[Vector, float], Vector]:
    return lambda a, b: tuple(_ARITHMETIC[sign](item, b) for item in a)


def _pairs(sign: str) -> Callable[[Vector, Vector], Vector]:
    def apply(a: Vector, b: Vector) -> Vector:
        if len(a) != len(b):
            raise EvaluationError(f"vectors of {len(a)} and {len(b)} elements")
        return tuple(_ARITHMETIC[sign](x, y) for x, y in zip(a, b, strict=True))

    return apply


# (left, operator, right): as documented, no more. What is not in it is not known here.
_OPERATIONS: dict[tuple[str, str, str], Callable[..., Value]] = {
    **{("double", sign, "double"): _ARITHMETIC[sign] for sign in "+-*/"},
    **{("doubleVec", sign, "double"): _each_with(sign) for sign in "+-*/"},
    **{("doubleVec", sign, "doubleVec"): _pairs(sign) for sign in "+-*/"},
    ("double", "*", "timeinterval"): lambda a, b: TimeInterval(a * b.seconds),
    ("timeinterval", "*", "double"): lambda a, b: TimeInterval(a.seconds * b),
    ("timeinterval", "/", "double"): lambda a, b: TimeInterval(_divide(a.seconds, b)),
    ("timeinterval", "+", "timeinterval"): lambda a, b: TimeInterval(a.seconds + b.seconds),
    ("timeinterval", "-", "timeinterval"): lambda a, b: TimeInterval(a.seconds - b.seconds),
    ("timeinterval", "+", "timestamp"): lambda a, b: Timestamp(a.seconds + b.seconds),
    ("timestamp", "+", "timeinterval"): lambda a, b: Timestamp(a.seconds + b.seconds),
    ("timestamp", "-", "timestamp"): lambda a, b: TimeInterval(a.seconds - b.seconds),
}

INTERVALS: Mapping[str, TimeInterval] = {
    f"TimeInterval_{name}": TimeInterval(seconds)
    for name, seconds in {
        "Zero": 0.0,
        "100ns": 1e-7,
        "Microsecond": 1e-6,
        "Millisecond": 1e-3,
        "Second": 1.0,
        "Minute": 60.0,
        "Hour": 3600.0,
        "Day": 86400.0,
        "Week": 604800.0,
        "Year": 365 * 86400.0,
    }.items()
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(timestamp: Timestamp) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=timestamp.seconds)
    except OverflowError:
        raise EvaluationError("a timestamp beyond the year 9999") from None


def member(value: Value, name: str) -> float:
    """A part of a timestamp. *weekday* is 1 for Monday and 0 for Sunday."""
    parts = ("year", "month", "day", "hour", "minute", "second")
    if not isinstance(value, Timestamp) or name not in (*parts, "weekday"):
        raise EvaluationError(f"`{name}` of a {kind(value)} is not known here")
    found = moment(value)
    return float(found.isoweekday() % 7 if name == "weekday" else getattr(found, name))


def text(value: Value) -> str:
    """As a run of the service shows it: `3`, `0.5`, `[1,1]`, `2016-10-13T19:18:47.805Z`."""
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value.is_integer() else repr(value)
    if isinstance(value, tuple):
        return f"[{','.join(map(text, value))}]"
    if isinstance(value, Timestamp):
        shown = moment(value).isoformat(timespec="milliseconds").removesuffix("+00:00")
        return shown.rstrip("0").rstrip(".") + "Z" if "." in shown else shown + "Z"
    if isinstance(value, TimeInterval):
        return str(timedelta(seconds=value.seconds))
    return value if isinstance(value, str) else value.name
