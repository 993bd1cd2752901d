"""`requires`: the versions of batchspec that a spec is written for."""

from pathlib import Path

import pytest

from batchspec import __version__
from batchspec.language.build import build
from batchspec.language.schema.requires import is_met
from batchspec.workload.reading import check
from tests.spec.front_end import parse


@pytest.mark.parametrize(
    ("wanted", "version", "met"),
    [
        (">=0.3", "0.3.0", True),
        (">=0.3", "0.3", True),
        (">=0.3", "0.2.9", False),
        (">=0.3, <2", "1.9", True),
        (">=0.3,<2", "2.0", False),
        (">0.10", "0.9", False),
        ("> 0.9", "0.10.0", True),
        ("==1.0", "1", True),
        ("!=1.2", "1.2.0", False),
        ("<=1.2", "1.2.1", False),
        (">=0.3", "0.3.0.dev4", True),
    ],
)
def test_versions_are_compared_by_their_numbers(wanted: str, version: str, met: bool) -> None:
    """Part by part, and all bounds hold."""
    assert is_met(wanted, version) is met


def test_a_version_that_does_not_fit_is_all_that_is_said(tmp_path: Path) -> None:
    """A field of a newer version is not taken for a mistake; the help says what to install."""
    file = tmp_path / "spec.yaml"
    file.write_text('version: 1\nname: work\nrequires: ">= 99"\nfieldOfTheFuture: 1\n')
    (finding,) = check(file)
    assert finding.code == "BS0131"
    assert finding.label == f"this is batchspec {__version__}"
    assert finding.helps == ('pip install "batchspec>=99"',)


def test_it_changes_nothing_else() -> None:
    """A spec that fits is the same with it as without: no fingerprint and no plan knows of it."""
    text = "version: 1\nname: work\npool: {existing: p}\njob: {id: j}\ntasks: {a: {command: [hostname]}}\n"
    with_it, without = build(parse(f'{text}requires: ">=0.1,<9"\n')), build(parse(text))
    assert with_it.groups == without.groups
    assert (with_it.pool, with_it.job, with_it.name) == (without.pool, without.job, without.name)


@pytest.mark.parametrize("text", ["0.3", ">=", ">=0.1;<1", "~=0.3", "{{ params.v }}", ">=0.1\n"])
def test_only_bounds_are_taken(tmp_path: Path, text: str) -> None:
    """What is no bound is not valid for the field."""
    file = tmp_path / "spec.yaml"
    file.write_text(f"version: 1\nname: work\nrequires: {text!r}\n")
    assert [finding.code for finding in check(file)] == ["BS0123"]
