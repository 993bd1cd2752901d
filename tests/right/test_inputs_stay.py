"""What a task reads is what was planned: an upload never writes over another one."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from azure.core.exceptions import ResourceExistsError
from main_job.workload import Workload, wait_until

from batchspec.desired.places import Places

HELD = """\
copy:
  inputs: clips/*
  command: until test -e {go}; do sleep 0.1; done; cp {{{{ input.path }}}} {{{{ output.path }}}}
  output: "{{{{ input.name }}}}.out"
"""


def test_a_blob_is_called_by_its_content(bare: Workload) -> None:
    """Both versions of a file are there, each under its own digest, and `destroy --orphans` removes the unread one."""
    bare.write_copies()
    bare.apply()
    (bare.clips / "a").write_text("another a")
    bare.apply()
    assert (bare.outputs / "a.out").read_text() == "another a"
    names = {stored(text, name) for text, name in (("a", "a"), ("another a", "a"), ("b", "b"))}
    assert set(bare.blobs("input")) == names
    assert "1 uploaded input in container input" in bare.destroy("--orphans").out
    assert set(bare.blobs("input")) == names - {stored("a", "a")}
    assert bare.actions() == []


def test_a_task_that_runs_reads_what_it_was_planned_with(bare: Workload, tmp_path: Path) -> None:
    """A file is changed while its task waits, and the next apply is killed after the upload: no output is wrong.

    The blob that the waiting task reads stays as it is, so its result is that of the old content, and is
    made again.
    """
    go = tmp_path / "go"
    bare.write(HELD.format(go=go), rest="download: ../outputs/")
    (bare.clips / "a").write_text("old")
    bare.apply("--detach")
    before = bare.blobs("input")
    (bare.clips / "a").write_text("new")
    with bare.started("apply", "specs/ffmpeg.yaml", "--auto-approve") as process:
        wait_until(lambda: len(bare.blobs("input")) == 2)
        process.kill()
    assert before.items() <= bare.blobs("input").items()
    go.touch()
    wait_until(lambda: all(task["state"] == "completed" for task in bare.tasks().values()))
    bare.apply()
    assert (bare.outputs / "a.out").read_text() == "new"
    assert bare.actions() == []


def test_outdated_tasks_go_before_anything_else_changes(bare: Workload) -> None:
    """A waiting task whose input changed is deleted before the new version is uploaded or the pool is touched."""
    bare.write_held()
    bare.edit("targetLowPriorityNodes: 2", "targetLowPriorityNodes: 1")
    bare.apply("--detach")
    (bare.clips / "b").write_text("another b")
    bare.edit("targetLowPriorityNodes: 1", "targetLowPriorityNodes: 2")
    number = bare.request_count()
    bare.apply("--detach", "--auto-approve")
    changes = [
        (entry["method"], entry["path"].split("?")[0])
        for entry in bare.requests_since(number)
        if entry["method"] != "GET" and "/files" not in entry["path"]
    ]
    assert changes[0][0] == "DELETE"
    assert "/tasks/b-" in changes[0][1]
    assert any(path.endswith("/resize") for _, path in changes[1:])
    bare.let_go()


def test_what_failed_is_deleted_after_its_next_attempt_was_added(bare: Workload) -> None:
    """So the work is never without a task, wherever an apply is cut off."""
    bare.write(
        """\
fails:
  inputs: clips/*
  command: [/bin/false]
holds:
  command: until test -e {go}; do sleep 0.1; done
""".format(go=bare.folder / "go"),
        rest="",
    )
    (bare.clips / "a").write_text("a")
    bare.apply("--detach")
    wait_until(lambda: any(task["state"] == "completed" for task in bare.tasks().values()))
    number = bare.request_count()
    bare.apply("--detach")
    changes = [
        (entry["method"], "addtaskcollection" in entry["path"])
        for entry in bare.requests_since(number)
        if entry["method"] == "DELETE" or "addtaskcollection" in entry["path"]
    ]
    assert changes == [("POST", True), ("DELETE", False)]
    bare.let_go()


def test_uploads_of_an_older_version_are_used_as_they_are(bare: Workload) -> None:
    """A blob under its old name with the same MD5 and size is read; one with other content is not, and stays."""
    bare.write_copies()
    with bare.blob_service() as service:
        with suppress(ResourceExistsError):
            service.create_container("input")
        for name, text in (("a", "a"), ("b", "not b")):
            blob = service.get_blob_client("input", f"{bare.name}/clips/{name}")
            blob.upload_blob(text.encode(), metadata={"batchspec_spec": bare.name})
    assert ("upload", "input", "new_input") in bare.actions()
    bare.apply()
    assert set(bare.blobs("input")) == {"clips/a", "clips/b", stored("b", "b")}
    assert {file.read_text() for file in bare.outputs.iterdir()} == {"a", "b"}
    urls = [task["resourceFiles"][0]["httpUrl"].partition("?")[0] for task in bare.tasks().values()]
    assert sorted(url.partition(bare.name)[2] for url in urls) == sorted(["/clips/a", f"/{stored('b', 'b')}"])


def stored(text: str, name: str) -> str:
    """The name below the spec's own folder of the blob that the file *name* with this content becomes."""
    return f".batchspec/files/{hashlib.md5(text.encode()).hexdigest()}/clips/{name}"


def test_a_name_that_is_too_long_is_shortened() -> None:
    """A blob has 1,024 characters at most; what is read is told apart by its digest anyway."""
    places = Places("s", "", "input", "output", Path(), None)
    content = "0" * 32
    name = places.upload(content, "x" * 1000 + ".tar.gz")
    assert len(name) < 100
    assert name.endswith(".tar.gz")
    assert places.upload(content, "clips/a.mp4") == f"s/.batchspec/files/{content}/clips/a.mp4"
    assert places.plain(places.upload(content, "clips/a.mp4")) == "s/clips/a.mp4"
