"""The rules of planning, one file each: see `case.py` for their form."""

from pathlib import Path

import pytest

from plan.case import CASES, load, outcome

FILES = sorted(CASES.glob("*/*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_case(file: Path) -> None:
    """The plan is the whole text that the case expects, or the refusal."""
    case = load(file)
    assert case["says"]
    kind = "refused" if "refused" in case else "plan"
    assert outcome(case) == (kind, case[kind])
