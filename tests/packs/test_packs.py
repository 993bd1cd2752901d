"""A folder as one blob: the same bytes for the same files, known before they are read, and never half."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from hashlib import md5
from pathlib import Path

import pytest

from batchspec.engine.look.machine.packs import Pack, PackStream, Unfit, entries_of, pack_of
from batchspec.engine.look.machine.project import Project
from batchspec.engine.look.remembered import digests
from batchspec.engine.look.remembered.digests import Digests
from batchspec.errors import RunError
from packs.odd import EMPTY, ODD, PROGRAM, make_odd, tree

TARS = pytest.mark.parametrize("tar", [["tar"], ["busybox", "tar"]], ids=["GNU", "busybox"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_odd(tmp_path / "scene")


def planned(folder: Path, root: Path | None = None) -> Pack:
    with Digests(Path(os.devnull) / "no cache") as cache:
        return pack_of(entries_of(folder, Project(root or folder).reads), cache)


def packed(folder: Path, pack: Pack | None = None, root: Path | None = None) -> bytes:
    entries = entries_of(folder, Project(root or folder).reads)
    stream = PackStream("scene/", entries, (pack or planned(folder, root)).content)
    data = rest(stream)
    assert stream.md5 == md5(data, usedforsecurity=False).hexdigest()
    return data


def rest(stream: PackStream) -> bytes:
    return b"".join(iter(lambda: stream.read(100_000), b""))


@TARS
def test_what_goes_in_comes_out(folder: Path, tmp_path: Path, tar: list[str]) -> None:
    """Names of any kind, programs and empty folders are unpacked as they were, by the tars that nodes have."""
    target = tmp_path / "there"
    target.mkdir()
    subprocess.run([*tar, "-xf", "-", "-C", target], input=packed(folder), check=True)
    assert tree(target) == tree(folder)


def test_its_size_and_content_are_known_before(folder: Path) -> None:
    """The size is that of the tar; names are in the order of text, and nothing in it tells of this machine."""
    data = packed(folder)
    assert planned(folder).size == len(data)
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as archive:
        members = archive.getmembers()
    names = [member.name + "/" * member.isdir() for member in members]
    assert names == sorted(names)
    assert {*ODD, PROGRAM, f"{EMPTY}/"} == {*names}
    assert planned(folder).files == len(names) - 1
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 0)}


def test_equal_folders_are_equal_packs(folder: Path, tmp_path: Path) -> None:
    """Owner, times, the umask and the order on the disk do not count."""
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    for number, path in enumerate(sorted(other.rglob("*"), reverse=True)):
        os.utime(path, (number, number))
        path.chmod(0o700 if path.is_dir() or os.access(path, os.X_OK) else 0o600)
    assert planned(other) == planned(folder)
    assert packed(other) == packed(folder)


CHANGES: list[Callable[[Path], object]] = [
    lambda folder: (folder / "plain.txt").write_text("changed!!"),
    lambda folder: (folder / "plain.txt").rename(folder / "renamed.txt"),
    lambda folder: (folder / "plain.txt").chmod(0o744),
    lambda folder: (folder / "plain.txt").unlink(),
    lambda folder: (folder / "new").touch(),
    lambda folder: (folder / "new").mkdir(),
    lambda folder: (folder / "empty" / "below").rmdir(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_another_pack(folder: Path, change: Callable[[Path], object]) -> None:
    """Content, name, mode, presence: each is seen in the plan, and by an upload that was planned before."""
    before = planned(folder)
    change(folder)
    assert planned(folder).content != before.content
    with pytest.raises(RunError) as raised:
        packed(folder, before)
    assert str(raised.value) == "scene/ changed after it was planned, and was not uploaded"


def test_files_that_did_not_change_are_not_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digests of a pack come from the cache, as far as it takes their names."""
    monkeypatch.setattr(digests, "_SETTLED_NS", -60_000_000_000)
    before, again = [], []
    wanted = planned(folder)
    for reads in (before, again):
        read = digests.md5_of
        with Digests(tmp_path / "cache") as cache, monkeypatch.context() as patch:
            patch.setattr(digests, "md5_of", lambda file, n=reads, md5=read: n.append(file) or md5(file))
            assert pack_of(entries_of(folder, Project(folder).reads), cache) == wanted
    assert {*again} == {str(folder / "bytes \udcff")} < {*before}


