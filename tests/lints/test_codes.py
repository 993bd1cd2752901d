"""Every diagnostic code is one that something leads to."""

from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from batchspec.codes import Code
from batchspec.desired.expansion.expand import without_tasks
from batchspec.document.parser import MAX_BYTES
from batchspec.language.build import build
from batchspec.language.schema import findings as schema
from batchspec.plan.checks.rounds import exceeding_findings
from batchspec.plan.model import Exceeding, Plan, Work
from batchspec.workload.reading import check
from tests.plan.case import load
from tests.preflight.case import CASES as PREFLIGHT
from tests.preflight.case import codes
from tests.spec.front_end import parse

HERE = Path(__file__).parent
CODES = HERE / "cases" / "codes"
FILES = (
    HERE.parent / "spec" / "cases" / "refused",
    HERE.parent / "schema" / "cases" / "refused",
    HERE / "cases" / "warned",
    CODES,
)


@cache
def reached() -> dict[str, list[str]]:
    """The codes that cases lead to, each with those cases."""
    found = defaultdict(list)
    for file in (file for folder in FILES for file in sorted(folder.glob("*.yaml"))):
        for finding in check(file):
            found[finding.code].append(file.name)
    for file in PREFLIGHT.glob("*.yaml"):
        for code in codes(load(file)):
            found[code].append(file.name)
    return found


@pytest.mark.parametrize("code", Code, ids=lambda code: code.value)
def test_every_code_is_reached(code: Code, tmp_path: Path) -> None:
    """`validate` of some spec, or the preflight of some plan, gives it; two need more than a file."""
    if code is Code.TOO_LARGE:
        file = tmp_path / "large.yaml"
        file.write_bytes(b"#" * (MAX_BYTES + 1))
        found = check(file)
    elif code is Code.OTHER_RULE:  # for a rule that the schema may have one day
        found = tuple(
            schema.check(parse("version: 1"), schema={"properties": {"version": {"multipleOf": 2}}})
        )
    elif code is Code.TOO_MANY_FILES:  # known when a task has run; see tests/workloads/test_rounds.py
        exceeding = Exceeding("split/a.mov", "encode", 300, 200)
        spec = build(parse("version: 1\nname: a"))
        plan = Plan("a", (), "", Work(exceeding=(exceeding,)))
        found = tuple(exceeding_findings(without_tasks(spec), plan))
    else:
        assert reached()[code.value]
        return
    assert [finding.code for finding in found] == [code.value]


@pytest.mark.parametrize("file", sorted(CODES.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_case_of_a_code_gives_that_code_and_no_other(file: Path) -> None:
    """Nothing else is wrong in it, so that it shows what the code means."""
    assert {finding.code for finding in check(file)} == {file.stem}


def test_codes_are_in_order_and_each_is_there_once() -> None:
    """The list reads from BS0101 upward."""
    values = [code.value for code in Code]
    assert values == sorted(set(values))
