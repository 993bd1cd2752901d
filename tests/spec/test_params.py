"""Parameters: declared with types, given in files, set on the command line."""

from pathlib import Path

import pytest

from batchspec.document.parser import parse
from batchspec.errors import SpecError, UsageError
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.render.findings.diagnostics import as_text
from batchspec.source import Source
from batchspec.workload.reading import Environment, check

NODES = "nodes: {type: integer, default: 5, minimum: 1, description: How many nodes.}"


def read(params: str, *files: str, **settings: str) -> Spec:
    text = (
        "version: 1\nname: work\nparams:\n  "
        + params
        + '\npool: {id: p, vmSize: Standard_D2ds_v5, image: "a:b:c", targetLowPriorityNodes: 1}\n'
    )
    given = [parse(Source(f"{number}.yaml", file)) for number, file in enumerate(files, 1)]
    return build(parse(Source("work.yaml", text)), settings, given)


def refused(params: str, *files: str, **settings: str) -> list[tuple[str, str, str]]:
    with pytest.raises(SpecError) as raised:
        read(params, *files, **settings)
    return [(found.code, found.place, found.summary) for found in raised.value.diagnostics]


def test_later_files_win_and_set_wins_over_all() -> None:
    """The default, one file over it, the next over that, and the command line over them."""
    assert read(NODES).params == {"nodes": 5}
    assert read(NODES, "nodes: 6").params == {"nodes": 6}
    assert read(NODES, "nodes: 6", "nodes: 7").params == {"nodes": 7}
    assert read(NODES, "nodes: 6", "nodes: 7", nodes="8").params == {"nodes": 8}


def test_a_violation_names_where_the_value_comes_from() -> None:
    """The option, the line of the file, or the default's own place; all of one round."""
    assert refused(NODES, nodes="x") == [("BS0121", "--set nodes=x", "expected a whole number, found text")]
    assert refused(NODES, "# production\nnodes: 0") == [("BS0124", "1.yaml:2:8", "0 is too small")]
    assert refused(
        "nodes: {type: integer, default: many}\n  name: {type: string, default: x, minLength: 2}"
    ) == [
        ("BS0121", "work.yaml:4:35", "expected a whole number, found text"),
        ("BS0125", "work.yaml:5:33", "too few characters: 1"),
    ]


def test_a_violation_says_what_the_parameter_is_for() -> None:
    """Its description is the help."""
    with pytest.raises(SpecError) as raised:
        read(NODES, nodes="0")
    assert as_text(raised.value.diagnostics, color=False) == (
        "error[BS0124]: 0 is too small\n  --> --set nodes=0\n"
        "   = note: allowed: 1 or more\n   = help: How many nodes.\n"
    )


@pytest.mark.parametrize("text", ["nan", "inf", "1_000", "", "1e999", "x"])
def test_a_number_that_is_none_is_an_error(text: str) -> None:
    """Python would take some of them."""
    assert refused("rate: 1.5", rate=text) == [
        ("BS0121", f"--set rate={text}", "expected a number, found text")
    ]


def test_a_value_that_must_be_given() -> None:
    """Without a default, and without a value, it is a finding at its name; what uses it adds none."""
    assert refused("nodes: {type: integer}") == [
        ("BS0130", "work.yaml:4:3", "no value for parameter `nodes`")
    ]
    assert read("nodes: {type: integer}", nodes="2").params == {"nodes": 2}


def test_unknown_names_are_errors() -> None:
    """In a file at their line, on the command line as wrong usage; both with the name that was meant."""
    assert refused(NODES, "node: 3") == [("BS0103", "1.yaml:1:1", "the spec has no parameter `node`")]
    with pytest.raises(UsageError) as raised:
        read(NODES, node="3")
    assert str(raised.value) == "--set node: the spec has no such parameter"
    assert raised.value.help == "did you mean nodes?"


