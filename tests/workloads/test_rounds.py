"""Rounds: tasks made of files that other tasks make, as many as those turn out to be."""

from __future__ import annotations

import json
import subprocess

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from batchspec.errors import BatchspecError, RefusedError, TasksFailedError
from batchspec.workload.planned import Manner
from batchspec.workload.workload import Workload as Spec
from workloads.conftest import Project
from workloads.test_shapes import outputs

# Each clip is a script that fills the folder with its parts; `later` reads the first group, too.
PARTS = """\
  split:
    inputs: "clips/{title}"
    command: "sh {{ input.path }} {{ output.path }}"
    output: "{{ matrix.title }}/"
  upper:
    inputs: {from: split, match: "{part}.txt", atMost: 2}
    matrix: {times: [1]}
    command: "tr a-z A-Z < {{ input.path }} > {{ output.path }}"
    output: "{{ matrix.title }}.{{ matrix.part }}.up"
    download: false
  join:
    inputs: {from: upper}
    per: title
    files: {whole: {from: split}}
    command: "cat {{ inputs.paths }} > {{ output.path }}; ls {{ files.whole.path }} | wc -l >> {{ output.path }}"
    output: "{{ matrix.title }}.join"
  all:
    files: {joins: {all: join}}
    command: "find {{ files.joins.path }} -type f | sort | xargs cat > {{ output.path }}"
    output: all.txt
"""


def write(project: Project, **clips: str) -> None:
    (project.folder / "clips").mkdir(exist_ok=True)
    for name, script in clips.items():
        (project.folder / "clips" / name).write_text(f"{script}\n")


def opened(project: Project, *words: str) -> dict[str, int]:
    """The groups of which a plan does not know all tasks, and how many those are at most."""
    found = json.loads(project.run("plan", "--format", "json", *words).stdout)
    return {entry["group"]: entry["atMost"] for entry in found["openActions"]}


def joined(project: Project) -> dict[str, str]:
    """What was downloaded, but for what was split."""
    return {name: text for name, text in outputs(project).items() if "/" not in name}


def refused(project: Project, *words: str) -> BatchspecError:
    done = project.run("apply", "--auto-approve", *words)
    assert isinstance(done.exception, BatchspecError), done.output
    return done.exception


@pytest.mark.parametrize("project", ["split"], indirect=True)
def test_a_film_is_split_encoded_in_parts_and_joined(project: Project) -> None:
    """As many tasks as the split makes parts; what lies in between goes; another height makes it again."""
    for clip in sorted(project.folder.glob("clips/*.mp4"))[2:]:
        clip.unlink()
    assert opened(project) == {"encode": 400, "join": 2}
    summary = project.apply()[-1]
    assert (summary["succeeded"], summary["upToDate"]) == (2 + 2 + 3 + 2, 0)
    for film, seconds in (("LowPriVMs-1", 2), ("LowPriVMs-2", 3)):
        said = subprocess.run(
            [get_ffmpeg_exe(), "-i", str(project.outputs / f"{film}.mp4")],
            capture_output=True,
            text=True,
            check=False,
        ).stderr
        assert f"Duration: 00:00:0{seconds}" in said
        assert "x90" in said
    assert [name for name in project.blobs(".batchspec/made/") if "/.lists/" not in name] == []
    assert project.is_quiet()
    assert project.plan("--rerun", "split/LowPriVMs-1.mp4") == {"split/LowPriVMs-1.mp4": "rerun"}
    assert set(project.plan("--set", "height=60")) == {"split/LowPriVMs-1.mp4", "split/LowPriVMs-2.mp4"}
    assert opened(project, "--set", "height=60") == {"encode": 400, "join": 2}


def test_what_becomes_of_each_number_of_parts(small: Project) -> None:
    """One, several, none, too many, and a split that fails: the others finish, and nothing wrong is recorded."""
    small.write(PARTS, clips="")
    write(small, a="echo a1 > $1/1.txt; echo a2 > $1/2.txt; echo x > $1/x.log", b="exit 1", none="true")
    write(small, many="for i in 1 2 3; do echo $i > $1/$i.txt; done")
    assert opened(small) == {"upper": 8, "join": 4, "all": 1}
    assert isinstance(refused(small), TasksFailedError)
    assert joined(small) == {"a.join": "A1\nA2\n3\n"}
    plan = small.run("plan").stdout
    assert small.plan() == {"split/b": "failed_last_time"}
    assert "split/many made 3 files for upper, and `atMost` is 2" in plan
    assert opened(small) == {"upper": 2, "join": 1, "all": 1}
    write(small, b="echo b1 > $1/1.txt")
    assert isinstance(refused(small), RefusedError)
    assert joined(small)["b.join"] == "B1\n1\n"
    assert isinstance(refused(small), RefusedError)  # nothing to do, and still not all is done
    write(small, many="echo m > $1/1.txt")
    small.apply()
    assert outputs(small)["all.txt"] == "A1\nA2\n3\nB1\n1\nM\n1\n"
    assert small.is_quiet()


def test_a_split_that_makes_other_parts_the_second_time(small: Project) -> None:
    """Fewer, of the same names, with other bytes: what was made of the first ones is not taken for theirs."""
    small.write(PARTS, clips="")
    state = small.folder / "state"
    state.mkdir()
    (state / "1.txt").write_text("one\n")
    (state / "2.txt").write_text("two\n")
    write(small, a=f"cp {state}/* $1/")
    small.apply()
    assert outputs(small)["a.join"] == "ONE\nTWO\n2\n"
    (state / "2.txt").unlink()
    (state / "1.txt").write_text("other\n")
    small.apply("--rerun", "split")
    assert outputs(small)["a.join"] == "OTHER\n1\n"
    assert small.is_quiet()
    # a file that a broken try has left is in no list, and one that is missing is made again
    (made,) = [name for name in small.blobs(".batchspec/made/") if name.endswith("a/1.txt")]
    small.delete_blob(made)
    assert small.plan() == {"split/a": "output_missing"}
    small.apply()
    assert small.is_quiet()


def test_a_run_that_is_left_between_two_rounds(small: Project) -> None:
    """Whatever the next apply finds, it goes on from there, adds what is missing, and lets the job complete."""
    small.write(PARTS, clips="")
    write(small, a="echo a > $1/1.txt")
    with Spec.load(small.spec) as spec, spec.plan().runs(Manner()) as runs:
        assert list(next(runs).events())
    assert opened(small) == {}
    small.apply()
    assert outputs(small)["all.txt"] == "A\n1\n"
    assert small.is_quiet()


def test_nodes_go_where_what_a_round_has_made_cannot_be_read(small: Project) -> None:
    """What is wrong is found between two rounds, and nobody comes back before it is mended: `whenDone` holds."""
    small.write(
        """\
  split: {inputs: "clips/{t}", command: "echo > {{ output.path }}/q[1]", output: "{{ matrix.t }}/"}
  part:
    inputs: {from: split, match: "{n}", atMost: 5}
    command: "cat {{ input.path }} > {{ output.path }}"
    output: "{{ matrix.n }}"
""",
        clips="a",
    )
    small.edit("pool: {", "pool: {whenDone: delete, ")
    with pytest.raises(BatchspecError, match="the output 'q"):
        small.apply()
    assert "-pool  does not exist" in small.run("status").stdout
