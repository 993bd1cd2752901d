"""Shapes of work that no example has: each as a spec that is applied, with the bytes that come of it."""

from __future__ import annotations

import shutil

from workloads.conftest import Project


def outputs(project: Project) -> dict[str, str]:
    """What was downloaded, by the paths of the files."""
    files = (path for path in project.outputs.rglob("*") if path.is_file())
    return {path.relative_to(project.outputs).as_posix(): path.read_text("utf-8") for path in files}


def test_two_passes_over_a_source(small: Project) -> None:
    """The second and the third pass read the file that the first one began with."""
    small.write(
        """\
  first:
    inputs: clips/*
    command: "wc -c < {{ input.path }} > {{ output.path }}"
    output: "{{ input.stem }}.stats"
    temporary: true
  second:
    inputs: {from: first}
    command: "cat {{ input.path }} {{ source.path }} > {{ output.path }}"
    output: "{{ source.stem }}.second"
  third:
    inputs: {from: second}
    command: "cat {{ source.path }} {{ input.path }} > {{ output.path }}"
    output: "{{ source.stem }}.third"
""",
        clips="a",
    )
    small.apply()
    assert outputs(small) == {"a.second": "2\na\n", "a.third": "a\n2\na\n"}
    assert small.is_quiet()


def test_variables_codes_and_a_folder_of_nothing(small: Project) -> None:
    """Variables are text, whatever was written; an exit code counts as success; `all` of no task is an empty folder."""
    small.write(
        """\
  each:
    inputs: "clips/{title}"
    matrix: {height: [1, 2]}
    when: "{{ matrix.height < 2 }}"
    env: {HEIGHT: "{{ matrix.height }}", NUMBER: 3, TITLE: "{{ matrix.title }}"}
    successCodes: [0, 6]
    command: "echo $HEIGHT $NUMBER $TITLE > {{ outputs.parts.path }}/s; exit 6"
    outputs: {parts: "{{ matrix.title }}/", log: {path: "{{ matrix.title }}.log", optional: true}}
  none:
    inputs: "none/*"
    allowEmpty: true
    command: "cp {{ input.path }} {{ output.path }}"
    output: "{{ input.name }}.none"
  all:
    files: {none: {all: none}}
    command: "ls {{ files.none.path }} > {{ output.path }}; echo {{ files.none.count }} >> {{ output.path }}"
    output: all.txt
"""
    )
    small.apply()
    assert outputs(small) == {"a/s": "1 3 a\n", "b/s": "1 3 b\n", "all.txt": "0\n"}
    assert small.is_quiet()


def test_pairs_and_chunks(small: Project) -> None:
    """`on` names the tasks that belong together; chunks lie within what `per` groups together.

    What is not to be downloaded stays in storage, whatever kind of group makes it.
    """
    small.write(
        """\
  stays:
    inputs: clips/a
    command: "cp {{ input.path }} {{ output.path }}"
    output: stays.txt
    download: false
  call:
    matrix: {sample: [t1, n1]}
    command: "echo {{ matrix.sample }} > {{ output.path }}"
    output: "{{ matrix.sample }}.call"
    download: false
  pair:
    matrix: [{tumour: t1, normal: n1}]
    files:
      t: {from: call, on: {sample: "{{ matrix.tumour }}"}}
      n: {from: call, on: {sample: normal}}
    command: "cat {{ files.t.path }} {{ files.n.path }} > {{ output.path }}"
    output: pair.txt
  chunk:
    matrix: {title: [x, y], frame: "08..10"}
    per: title
    chunk: 2
    command: "echo {{ matrix.title }} {{ matrix.frame }} > {{ output.path }}"
    output: "{{ chunk.id }}.chunk"
    temporary: true
  join:
    inputs: {from: chunk}
    per: title
    command: "cat {{ inputs.paths }} > {{ output.path }}"
    output: "{{ matrix.title }}.txt"
"""
    )
    small.apply()
    assert outputs(small) == {"pair.txt": "t1\nn1\n", "x.txt": "x 08 09\nx 10\n", "y.txt": "y 08 09\ny 10\n"}
    assert small.is_quiet()


