"""Folders as outputs, as inputs of other groups and as files beside them, by spec and commands as people use them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from main_job.workload import Workload
from packs.odd import make_odd, tree

SPLIT = """\
split:
  inputs: clips/*
  command: |
    mkdir out/empty-too {{ output.path }}/empty
    cat {{ input.path }} | while read name; do echo "$name" > {{ output.path }}/"$name.txt"; done
  output: "{{ input.stem }}/"
"""
COUNT = """\
count:
  inputs: {from: split}
  command: ls {{ input.path }}/*.txt | wc -l > {{ output.path }}
  output: "{{ input.name }}.n"
film:
  files: {parts: {all: split}}
  command: cd {{ files.parts.path }} && ls -d */x.txt > ../../{{ output.path }}
  output: all.txt
"""
SCENE = """\
render:
  inputs: clips/*
  files: {scene: scene/}
  command: |
    test -x {{ files.scene.path }}/run.sh
    cp -R {{ files.scene.path }}/. {{ output.path }}
  output: "{{ input.stem }}/"
"""


@pytest.fixture
def spec(bare: Workload, monkeypatch: pytest.MonkeyPatch) -> Workload:
    """A workload with the clips `a` and `b`, whose lines are names."""
    bare.clips.mkdir(parents=True)
    (bare.clips / "a.lst").write_text("x\ny y\n'z\n")
    (bare.clips / "b.lst").write_text("x\n")
    return bare


def names(folder: Path) -> set[str]:
    return {*tree(folder)}


def test_a_folder_is_an_output(spec: Workload) -> None:
    """One blob for each, unpacked here; nothing to do afterwards; a missing file is restored, an edited one kept."""
    spec.write(SPLIT)
    spec.apply()
    assert names(spec.outputs) == {
        "a",
        "a/empty",
        "a/x.txt",
        "a/y y.txt",
        "a/'z.txt",
        "b",
        "b/empty",
        "b/x.txt",
    }
    assert spec.results() == {"a.tar", "b.tar"}
    assert spec.actions() == []
    (spec.outputs / "a" / "y y.txt").unlink()
    (spec.outputs / "b" / "x.txt").write_text("other")
    (spec.outputs / "b" / "mine.txt").write_text("mine")
    assert spec.actions() == [("download", "output", "local_missing")]
    spec.command("download", "specs/ffmpeg.yaml")
    assert (spec.outputs / "a" / "y y.txt").read_text() == "y y\n"
    assert (spec.outputs / "b" / "x.txt").read_text() == "other"
    assert spec.actions() == []
    spec.command("download", "specs/ffmpeg.yaml", "--overwrite")
    assert (spec.outputs / "b" / "x.txt").read_text() == "x\n"
    assert (spec.outputs / "b" / "mine.txt").read_text() == "mine"
    assert spec.actions() == []


def test_fewer_files_than_before(spec: Workload) -> None:
    """Only the task whose input changed runs again, and its folder keeps none of the older files."""
    spec.write(SPLIT)
    spec.apply()
    (spec.clips / "a.lst").write_text("y y\nnew\n")
    assert [operation for operation, _, _ in spec.actions()].count("run") == 1
    spec.apply()
    assert names(spec.outputs / "a") == {"empty", "y y.txt", "new.txt"}
    assert spec.actions() == []


def test_a_pack_that_is_gone(spec: Workload) -> None:
    """That task runs again, and no other."""
    spec.write(SPLIT)
    spec.apply()
    with spec.blob_service() as service:
        service.get_blob_client("output", f"{spec.name}/b.tar").delete_blob()
    assert [(kind, reason) for operation, kind, reason in spec.actions() if operation == "run"] == [
        ("task", "output_missing")
    ]
    spec.apply()
    assert spec.actions() == []


def test_a_folder_that_cannot_be_packed(spec: Workload) -> None:
    """The task fails as with a missing output; the others do not."""
    spec.write(
        SPLIT.replace("mkdir", "test {{ input.stem }} = b || ln -s /etc {{ output.path }}/etc\n    mkdir")
    )
    ended = spec.apply(code=3)
    assert "out/a/etc is a link that leads out of out/a/" in ended.said
    assert spec.results() == {"b.tar"}


def test_a_local_folder_is_read(spec: Workload) -> None:
    """It is uploaded once, whatever is in it, and decides about the tasks that mention it and no others."""
    scene = make_odd(spec.spec.parent / "scene")
    spec.write(SCENE + SPLIT.replace("{{ input.stem }}/", "split-{{ input.stem }}/"))
    spec.apply()
    assert tree(spec.outputs / "a") == tree(spec.outputs / "b") == tree(scene)
    assert len([name for name in spec.blobs("input") if name.endswith("/scene.tar")]) == 1
    assert spec.actions() == []
    (scene / "sub" / "-x" / "y").write_text("other")
    assert [action[1] for action in spec.actions() if action[0] == "run"] == ["task", "task"]
    spec.apply()
    assert tree(spec.outputs / "a") == tree(spec.outputs / "b") == tree(scene)
    assert spec.actions() == []


@pytest.mark.parametrize("clips", [1, 3])
def test_a_folder_of_one_group_is_an_input_of_another(spec: Workload, clips: int) -> None:
    """It lies under its own name, as a folder, whether it is one or several."""
    for number in range(clips):
        shutil.copy(spec.clips / "a.lst", spec.clips / f"c{number}.lst")
    (spec.clips / "a.lst").unlink()
    (spec.clips / "b.lst").unlink()
    spec.write(SPLIT + COUNT)
    spec.apply()
    found = {
        name: (spec.outputs / name).read_text().split() for name in names(spec.outputs) if name.endswith(".n")
    }
    assert found == {f"c{number}.n": ["3"] for number in range(clips)}
    assert (spec.outputs / "all.txt").read_text().split() == [f"c{number}/x.txt" for number in range(clips)]
    assert spec.actions() == []


def test_a_link_out_of_the_project_is_not_read(spec: Workload) -> None:
    """Neither in a folder nor by a glob: the spec is refused."""
    scene = make_odd(spec.spec.parent / "scene")
    (scene / "sub" / "odd").symlink_to("/etc/hostname")
    for path in ("scene/", "scene/sub/*"):
        spec.write(SCENE.replace("scene/}", f'"{path}"}}'))
        said = spec.command("validate", "specs/ffmpeg.yaml", code=65).said
        assert "odd' is outside the project" in said


SHOTS = """\
shot:
  inputs: "clips/{name}.lst"
  files:
    own: "shots/{{ input.stem }}/"
    same: "shots/{name}/"
    all: {all: "shots/{other}/"}
    one: {all: "shots/*/b.txt"}
  command: |
    ls {{ files.own.path }} {{ files.same.paths }} {{ files.all.paths }} {{ files.one.path }} > {{ output.path }}
  output: "{{ input.stem }}.txt"
