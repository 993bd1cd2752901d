"""Whatever is wrong is found in one round, and what may fail for one task is found before anything is sent."""

import os
from pathlib import Path

import pytest

from batchspec.errors import UsageError
from batchspec.source import Severity
from batchspec.workload.reading import check

HEAD = """\
version: 1
name: work
pool: {id: p, vmSize: Standard_D2ds_v5, image: "a:b:c", targetLowPriorityNodes: 1}
job: {id: j, constraints: {maxWallClockTime: PT1H}}
"""


def found(folder: Path, text: str, **files: str) -> list[tuple[str, str]]:
    """Code and line of what `validate` finds."""
    (folder / ".git").mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    spec = folder / "spec.yaml"
    spec.write_text(text)
    return [
        (each.code, f"{each.position.line}:{each.position.column}") for each in check(spec) if each.position
    ]


def test_findings_of_every_stage_come_in_one_round(tmp_path: Path) -> None:
    """An unknown field, a value of the wrong form, an undefined name, a rule, a lint and an input that is not there."""
    text = (
        HEAD.replace("vmSize", "colour: red, vmSize").replace("PT1H", "P99D")
        + """\
tasks:
  one: {inputs: none/*.txt, command: "cat {{ inptu.path }}", requiredSlots: 3}
  two: {command: [echo, "|"], constraints: {maxWallClockTime: soon}}
"""
    )
    assert found(tmp_path, text) == [
        ("BS0103", "3:15"),
        ("BS0215", "4:46"),
        ("BS0404", "6:17"),
        ("BS0302", "6:46"),
        ("BS0604", "6:77"),
        ("BS0211", "7:25"),
        ("BS0123", "7:63"),
    ]


def test_a_name_that_cannot_be_made_is_one_finding(tmp_path: Path) -> None:
    """An undefined name in `output` is not found again as a bad name of each task."""
    text = (
        HEAD
        + """\
tasks:
  one: {command: "true", output: "{{ matrix.x }}.txt"}
  two: {matrix: {frame: 1..4}, chunk: 2, command: "true", output: "{{ matrix.frame }}/"}
  three: {inputs: {from: two}, command: "cat {{ input.path }}"}
"""
    )
    assert found(tmp_path, text) == [("BS0302", "6:38"), ("BS0417", "7:68")]


def test_what_is_below_an_unknown_field_is_not_judged(tmp_path: Path) -> None:
    """`task:` for `tasks:` is one finding, not one for each placeholder in it."""
    text = HEAD + 'task:\n  one: {inputs: a, command: "cat {{ input.path }}"}\n'
    assert found(tmp_path, text) == [("BS0103", "5:1")]


def test_a_name_that_all_tasks_write_is_one_finding(tmp_path: Path) -> None:
    """Not one for each pair of them; a second name is another."""
    text = (
        HEAD
        + """\
tasks:
  one: {matrix: {a: 1..50}, command: "echo {{ matrix.a }} > {{ output.path }}", output: one.txt}
  two: {matrix: {a: 1..50}, command: "echo {{ matrix.a }} > {{ output.path }}", output: two.txt}
"""
    )
    assert found(tmp_path, text) == [("BS0403", "6:89"), ("BS0403", "7:89")]


def test_a_file_that_is_not_there_has_a_neighbour(tmp_path: Path) -> None:
    """`work.yml` for `work.yaml`, and a folder for a spec in it."""
    (tmp_path / "work.yaml").write_text(HEAD)
    with pytest.raises(UsageError, match="cannot read") as misspelt:
        check(tmp_path / "work.yml")
    assert misspelt.value.help == f"did you mean {tmp_path / 'work.yaml'}?"
    with pytest.raises(UsageError, match="Is a directory") as folder:
        check(tmp_path)
    assert folder.value.help == "name a spec in this folder"
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nothing")
    with pytest.raises(UsageError, match="cannot read") as link:
        check(tmp_path / "gone.yaml")
    assert "did you mean" not in link.value.help


