"""A folder output on this machine is what its pack holds, and nothing outside of it is touched."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import pytest

from batchspec.engine.look.remembered.unpacked import Pack, pack_in
from batchspec.engine.run.downloads import unpack as unpacking
from batchspec.errors import RunError
from packs.odd import make_odd, tree

TARS = pytest.mark.parametrize("tar", [["tar"], ["busybox", "tar"]], ids=["GNU", "busybox"])


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the pack is to be unpacked; its parent is there."""
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs" / "film"


def packed(folder: Path, tar: Iterable[str] = ("tar",)) -> io.BytesIO:
    """The pack that a node makes."""
    return io.BytesIO(
        subprocess.run([*tar, "-C", folder, "-chf", "-", "."], check=True, stdout=subprocess.PIPE).stdout
    )


def pack_of(files: dict[str, str]) -> io.BytesIO:
    """A pack of files by their names, with an entry for each folder."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as pack:
        folders = {str(above) for name in files for above in Path(name).parents} - {"."}
        for name in sorted({*folders, *files}):
            info = tarfile.TarInfo(f"./{name}")
            if name in folders:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(files[name])
            pack.addfile(info, io.BytesIO(files.get(name, "").encode()))
    return stream


def unpack(stream: BinaryIO, folder: Path, md5: str, *, overwrites: bool = False) -> int:
    """As a download does it, to the end; how many files of others were kept."""
    contents = unpacking.unpack(stream, folder, overwrites=overwrites)
    contents.remember(md5)
    return contents.kept


def stamp(file: Path) -> tuple[int, int]:
    """What shows whether *file* was written."""
    return file.stat().st_ino, file.stat().st_mtime_ns


@TARS
def test_it_is_what_was_packed(folder: Path, tmp_path: Path, tar: list[str]) -> None:
    """Odd names, programs, empty folders, files with two names, and files that links led to."""
    made = make_odd(tmp_path / "made")
    (made / "second name").hardlink_to(made / "plain.txt")
    (made / "by a link").symlink_to("sub.txt")
    unpack(packed(made, tar), folder, "md5")
    assert tree(folder) == tree(made)
    assert pack_in(folder) == Pack("md5", is_edited=False)


def test_an_empty_folder(folder: Path, tmp_path: Path) -> None:
    """A pack of nothing is a folder that is there."""
    (tmp_path / "made").mkdir()
    assert pack_in(folder) is None
    unpack(packed(tmp_path / "made"), folder, "md5")
    assert tree(folder) == {}
    assert pack_in(folder) == Pack("md5", is_edited=False)
    folder.rmdir()
    assert pack_in(folder) is None


FILES = {"180/index.m3u8": "bbb", "180/seg_000.ts": "000", "90/index.m3u8": "ccc"}


def test_what_is_missing_is_restored(folder: Path) -> None:
    """And nothing else is written."""
    pack, file = pack_of(FILES), folder / "180" / "index.m3u8"
    unpack(pack, folder, "md5")
    before = {path: stamp(path) for path in folder.rglob("*.ts")}
    file.unlink()
    assert pack_in(folder) is None
    assert unpack(pack, folder, "md5") == 0
    assert (file.read_text(), pack_in(folder)) == ("bbb", Pack("md5", is_edited=False))
    assert {path: stamp(path) for path in folder.rglob("*.ts")} == before


EDITS: dict[str, Callable[[Path], object]] = {
    "other content": lambda file: file.write_text("other"),
    "of the same size": lambda file: (file.write_text("B" * 3), os.utime(file, (1, 1))),
    "a link": lambda file: (file.unlink(), file.symlink_to("/etc/hostname")),
    "a folder": lambda file: (file.unlink(), file.mkdir(), (file / "mine").write_text("mine")),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_edited_is_kept(folder: Path, edit: str) -> None:
    """By later packs too, until it may be overwritten; a folder in a file's place always is."""
    file = folder / "180" / "index.m3u8"
    unpack(pack_of(FILES), folder, "one")
    EDITS[edit](file)
    edited = tree(folder)
    assert pack_in(folder) == Pack("one", is_edited=True)
    for md5, text in (("one", "000"), ("two", "changed"), ("three", "again")):
        assert unpack(pack_of({**FILES, "180/seg_000.ts": text}), folder, md5) == 1
        assert pack_in(folder) == Pack(md5, is_edited=True)
        assert tree(folder) == {**edited, "180/seg_000.ts": (text.encode(), False)}
    kept = unpack(pack_of(FILES), folder, "four", overwrites=True)
    assert (kept, pack_in(folder)) == (edit == "a folder", Pack("four", is_edited=edit == "a folder"))
    assert kept or (file.read_text(), file.is_symlink()) == ("bbb", False)


