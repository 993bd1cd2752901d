"""What formulas make of a pool, by the documentation's own words."""

import math
from collections.abc import Mapping, Sequence

import pytest

from batchspec.formula.evaluate import Situation, evaluate
from batchspec.formula.syntax import FormulaSyntaxError
from batchspec.formula.values import Sample, text

# Monday, 2026-11-30, 13:05:09.25 UTC
NOW = 1_796_043_909.25


def steadily(value: float, minutes: float = 20) -> list[Sample]:
    """A sample every 30 seconds for so long, all the same."""
    count = int(minutes * 2)
    return [Sample(NOW - 30 * n, float(value)) for n in reversed(range(count))]


def situation(samples: Mapping[str, Sequence[Sample]] | None = None, **members: int) -> Situation:
    return Situation(NOW, samples=samples or {}, **members)


def value_of(expression: str, samples: Mapping[str, Sequence[Sample]] | None = None) -> str:
    """What *expression* is, as a run shows it, or why it is nothing."""
    result = evaluate(f"x = {expression};", situation(samples))
    return result.error or text(result.variables["x"])


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        # double
        ("1 + 2 * 3 - 10 / 4", "4.5"),
        ("7 < 8", "1"),
        ("7 >= 8", "0"),
        ("2 == 2 && 3 != 3 || 5", "1"),
        ("!0", "1"),
        ("-3 * -2", "6"),
        ("0 ? 1 : 2 ? 3 : 4", "3"),
        ("0 && 1 / 0", "0"),
        ("1 || 1 / 0", "1"),
        # string
        ('"a" < "b"', "1"),
        ('"a" == "b" ? 1 : 2', "2"),
        # doubleVec
        ("vec(1, vec(2, 3))", "[1,2,3]"),
        ("vec(1, 2) * 3", "[3,6]"),
        ("vec(1, 2) - vec(3, 5)", "[-2,-3]"),
        ("[1, 2]", "[1,2]"),
        # timeinterval, timestamp
        ("TimeInterval_Week / TimeInterval_Day", "timeinterval / timeinterval is not known here"),
        ("time() + 2 * TimeInterval_Hour", "2026-11-30T15:05:09.25Z"),
        ("time() + (-6 * TimeInterval_Hour)", "2026-11-30T07:05:09.25Z"),
        ("TimeInterval_Day + time()", "2026-12-01T13:05:09.25Z"),
        ('time() - time("2026-11-30T13:05:09.25Z") == TimeInterval_Zero', "1"),
        ("TimeInterval_Minute * 60 == TimeInterval_Hour", "1"),
        ("TimeInterval_Hour / 2 > 29 * TimeInterval_Minute", "1"),
        ("TimeInterval_Second - TimeInterval_100ns < TimeInterval_Second", "1"),
        ("-TimeInterval_Second < TimeInterval_Zero", "1"),
        ("time().year", "2026"),
        ("time().month", "11"),
        ("time().day", "30"),
        ("time().weekday", "1"),
        ("(time() + (-1 * TimeInterval_Day)).weekday", "0"),
        ("time().hour + time().minute / 100", "13.05"),
        ("time().second", "9"),
        # functions of lists
        ("avg(1, vec(2, 6))", "3"),
        ("len(1, vec(2, 6))", "3"),
        ("max(0, vec(2, 6), 1)", "6"),
        ("min(3, vec())", "3"),
        ("norm(3, 4)", "5"),
        ("range(7, 2, 4)", "5"),
        ("std(2, 4)", text(math.sqrt(2))),
        ("sum(1, vec(2, 6))", "9"),
        ("lg(8)", "3"),
        ("ln(vec(1))", "[0]"),
        ("log(vec(10, 1000))", "[1,3]"),
        # functions
        ("percentile(vec(5, 1, 4, 2, 3), 50)", "3"),
        ("percentile(vec(5, 1, 4, 2, 3), 100)", "5"),
        ("val(vec(7, 8), 1)", "8"),
        ("ceil(1.2) + floor(1.8) + round(1.5)", "5"),
        ("rand() < 1", "1"),
        ('time("") == time()', "1"),
    ],
)
def test_types_operators_and_functions(expression: str, value: str) -> None:
    """The tables of the documentation: types, operations, functions."""
    assert value_of(expression).removeprefix("line 1, column 23: ") == value