def test_a_key_that_is_there_twice_hides_nothing(tmp_path: Path) -> None:
    """Nor does a tag: what is meant is plain, and the rest is looked at."""
    text = (
        HEAD.replace("vmSize", "id: p, vmsize") + "tasks:\n  one: {inputs: none/*.txt, command: !x [run]}\n"
    )
    assert found(tmp_path, text) == [
        ("BS0102", "3:7"),
        ("BS0104", "3:15"),
        ("BS0103", "3:22"),
        ("BS0404", "6:17"),
        ("BS0108", "6:38"),
    ]


def test_a_template_that_fails_for_one_input_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    """A division by the size of an empty file, in a script, a word, a field and an output's name."""
    text = (
        HEAD
        + """\
tasks:
  script: {inputs: "*.txt", command: "echo {{ 100 / input.size }}"}
  word: {inputs: "*.txt", command: [echo, "{{ 100 // input.size }}"]}
  field: {inputs: "*.txt", command: [run], displayName: "{{ 100 % input.size }}"}
  fine: {inputs: "*.txt", command: [echo, "{{ input.size + 1 }}"]}
"""
    )
    assert found(tmp_path, text, full="x", **{"full.txt": "x", "empty.txt": ""}) == [
        ("BS0305", "6:44"),
        ("BS0305", "7:44"),
        ("BS0305", "8:58"),
    ]


def test_a_field_filled_by_a_task_is_checked_for_each(tmp_path: Path) -> None:
    """A mode, a number and a choice that are right for one input only; the name of the other is told."""
    text = (
        HEAD
        + """\
tasks:
  one:
    inputs: "*.txt"
    command: [run]
    requiredSlots: "{{ input.size }}"
    resourceFiles: [{httpUrl: "https://example.org/a", filePath: a, fileMode: "{{ input.stem }}"}]
    userIdentity: {autoUser: {scope: "{{ input.stem }}"}}
"""
    )
    assert found(tmp_path, text, **{"0644.txt": "x", "none.txt": ""}) == [
        ("BS0124", "9:20"),
        ("BS0123", "10:79"),
        ("BS0122", "11:38"),
        ("BS0122", "11:38"),
    ]
    (tmp_path / "spec.yaml").write_text(text.replace("input.size }}", "input.size + 1 }}"))
    helps = {finding.helps[-1] for finding in check(tmp_path / "spec.yaml")}
    assert helps == {"this is so for 'one/0644.txt'", "this is so for 'one/none.txt'"}


def test_rounding_to_a_million_places_is_refused(tmp_path: Path) -> None:
    """It would keep the machine busy for ever."""
    text = HEAD + 'tasks:\n  one: {command: [echo, "{{ 5 | round(-100000000) }}"]}\n'
    assert found(tmp_path, text) == [("BS0305", "6:26")]


def test_a_placeholder_without_a_name_is_put_in(tmp_path: Path) -> None:
    """A constant in the name of an output, where every other placeholder is a name: no traceback."""
    text = HEAD + 'tasks:\n  one: {inputs: "*.yaml", command: [run], output: "{{ 1 }}.{{ input.stem }}"}\n'
    assert found(tmp_path, text) == []


def test_a_group_whose_rows_are_wrong_is_not_tried_nor_one_that_reads_it(tmp_path: Path) -> None:
    """What its tasks would see is unknown; what else is wrong is found: inputs that are not there, other groups."""
    text = (
        HEAD
        + """\
tasks:
  wrong: {inputs: "none/*.txt", matrix: {n: 9..1}, command: "echo {{ matrix.n }} > {{ output.path }}", output: o}
  reader: {inputs: {from: wrong}, command: "cat {{ input.path }}"}
  other: {inputs: "*.txt", matrix: {n: [1]}, command: "echo {{ matrix.n // input.size }}"}
  twice: {inputs: "*.txt", commandLine: "run {{ input.nmae }} {{ 1 // input.size }}"}
"""
    )
    assert found(tmp_path, text, **{"a.txt": "x", "empty.txt": ""}) == [
        ("BS0404", "6:19"),
        ("BS0411", "6:45"),
        ("BS0305", "8:61"),
        ("BS0302", "9:49"),
    ]


