"""How far a formula can go: never less far than it goes."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchspec.formula.bounds import reach
from batchspec.formula.evaluate import METRICS, Situation, evaluate
from batchspec.formula.values import Sample

NOW = 1_796_043_909.0
UNBOUNDED = math.inf


@pytest.mark.parametrize(
    ("formula", "bounds"),
    [
        ("$TargetDedicatedNodes = 5000;", (5000, 0)),
        ("$TargetDedicatedNodes = max(0, min(20, $PendingTasks.GetSample(1)));", (20, 0)),
        ("$TargetDedicatedNodes = $PendingTasks.GetSample(1);", (UNBOUNDED, 0)),
        ("$TargetLowPriorityNodes = time().hour < 8 ? 3 : avg(4, 6);", (9, 6)),
        ("$TargetLowPriorityNodes = time().hour * 2;", (9, 46)),
        ("$TargetDedicated = 7;", (7, 0)),
        ("$TargetDedicatedNodes = min(400, $CurrentDedicatedNodes * 1.1)", (400, 0)),
        ("$TargetDedicatedNodes = $TargetDedicatedNodes / 2", (4, 0)),
        ("$TargetDedicatedNodes = min(20, $TargetDedicatedNodes + 1)", (20, 0)),
        ("$TargetLowPriorityNodes = $TargetDedicatedNodes; $TargetDedicatedNodes = $TargetLowPriorityNodes + 1",
         (UNBOUNDED, UNBOUNDED)),
        ("$TargetDedicatedNodes = $TargetDedicatedNodes + 1", (UNBOUNDED, 0)),
        ("most = 25; $TargetDedicatedNodes = min(most, $PreemptedNodeCount.GetSample(6));"
         "$TargetLowPriorityNodes = min(most, most - $TargetDedicatedNodes)", (25, 25)),
        ("$TargetDedicatedNodes = min($PendingTasks.GetSample(1), $ActiveTasks.GetSample(1))", (UNBOUNDED, 0)),
        ("$TargetDedicatedNodes = 50; time().hour > 8 ? stop() : 0; $TargetDedicatedNodes = 5", (50, 0)),
        ("$TargetDedicatedNodes = ($PendingTasks - $RunningTasks) / $TaskSlotsPerNode", (UNBOUNDED, 0)),
        ("$TargetDedicatedNodes = $PendingTasks.GetSamplePercent(TimeInterval_Hour) >= 70", (1, 0)),
        ("$TargetDedicatedNodes = unknown", (UNBOUNDED, 0)),
        ("a = 1;", (9, 0)),
    ],
)  # fmt: skip
def test_bounds(formula: str, bounds: tuple[float, float]) -> None:
    """Of a pool that has nine dedicated nodes now."""
    assert reach(formula, dedicated=9) == bounds


numbers = st.integers(0, 40).map(str) | st.sampled_from(["0.5", "1.5", "7.25"])
targets = ("$TargetDedicatedNodes", "$TargetLowPriorityNodes")
names = st.sampled_from(["a", "b", *METRICS[:9], *targets, "$TaskSlotsPerNode"])
vectors = st.sampled_from(["$PendingTasks.GetSample(3)", "vec(1, 2)", "vec()", "$FailedTasks.GetSample(5)"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(inner | vectors, min_size=1, max_size=3).map(", ".join)
    return (
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "<", "=="]), inner)
        | st.builds("(-{})".format, inner)
        | st.builds("({} ? {} : {})".format, inner, inner, inner)
        | st.builds(
            "{}({})".format, st.sampled_from(["min", "max", "avg", "sum", "len", "norm", "range"]), lists
        )
        | st.builds("{}({})".format, st.sampled_from(["ceil", "floor", "round"]), inner)
    )


expressions = st.recursive(numbers | names, _grown, max_leaves=12)
statements = st.builds(
    "{} = {};".format,
    st.sampled_from(["a", "b", *targets]),
    expressions,
)
formulas = st.lists(statements | st.just("time().second > 30 ? stop() : 0;"), max_size=6).map("\n".join)
samples = st.lists(st.integers(0, 300), min_size=1, max_size=6).map(
    lambda values: [Sample(NOW - 30 * n, float(value)) for n, value in enumerate(values)][::-1]
)


@settings(max_examples=100)
@given(
    formulas, st.dictionaries(st.sampled_from(METRICS[:9]), samples), st.integers(0, 50), st.integers(0, 50)
)
def test_a_formula_never_goes_beyond_its_bounds(
    formula: str, history: dict[str, list[Sample]], dedicated: int, low_priority: int
) -> None:
    """Evaluated again and again, whatever the samples are."""
    bounds = reach("a = 0; b = 0;\n" + formula, dedicated, low_priority)
    now = Situation(NOW, dedicated, low_priority, 4, history)
    for _ in range(3):
        result = evaluate("a = 0; b = 0;\n" + formula, now)
        if result.error:
            return  # then the pool keeps its size
        assert result.dedicated <= bounds.dedicated
        assert result.low_priority <= bounds.low_priority
        now = Situation(NOW, result.dedicated, result.low_priority, 4, history)