def test_files_of_others_are_kept(folder: Path) -> None:
    """In a folder that nothing was unpacked into before, but for those that are as the pack has them."""
    (folder / "180").mkdir(parents=True)
    (folder / "180" / "index.m3u8").write_text("mine")
    (folder / "180" / "seg_000.ts").write_text("000")
    assert unpack(pack_of(FILES), folder, "one") == 1
    assert pack_in(folder) == Pack("one", is_edited=True)
    assert (folder / "180" / "index.m3u8").read_text() == "mine"
    unpack(pack_of({"z": "z"}), folder, "two")
    assert {*tree(folder)} == {"180", "180/index.m3u8", "z"}
    assert pack_in(folder) == Pack("two", is_edited=False)


def test_what_the_next_pack_lacks_goes(folder: Path) -> None:
    """Of the pack that was unpacked before; what others put there or changed stays."""
    unpack(pack_of({"a": "1", "b": "2", "old/x": "3", "old/y": "4", "kept/z": "5"}), folder, "one")
    (folder / "mine.txt").write_text("mine")
    (folder / "b").write_text("changed by hand")
    (folder / "kept" / "mine").write_text("mine")
    unpack(pack_of({"a": "1"}), folder, "two")
    assert {*tree(folder)} == {"a", "b", "mine.txt", "kept", "kept/mine"}
    assert pack_in(folder) == Pack("two", is_edited=False)


def test_a_file_becomes_a_folder_and_back(folder: Path) -> None:
    """What was unpacked before is not in the way of the next pack."""
    for files in ({"x": "file"}, {"x/y/z": "below"}, {"x": "file"}):
        unpack(pack_of(files), folder, str(files))
        assert (folder / next(iter(files))).read_text() == files[next(iter(files))]


class Killed(BaseException):
    """What takes a process away while it unpacks."""


def test_a_run_that_is_cut_off_anywhere(folder: Path) -> None:
    """The next one makes it whole, and whatever the cut one has written is known: another pack takes it away."""
    first, second = {"a": "1", "b/c": "2"}, {"a": "2", "b/c": "3", "new/d": "4", "new/e": "5"}
    for reads in range(100):
        unpack(pack_of(first), folder, "first")
        try:
            unpack(Dying(pack_of(second).getvalue(), reads), folder, "second")
        except Killed:
            (folder / ".batchspec.part").write_text("left over")
            assert pack_in(folder) in (None, Pack("first", is_edited=False))
            unpack(pack_of({"z": "6"}), folder, "third")
            assert tree(folder) == {"z": (b"6", False)}
            continue
        break
    assert reads > 10
    assert pack_in(folder) == Pack("second", is_edited=False)