def test_no_files(tmp_path: Path) -> None:
    """An empty folder is a pack of nothing, which unpacks."""
    folder = tmp_path / "scene"
    folder.mkdir()
    assert planned(folder).files == 0
    subprocess.run(["busybox", "tar", "-xf", "-"], input=packed(folder), check=True, cwd=folder)
    assert tree(folder) == {}


def test_links_are_followed_within_the_project(folder: Path, tmp_path: Path) -> None:
    """A link to a file is that file, one to a folder the folder's files."""
    (tmp_path / "grade").mkdir()
    (tmp_path / "grade" / "look.cube").write_text("look")
    (folder / "link.txt").symlink_to("plain.txt")
    (folder / "grade").symlink_to("../grade")
    with tarfile.open(fileobj=io.BytesIO(packed(folder, root=tmp_path)), errors="surrogateescape") as archive:
        assert archive.extractfile("link.txt").read() == b"plain.txt"
        assert archive.extractfile("grade/look.cube").read() == b"look"


def unfit(folder: Path, root: Path | None = None) -> str:
    with pytest.raises(Unfit) as raised:
        planned(folder, root)
    return f"{raised.value.name} {raised.value.why}"


def test_what_cannot_be_packed(folder: Path, tmp_path: Path) -> None:
    """A link out of the project, to nowhere, in a circle; what is no file: each is told by its name."""
    link = folder / "sub" / "odd"
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "back").symlink_to(folder)
    for target, why in {
        "/etc/passwd": "is outside the project",
        "../../secret": "is outside the project",
        "gone": "is a link that leads nowhere",
        "odd": "is a link that leads nowhere",
        "..": "is a link to a folder that it lies in",
        ".": "is a link to a folder that it lies in",
    }.items():
        link.symlink_to(target)
        assert unfit(folder) == f"sub/odd {why}"
        link.unlink()
    link.symlink_to("../../other")
    assert unfit(folder, tmp_path) == "sub/odd/back is a link to a folder that it lies in"
    link.unlink()
    os.mkfifo(link)
    assert unfit(folder) == "sub/odd is not a regular file"


def test_a_folder_outside_of_the_project(folder: Path, tmp_path: Path) -> None:
    """It is not read, whether it is named or a link leads there."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "scene").symlink_to(folder)
    for outside in (folder, tmp_path / "project" / "scene", tmp_path / "project" / ".." / "scene"):
        assert unfit(outside, tmp_path / "project") == "./ is outside the project"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Nothing to look into is no empty folder."""
    assert unfit(tmp_path / "gone") == "./ cannot be read: No such file or directory"


def test_a_file_that_becomes_shorter_or_goes_while_it_is_read(tmp_path: Path) -> None:
    """The header has told a size: a tar with less behind it is never finished."""
    folder = tmp_path / "scene"
    folder.mkdir()
    big = folder / "big"
    big.write_bytes(bytes(5_000_000))
    (folder / "late").touch()
    content = planned(folder).content
    for change, how in {
        lambda: os.truncate(big, 2_000_000): "'big' was cut off",
        (folder / "late").unlink: "'late' cannot be read: No such file or directory",
    }.items():
        entries = list(entries_of(folder, Project(folder).reads))
        stream = PackStream("scene/", entries, content)
        stream.read(10)
        change()
        with pytest.raises(RunError, match=f"was not uploaded: {how}"):
            rest(stream)
        big.write_bytes(bytes(5_000_000))


def test_large_packs_take_little_memory(tmp_path: Path) -> None:
    """A pack is never whole in memory."""
    folder = tmp_path / "scene"
    folder.mkdir()
    for name in "abcd":
        with (folder / name).open("wb") as file:
            file.truncate(30_000_000)
    tracemalloc.start()
    try:
        stream = PackStream("scene/", entries_of(folder, Project(folder).reads), planned(folder).content)
        while stream.read(1_000_000):
            pass
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
