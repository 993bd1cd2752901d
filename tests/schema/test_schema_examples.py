"""Example specs: a file dropped in a folder is a test.

`cases/accepted/*.yaml` has no error. `cases/refused/*.yaml` has exactly the errors
that its comment lines `# path: keyword` name, one line each, in order.
"""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from batch_fields import load_schema

from batchspec.language.schema.spec_schema import published_text
from batchspec.source import path_text

CASES = Path(__file__).parent / "cases"
STRICT = jsonschema.Draft7Validator(load_schema())
PUBLISHED = jsonschema.Draft7Validator(json.loads(published_text()))


def errors(file: Path, validator: jsonschema.Draft7Validator = STRICT) -> list[str]:
    """`path: keyword` of each error, as in the comments of the refused cases."""
    found = validator.iter_errors(yaml.safe_load(file.read_text("utf-8")))
    return sorted(f"{path_text(tuple(e.absolute_path)) or '.'}: {e.validator}" for e in found)


def expected(file: Path) -> list[str]:
    lines = file.read_text("utf-8").splitlines()
    return sorted(line.removeprefix("# ") for line in lines if line.startswith("# "))


@pytest.mark.parametrize("file", sorted(CASES.glob("accepted/*.yaml")), ids=lambda f: f.stem)
def test_accepted(file: Path) -> None:
    """A good spec has no error in an editor, also where placeholders stand in place of values."""
    assert errors(file, PUBLISHED) == []


@pytest.mark.parametrize("file", sorted(CASES.glob("refused/*.yaml")), ids=lambda f: f.stem)
def test_refused(file: Path) -> None:
    """A bad spec has exactly the errors it names, and no other that distracts; an editor refuses it, too."""
    assert expected(file) != []
    assert errors(file) == expected(file)
    assert errors(file, PUBLISHED) != []
