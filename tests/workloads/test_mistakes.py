"""What `validate` says of mistakes in the words for rows, files and stages: at which characters, and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchspec.source import Diagnostic, Severity
from batchspec.workload.reading import check

HEAD = """version: 1
name: mistakes
pool: {id: p, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server:latest"}
job: {id: j, constraints: {maxWallClockTime: PT1H}}
tasks:
"""
ECHO = "  a: {inputs: a.txt, command: [echo, '{{ input.path }}']"
SPLIT = "  s: {matrix: {x: [1]}, command: 'echo {{ matrix.x }}', output: o/}\n"
LONG = "y" * 300
HEIGHTS = "  a: {matrix: {height: [1, 2]}, command: 'echo {{ matrix.height }}'"


def refusals(folder: Path, tasks: str) -> list[Diagnostic]:
    (folder / "a.txt").write_text("a\n")
    (folder / "s.csv").write_text("name,n\nx,1\n")
    spec = folder / "spec.yaml"
    spec.write_text(HEAD + tasks + "\n")
    return [finding for finding in check(spec) if finding.severity is Severity.ERROR]


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        *((word, "{from: GROUP}") for word in ("needs", "depends_on", "deps")),
        *((word, "matrix: {NAME: [...]}") for word in ("foreach", "items", "strategy")),
        ("script", "`command`"),
        *((word, "containerSettings: {imageName: IMAGE}") for word in ("image", "container")),
        ("timeout", "constraints: {maxWallClockTime: PT1H}"),
        ("retries", "constraints: {maxTaskRetryCount: 3}"),
        ("nodes", "targetDedicatedNodes: 3"),
        ("cpus", "vmSize"),
        ("region", "AZURE_BATCH_ENDPOINT"),
        ("setup", "startTask: {commandLine"),
    ],
)
def test_words_of_other_tools_are_answered(word: str, answer: str, tmp_path: Path) -> None:
    """Wherever they are typed: in a group, the job, or at the top."""
    (in_group,) = refusals(tmp_path, f"{ECHO}, {word}: x}}")
    (at_top,) = refusals(tmp_path, f"{ECHO}}}\n{word}: x")
    assert answer in in_group.helps[0]
    assert (in_group.code, in_group.helps) == (at_top.code, at_top.helps)


@pytest.mark.parametrize(
    ("tasks", "what", "characters"),
    [
        (
            HEIGHTS + ', when: "{{ matrix.height }}"}',
            "when: gives '1' instead of true or false",
            "{{ matrix.height }}",
        ),
        (
            HEIGHTS + ", when: \"{{ matrix.height == '1' }}\"}",
            "when: compares the text '1' with the number 1: write `| int` behind the text, or quote the number",
            "{{ matrix.height == '1' }}",
        ),
        (
            '  a: {matrix: {file: s.csv}, when: "{{ matrix.n < 2 }}", command: "echo {{ matrix.name }}"}',
            "when: compares the text '1' with the number 2: write `| int` behind the text, or quote the number",
            "{{ matrix.n < 2 }}",
        ),
        (
            HEIGHTS + ", when: matrix.height < 2}",
            "`when` has to be one placeholder, which gives true or false",
            "matrix.height < 2",
        ),
        (
            ECHO + ", env: {A: 1}, environmentSettings: [{name: A, value: '2'}]}",
            "tasks.a.environmentSettings[0].name: `A` is set in `env`, too",
            "A",
        ),
        (
            ECHO + ", env: {BATCHSPEC_COMMAND: 1}}",
            "tasks.a.env.BATCHSPEC_COMMAND: `BATCHSPEC_COMMAND` is set by batchspec",
            "1",
        ),
        (
            SPLIT + "  a: {inputs: {from: s, match: '{n}.ts'}, command: 'cat {{ input.path }}'}",
            "`match` and `atMost` belong together: which files there are is known only when the task has run",
            "{from: s, match: '{n}.ts'}",
        ),
        (
            SPLIT + "  a: {inputs: {from: s, match: '{x}.ts', atMost: 9}, command: 'cat {{ input.path }}'}",
            "`x` is an axis of the tasks of s",
            "{x}.ts",
        ),
        (
            SPLIT.replace("o/", "o")
            + "  a: {inputs: {from: s, match: '*', atMost: 9}, command: 'cat {{ input.path }}'}",
            "`match` takes files of a folder, and what s makes is a file",
            "*",
        ),
        (
            SPLIT.replace("output: o/", "outputs: {o: {path: o, publish: true}}"),
            "tasks.s.outputs.o.publish: `publish` stores the files of a folder under their own names",
            "true",
        ),
        (ECHO.replace("a.txt", "{from: b}") + "}", "there is no group `b`", "b"),
        (
            '  z: {matrix: {i: [1, 2]}, command: "echo {{ matrix.i }} > {{ output.path }}", output: "{{ matrix.i }}"}\n'
            "  a: {matrix: {i: [1]}, files: {z: {from: z, on: []}}, command: 'cat {{ files.z.path }} {{ matrix.i }}'}",
            "files.z: z has 2 tasks; exactly one is needed",
            "{from: z, on: []}",
        ),
        (
            "  b: {command: 'echo > {{ output.path }}', output: b.txt}\n"
            "  a: {inputs: {from: b}, when: '{{ input.size > 0 }}', command: 'cat {{ input.path }}'}",
            "`input.size` is not defined",
            "input.size",
        ),
    ],
)
def test_a_mistake_is_told_at_its_characters(tasks: str, what: str, characters: str, tmp_path: Path) -> None:
    """One sentence, at the value that is wrong."""
    (found,) = refusals(tmp_path, tasks)
    place = found.position
    assert place is not None
    assert found.summary == what
    line = found.source.lines.line(place.line)
    assert line[place.column - 1 : place.end_column - 1].strip("\"'") == characters


def test_a_condition_on_a_column_as_a_number_is_right(tmp_path: Path) -> None:
    """What a sheet has is text, and `| int` makes a number of it."""
    tasks = '  a: {matrix: {file: s.csv}, when: "{{ 0 < matrix.n | int <= 2 }}", command: "echo {{ matrix.name }}"}'
    assert refusals(tmp_path, tasks) == []


def test_numbers_in_a_list_command_are_text_as_they_are_written(tmp_path: Path) -> None:
    """A newcomer need not quote them."""
    assert refusals(tmp_path, ECHO.replace("[echo,", "[echo, -n, 1, 0.50, true,") + "}") == []


@pytest.mark.parametrize(
    ("tasks", "what"),
    [
        (
            "  a: {matrix: {n: [1, 2]}, command: 'echo > {{ outputs.x.path }} > {{ outputs.log.path }}',"
            " outputs: {x: '{{ matrix.n }}.txt', log: log.txt}}",
            "'a[n=1]' and 'a[n=2]' would both write 'mistakes/log.txt'",
        ),
        (
            "  a: {command: 'echo > {{ outputs.x.path }} > {{ outputs.y.path }}', outputs: {x: x.txt, y: x.txt}}",
            "'a' would write twice 'mistakes/x.txt'",
        ),
        (
            "  a: {command: 'echo > {{ output.path }}', output: x.txt}\n"
            "  b: {inputs: {from: a}, command: 'cp {{ input.path }} {{ output.path }}', output: x.txt}",
            "'a' and 'b/x.txt' would both write 'mistakes/x.txt'",
        ),
        (
            "  a: {inputs: a.txt, command: 'echo > {{ output.path }}', output: x.txt}\n"
            "  b: {matrix: {n: [x]}, command: 'echo > {{ output.path }}', output: '{{ matrix.n }}.txt'}",
            "'a/a.txt' and 'b[n=x]' would both write 'mistakes/x.txt'",
        ),
    ],
)
def test_no_two_outputs_have_one_name(tasks: str, what: str, tmp_path: Path) -> None:
    """Whichever of its outputs a task makes under it, and whether others read them."""
    assert [found.summary for found in refusals(tmp_path, tasks)] == [what]


@pytest.mark.parametrize("command", ["[echo, '{{ matrix.n }}']", "'echo {{ matrix.n }}'"])
def test_a_list_that_no_command_holds_is_told_before_the_run(command: str, tmp_path: Path) -> None:
    """Linux would not start it; the help names the file that has the list."""
    tasks = f"  a: {{matrix: {{n: 1..40000}}, collect: true, command: {command}}}"
    (found,) = refusals(tmp_path, tasks)
    assert found.code == "BS0304"
    assert "{{ inputs.list }}" in found.helps[0]


def test_true_and_false_are_matched_as_templates_write_them(tmp_path: Path) -> None:
    """The file `true.txt` has the axis that a matrix writes `true`; nobody is told of Python's `True`."""
    (tmp_path / "true.txt").write_text("t")
    tasks = (
        "  m: {matrix: {on: [true]}, command: 'echo > {{ output.path }}', output: m.txt}\n"
        "  u: {inputs: '{on}.txt', exclude: [a.txt, m.txt], files: {m: {from: m}},"
        " command: 'cat {{ files.m.path }} {{ matrix.on }}'}"
    )
    assert refusals(tmp_path, tasks) == []
    (found, *_) = refusals(tmp_path, tasks.replace("[true]", "[false]"))
    assert found.helps == ("the nearest: on=false",)


def test_a_task_of_many_inputs_has_no_input(tmp_path: Path) -> None:
    """What it has instead is named; that its group has no inputs would be false."""
    (found,) = refusals(tmp_path, f"{ECHO}, collect: true}}")
    assert "`inputs.paths`" in found.helps[0]


def test_a_word_that_is_wrong_does_not_move_the_others(tmp_path: Path) -> None:
    """What there is to say about the next one is said at its own place, once."""
    found = refusals(tmp_path, f"  a: {{command: [echo, '{'x' * 70_000}', '{{{{ nope }}}}']}}")
    assert [each.summary for each in found] == ["longer than 65,536 characters", "`nope` is not defined"]


@pytest.mark.parametrize(
    ("tasks", "code"),
    [
        (f"  a: {{inputs: '{LONG}/*.txt', command: x}}", "BS0404"),
        (f"  a: {{command: 'cat {{{{ files.f.path }}}}', files: {{f: {LONG}/}}}}", "BS0404"),
        (f"  a: {{command: x}}\ndownload: {LONG}", "BS0402"),
    ],
)
def test_a_name_that_no_file_can_have_is_a_finding(tasks: str, code: str, tmp_path: Path) -> None:
    """As any other that is not there."""
    assert [found.code for found in refusals(tmp_path, tasks)] == [code]


def test_slots_that_a_placeholder_gives_are_held_against_the_pools(tmp_path: Path) -> None:
    """As those that are written there: no node would ever run the second task."""
    tasks = "  a: {matrix: {s: [1, 2]}, command: 'echo {{ matrix.s }}', requiredSlots: '{{ matrix.s }}'}"
    (found,) = refusals(tmp_path, tasks)
    assert (found.code, found.helps[0]) == ("BS0604", "set pool.taskSlotsPerNode to 2 or more")


def test_a_folder_in_place_of_a_glob(tmp_path: Path) -> None:
    """What matches the files in it is named, at the characters of the value."""
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips/a.mp4").touch()
    (found,) = refusals(tmp_path, "  a: {inputs: clips, command: x}")
    assert "it is a folder: `clips/**` matches all files below it" in found.helps
    assert found.position is not None
    assert (found.position.line, found.position.column) == (6, 15)


def test_a_finding_about_the_only_output_names_it(tmp_path: Path) -> None:
    """Not as one of several without a name."""
    (found,) = refusals(tmp_path, f"{ECHO}, output: {{path: x, publish: true}}}}")
    assert found.summary.startswith("tasks.a.output.publish: ")


@pytest.mark.parametrize(
    ("group", "what"),
    [
        ("inputs: {from: a}, exclude: x", "`exclude` has no effect beside `from`"),
        ("inputs: {from: a}, allowEmpty: true", "`allowEmpty` has no effect beside `from`"),
        ("inputs: {from: a, prefix: x}", "`prefix` has no effect beside `from`"),
        ("inputs: {container: abc, output: x}", "`output` has no effect beside `container`"),
        ("output: x, outputs: {y: y}", "`output` is for a single one, and has no meaning beside `outputs`"),
        ("matrix: {n: 1..99999999999}", "tasks.b.matrix.n: 1..99999999999 has more than 1,000,000 values"),
        ("matrix: {n: 1..2000, m: 1..2000}", "the matrix has 4,000,000 rows, and at most 1,000,000 can be"),
    ],
)
def test_words_without_an_effect_are_told(group: str, what: str, tmp_path: Path) -> None:
    """Nobody writes them to no purpose."""
    tasks = f"  a: {{command: 'echo > {{{{ output.path }}}}', output: a.txt}}\n  b: {{{group}, command: cat}}"
    assert [found.summary for found in refusals(tmp_path, tasks)] == [what]
