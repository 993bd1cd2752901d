"""The digests of local files are remembered, and never at the price of a plan."""

from __future__ import annotations

import os
import sqlite3
from hashlib import md5
from pathlib import Path

import pytest

from batchspec.engine.look.remembered import digests
from batchspec.engine.look.remembered.digests import Digests

TEXT = "one clip"
MD5 = md5(TEXT.encode(), usedforsecurity=False).hexdigest()


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as settled, though it was written just now."""
    monkeypatch.setattr(digests, "_SETTLED_NS", -60_000_000_000)
    file = tmp_path / "clip.mp4"
    file.write_text(TEXT)
    return file


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read."""
    found: list[Path] = []
    read = digests.md5_of

    def counted(file: Path) -> str:
        found.append(file)
        return read(file)

    monkeypatch.setattr(digests, "md5_of", counted)
    return found


def test_a_file_is_read_once(clip: Path, tmp_path: Path, reads: list[Path]) -> None:
    """A second look at a file that did not change reads only its size and times."""
    for _ in range(2):
        with Digests(tmp_path / "cache") as cache:
            assert cache.md5(clip) == MD5
    assert reads == [clip]


def test_what_was_read_in_this_run_is_found_at_the_next_turn(
    clip: Path, tmp_path: Path, reads: list[Path]
) -> None:
    """Several groups may read the same files."""
    with Digests(tmp_path / "cache") as cache:
        for _ in range(3):
            cache.turn()
            assert cache.md5(clip) == MD5
    assert reads == [clip]


def test_a_changed_file_is_read_again(clip: Path, tmp_path: Path) -> None:
    """A change that keeps size and mtime is seen too."""
    with Digests(tmp_path / "cache") as cache:
        cache.md5(clip)
    before = clip.stat()
    clip.write_text(TEXT.upper())
    os.utime(clip, ns=(before.st_atime_ns, before.st_mtime_ns))
    with Digests(tmp_path / "cache") as cache:
        assert cache.md5(clip) == md5(TEXT.upper().encode(), usedforsecurity=False).hexdigest()


def test_large_files_are_hashed_ahead(
    clip: Path, tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is expected is read once, beside others; what was changed meanwhile is read again."""
    monkeypatch.setattr(digests, "LARGE", 1)
    other, gone = tmp_path / "other.mp4", tmp_path / "gone.mp4"
    for file in (other, gone):
        file.write_text(TEXT)
    with Digests(tmp_path / "cache") as cache:
        for file in (clip, other, gone):
            cache.expect(str(file), file.stat())
        other.write_text("another clip")
        gone.unlink()
        assert cache.md5(clip) == MD5
        assert cache.md5(other) == md5(b"another clip", usedforsecurity=False).hexdigest()
        with pytest.raises(FileNotFoundError):
            cache.md5(gone)
    assert reads == [other]
    with Digests(tmp_path / "cache") as cache:
        cache.expect(str(clip), clip.stat())
        assert cache.md5(clip) == MD5
    assert reads == [other]


def test_two_commands_at_once(clip: Path, tmp_path: Path) -> None:
    """While one command reads its files, another one remembers its own."""
    with Digests(tmp_path / "cache") as one:
        one.md5(clip)
        with Digests(tmp_path / "cache") as other:
            assert other.md5(clip) == MD5
        with sqlite3.connect(tmp_path / "cache") as cache:
            assert cache.execute("SELECT md5 FROM digest").fetchall() == [(MD5,)]
        cache.close()


def test_what_was_read_is_written_now_and_then(
    clip: Path, tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command that is cut off has not read its files in vain."""
    monkeypatch.setattr(digests, "_WRITTEN_EVERY_S", -1.0)
    cut_off = Digests(tmp_path / "cache")
    cut_off.md5(clip)
    with Digests(tmp_path / "cache") as cache:
        cache.md5(clip)
    assert reads == [clip]
    cut_off._cache.close()


def test_a_locked_cache(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that somebody holds is done without."""
    monkeypatch.setattr("batchspec.engine.look.remembered.cache._LOCKED_FOR_S", 0.01)
    with Digests(tmp_path / "cache") as cache:
        cache.md5(clip)
    holder = sqlite3.connect(tmp_path / "cache")
    holder.execute("BEGIN EXCLUSIVE")
    with Digests(tmp_path / "cache") as cache:
        assert cache.md5(clip) == MD5
    holder.close()


@pytest.mark.parametrize("first", [0, 4096], ids=["head", "pages"])
def test_a_damaged_cache(clip: Path, tmp_path: Path, reads: list[Path], first: int) -> None:
    """A damaged cache is done without, and the next command begins a new one."""
    path = tmp_path / "cache"
    for number in range(3):
        with Digests(path) as cache:
            assert cache.md5(clip) == MD5
        if number == 0:
            whole = path.read_bytes()
            path.write_bytes(whole[:first] + b"\xff" * (len(whole) - first))
    with Digests(path) as cache:
        cache.md5(clip)
    assert len(reads) == 3


def test_an_unwritable_cache(clip: Path, tmp_path: Path) -> None:
    """A cache that cannot be made is done without."""
    with Digests(clip / "cache") as cache:
        assert cache.md5(clip) == MD5
