"""Whatever is written in a spec, there is an answer: no traceback, and not after long."""

from pathlib import Path

from tests.mutants.trial import Nursery

_COUNT = 150


def test_no_mutant_crashes_or_takes_long(tmp_path: Path) -> None:
    """Some of those of `python -m tests.mutants`, which tries thousands."""
    nursery = Nursery(tmp_path / "project", seed=0)
    results = [nursery.trial(number) for number in range(_COUNT)]
    assert [result.trouble for result in results if result.trouble] == []
    assert 0 < sum(result.is_valid for result in results) < _COUNT
