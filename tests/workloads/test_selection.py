"""--only and --rerun: which tasks run, and which are left alone."""

from __future__ import annotations

import json

from batchspec.errors import UsageError
from workloads.conftest import Project

CHAIN = """\
  cut:
    inputs: clips/*
    command: "date +%N > {{ output.path }}; cat {{ input.path }} >> {{ output.path }}"
    output: "{{ input.name }}.cut"
  glue:
    inputs: {from: cut}
    collect: true
    command: "cat {{ inputs.paths }} > {{ output.path }}"
    output: film.txt
  count:
    inputs: clips/*
    matrix: {unit: [c]}
    command: "wc -{{ matrix.unit }} < {{ input.path }} > {{ output.path }}"
    output: "{{ input.name }}.count"
"""


def test_only_runs_what_is_named_and_what_it_needs(small: Project) -> None:
    """The rest is left alone, and told; the plan id and a saved plan keep to it; the next apply does the rest."""
    small.write(CHAIN, clips="a")
    assert set(small.plan("--only", "glue")) == {"cut/a", "glue"}
    plan = json.loads(small.run("plan", "--format", "json", "--only", "count/a[unit=c]").stdout)
    assert (plan["counts"]["run"], plan["notSelected"]) == (1, 2)
    saved = str(small.folder / "count.plan")
    small.run("plan", "--only", "count", "-o", saved)
    small.spec, spec = small.folder / "count.plan", small.spec
    small.apply()
    small.spec = spec
    assert sorted(path.name for path in small.outputs.iterdir()) == ["a.count"]
    assert "1 task up to date, 2 not selected" not in small.run("plan", "--only", "glue").stdout
    assert "1 task up to date, 2 not selected" in small.run("plan", "--only", "count").stdout
    small.apply()
    assert sorted(path.name for path in small.outputs.iterdir()) == ["a.count", "a.cut", "film.txt"]
    assert small.is_quiet()


def test_rerun_runs_exactly_what_is_named(small: Project) -> None:
    """Its readers stay up to date unless they are named too; with the last run nothing is left to do."""
    small.write(CHAIN)
    small.apply()
    film, cut = small.text("film.txt"), small.text("a.cut")
    assert small.plan("--rerun", "cut/a") == {"cut/a": "rerun"}
    small.apply("--rerun", "cut/a")
    assert small.text("a.cut") != cut
    assert small.text("film.txt") == film
    assert small.is_quiet()
    assert small.plan("--rerun", "cut", "--rerun", "glue") == {
        "cut/a": "rerun",
        "cut/b": "rerun",
        "glue": "rerun",
    }
    small.apply("--rerun", "cut", "--rerun", "glue")
    assert small.text("film.txt") == small.text("a.cut") + small.text("b.cut") != film
    assert small.is_quiet()


def test_names_that_no_task_or_several_have(small: Project) -> None:
    """The candidates are listed, the nearest name is said."""
    small.write(CHAIN, clips="a")
    several = small.run("plan", "--only", "a").exception
    assert isinstance(several, UsageError)
    assert (str(several), several.help) == (
        "--only a: 2 tasks have this name",
        "one of cut/a, count/a[unit=c]",
    )
    none = small.run("plan", "--rerun", "glu").exception
    assert isinstance(none, UsageError)
    assert (str(none), none.help) == ("--rerun glu: no group or task has this name", "did you mean glue?")


def test_a_temporary_output_is_made_again_for_a_reader_that_runs_again(small: Project) -> None:
    """What it needs and is gone is needed again; it goes again afterwards."""
    small.write(CHAIN.replace('.cut"', '.cut"\n    temporary: true'), clips="a")
    small.apply()
    assert small.plan("--rerun", "glue") == {"cut/a": "needed", "glue": "rerun"}
    small.apply("--rerun", "glue")
    assert small.blobs(".batchspec/made/") == []
    assert small.is_quiet()


def test_no_two_tasks_have_one_name(small: Project) -> None:
    """Chunks, and files that a wildcard takes besides the axes, are told apart by a file's path;
    so are the tasks that read what those made.
    """
    small.write(
        """\
  chunk: {inputs: "clips/*", chunk: 2, command: "cat {{ inputs.paths }}"}
  pairs: {matrix: {a: [1, 2], b: [1, 2]}, chunk: 1, command: "echo {{ matrix.a }} {{ matrix.b }}"}
  axis: {inputs: "clips/{n}", chunk: 2, command: "cat {{ inputs.paths }}"}
  wild: {inputs: "clips/{n}*", matrix: {k: [1]}, command: "cat {{ input.path }}"}
  both: {inputs: "clips/{n}", matrix: {k: [1]}, command: "cat {{ input.path }}"}
  made: {inputs: "clips/{n}*", command: "cat {{ input.path }} > {{ output.path }}", output: "{{ input.name }}"}
  read: {inputs: {from: made}, matrix: {k: [1]}, command: "cat {{ input.path }}"}
""".replace("{n}*", "{n:a}*"),
        clips="abc",
    )
    (small.folder / "clips/a2").write_text("a2")
    said = small.run("render", "--tasks").stdout
    names = [line for line in said.splitlines() if not line.startswith(" ")]
    assert names == [
        *("chunk/a", "chunk/b"),
        *("pairs[a=1,b=1]", "pairs[a=1,b=2]", "pairs[a=2,b=1]", "pairs[a=2,b=2]"),
        *("axis[n=a]", "axis[n=b]"),
        *("wild/a[n=a,k=1]", "wild/a2[n=a,k=1]"),
        *("both[n=a,k=1]", "both[n=a2,k=1]", "both[n=b,k=1]", "both[n=c,k=1]"),
        *("made/a", "made/a2", "read/a[n=a,k=1]", "read/a2[n=a,k=1]"),
    ]
