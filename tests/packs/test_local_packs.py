"""Local files beyond what Batch takes links to go up together: one blob, as a folder is, and no task packs them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchspec.desired.expansion.local_packs import files_of
from batchspec.desired.task import Desired
from batchspec.document.parser import parse
from batchspec.engine.look.machine.packs import Entry, PackStream
from batchspec.engine.look.reads import desired_now
from batchspec.errors import RunError, SpecError
from batchspec.language.build import build
from batchspec.plan.actions.planner import make_plan
from batchspec.plan.model import Plan, Upload
from batchspec.plan.observed import Observed, Seen
from batchspec.render.plans.as_text import plan_text
from batchspec.resources.blob import LiveBlob
from batchspec.source import Source

MANY = 120
ODD = ("-dash.txt", "a space.txt", "größe.txt", "sub/deep.txt")
COLLECT = """\
  all:
    inputs: "clips/**/*.txt"
    allowEmpty: true
    collect: true
    command: "cat $(cat {{ inputs.list }}) > {{ output.path }}"
    output: all.txt
"""
BESIDE = """\
  beside:
    files: {clips: {all: "clips/{name}.txt"}}
    command: "cat {{ files.clips.path }}/* > {{ output.path }}"
    output: beside.txt
"""


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    (folder / "sub").mkdir(parents=True)
    for name in (*ODD, *(f"{number}.txt" for number in range(MANY - len(ODD)))):
        (folder / name).write_text(f"{name}\n", encoding="utf-8")
    return folder


def planned(folder: Path, tasks: str, there: tuple[Upload, ...] = ()) -> tuple[Desired, Plan]:
    """A plan where *there* has been uploaded, and nothing has run."""
    job = "{id: j, constraints: {maxWallClockTime: PT1H}}"
    text = f"version: 1\nname: many\npool: {{existing: p}}\njob: {job}\ntasks:\n{tasks}"
    desired = desired_now(build(parse(Source(str(folder / "many.yaml"), text))), None)
    seen = Seen(desired.tasks)
    seen.add_inputs(LiveBlob(up.input.blob, up.input.size, "", "0x1", {}) for up in there)
    return desired, make_plan(desired, Observed(pool={"id": "p", "vmSize": "a"}, seen=seen))


def stream(desired: Desired, upload: Upload) -> PackStream:
    files = files_of(desired.tasks.database, upload.input.blob)
    entries = (Entry(name, file, 0o770) for name, file in files)
    return PackStream(upload.input.path, entries, upload.input.content)


def rest(pack: PackStream) -> bytes:
    return b"".join(iter(lambda: pack.read(100_000), b""))


def members(data: bytes) -> Iterator[tuple[tarfile.TarInfo, str]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            yield member, content.read().decode()


def test_all_inputs_are_one_blob(tmp_path: Path, clips: Path) -> None:
    """It has every file where the task looks for it, in bytes that tell of no machine, and its size is known before."""
    (clips / "7.txt").chmod(0o700)
    desired, plan = planned(tmp_path, COLLECT)
    (task,), (upload,) = plan.work.runs, plan.work.uploads
    assert task.task.name == "all"
    data = rest(stream(desired, upload))
    assert len(data) == upload.input.size == plan.work.upload_bytes
    found = list(members(data))
    names = [member.name for member, _ in found]
    assert names == sorted(names)
    assert {text for _, text in found} == {file.read_text() for file in clips.rglob("*.txt")}
    assert {(m.mode, m.uid, m.gid, m.uname, m.gname, m.mtime) for m, _ in found} == {(0o770, 0, 0, "", "", 0)}
    (action,) = plan.upload_actions
    assert action.path == ("tasks", "all", "inputs")
    assert (
        f"^ many/inputs.tar  {len(data) / 1000:.1f} kB, {MANY} files in one archive  new input"
        in plan_text(plan)
    )


def test_what_is_there_is_not_uploaded_again(tmp_path: Path, clips: Path) -> None:
    """As when an apply was killed before it added the task. One file that changes makes another blob."""
    first = tuple(planned(tmp_path, COLLECT)[1].work.uploads)
    plan = planned(tmp_path, COLLECT, first)[1]
    assert (len(plan.work.uploads), len(plan.work.runs)) == (0, 1)
    (clips / "7.txt").write_text("other\n")
    (again,) = planned(tmp_path, COLLECT, first)[1].work.uploads
    assert again.input.blob != first[0].input.blob


def test_an_input_that_changes_meanwhile(tmp_path: Path, clips: Path) -> None:
    """What was planned is uploaded, or nothing."""
    desired, plan = planned(tmp_path, COLLECT)
    (clips / "7.txt").write_text("8.txt\n")
    with pytest.raises(
        RunError, match=r"^many/inputs.tar changed after it was planned, and was not uploaded"
    ):
        rest(stream(desired, next(iter(plan.work.uploads))))


def test_files_beside_the_inputs(tmp_path: Path, clips: Path) -> None:
    """They come by themselves: a pack for each place, under the name of its entry; groups that read one share it."""
    two = BESIDE + BESIDE.replace("beside", "second")
    desired, plan = planned(tmp_path, two)
    (upload,) = plan.work.uploads
    assert upload.input.blob.endswith("/clips.tar")
    assert [action.path for action in plan.upload_actions] == [("tasks", "beside", "files", "clips")]
    assert len(plan.work.runs) == 2
    assert "0.txt" in {name for name, _ in files_of(desired.tasks.database, upload.input.blob)}


@pytest.mark.parametrize("count", [0, 1, 2, 60])
def test_few_files_go_one_by_one(tmp_path: Path, clips: Path, count: int) -> None:
    """As they always did, and where there is none nothing does."""
    for file in [*clips.rglob("*.txt")][count:]:
        file.unlink()
    _, plan = planned(tmp_path, COLLECT)
    assert len(plan.work.uploads) == count
    assert not [up for up in plan.work.uploads if up.is_pack]


def test_a_raw_command_line_unpacks_nothing(tmp_path: Path, clips: Path) -> None:
    raw = '  all:\n    inputs: "clips/**/*.txt"\n    collect: true\n    commandLine: /bin/true\n'
    with pytest.raises(SpecError, match=f"a task reads {MANY} files, and Batch accepts links to about"):
        planned(tmp_path, raw)


def test_a_blob_that_is_read_in_two_ways_goes_up_once(clips: Path) -> None:
    """By rows of an axis and as their source; a pack, too, that two groups know by the same files."""
    rows = """\
  rows:
    inputs: "clips/*.txt"
    matrix: {n: [1, 2]}
    command: "cat {{ source.path }} > {{ output.path }}"
    output: "{{ input.stem }}.{{ matrix.n }}.txt"
"""
    entry = BESIDE.replace("clips: {all", "inputs: {all").replace("files.clips", "files.inputs")
    for tasks in (rows, COLLECT.replace("**/*", "*") + entry):
        blobs = [upload.input.blob for upload in planned(clips.parent, tasks)[1].work.uploads]
        assert blobs
        assert len(blobs) == len(set(blobs))
