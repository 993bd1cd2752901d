"""Files that are refused, each with its whole expected text beside it, and files that are accepted."""

from pathlib import Path

import pytest

from batchspec.document import parser
from batchspec.render.findings.diagnostics import as_text

from .front_end import findings

CASES = Path(__file__).parent / "cases"
REFUSED = sorted((CASES / "refused").glob("*.yaml"))
ACCEPTED = sorted((CASES / "accepted").glob("*.yaml"))


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_a_refused_file_gives_the_text_beside_it(path: Path) -> None:
    """Code, place, excerpt and help are those that somebody read and found good."""
    expected = path.with_suffix(".txt").read_text(encoding="utf-8")
    assert as_text(findings(path), color=False) == expected


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_an_accepted_file_has_no_finding(path: Path) -> None:
    """There is nothing to say about it, not even a warning."""
    assert findings(path) == []


@pytest.mark.parametrize("path", [*REFUSED, *ACCEPTED], ids=lambda path: path.stem)
def test_the_loader_in_python_agrees(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where libyaml is missing, the same files are refused at the same places for the same reasons."""
    expected = [(finding.code, finding.place) for finding in findings(path)]
    monkeypatch.setattr(parser, "_Loader", parser.yaml.SafeLoader)
    assert [(finding.code, finding.place) for finding in findings(path)] == expected


def test_every_refused_file_has_its_text() -> None:
    """No text is left over from a case that is gone."""
    assert {path.stem for path in REFUSED} == {path.stem for path in (CASES / "refused").glob("*.txt")}