@pytest.mark.parametrize(
    ("stamp", "same"),
    [
        ("2016-10-13T19:18:47.8051234Z", "2016-10-13T19:18:47.805Z"),
        ("2016-10-13T19:18:47Z", "2016-10-13T19:18:47Z"),
        ("2016-10-13T21:18+02:00", "2016-10-13T19:18:00Z"),
        ("2016-10-13", "2016-10-13T00:00:00Z"),
        ("2016-10", "2016-10-01T00:00:00Z"),
        ("2016", "2016-01-01T00:00:00Z"),
        ("Thu, 13 Oct 2016 19:18:47 GMT", "2016-10-13T19:18:47Z"),
        ("Thu, 13 Oct 2016 21:18:47 +0200", "2016-10-13T19:18:47Z"),
    ],
)
def test_times(stamp: str, same: str) -> None:
    """W3C-DTF and RFC 1123."""
    assert value_of(f'time("{stamp}")') == same


@pytest.mark.parametrize("stamp", ["yesterday", "2016-10-13T19:18:47.123456789Z", "2016-13-01", "19:18"])
def test_no_times(stamp: str) -> None:
    """Anything else fails the evaluation; more than seven digits of a second, too (nextflow#3866)."""
    assert value_of(f'time("{stamp}")').endswith(f'"{stamp}" is not a time in the form W3C-DTF or RFC 1123')


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$PendingTasks.GetSample(2)", "[4,4]"),
        ("len($PendingTasks.GetSample(TimeInterval_Minute * 10))", "20"),
        ("len($PendingTasks.GetSample(TimeInterval_Minute, 6 * TimeInterval_Minute))", "10"),
        ("len($PendingTasks.GetSample(time() + (-1 * TimeInterval_Minute), time()))", "2"),
        ("len($PendingTasks.GetSample(TimeInterval_Minute * 20, 100))", "40"),
        ("$PendingTasks.GetSamplePercent(TimeInterval_Minute * 40)", "50"),
        ("$PendingTasks.GetSamplePercent(0 * TimeInterval_Minute, 3 * TimeInterval_Minute)", "100"),
        ("$PendingTasks.GetSamplePeriod() == 30 * TimeInterval_Second", "1"),
        ("$PendingTasks.Count()", "40"),
        ("$PendingTasks.HistoryBeginTime()", "2026-11-30T12:45:39.25Z"),
        ("$ActiveTasks.GetSample(1)", "[]"),
        ("max(0, $ActiveTasks.GetSample(1))", "0"),
        ("$PendingTasks / 2", "2"),
    ],
)
def test_samples(expression: str, value: str) -> None:
    """The methods of metrics; a metric alone is its newest sample."""
    assert value_of(expression, {"$PendingTasks": steadily(4)}) == value