"""


def test_folders_that_differ_from_task_to_task(spec: Workload) -> None:
    """By a placeholder or an axis, one for each task or all; a change in one concerns the tasks that read it."""
    for name, files in {"a": ("a.txt", "sub/deep"), "b": ("b.txt",)}.items():
        for file in files:
            made = spec.spec.parent / "shots" / name / file
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text(name)
    spec.write(SHOTS)
    spec.apply()
    every = {"files/all/a/a.txt", "files/all/a/sub/deep", "files/all/b/b.txt"}
    said = {name: set((spec.outputs / f"{name}.txt").read_text().split()) for name in "ab"}
    assert said["a"] == {
        *every,
        "a.txt",
        "sub",
        "files/same/a.txt",
        "files/same/sub/deep",
        "files/own:",
        "files/one:",
        "b",
    }
    assert said["b"] == {*every, "b.txt", "files/same/b.txt", "files/own:", "files/one:", "b"}
    assert spec.actions() == []
    spec.edit('all: {all: "shots/{other}/"}', "")
    spec.edit(" {{ files.all.paths }}", "")
    spec.apply()
    (spec.spec.parent / "shots" / "a" / "sub" / "deep").write_text("other")
    runs = [action["after"]["name"] for action in spec.plan()["actions"] if action["operation"] == "run"]
    assert runs == ["shot/a.lst"]
    shutil.rmtree(spec.spec.parent / "shots" / "a")
    said_no = spec.command("validate", "specs/ffmpeg.yaml", code=65).said
    assert "files.own: shots/a: there is no such folder" in said_no
