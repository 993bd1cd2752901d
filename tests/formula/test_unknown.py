"""Names in formulas that nobody knows."""

import pytest

from batchspec.formula.unknown import unknown


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("a = 1; $b = a; $TargetDedicatedNodes = $b + $TaskSlotsPerNode;", []),
        ("$NodeDeallocationOption = taskcompletion; x = time() + TimeInterval_Hour;", []),
        ("x = max($PendingTasks.GetSample(1), $CurrentDedicated);", []),
        ("x = y; y = 1;", [("y", 1, 5)]),
        ("x = x + 1;", [("x", 1, 5)]),
        ("x = 1;\nz = X + sqrt(avg($pendingTasks.GetMedian(1)));", [
            ("X", 2, 5), ("sqrt()", 2, 9), ("$pendingTasks", 2, 18), ("GetMedian()", 2, 32),
        ]),
    ],
)  # fmt: skip
def test_unknown_names(formula: str, names: list[tuple[str, int, int]]) -> None:
    """Each with its place; a name is known once a statement before has given it a value."""
    assert [(found.name, *found.at) for found in unknown(formula)] == names