def test_an_address_and_a_path_of_a_task_are_checked(tmp_path: Path) -> None:
    """What the placeholders of `resourceFiles` give for one input leads out of its folder, or is no address."""
    text = (
        HEAD
        + """\
tasks:
  one:
    inputs: "*.txt"
    command: [run]
    resourceFiles:
      - {httpUrl: "https://example.org/{{ input.name }}", filePath: "/{{ input.stem }}"}
      - {httpUrl: "{{ input.stem }}", filePath: "{{ input.name }}/{{ spec.name }}"}
"""
    )
    assert found(tmp_path, text, **{"a.txt": "x"}) == [
        ("BS0123", "10:69"),
        ("BS0123", "11:19"),
    ]


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        ("a: {inputs: '*.txt', command: [x], output: o.bin}", "would both write 'work/o.bin'"),
        ("a: {command: [x], output: Out}, b: {command: [x], output: out}", "differ only in case"),
        (
            r'a: {command: [x], output: "caf\u00e9"}, b: {command: [x], output: "cafe\u0301"}',
            "or Unicode normalization",
        ),
        ("a: {command: [x], output: p}, b: {command: [x], output: P/q}", "one lies inside the other"),
        (
            "a: {matrix: {n: [A, a]}, command: 'x {{ matrix.n }}', output: '{{ matrix.n }}'}",
            "differ only in case",
        ),
        ("a: {command: x, outputs: {o: a/, p: a.tar}}", "would write twice 'work/a.tar'"),
        ("a: {command: x, outputs: {o: a/, p: a/b}}", "one lies inside the other"),
        ("a: {command: x, outputs: {o: a, p: A}}", "differ only in case"),
    ],
)
def test_outputs_that_meet_in_storage_or_in_a_folder_are_refused(
    tmp_path: Path, tasks: str, why: str
) -> None:
    """Of two tasks or of one; a folder takes its own name and that of its pack."""
    (tmp_path / "one.txt").touch()
    (tmp_path / "two.txt").touch()
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"{HEAD}tasks: {{{tasks}}}\n")
    errors = [finding for finding in check(spec) if finding.code == "BS0403"]
    assert errors
    assert all(why in finding.summary for finding in errors)


def test_outputs_that_are_only_alike_are_accepted(tmp_path: Path) -> None:
    """A name that begins another, and one name in two folders."""
    text = HEAD + "tasks: {a: {command: x, outputs: {o: a, p: a.txt, q: b/a, r: a-b}}}\n"
    assert found(tmp_path, text) == []


def test_what_never_ends_is_not_read(tmp_path: Path) -> None:
    """A named pipe among inputs, files and sheets is a finding, and hides no other; nobody waits for it."""
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "broken.csv").symlink_to("nowhere")
    text = (
        HEAD
        + """\
tasks:
  one: {inputs: "*.txt", command: [run]}
  two: {files: {a: pipe.txt}, command: [run, "{{ files.a.path }}"]}
  three: {matrix: {file: pipe.txt}, command: [run, "{{ matrix.a }}"]}
  four: {files: {a: broken.csv}, command: [run, "{{ files.a.path }}"]}
  five: {inputs: "none/*.txt", command: [run]}
"""
    )
    assert [code for code, _ in found(tmp_path, text)] == ["BS0405", "BS0405", "BS0410", "BS0405", "BS0404"]


