"""The functions of formulas, and the methods of metrics (the documentation's "Functions" and "Obtain sample data")."""

import math
import random
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from batchspec.formula.values import (
    EvaluationError,
    Metric,
    TimeInterval,
    Timestamp,
    Value,
    Vector,
    kind,
    number,
    plain,
)

PERIOD_S = 30.0  # between two samples


class Stop(Exception):
    """`stop()`: nothing further is evaluated; what was assigned holds."""


def call(name: str, arguments: Sequence[Value], now: float) -> Value:
    """What the function *name* gives; *now* is in seconds since 1970. Raises `EvaluationError` and `Stop`."""
    arguments = [plain(argument) for argument in arguments]
    if name == "stop" and not arguments:
        raise Stop
    if name == "time":
        return _time(arguments, now)
    if name in _OF_LISTS:
        return _OF_LISTS[name](_flat(name, arguments))
    if name in _LOGARITHMS:
        return _logarithm(name, arguments)
    if name in _FIXED:
        function, count = _FIXED[name]
        if len(arguments) != count:
            raise EvaluationError(f"{name}() takes {count} arguments, not {len(arguments)}")
        return function(*arguments)
    raise EvaluationError(f"the function {name}() is not known here")


def _flat(name: str, arguments: Sequence[Value]) -> Vector:
    """A doubleVecList: all doubles and vectors, one after the other."""
    found: list[float] = []
    for argument in arguments:
        found.extend(argument if isinstance(argument, tuple) else (number(argument),))
    if not found and name in _NEED_VALUES:
        raise EvaluationError(f"{name}() of no values")
    return tuple(found)


_NEED_VALUES = ("avg", "max", "min", "range", "std")
_OF_LISTS: Mapping[str, Callable[[Vector], Value]] = {
    "avg": statistics.fmean,
    "len": lambda values: float(len(values)),
    "max": max,
    "min": min,
    "norm": lambda values: math.hypot(*values),
    "range": lambda values: max(values) - min(values),
    "std": lambda values: statistics.stdev(values) if len(values) > 1 else 0.0,
    "sum": math.fsum,
    "vec": lambda values: values,
}
_LOGARITHMS: Mapping[str, Callable[[float], float]] = {"lg": math.log2, "ln": math.log, "log": math.log10}


def _logarithm(name: str, arguments: Sequence[Value]) -> Value:
    """Of one double a double, else of each component."""
    values = _flat(name, arguments)
    if any(value <= 0 for value in values):
        raise EvaluationError(f"{name}() of a number that is not above zero")
    found = tuple(_LOGARITHMS[name](value) for value in values)
    return found[0] if len(arguments) == 1 and isinstance(arguments[0], float) else found


def _percentile(values: Value, percent: Value) -> float:
    """The element below or at which *percent* of the elements lie."""
    ordered = sorted(_vector(values))
    share = number(percent)
    if not ordered or not 0 <= share <= 100:
        raise EvaluationError("percentile() takes values, and a percentage from 0 to 100")
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]


def _element(values: Value, index: Value) -> float:
    vector, place = _vector(values), number(index)
    if not 0 <= place < len(vector):
        raise EvaluationError(f"val() of the element {place:g} of a vector of {len(vector)}")
    return vector[int(place)]


def _vector(value: Value) -> Vector:
    if not isinstance(value, tuple):
        raise EvaluationError(f"a {kind(value)} is given where a doubleVec is needed")
    return value


_FIXED: Mapping[str, tuple[Callable[..., Value], int]] = {
    "percentile": (_percentile, 2),
    "val": (_element, 2),
    "rand": (random.random, 0),
    "ceil": (lambda value: float(math.ceil(number(value))), 1),
    "floor": (lambda value: float(math.floor(number(value))), 1),
    "round": (lambda value: float(math.floor(number(value) + 0.5)), 1),
}
FUNCTIONS = frozenset({"stop", "time", *_OF_LISTS, *_LOGARITHMS, *_FIXED})


# --- time