def test_blobs_beside_inputs_that_are_blobs(small: Project) -> None:
    """One by its name, and all below a prefix, which keep their whole names; the second group reads the blob itself."""
    small.upload("x/1.txt", "y/ref.fa", "y/sub/ref 2.fai")
    small.write(
        f"""\
  a:
    inputs: {{container: {small.library}, prefix: x/, match: "{{n}}.txt"}}
    files:
      ref: {{container: {small.library}, blob: y/ref.fa}}
      all: {{container: {small.library}, prefix: y/}}
    command: "(cat {{{{ files.ref.path }}}}; find {{{{ files.all.path }}}} -type f | sort) > {{{{ output.path }}}}"
    output: "{{{{ matrix.n }}}}.a"
  b:
    inputs: {{from: a}}
    command: "cat {{{{ source.path }}}} > {{{{ output.path }}}}"
    output: "{{{{ matrix.n }}}}.b"
"""
    )
    small.apply()
    listed = "files/all/y/ref.fa\nfiles/all/y/sub/ref 2.fai\n"
    assert outputs(small) == {"1.a": f"y/ref.fa\n{listed}", "1.b": "x/1.txt\n"}
    assert small.is_quiet()
    small.upload("y/new")
    assert small.plan() == {"a/1.txt": "file_changed", "b/1.a": "follows"}


def test_folders_and_archives_come_home_without_the_inputs(small: Project) -> None:
    """An output that is an archive itself is no folder, and stays one file."""
    small.write(
        """\
  folder: {inputs: "clips/{n}", command: "cp {{ input.path }} {{ output.path }}/", output: "{{ matrix.n }}/"}
  file: {inputs: "clips/{n}", command: "tar -cf {{ output.path }} in", output: "{{ matrix.n }}2.tar"}
  both:
    command: "echo 1 > {{ outputs.all.path }}/one; tar -cf {{ outputs.one.path }} out"
    outputs: {all: all/, one: one.tar}
""",
        clips="a",
    )
    small.apply()
    (small.folder / "clips/a").unlink()
    shutil.rmtree(small.outputs)
    small.run("download")
    assert sorted(path.name for path in small.outputs.iterdir()) == ["a", "a2.tar", "all", "one.tar"]
    assert small.text("a/a") == "a\n"


def test_an_optional_output_of_earlier_work_goes(small: Project) -> None:
    """The new work does not make it: nobody finds the old one beside the new outputs, in storage or here."""
    small.write(
        """\
  each:
    inputs: clips/*
    command: >-
      cp {{ input.path }} {{ outputs.copy.path }};
      if grep -q a {{ input.path }}; then echo a > {{ outputs.log.path }}; echo b > {{ outputs.more.path }}/b; else
      rmdir {{ outputs.more.path }}; fi
    outputs:
      copy: "{{ input.name }}.copy"
      log: {path: "{{ input.name }}.log", optional: true}
      more: {path: "more/", optional: true}
""",
        clips="a",
    )
    small.apply()
    assert outputs(small) == {"a.copy": "a\n", "a.log": "a\n", "more/b": "b\n"}
    (small.folder / "clips/a").write_text("b\n")
    small.apply()
    assert outputs(small) == {"a.copy": "b\n"}
    assert not (small.outputs / "more").exists()
    assert [name for name in small.blobs() if name.endswith(".log")] == []
    assert small.is_quiet()


def test_what_no_task_names_any_more_goes_with_the_orphans(small: Project) -> None:
    """A clip taken out: what other tasks read of it, its output and its upload; the rest stays, and runs nothing."""
    small.write(
        """\
  copy:
    inputs: clips/*
    command: "cp {{ input.path }} {{ output.path }}"
    output: "{{ input.name }}.copy"
  all:
    inputs: {from: copy}
    collect: true
    command: "cat {{ inputs.paths }} > {{ output.path }}"
    output: all.txt
"""
    )
    small.apply()
    assert len(small.blobs(".batchspec/made/")) == 2
    (small.folder / "clips/b").unlink()
    assert small.plan() == {"all": "input_changed"}
    small.apply()
    small.run("destroy", "--orphans", "--auto-approve")
    (made,) = small.blobs(".batchspec/made/")
    assert made.endswith("/a.copy")
    assert [name for name in small.blobs() if not name.startswith(".batchspec")] == ["a.copy", "all.txt"]
    assert small.is_quiet()