def test_two_files_of_one_name_are_told_by_their_folders(tmp_path: Path) -> None:
    """The fixed parts of two patterns are not in the names; the help has a pattern that keeps the folders."""
    for folder in ("day1", "day2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "take.wav").touch()
    spec = tmp_path / "spec.yaml"
    inputs = "[day1/*.wav, day2/*.wav]"
    text = HEAD + "tasks: {a: {inputs: INPUTS, command: [x], output: '{{ input.stem }}.mp3'}}\n"
    spec.write_text(text.replace("INPUTS", inputs))
    (finding,) = (finding for finding in check(spec) if finding.code == "BS0403")
    files = [str(tmp_path / folder / "take.wav") for folder in ("day1", "day2")]
    assert finding.summary == f"{files[0]!r} and {files[1]!r} would both write 'work/take.mp3'"
    assert finding.helps == (
        "outputs keep the folder that a pattern matches: write one for both, such as `{day1,day2}/*`",
    )
    spec.write_text(text.replace("INPUTS", "'{day1,day2}/*'"))
    assert [finding for finding in check(spec) if finding.severity is Severity.ERROR] == []


def test_a_path_of_a_file_that_is_no_glob(tmp_path: Path) -> None:
    """It is a finding like that of an input, once for all who read it, and hides no other."""
    text = (
        HEAD
        + """\
files: {up: "a/../b.txt"}
tasks:
  one: {files: {own: "{{ input.stem }}/../b"}, inputs: "*.txt", command: [x, "{{ files.own.path }}"]}
  two: {command: [x, "{{ files.up.path }}"]}
  three: {command: [x, "{{ files.up.path }}"]}
  four: {inputs: "none/*.txt", command: [x]}
"""
    )
    said = found(tmp_path, text, **{"a.txt": "x"})
    assert said == [("BS0406", "5:13"), ("BS0406", "7:22"), ("BS0404", "10:18")]
    start = 'vmSize: s, startTask: {commandLine: "sh {{ files.up.path }}"}'
    spec = tmp_path / "start.yaml"
    spec.write_text(HEAD.replace("vmSize: Standard_D2ds_v5", start) + "files: {up: a/../b.txt}\n")
    assert [finding.code for finding in check(spec)] == ["BS0406"]


def test_two_files_of_one_name_without_outputs_would_have_one_record(tmp_path: Path) -> None:
    """Only one of the two tasks could ever be up to date. So it is with what other tasks made under one name."""
    for folder in ("day1", "day2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "take.wav").write_text(folder)
    text = (
        HEAD
        + """\
tasks:
  two: {inputs: [day1/*.wav, day2/*.wav], command: [x]}
  one: {inputs: "{day1,day2}/*.wav", command: [x]}
  raw: {inputs: day1/*.wav, matrix: {k: 1..2}, temporary: true, command: "x {{ matrix.k }}", output: r}
  fine: {inputs: {from: raw}, matrix: {j: 1..2}, command: [x], output: "{{ matrix.k }}-{{ matrix.j }}"}
  read: {inputs: {from: raw}, command: [x]}
"""
    )
    assert found(tmp_path, text) == [("BS0403", "6:17"), ("BS0403", "10:18")]


def test_an_output_that_begins_with_the_folder_of_an_input_without_one(tmp_path: Path) -> None:
    """The help speaks of the template: the file's name is fine."""
    (tmp_path / "top.wav").touch()
    spec = tmp_path / "spec.yaml"
    output = "'{{ input.folder }}/{{ input.stem }}.mp3'"
    spec.write_text(HEAD + f"tasks: {{a: {{inputs: '**/*.wav', command: [x], output: {output}}}}}\n")
    (finding,) = (finding for finding in check(spec) if finding.code == "BS0402")
    assert finding.helps == (
        "start it without a slash: an output keeps its input's folder, so `{{ input.folder }}/` is not needed",
    )


def test_a_home_folder_is_not_expanded(tmp_path: Path) -> None:
    """The help says so, instead of names that are near."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(HEAD + "tasks: {a: {inputs: '~/x/*.wav', command: [x]}}\n")
    (finding,) = (finding for finding in check(spec) if finding.code == "BS0404")
    assert "`~` is not expanded: paths are relative to the spec file" in finding.helps


def test_a_mapping_for_a_name_is_a_finding(tmp_path: Path) -> None:
    """Also where the name would be written into every task."""
    text = HEAD + 'containers: {input: {a: b}}\ntasks: {one: {inputs: "*.txt", command: [run]}}\n'
    assert found(tmp_path, text, **{"a.txt": "x"}) == [("BS0121", "5:21")]
