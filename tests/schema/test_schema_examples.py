"""Example specs: a file dropped in a folder is a test.

`cases/accepted/*.yaml` has no error. `cases/refused/*.yaml` has exactly the errors
that its comment lines `# path: keyword` name, one line each, in order.
"""

from pathlib import Path

import jsonschema
import pytest
import yaml
from batch_fields import load_schema

from batchspec.source import path_text

CASES = Path(__file__).parent / "cases"
VALIDATOR = jsonschema.Draft7Validator(load_schema())


def errors(file: Path) -> list[str]:
    """`path: keyword` of each error, as in the comments of the refused cases."""
    found = VALIDATOR.iter_errors(yaml.safe_load(file.read_text("utf-8")))
    return sorted(f"{path_text(tuple(e.absolute_path)) or '.'}: {e.validator}" for e in found)


def expected(file: Path) -> list[str]:
    lines = file.read_text("utf-8").splitlines()
    return sorted(line.removeprefix("# ") for line in lines if line.startswith("# "))


@pytest.mark.parametrize("file", sorted(CASES.glob("accepted/*.yaml")), ids=lambda f: f.stem)
def test_accepted(file: Path) -> None:
    """A good spec has no error."""
    assert errors(file) == []


@pytest.mark.parametrize("file", sorted(CASES.glob("refused/*.yaml")), ids=lambda f: f.stem)
def test_refused(file: Path) -> None:
    """A bad spec has exactly the errors it names, and no other that distracts."""
    assert expected(file) != []
    assert errors(file) == expected(file)
