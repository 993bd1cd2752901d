"""`batchspec explain`: every finding, reason and field explains itself; and what a misspelt word meant."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from batchspec.cli.main import cli
from batchspec.codes import Code
from batchspec.engine.health.trouble import StuckReason
from batchspec.language.schema.fields import field, top_level
from batchspec.language.schema.spec_schema import spec_schema
from batchspec.render.findings.explanation import everything, explanation, near, sections
from batchspec.workload.reading import check

WORDS = [*(code.value for code in Code), *(reason.value for reason in StuckReason)]
BESIDE = {
    "version": "version: 1",
    "name": "name: example",
    "pool": "pool: {existing: nodes}",
    "job": "job: {id: work, constraints: {maxWallClockTime: P1D}}",
}
# What one file of text cannot show: bytes, sizes, other files, and what only an account or a run leads to.
SHOWN_ONLY = {"BS0101", "BS0109", "BS0111", "BS0112", "BS0113", "BS0116", "BS0117", "BS0129", "BS0304"} | {
    *("BS0405", "BS0407", "BS0409", "BS0424"),
    *(word for word in WORDS if not word.startswith("BS") or word.startswith("BS07")),
}


def example(word: str, language: str) -> str | None:
    found = re.search(rf"```{language}\n(.*?)```", sections()[word], re.DOTALL)
    return found and found[1]


@pytest.mark.parametrize("word", WORDS)
def test_a_code_or_reason_has_a_cause_an_example_and_a_way_out(word: str) -> None:
    """In this order, and `explain` shows them without the marks of Markdown."""
    cause, fix = re.split(r"```(?:.*)```", sections()[word], flags=re.DOTALL)
    shown = example(word, "yaml") or example(word, "text")
    assert len(cause.strip()) > 20
    assert shown
    assert fix.strip().startswith("Fix: ")
    assert "```" not in (explanation(word) or "```")


@pytest.mark.parametrize("word", [word for word in WORDS if word not in SHOWN_ONLY])
def test_the_example_is_the_mistake(word: str, tmp_path: Path) -> None:
    """`validate` finds it in the example, put beside what every spec needs."""
    text = example(word, "yaml")
    assert text is not None
    beside = [line for key, line in BESIDE.items() if not re.search(rf"^{key}:", text, re.MULTILINE)]
    spec = tmp_path / "spec.yaml"
    spec.write_text("\n".join([*beside, text]))
    assert word in {finding.code for finding in check(spec)}


def test_nothing_is_explained_that_there_is_not() -> None:
    """No section is left over from a code or a reason that is gone."""
    assert list(sections()) == WORDS


def test_every_field_explains_itself() -> None:
    """Each at the top has a description and is valid text; each of a pool, a job and a group has a description too."""
    assert list(top_level()) == list(spec_schema()["properties"])
    for name in ("pool", "job", "tasks"):
        found = field(name)
        assert found is not None
        for inner, description in found.fields.items():
            assert description, f"{name}.{inner}"
    for name, description in top_level().items():
        assert description
        assert (explanation(name) or "").startswith(name)


def test_a_field_of_any_depth() -> None:
    """The path may leave out the number of an item, and has any name where the spec chooses it."""
    assert explanation("pool.taskSlotsPerNode") == (
        "pool.taskSlotsPerNode: integer, 1 to 256, default 1\n\n"
        "Number of task slots per node, for tasks that run at the same time: up to 4 per core, at most\n256.\n"
    )
    for path in (
        "tasks.NAME.output.optional",
        "pool.metadata.name",
        "pool.mountConfiguration[].nfsMountConfiguration",
    ):
        assert field(path) is not None, path
    assert field("pool.vmsize") is None
    assert explanation("pool.metadata[0].name") == explanation("pool.metadata.name")


def test_what_was_meant() -> None:
    """A word that is not known gives the nearest ones."""
    assert near("pool.vmsize")[0] == "pool.vmSize"
    assert near("bs0999")[0].startswith("BS0")
    assert near("qota") == ["quota"]
    assert near("vmsize") == ["pool.vmSize"]
    assert near("constraints") == ["job.constraints", "tasks.NAME.constraints"]
    assert all(word in everything() for word in [*WORDS, *spec_schema()["properties"]])
    json.dumps([field(name) for name in spec_schema()["properties"]])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["paln", "a.yaml"], "No such command 'paln'. Did you mean 'plan'?"),
        (["xyz"], "No such command 'xyz'."),
        (["validate", "a.yaml", "--format", "jason"], "'json', 'github'. Did you mean 'json'?"),
        (["validate", "a.yaml", "--formt", "json"], "--format"),
    ],
)
def test_misspelt_words_of_a_command_line(words: list[str], said: str) -> None:
    """The nearest command, option or value is suggested, where one is near."""
    ended = CliRunner().invoke(cli, words)
    assert ended.exit_code == 2
    assert said in ended.output
