"""What rules between fields refuse, each case with its whole expected text beside it."""

from pathlib import Path

import pytest

from batchspec.document.parser import decode, parse
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.render.findings.diagnostics import as_text

CASES = sorted((Path(__file__).parent / "cases" / "rules").glob("*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_spec_against_the_rules_gives_the_text_beside_it(path: Path) -> None:
    """All findings at once, in order of position, as somebody read them and found them good."""
    with pytest.raises(SpecError) as caught:
        build(parse(decode(path.read_bytes(), path.name)))
    assert as_text(caught.value.diagnostics, color=False) == path.with_suffix(".txt").read_text("utf-8")
