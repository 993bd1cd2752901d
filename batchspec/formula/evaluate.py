"""What a formula makes of a pool: its targets, what becomes of tasks on nodes that go, and the variables on the way."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from batchspec.formula import functions
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
    String,
    Unary,
    Vector,
    parse,
)
from batchspec.formula.values import (
    INTERVALS,
    EvaluationError,
    Metric,
    Sample,
    Value,
    binary,
    member,
    number,
    text,
    unary,
)

DEDICATED, LOW_PRIORITY, OPTION = (
    "$TargetDedicatedNodes",
    "$TargetLowPriorityNodes",
    "$NodeDeallocationOption",
)
OPTIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")
# Shorter names of old; where a formula sets both, the full one counts.
ALIASES = {
    "$TargetDedicated": DEDICATED,
    "$TargetLowPriority": LOW_PRIORITY,
    "$CurrentDedicated": "$CurrentDedicatedNodes",
}
COUNTS = ("$CurrentDedicatedNodes", "$CurrentLowPriorityNodes", "$PreemptedNodeCount", "$UsableNodeCount")
TASKS = ("$ActiveTasks", "$RunningTasks", "$PendingTasks", "$SucceededTasks", "$FailedTasks")
RESOURCES = (
    *("$CPUPercent", "$WallClockSeconds", "$MemoryBytes", "$DiskBytes", "$DiskReadBytes", "$DiskWriteBytes"),
    *("$DiskReadOps", "$DiskWriteOps", "$NetworkInBytes", "$NetworkOutBytes", "$SampleNodeCount"),
)
METRICS = (*TASKS, *COUNTS, *RESOURCES)
SLOTS = "$TaskSlotsPerNode"


@dataclass(frozen=True, slots=True)
class Situation:
    """What a formula sees. *now* and the times of samples are in seconds since 1970.

    *samples* are those of each metric, in the order of their time; one that is left out has none.
    """

    now: float
    dedicated: int = 0  # the pool's present targets
    low_priority: int = 0
    slots: int = 1
    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """The targets, as whole numbers from 0. With an *error* they are the pool's present ones."""

    dedicated: int
    low_priority: int
    option: str = "requeue"
    variables: Mapping[str, Value] = field(default_factory=dict)
    error: str = ""

    @property
    def text(self) -> str:
        """As the service shows the results of a run; the formula's own variables come by name."""
        parts = [
            f"{DEDICATED}={self.dedicated}",
            f"{LOW_PRIORITY}={self.low_priority}",
            f"{OPTION}={self.option}",
        ]
        return ";".join(parts + [f"{name}={text(value)}" for name, value in sorted(self.variables.items())])


def evaluate(formula: str, situation: Situation) -> Result:
    """What *formula* asks for. Raises `FormulaSyntaxError`; what goes wrong later is the result's error."""
    statements = parse(formula)
    run = _Run(situation)
    try:
        run.execute(statements)
        return run.result()
    except EvaluationError as error:
        return Result(situation.dedicated, situation.low_priority, error=str(error))
    except RecursionError:
        return Result(situation.dedicated, situation.low_priority, error="the formula is nested too deeply")


class _Run:
    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._values: dict[str, Value] = {}

    def execute(self, statements: Sequence[Node]) -> None:
        try:
            for statement in statements:
                if isinstance(statement, Assignment):
                    self._assign(statement)
                else:
                    self._value(statement)
        except functions.Stop:
            return

    def _assign(self, statement: Assignment) -> None:
        name = statement.name
        if name in (*METRICS, SLOTS, *INTERVALS):
            raise EvaluationError(_placed(statement, f"{name} cannot be set"))
        self._values[name] = self._value(statement.value)

    def result(self) -> Result:
        values = dict(self._values)
        targets = [
            self._target(values.pop(DEDICATED, None), values.pop("$TargetDedicated", None), DEDICATED),
            self._target(
                values.pop(LOW_PRIORITY, None), values.pop("$TargetLowPriority", None), LOW_PRIORITY
            ),
        ]
        option = values.pop(OPTION, "requeue")
        if option not in OPTIONS:
            shown = text(option)
            raise EvaluationError(f"{OPTION} is one of {', '.join(OPTIONS)}, not {shown}")
        return Result(targets[0], targets[1], str(option), values)

    def _target(self, value: Value | None, by_alias: Value | None, name: str) -> int:
        found = value if value is not None else by_alias
        wanted = number(found if found is not None else self._named(name))
        if not math.isfinite(wanted):
            raise EvaluationError(f"{name} is not a number of nodes")
        return max(0, int(wanted))

    def _value(self, node: Node) -> Value:
        try:
            return self._found(node)
        except _PlacedError:
            raise
        except EvaluationError as error:
            raise _PlacedError(_placed(node, str(error))) from None

    def _found(self, node: Node) -> Value:
        match node:
            case Number(value=value) | String(value=value):
                return value
            case Name(name=name):
                return self._named(name)
            case Vector(items=items):
                return functions.call("vec", self._all(items), self._situation.now)
            case Unary(sign=sign, operand=operand):
                return unary(sign, self._value(operand))
            case Binary(left=left, sign="&&" | "||" as sign, right=right):
                first = number(self._value(left))
                decided = bool(first) == (sign == "||")
                return float(bool(first if decided else number(self._value(right))))
            case Binary(left=left, sign=sign, right=right):
                return binary(self._value(left), sign, self._value(right))
            case Choice(test=test, then=then, other=other):
                return self._value(then if number(self._value(test)) else other)
            case Call(name=name, arguments=arguments):
                return functions.call(name, self._all(arguments), self._situation.now)
            case Member(owner=owner, name=name):
                return member(self._value(owner), name)
            case Method(owner=owner, name=name, arguments=arguments):
                return functions.method(self._value(owner), name, self._all(arguments), self._situation.now)
        raise AssertionError(node)

    def _all(self, nodes: Sequence[Node]) -> list[Value]:
        return [self._value(node) for node in nodes]

    def _named(self, name: str) -> Value:
        if name in self._values:
            return self._values[name]
        full = ALIASES.get(name, name)
        if full in self._values:
            return self._values[full]
        situation = self._situation
        if full in METRICS:
            return Metric(full, situation.samples.get(full, ()))
        known: dict[str, Value] = {
            DEDICATED: float(situation.dedicated),
            LOW_PRIORITY: float(situation.low_priority),
            SLOTS: float(situation.slots),
            OPTION: "requeue",
            **{option: option for option in OPTIONS},
            **INTERVALS,
        }
        if full not in known:
            raise EvaluationError(f"{name} is not known here")
        return known[full]


class _PlacedError(EvaluationError):
    """An error that says where."""


def _placed(node: Node, message: str) -> str:
    return f"line {node.at.line}, column {node.at.column}: {message}"