def test_too_few_samples_fail_the_evaluation() -> None:
    """Below the percentage that is asked for the formula goes no further, and the pool keeps its size."""
    formula = "$TargetDedicatedNodes = 9; x = $PendingTasks.GetSample(TimeInterval_Hour, 75);"
    result = evaluate(formula, situation({"$PendingTasks": steadily(4)}, dedicated=2))
    assert result.error == (
        "line 1, column 46: $PendingTasks has 33.3333 percent of the samples, and 75 are asked for"
    )
    assert result.text == "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("$something_useless", "line 1, column 1: $something_useless is not known here"),
        ("x = 1;\ny = sqrt(4);", "line 2, column 5: the function sqrt() is not known here"),
        ("x = $ActiveTasks.GetMedian(1)", "line 1, column 18: GetMedian() of a metric is not known here"),
        ("x = time().millisecond", "line 1, column 12: `millisecond` of a timestamp is not known here"),
        ("x = 2 * vec(1)", "line 1, column 7: double * doubleVec is not known here"),
        ('x = "a" + 1', "line 1, column 9: string + double is not known here"),
        ("x = 1 / 0", "line 1, column 7: a division by zero"),
        ("x = val(vec(1), 1)", "line 1, column 5: val() of the element 1 of a vector of 1"),
        ("x = avg()", "line 1, column 5: avg() of no values"),
        ("x = log(0)", "line 1, column 5: log() of a number that is not above zero"),
        ("$ActiveTasks = 1", "line 1, column 1: $ActiveTasks cannot be set"),
        ("$TargetDedicatedNodes = vec(1)", "a doubleVec is given where a double is needed"),
        (
            "$NodeDeallocationOption = 1",
            "$NodeDeallocationOption is one of requeue, terminate, taskcompletion, retaineddata, not 1",
        ),
        ("x = $ActiveTasks + 1", "line 1, column 18: $ActiveTasks has no sample yet"),
        ("x = " + "!" * 5000 + "1", "the formula is nested too deeply"),
    ],
)
def test_what_cannot_be_evaluated(formula: str, message: str) -> None:
    """It is no syntax error; the targets stay as they are, and the place is named."""
    result = evaluate(formula, situation(dedicated=2, low_priority=1))
    assert result.error == message
    assert (result.dedicated, result.low_priority, result.option) == (2, 1, "requeue")


def test_what_is_no_formula() -> None:
    with pytest.raises(FormulaSyntaxError):
        evaluate("$TargetDedicatedNodes = (", situation())


@pytest.mark.parametrize(
    ("formula", "targets"),
    [
        ("", (5, 3)),
        ("$TargetDedicatedNodes = 2.9;", (2, 3)),
        ("$TargetDedicatedNodes = -1; $TargetLowPriorityNodes = $TargetDedicatedNodes + 7", (0, 6)),
        ("$TargetDedicated = 1; $TargetLowPriority = 2", (1, 2)),
        ("$TargetDedicatedNodes = 4; $TargetDedicated = 1", (4, 3)),
        ("$TargetDedicatedNodes = $TargetDedicated * 2", (10, 3)),
        ("$TargetDedicatedNodes = 1; stop(); $TargetDedicatedNodes = 9", (1, 3)),
        ("time().hour > 20 ? stop() : 0; $TargetDedicatedNodes = 9", (9, 3)),
    ],
)
def test_targets(formula: str, targets: tuple[int, int]) -> None:
    """Whole numbers from 0; what is not set stays; the full name goes before its alias; stop() stops."""
    result = evaluate(formula, situation(dedicated=5, low_priority=3))
    assert (result.dedicated, result.low_priority, result.error) == (*targets, "")


def test_the_results_of_a_run() -> None:
    """Targets, option, and one's own variables by name (recorded 2018)."""
    formula = (
        "$round = 3; b = 4; $TargetDedicatedNodes = b; $NodeDeallocationOption = taskcompletion; a = 1 < 2;"
    )
    result = evaluate(formula, situation(low_priority=5))
    assert result.text == (
        "$TargetDedicatedNodes=4;$TargetLowPriorityNodes=5;$NodeDeallocationOption=taskcompletion;$round=3;a=1;b=4"
    )


