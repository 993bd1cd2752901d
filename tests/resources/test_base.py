"""Equalities, and what is sent for a change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.resources.base import Change, Effect, stamped, updated_metadata, with_live
from batchspec.resources.equality import duration_s, same_duration, same_url


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("PT06M00S", "PT6M", True),
        ("P1DT1H", "PT25H", True),
        ("PT5M0.5S", "PT5M0.5000000S", True),
        ("PT0.00000004S", "PT0S", True),
        ("PT5M", "PT5M0.1S", False),
        ("P10675199DT2H48M5.4775807S", "P10675199DT2H48M5.4775807S", True),
        ("five minutes", "PT5M", False),
    ],
)
def test_durations_are_compared_by_value(one: str, other: str, same: bool) -> None:
    """Two spellings of one time are the same, down to what the service counts in."""
    assert same_duration(one, other) is same
    assert same_duration(other, one) is same


@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    """Days, hours, minutes and seconds add up."""
    text = f"P{days}DT{hours}H{minutes}M{seconds}S"
    assert duration_s(text) == ((days * 24 + hours) * 60 + minutes) * 60 + seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "5M", "P1M", "P1Y", "-PT5M", "PT5M ", "PT5"])
def test_what_is_no_duration(text: str) -> None:
    """Months and years have no fixed length, and half a duration is none."""
    with pytest.raises(ValueError, match="not an ISO 8601 duration"):
        duration_s(text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a/b?sv=1&sig=x", "https://a/b?sv=2&sig=y", True),
        ("https://a/b", "https://a/b?sv=2&sig=y", True),
        ("https://a/b?version=1", "https://a/b?version=2", False),
        ("https://a/b", "https://a/c", False),
    ],
)
def test_signatures_are_no_part_of_a_url(one: str, other: str, same: bool) -> None:
    """Every run mints a new signature; any other query says what the URL names."""
    assert same_url(one, other) is same


def test_ignored_paths_keep_the_live_value() -> None:
    """A path that is ignored has the live value, nested too; what is live nowhere is left out."""
    desired = {"a": 1, "b": {"c": 2, "d": 3}, "e": 5}
    live = {"a": 9, "b": {"c": 8}, "x": 7}
    assert with_live(desired, live, [("a",), ("b", "c"), ("b", "d"), ("e",), ("f", "g")]) == {
        "a": 9,
        "b": {"c": 8},
    }
    assert desired == {"a": 1, "b": {"c": 2, "d": 3}, "e": 5}


def test_metadata_is_live_with_the_plan_s_changes() -> None:
    """Keys of others stay, stamps are the spec's, and an entry that is not in the plan is not touched."""
    desired = stamped({"metadata": [{"name": "team", "value": "new"}]}, "work", "1", "d2")
    live = {
        "metadata": [
            *({"name": name, "value": value} for name, value in (("team", "old"), ("theirs", "1"))),
            {"name": "batchspec.spec", "value": "work"},
            {"name": "batchspec.protect", "value": "true"},
        ]
    }
    change = Change(("metadata", "team"), "old", "new", Effect.IN_PLACE)
    stamps = [("batchspec.spec", "work"), ("batchspec.version", "1"), ("batchspec.digest", "d2")]

    def sent(*changes: Change) -> list[tuple[str, str]]:
        return [(entry["name"], entry["value"]) for entry in updated_metadata(desired, live, changes)]

    assert sent(change) == [("team", "new"), ("theirs", "1"), *stamps]
    assert sent() == [("team", "old"), ("theirs", "1"), *stamps]