class Dying(io.BytesIO):
    """A pack that can be read so many times."""

    def __init__(self, data: bytes, reads: int) -> None:
        super().__init__(data)
        self._left = reads

    def read(self, size: int | None = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise Killed
        return super().read(size)


def bad(kind: bytes, name: str, link: str = "") -> io.BytesIO:
    """A pack with a good entry and then another one."""
    stream = pack_of({"good": "good"})
    stream.seek(0)
    with tarfile.open(fileobj=stream, mode="a") as pack:
        info = tarfile.TarInfo(name)
        info.type = kind
        info.linkname = link
        pack.addfile(info)
    return stream


def test_a_second_name_of_what_was_edited_is_what_the_pack_has(folder: Path) -> None:
    """Of a file with two names the pack has the bytes once; the edited one is not where they come from."""
    pack = bad(tarfile.LNKTYPE, "second", "good")
    pack.seek(0)
    with tarfile.open(fileobj=pack, mode="a") as more:
        more.addfile(tarfile.TarInfo("third"))
    folder.mkdir(exist_ok=True)
    (folder / "good").write_text("mine")
    assert unpack(pack, folder, "md5") == 1
    assert {name: found and found[0] for name, found in tree(folder).items()} == {
        "good": b"mine",
        "second": b"good",
        "third": b"",
    }


BAD = {
    "'../evil' leads out of it": (tarfile.REGTYPE, "../evil"),
    "'a/../../evil' leads out of it": (tarfile.REGTYPE, "a/../../evil"),
    "'/tmp/evil' leads out of it": (tarfile.REGTYPE, "/tmp/evil"),
    "'..' leads out of it": (tarfile.DIRTYPE, ".."),
    "'../good' leads out of it": (tarfile.LNKTYPE, "evil", "../good"),
    "'evil' is neither a file nor a folder": (tarfile.LNKTYPE, "evil", "never"),
    "'link' is neither a file nor a folder": (tarfile.SYMTYPE, "link", "good"),
    "'fifo' is neither a file nor a folder": (tarfile.FIFOTYPE, "fifo"),
    "'null' is neither a file nor a folder": (tarfile.CHRTYPE, "null"),
    "'sda' is neither a file nor a folder": (tarfile.BLKTYPE, "sda"),
}


@pytest.mark.parametrize("why", BAD)
def test_entries_that_are_refused(folder: Path, why: str) -> None:
    """With one such entry nothing at all is unpacked."""
    with pytest.raises(RunError) as raised:
        unpack(bad(*BAD[why]), folder, "md5")
    assert str(raised.value) == f"{folder} was not unpacked: {why}"
    assert tree(folder.parent) == {"film": None}
    assert pack_in(folder) is None


@pytest.mark.parametrize("replaced", ["180", "180/deep"])
def test_a_link_on_this_machine_is_not_followed_out(folder: Path, tmp_path: Path, replaced: str) -> None:
    """Nothing is written or deleted where a link in the folder leads to."""
    unpack(pack_of({"180/deep/a": "1"}), folder, "one")
    shutil.move(folder / replaced, tmp_path / "elsewhere")
    (folder / replaced).symlink_to(tmp_path / "elsewhere")
    before = tree(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is a link that leads out of it"):
        unpack(pack_of({"180/deep/a": "2"}), folder, "two")
    unpack(pack_of({"b": "2"}), folder, "three")
    assert tree(tmp_path / "elsewhere") == before


def test_a_damaged_pack(folder: Path) -> None:
    """It is no pack of what could still be read."""
    stream = pack_of({"a": "1" * 5000})
    stream.truncate(3000)
    with pytest.raises(RunError, match="was not unpacked"):
        unpack(stream, folder, "md5")
    assert pack_in(folder) is None


def test_without_a_cache(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that is gone or damaged: the folder is not known to be whole, and becomes so again."""
    pack = pack_of({"a": "1"})
    unpack(pack, folder, "md5")
    (record,) = (tmp_path / "cache" / "batchspec" / "unpacked").iterdir()
    for damage in (
        lambda: record.write_text("{"),
        lambda: record.write_text('"md5"\n["a", 1'),
        record.unlink,
    ):
        damage()
        assert pack_in(folder) is None
        before = stamp(folder / "a")
        unpack(pack, folder, "md5")
        assert pack_in(folder) == Pack("md5", is_edited=False)
        assert stamp(folder / "a") == before
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    unpack(pack, folder, "md5")
    assert pack_in(folder) is None