_W3C = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,7}))?)?(?P<zone>Z|[-+]\d\d:\d\d))?)?)?"
)


def _time(arguments: Sequence[Value], now: float) -> Timestamp:
    if not arguments or list(arguments) == [""]:
        return Timestamp(now)
    if len(arguments) > 1 or not isinstance(arguments[0], str):
        raise EvaluationError("time() takes one string")
    return Timestamp(_parsed(arguments[0]))


def _parsed(text: str) -> float:
    """Seconds since 1970 of a time in the form W3C-DTF or RFC 1123."""
    try:
        found = _W3C.fullmatch(text)
        if found is None:
            moment = parsedate_to_datetime(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        day = "-".join(found[name] or "01" for name in ("year", "month", "day"))
        clock = ":".join(found[name] or "00" for name in ("hour", "minute", "second"))
        moment = datetime.fromisoformat(f"{day}T{clock}{(found['zone'] or 'Z').replace('Z', '+00:00')}")
        return moment.timestamp() + float(f"0.{found['fraction'] or 0}")
    except ValueError:
        raise EvaluationError(f'"{text}" is not a time in the form W3C-DTF or RFC 1123') from None


# --- metrics


def method(owner: Value, name: str, arguments: Sequence[Value], now: float) -> Value:
    """What the method of a metric gives."""
    if not isinstance(owner, Metric) or name not in METHODS:
        raise EvaluationError(f"{name}() of a {kind(owner)} is not known here")
    return METHODS[name](owner, [plain(argument) for argument in arguments], now)


def _get_sample(metric: Metric, arguments: Sequence[Value], now: float) -> Vector:
    """`(count)`, or `(start[, end][, percent])`; below that percentage of samples the evaluation fails."""
    if len(arguments) == 1 and isinstance(arguments[0], float):
        count = max(0, int(arguments[0]))
        return tuple(sample.value for sample in metric.samples[-count:]) if count else ()
    last = arguments[-1] if len(arguments) > 1 else None
    wanted = last if isinstance(last, float) else 0.0
    if isinstance(last, float):
        arguments = arguments[:-1]
    low, high = _window(metric, "GetSample", arguments, now)
    there = _percent(metric, low, high)
    if there < wanted:
        raise EvaluationError(
            f"{metric.name} has {there:g} percent of the samples, and {wanted:g} are asked for"
        )
    return tuple(sample.value for sample in metric.samples if low < sample.at <= high)


def _get_sample_percent(metric: Metric, arguments: Sequence[Value], now: float) -> float:
    return _percent(metric, *_window(metric, "GetSamplePercent", arguments, now))


def _window(metric: Metric, name: str, arguments: Sequence[Value], now: float) -> tuple[float, float]:
    """(from, to), in seconds since 1970. An interval looks back from now; the order of the two does not matter."""
    if not 1 <= len(arguments) <= 2:
        raise EvaluationError(f"{metric.name}.{name}() takes a start, or a start and an end")
    ends = [now] * (2 - len(arguments))
    for argument in arguments:
        if not isinstance(argument, TimeInterval | Timestamp):
            raise EvaluationError(f"{metric.name}.{name}() takes times and intervals, not a {kind(argument)}")
        ends.append(now - argument.seconds if isinstance(argument, TimeInterval) else argument.seconds)
    return min(ends), max(ends)


def _percent(metric: Metric, low: float, high: float) -> float:
    possible = max(1, int((high - low) / PERIOD_S))
    return min(100.0, 100 * sum(low < sample.at <= high for sample in metric.samples) / possible)


def _history_begin(metric: Metric, _: Sequence[Value], now: float) -> Timestamp:
    return Timestamp(metric.samples[0].at if metric.samples else now)


METHODS: Mapping[str, Callable[[Metric, Sequence[Value], float], Value]] = {
    "GetSample": _get_sample,
    "GetSamplePercent": _get_sample_percent,
    "GetSamplePeriod": lambda *_: TimeInterval(PERIOD_S),
    "Count": lambda metric, *_: float(len(metric.samples)),
    "HistoryBeginTime": _history_begin,
}
