"""The rules of planning, one file each: see `case.py` for their form."""

from pathlib import Path

import pytest

from plan.case import CASES, desired_of, load, observed_of, outcome, planned

FILES = sorted(CASES.glob("*/*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_case(file: Path) -> None:
    """The plan is the whole text that the case expects, or the refusal."""
    case = load(file)
    assert case["says"]
    kind = "refused" if "refused" in case else "plan"
    assert outcome(case) == (kind, case[kind])


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_planning_twice_says_the_same_twice(file: Path) -> None:
    """`make_plan` leaves nothing behind that changes the next plan of the same things."""
    case = load(file)
    desired = desired_of(case)
    observed = observed_of(case.get("observed") or {}, desired)
    assert planned(desired, observed) == planned(desired, observed)