def test_lists_and_choices() -> None:
    """A list on the command line is YAML's; its values have rules, too."""
    heights = "heights: {type: array, items: {enum: [480, 720]}, default: [480]}"
    assert read(heights, heights="[720, 480]").params == {"heights": [720, 480]}
    assert read("heights: [480]", heights="[720]").params == {"heights": [720]}
    assert refused(heights, heights="720") == [("BS0121", "--set heights=720", "expected a list, found text")]
    assert refused(heights, heights="[721]") == [
        ("BS0122", "--set heights=[721]", "`721` is not a valid value")
    ]
    deep = "expected text, a number or true or false, found a list"
    for declared in (
        "heights: [480]",
        "heights: {type: array}",
        "heights: {type: array, items: {minimum: 1}}",
    ):
        assert refused(declared, heights="[[480]]") == [("BS0121", "--set heights=[[480]]", deep)]
    assert refused("heights: {type: array, default: [[480]]}") == [("BS0121", "work.yaml:4:36", deep)]


def test_a_list_has_ends_and_a_count() -> None:
    """As every list of a template; an empty one has no ends."""
    lists = "a: [7, 9]\n  e: {type: array, default: []}"
    ends = "{{ params.a.first }} {{ params.a.last }} {{ params.e.count }}"
    spec = read(f"{lists}\ndownload: '{ends}'")
    assert spec.download == "7 9 0"
    assert refused(f"{lists}\ndownload: '{{{{ params.e.first }}}}'") == [
        ("BS0302", "work.yaml:6:15", "`params.e.first` is not defined")
    ]


def test_a_wrong_value_is_told_once(tmp_path: Path) -> None:
    """Not again as a value that its tasks do not have; and a pattern is named."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "version: 1\nname: t\nparams: {s: {type: string, default: a, pattern: '^[a-z]$'}, l: {type: array}}\n"
        "pool: {id: p, vmSize: Standard_D2ds_v5, image: 'a:b:c'}\n"
        "job: {id: j, constraints: {maxWallClockTime: PT1H}}\n"
        "tasks: {a: {command: 'echo {{ params.s }} {{ params.l.first }}'}}\n"
    )
    wrong, unset = check(spec, Environment(("s=B",)))
    assert (wrong.summary, wrong.label) == ("`B` is not a valid s", "it has to match ^[a-z]$")
    assert unset.summary == "no value for parameter `l`"


def test_values_are_as_written_wherever_they_come_from() -> None:
    """A text gets the number that a file has as it is written there; a number keeps its text."""
    spec = read('version: "3.9"\n  rate: 1.5', "version: 3.10\nrate: 30.00")
    assert spec.params["version"] == "3.10"
    assert str(spec.params["rate"]) == "30.00"
    assert str(read("n: 1", n="007").params["n"]) == "007"


def test_a_pattern_cannot_keep_the_machine_busy() -> None:
    """One that could is refused where it stands, and so is what is none."""
    assert read("rate: {type: string, pattern: '^[0-9]+k$', default: 192k}").params == {"rate": "192k"}
    assert refused("rate: {type: string, pattern: '^[0-9]+k$', default: fast}") == [
        ("BS0123", "work.yaml:4:55", "`fast` is not a valid rate")
    ]
    assert refused(
        "x: {type: string, pattern: '(a+)+$', default: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab}"
    ) == [("BS0123", "work.yaml:4:30", "a pattern cannot repeat a group")]
    assert refused("x: {type: string, pattern: 'a*a*a*a*$', default: b}") == [
        ("BS0123", "work.yaml:4:30", "a pattern can repeat 3 times at most")
    ]
    assert refused("x: {type: string, pattern: '[', default: b}")[0][:2] == ("BS0123", "work.yaml:4:30")


def test_a_secret_in_a_file_of_values_is_found() -> None:
    """As in the spec itself."""
    assert refused("key: a", f"key: {'k' * 86}==")[0] == (
        "BS0502", "1.yaml:1:6", "this looks like the key of a storage or Batch account"
    )  # fmt: skip
