"""A subset of the autoscale formula language: assignments, arithmetic, comparisons, `?:`, functions, samples."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batchspec.emulator.life.model import Pool
from batchspec.emulator.state.errors import ApiError
from batchspec.emulator.state.store import ACTIVE, PREPARING, RUNNING

if TYPE_CHECKING:
    from batchspec.emulator.life.account import Account

_OPTIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")
_MOST = 64 * 1024  # characters of a formula
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<name>\$?[A-Za-z_]\w*)|(?P<sign>&&|\|\||<=|>=|==|!=|[-+*/<>=!?:;,.()%]))"
)


@dataclass(frozen=True, slots=True)
class Result:
    """The targets, and the sentence in which the service reports them."""

    dedicated: int
    low_priority: int
    option: str
    text: str


def evaluate(formula: str, pool: Pool, account: "Account") -> Result:
    """`ApiError` when the formula is not one, or uses what this subset does not have."""
    if len(formula) > _MOST:
        raise ApiError("AutoScalingFormulaTooLong")
    values = _Evaluation(formula, samples(pool, account)).run()
    dedicated = max(
        0,
        int(
            values.pop(
                "$TargetDedicatedNodes", values.pop("$TargetDedicated", pool.doc["targetDedicatedNodes"])
            )
        ),
    )
    low_priority = max(0, int(values.pop("$TargetLowPriorityNodes", pool.doc["targetLowPriorityNodes"])))
    option = str(values.pop("$NodeDeallocationOption", "requeue"))
    rest = [f"{name}={_number(value)}" for name, value in values.items()]
    text = [
        f"$TargetDedicatedNodes={dedicated}",
        f"$TargetLowPriorityNodes={low_priority}",
        f"$NodeDeallocationOption={option}",
    ]
    return Result(dedicated, low_priority, option, ";".join(text + rest))


def _number(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def samples(pool: Pool, account: "Account") -> dict[str, float]:
    """What the service samples, as it is now; every sample of the past is taken to have been the same."""
    active = running = succeeded = failed = 0
    for job in account.jobs.values():
        if job.pool_key != pool.key or job.state not in ("active", "disabling", "enabling", "terminating"):
            continue
        for state, result, count, _ in account.store.counts(job.number):
            active += count if state == ACTIVE else 0
            running += count if state in (PREPARING, RUNNING) else 0
            succeeded += count if result == "success" else 0
            failed += count if result == "failure" else 0
        active -= account.store.waiting(job.number)
    slots = pool.doc["taskSlotsPerNode"]
    return {
        "$ActiveTasks": active,
        "$RunningTasks": running,
        "$PendingTasks": active + running,
        "$SucceededTasks": succeeded,
        "$FailedTasks": failed,
        "$CurrentDedicatedNodes": pool.count(dedicated=True),
        "$CurrentLowPriorityNodes": pool.count(dedicated=False),
        "$PreemptedNodeCount": sum(node.state == "preempted" for node in pool.nodes.values()),
        "$UsableNodeCount": sum(node.state in ("idle", "running") for node in pool.nodes.values()),
        "$TaskSlotsPerNode": slots,
        "$MaxTasksPerNode": slots,
    }


class _Evaluation:
    """A recursive descent over the tokens; a value is a number, or the name of an option."""

    def __init__(self, text: str, known: dict[str, float]) -> None:
        self.known = known
        self.values: dict[str, float | str] = {}
        self.tokens: list[str] = []
        self.place = 0
        at, text = 0, text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if not found:
                raise _wrong(f"Unexpected character at position {at}")
            self.tokens.append(found[0].strip())
            at = found.end()

    def run(self) -> dict[str, float | str]:
        while self.place < len(self.tokens):
            if self._take(";"):
                continue
            name = self._next()
            self._require("=")
            self.values[name] = self._choice()
            if self.place < len(self.tokens):
                self._require(";")
        return self.values

    def _peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise _wrong("The formula ends too soon")
        self.place += 1
        return token

    def _take(self, token: str) -> bool:
        if self._peek() == token:
            self.place += 1
            return True
        return False

    def _require(self, token: str) -> None:
        if not self._take(token):
            raise _wrong(f"'{token}' was expected before '{self._peek()}'")

    def _choice(self) -> float | str:
        condition = self._binary(0)
        if not self._take("?"):
            return condition
        first = self._choice()
        self._require(":")
        second = self._choice()
        return first if condition else second

    def _binary(self, level: int) -> float | str:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._peek() in _LEVELS[level]:
            sign = self._next()
            left = _LEVELS[level][sign](_as_number(left), _as_number(self._binary(level + 1)))
        return left

    def _unary(self) -> float | str:
        if self._take("-"):
            return -_as_number(self._unary())
        if self._take("!"):
            return float(not self._unary())
        if self._take("("):
            value = self._choice()
            self._require(")")
            return self._methods(value)
        token = self._next()
        if token[0].isdigit():
            return float(token)
        if token in _FUNCTIONS and self._take("("):
            return _FUNCTIONS[token](*[_as_number(value) for value in self._arguments()])
        return self._methods(self._named(token))

    def _named(self, token: str) -> float | str:
        if token in self.values:
            return self.values[token]
        if token in self.known:
            return float(self.known[token])
        if token in _OPTIONS:
            return token
        if token in _INTERVALS:
            return _INTERVALS[token]
        raise _wrong(f"Unknown name '{token}'")

    def _methods(self, value: float | str) -> float | str:
        """`.GetSample(...)`, `.GetSamplePercent(...)`, `.Count()`: all samples are the present value."""
        while self._take("."):
            name = self._next()
            self._require("(")
            self._arguments()
            if name == "GetSamplePercent":
                value = 100.0
            elif name not in ("GetSample", "GetSamplePeriod", "Count"):
                raise _wrong(f"Unknown method '{name}'")
        return value

    def _arguments(self) -> list[float | str]:
        found: list[float | str] = []
        while not self._take(")"):
            found.append(self._choice())
            if self._peek() != ")":
                self._require(",")
        return found


def _as_number(value: float | str) -> float:
    if isinstance(value, str):
        raise _wrong(f"'{value}' is not a number")
    return value


def _divide(a: float, b: float) -> float:
    if b == 0:
        raise _wrong("Division by zero")
    return a / b


_LEVELS: tuple[dict[str, Callable[[float, float], float]], ...] = (
    {"||": lambda a, b: float(bool(a) or bool(b))},
    {"&&": lambda a, b: float(bool(a) and bool(b))},
    {"==": lambda a, b: float(a == b), "!=": lambda a, b: float(a != b)},
    {
        "<": lambda a, b: float(a < b),
        ">": lambda a, b: float(a > b),
        "<=": lambda a, b: float(a <= b),
        ">=": lambda a, b: float(a >= b),
    },
    {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
    {"*": lambda a, b: a * b, "/": _divide, "%": lambda a, b: a % b},
)
_INTERVALS = {
    "TimeInterval_Zero": 0.0,
    "TimeInterval_Second": 1.0,
    "TimeInterval_Minute": 60.0,
    "TimeInterval_Hour": 3600.0,
    "TimeInterval_Day": 86400.0,
    "TimeInterval_Week": 604800.0,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": lambda *values: min(values),
    "max": lambda *values: max(values),
    "avg": lambda *values: sum(values) / len(values),
    "sum": lambda *values: sum(values),
    "int": lambda value: float(int(value)),
    "floor": lambda value: float(value // 1),
    "ceil": lambda value: float(-(-value // 1)),
    "round": lambda value: float(round(value)),
    "abs": abs,
}


def _wrong(reason: str) -> ApiError:
    return ApiError("AutoScalingFormulaSyntaxError", ("Reason", reason))
