"""Specs that are warned about, each with its whole expected text beside it, and specs that are not."""

from pathlib import Path

import pytest

from batchspec.document.parser import decode, parse
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.render.findings.diagnostics import as_text
from batchspec.resources.links import LONGEST_LINK_LIFE
from batchspec.source import Severity

CASES = Path(__file__).parent / "cases"
WARNED = sorted((CASES / "warned").glob("*.yaml"))
PROJECT = Path(__file__).parents[2]
SAMPLES = (PROJECT / "specs" / "ffmpeg.yaml", PROJECT / "batchspec" / "cli" / "starter.yaml")
QUIET = sorted([*(CASES / "quiet").glob("*.yaml"), *SAMPLES])


def read(path: Path) -> Spec:
    return build(parse(decode(path.read_bytes(), path.name)))


@pytest.mark.parametrize("path", WARNED, ids=lambda path: path.stem)
def test_a_spec_is_warned_about_with_the_text_beside_it(path: Path) -> None:
    """Code, place, excerpt and way out are those that somebody read and found good; it is valid all the same."""
    warnings = read(path).warnings
    assert {finding.severity for finding in warnings} == {Severity.WARNING}
    assert as_text(warnings, color=False) == path.with_suffix(".txt").read_text("utf-8")


@pytest.mark.parametrize("path", QUIET, ids=lambda path: path.stem)
def test_nothing_is_said_about_what_does_not_hurt(path: Path) -> None:
    """No false alarm; what `init` prints and the sample, whose start task tries again, are quiet too."""
    assert read(path).warnings == ()


def test_every_warned_spec_has_its_text() -> None:
    """No text is left over from a case that is gone."""
    assert sorted(path.stem for path in WARNED) == sorted(
        path.stem for path in (CASES / "warned").glob("*.txt")
    )


def test_r29_the_bound_of_the_lint_is_the_life_of_a_link() -> None:
    """A job of exactly the time that links can last is fine, a second more is not."""
    text = (CASES / "warned" / "bound-longer-than-links.yaml").read_text("utf-8")
    seconds = int(LONGEST_LINK_LIFE.total_seconds())
    for bound, codes in ((f"PT{seconds}S", []), (f"PT{seconds + 1}S", ["BS0215"])):
        spec = build(parse(decode(text.replace("P99D", bound).encode(), "spec.yaml")))
        assert [finding.code for finding in spec.warnings] == codes