def test_a_published_folder_has_the_files_of_its_pack(small: Project) -> None:
    """One by one under their own names, never more than the pack; one that somebody else put there stays."""
    small.write(
        """\
  site:
    inputs: clips/*
    command: |
      for f in $(cat {{ input.path }}); do
        mkdir -p {{ outputs.site.path }}/$f; echo $f > {{ outputs.site.path }}/$f/i
      done
    outputs: {site: {path: "{{ input.name }}/", publish: true}}
""",
        clips="a",
    )
    (small.folder / "clips/a").write_text("x y\n")
    small.apply()
    assert small.blobs("a/") == ["a/x/i", "a/y/i"]
    assert outputs(small) == {"a/x/i": "x\n", "a/y/i": "y\n"}
    assert small.is_quiet()
    (small.folder / "clips/a").write_text("x\n")
    small.put_output("a/z", "somebody's")
    small.apply()
    assert small.blobs("a/") == ["a/x/i", "a/z"]
    small.put_output("a/old", "of earlier work", batchspec_copy="true", batchspec_fingerprint="0" * 32)
    assert "1 published file to delete" in small.run("plan").stdout
    small.run("download")
    assert small.blobs("a/") == ["a/x/i", "a/z"]
    assert small.is_quiet()
    (small.folder / "clips/a").rename(small.folder / "clips/b")
    (small.outputs / "a/mine").write_text("mine")
    small.apply()
    assert "= outputs/a  no longer in the spec" in small.run("plan").stdout
    assert small.run("download", "--prune").stdout == f"deleted {small.outputs}/a\n"
    assert outputs(small) == {"a/mine": "mine", "b/x/i": "x\n"}
    assert "= outputs/a " not in small.run("plan").stdout


def test_work_that_is_asked_for_again_leaves_nothing_of_what_came_between(small: Project) -> None:
    """An input is as it was: what its task made then comes home in the same run, and is all there is for people."""
    small.write(
        """\
  make:
    inputs: clips/*
    command: |
      cp {{ input.path }} {{ outputs.main.path }}
      ! grep new {{ input.path }} || touch {{ outputs.log.path }}
    outputs:
      main: "{{ input.name }}.txt"
      log: {path: "{{ input.name }}.log", optional: true}
  site:
    inputs: clips/*
    command: cat {{ input.path }} > {{ outputs.site.path }}/$(cat {{ input.path }})
    outputs: {site: {path: "site/", publish: true}}
  all:
    inputs: {from: make, output: main}
    collect: true
    files: {site: {all: site}}
    command: cat {{ inputs.paths }} {{ files.site.path }}/site/* > {{ output.path }}
    output: all
""",
        clips="a",
    )
    small.apply()
    (small.folder / "clips/a").write_text("new\n")
    small.apply()
    assert outputs(small) == {"a.txt": "new\n", "a.log": "", "all": "new\nnew\n", "site/new": "new\n"}
    (small.folder / "clips/a").write_text("a\n")
    (small.outputs / "a.txt").unlink()
    small.run("download")  # before `apply` has copied it to its name, too
    assert small.text("a.txt") == "a\n"
    small.apply()
    assert outputs(small) == {"a.txt": "a\n", "all": "a\na\n", "site/a": "a\n"}
    assert small.is_quiet()
    assert small.blobs("site") == ["site.tar", "site/a"]
    assert small.blobs("a.") == ["a.txt"]


def test_files_of_others_in_a_folder_stay(small: Project) -> None:
    """One that was there, and one that was edited, with all others brought up to date; until they may be replaced."""
    small.write(
        """\
  site:
    inputs: clips/*
    command: for f in x y z; do cp {{ input.path }} {{ output.path }}/$f; done
    output: site/
""",
        clips="a",
    )
    (small.outputs / "site").mkdir(parents=True)
    (small.outputs / "site" / "x").write_text("mine")
    assert small.apply()[-1]["kept"] == 1
    assert small.is_quiet()
    (small.outputs / "site" / "y").write_text("edited")
    assert small.is_quiet()
    assert "site  edited since it was downloaded" in small.run("plan").output
    (small.folder / "clips" / "a").write_text("new\n")
    assert small.apply()[-1]["kept"] == 2
    assert outputs(small) == {"site/x": "mine", "site/y": "edited", "site/z": "new\n"}
    assert small.is_quiet()
    (small.outputs / "site" / "z").unlink()
    said = small.run("download").output
    assert f"{small.name}/site.tar  2 files in {small.outputs / 'site'} kept: not downloaded by " in said
    assert f"{small.name}/site.tar\n" in small.run("download", "--overwrite").output
    assert {*outputs(small).values()} == {"new\n"}
    assert small.is_quiet()