# The shapes of the documentation's examples, and of formulas that tools send.
PUBLISHED = {
    "pending": (
        """
        first = 1; most = 25;
        share = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second);
        pending = share < 70 ? first : avg($PendingTasks.GetSample(180 * TimeInterval_Second));
        $TargetDedicatedNodes=min(most, pending);
        $NodeDeallocationOption = taskcompletion;
        """,
        (4, 0),
    ),
    "preempted": (
        """
        most = 25;
        $TargetDedicatedNodes = min(most, $PreemptedNodeCount.GetSample(180 * TimeInterval_Second));
        $TargetLowPriorityNodes = min(most , most - $TargetDedicatedNodes);
        """,
        (1, 24),
    ),
    "cpu": (
        """
        $nodes = (min($CPUPercent.GetSample(TimeInterval_Minute * 10)) > 0.7) ?
            ($CurrentDedicatedNodes * 1.1) : $CurrentDedicatedNodes;
        $nodes = (avg($CPUPercent.GetSample(TimeInterval_Minute * 60)) < 0.2) ?
            ($CurrentDedicatedNodes * 0.9) : $nodes;
        $TargetDedicatedNodes = min(400, $nodes)
        """,
        (11, 0),
    ),
    "working-hours": (
        """
        $now = time();
        $hours = $now.hour >= 8 && $now.hour < 18;
        $day = $now.weekday >= 1 && $now.weekday <= 5;
        $at_work = $hours && $day;
        $TargetDedicatedNodes = $at_work ? 20:10;
        """,
        (20, 0),
    ),
    "tasks": (
        """
        // the past 15 minutes
        $samples = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 15);
        $tasks = $samples < 70 ? max(0,$PendingTasks.GetSample(1)) :
            max( $PendingTasks.GetSample(1), avg($PendingTasks.GetSample(TimeInterval_Minute * 15)));
        $wanted = $tasks > 0? $tasks:max(0, $TargetDedicatedNodes/2);
        $TargetDedicatedNodes = max(0, min($wanted, 20));
        """,
        (4, 0),
    ),
    "slots": (
        """
        $tasks = max( $ActiveTasks.GetSample(1),avg($ActiveTasks.GetSample(TimeInterval_Minute * 15)));
        $cores = $TargetDedicatedNodes * $TaskSlotsPerNode;
        $more = (($tasks - $cores) + ($TaskSlotsPerNode - 1)) / $TaskSlotsPerNode;
        $TargetDedicatedNodes = max(0,min($TargetDedicatedNodes + $more,3));
        """,
        (1, 0),
    ),
    "lifespan": (
        """
        $TargetDedicatedNodes = 4;
        lifespan = time() - time("Mon, 30 Nov 2026 12:00:00 GMT");
        span = TimeInterval_Minute * 60; startup = TimeInterval_Minute * 10; ratio = 30;
        $TargetDedicatedNodes = (lifespan > startup ?
            (max($RunningTasks.GetSample(span, ratio), $ActiveTasks.GetSample(span, ratio)) == 0
             ? 0 : $TargetDedicatedNodes) : 4);
        """,
        (4, 0),
    ),
    "old-names": (
        """nodes=($CPUPercent.GetSamplePercent(TimeInterval_Minute*0,TimeInterval_Minute*10)<0.7?5:
        (min($CPUPercent.GetSample(TimeInterval_Minute*0, TimeInterval_Minute*10))>0.8?
        ($CurrentDedicated*1.1):$CurrentDedicated));$TargetDedicated=min(100,nodes);""",
        (11, 0),
    ),
    "last-sample": (
        """
        active = val($ActiveTasks.GetSample(1), 0);
        running = val($RunningTasks.GetSample(1), 0);
        $TargetLowPriorityNodes = active + running > 0 ? min(3, active + running) : 0;
        """,
        (2, 3),
    ),
    "deadline": (
        """
        $pending = max(0, max($PendingTasks.GetSample(TimeInterval_Minute * 5)));
        $TargetLowPriorityNodes = time() < time("2026-12-24T00:00:00Z") ? min(1, $pending) : 0;
        $NodeDeallocationOption = terminate;
        """,
        (2, 1),
    ),
}
BUSY = {
    "$PendingTasks": steadily(4),
    "$ActiveTasks": steadily(3),
    "$RunningTasks": steadily(1),
    "$PreemptedNodeCount": steadily(1),
    "$CPUPercent": steadily(0.9),
    "$CurrentDedicatedNodes": steadily(10),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_formulas_of_the_documentation(name: str) -> None:
    """Each is taken, and does what its page says."""
    formula, targets = PUBLISHED[name]
    result = evaluate(formula, situation(BUSY, dedicated=targets[0], slots=4))
    assert result.error == ""
    assert (result.dedicated, result.low_priority) == targets
