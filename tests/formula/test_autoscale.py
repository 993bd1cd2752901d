"""The formula of the shorthand `autoscale`, held against loads over time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.formula.bounds import Reach, reach
from batchspec.formula.evaluate import Situation, evaluate
from batchspec.formula.unknown import unknown
from batchspec.formula.values import Sample
from batchspec.language.autoscale import formula

MONDAY = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
PER_EVALUATION = 10  # samples: one in 30 seconds, an evaluation in 5 minutes


def follow(
    autoscale: dict[str, Any], loads: Sequence[int], slots: int = 1, begin: float = MONDAY
) -> list[int]:
    """The target after each evaluation; *loads* are the pending tasks of each sample, the first when it is made."""
    text, samples, target, found = formula(autoscale), list[Sample](), 0, list[int]()
    for i, load in enumerate(loads):
        samples.append(Sample(begin + 30 * i, float(load)))
        if i % PER_EVALUATION == 0:
            target = _target(text, autoscale, samples, target, slots)
            found.append(target)
    return found


def _target(text: str, autoscale: dict[str, Any], samples: list[Sample], last: int, slots: int) -> int:
    spot = bool(autoscale.get("spot"))
    now = {"low_priority" if spot else "dedicated": last}
    result = evaluate(
        text, Situation(samples[-1].at, slots=slots, samples={"$PendingTasks": samples[:]}, **now)
    )
    assert (result.error, result.option) == ("", "taskcompletion")
    assert (result.dedicated if spot else result.low_priority) == 0
    return result.low_priority if spot else result.dedicated


def minutes(*parts: tuple[int, int]) -> list[int]:
    """Loads out of (minutes, pending tasks)."""
    return [load for length, load in parts for _ in range(2 * length)]


@pytest.mark.parametrize("spot", [True, False])
def test_it_grows_with_what_waits_and_not_beyond_max(spot: bool) -> None:
    """With the next evaluation after the tasks came."""
    autoscale = {"max": 20, "spot": spot}
    assert follow(autoscale, minutes((15, 0), (5, 7), (10, 1000))) == [1, 1, 0, 7, 20, 20]


def test_it_counts_slots() -> None:
    """Ten tasks on nodes of four slots each need three nodes."""
    assert follow({"max": 20}, minutes((15, 10)), slots=4) == [3, 3, 3]


def test_it_returns_to_min_once_nothing_was_to_do_for_idle() -> None:
    """And not before: the last task ends after 20 minutes."""
    loads = minutes((20, 8), (30, 0))
    assert follow({"min": 2, "max": 20, "idle": "PT15M"}, loads) == [8, 8, 8, 8, 8, 8, 8, 2, 2, 2]
    assert follow({"max": 20, "idle": "PT5M"}, loads) == [8, 8, 8, 8, 8, 0, 0, 0, 0, 0]


def test_a_short_lull_costs_no_nodes() -> None:
    """Shorter than `idle`: the nodes are still there for the next tasks."""
    loads = minutes((15, 6), (8, 0), (12, 6))
    assert follow({"max": 20, "idle": "PT10M"}, loads) == [6] * 7


def test_a_new_pool_starts_a_node_before_there_are_samples() -> None:
    """Otherwise the first task would wait for the second evaluation."""
    assert evaluate(formula({"max": 20}), Situation(MONDAY)).dedicated == 1
    first = Situation(MONDAY, samples={"$PendingTasks": [Sample(MONDAY, 0.0)]})
    assert evaluate(formula({"max": 20}), first).dedicated == 1


@given(
    loads=st.lists(st.integers(0, 60), min_size=1, max_size=120),
    slots=st.sampled_from([1, 2, 7]),
    least=st.integers(0, 3),
    idle=st.sampled_from(["PT5M", "PT10M", "PT1H"]),
)
def test_no_load_goes_beyond_the_bounds_or_takes_a_node_that_is_needed(
    loads: list[int], slots: int, least: int, idle: str
) -> None:
    """From min to max, and enough for all that waits or runs, as far as max goes."""
    targets = follow({"min": least, "max": 9, "idle": idle}, loads, slots)
    for target, load in zip(targets, loads[::PER_EVALUATION], strict=True):
        assert least <= target <= 9
        assert target * slots >= min(load, 9 * slots)


def _at(day: int, hour: int) -> float:
    return datetime(2026, 11, 30 - 7 + day, hour, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("day", "hour", "nodes"), [(0, 7, 0), (0, 8, 5), (0, 17, 5), (0, 18, 0), (5, 12, 0), (6, 12, 5)]
)
def test_outside_of_working_hours_there_are_no_nodes(day: int, hour: int, nodes: int) -> None:
    """In UTC, `to` not included. Day 0 is a Monday."""
    hours = {"days": ["monday", "sunday"], "from": 8, "to": 18}
    autoscale = {"min": 1, "max": 20, "workingHours": hours}
    assert follow(autoscale, [5], begin=_at(day, hour)) == [nodes]


def test_its_bound_is_max() -> None:
    """`safety.maxNodes` is held against it."""
    hours = {"from": 8, "to": 18}
    assert reach(formula({"max": 20, "workingHours": hours})) == Reach(20, 0)
    assert reach(formula({"min": 3, "max": 20, "spot": True}), dedicated=50) == Reach(0, 20)


@pytest.mark.parametrize("hours", [None, {"days": ["friday"], "from": 0, "to": 24}])
def test_it_uses_documented_names_only(hours: dict[str, Any] | None) -> None:
    autoscale = {"max": 20, **({"workingHours": hours} if hours else {})}
    assert list(unknown(formula(autoscale))) == []
