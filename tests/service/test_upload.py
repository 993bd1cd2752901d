"""An upload puts the content that was planned under its name, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from secrets import token_hex

import pytest
from main_job.wire import Cut, Heard, Moment, wired

from batchspec.errors import RunError
from batchspec.service.blob import sending
from batchspec.service.blob.blobs import BlobStorage
from batchspec.service.embedded import LocalAccount

BLOCK = 8 * 1024 * 1024
SIZES = pytest.mark.parametrize("size", [3, 2 * BLOCK + 1], ids=["one request", "blocks"])


class Clip:
    """A file as it was planned, and the blob it is to become."""

    def __init__(self, blobs: BlobStorage, file: Path, size: int) -> None:
        self.file = file
        self.blob = f"upload-{token_hex(8)}/clip.mp4"
        self._blobs = blobs
        self.content = b"old" * (size // 3) + b"!" * (size % 3)
        file.write_bytes(self.content)

    def upload(self, progress: Callable[[int], None] = lambda _: None) -> None:
        planned = md5(self.content, usedforsecurity=False).hexdigest()
        self._blobs.upload("input", self.blob, self.file, planned, {}, progress)

    def refuse(self, progress: Callable[[int], None] = lambda _: None) -> str:
        """Why it was not uploaded; what was there before is there still."""
        before = self._blobs.read("input", self.blob)
        with pytest.raises(RunError) as raised:
            self.upload(progress)
        assert self._blobs.read("input", self.blob) == before
        return str(raised.value)

    @property
    def there(self) -> bytes | None:
        found = self._blobs.read("input", self.blob)
        self._blobs.delete("input", self.blob)
        return found


@pytest.mark.parametrize("size", [0, 3, BLOCK, BLOCK + 1, 2 * BLOCK])
def test_what_was_planned_arrives(blobs: BlobStorage, tmp_path: Path, size: int) -> None:
    """A file of any size arrives whole, an empty one too."""
    clip = Clip(blobs, tmp_path / "clip.mp4", size)
    clip.upload()
    assert clip.there == clip.content


@SIZES
@pytest.mark.parametrize("change", [bytes.swapcase, lambda old: old[:-1], lambda old: old + b"!"])
def test_a_file_changed_after_the_plan(
    blobs: BlobStorage, tmp_path: Path, size: int, change: Callable[[bytes], bytes]
) -> None:
    """Other bytes, of the same size or not, do not get the MD5 of those that were planned, nor replace a blob."""
    clip = Clip(blobs, tmp_path / "clip.mp4", size)
    clip.upload()
    clip.file.write_bytes(change(clip.content))
    assert clip.refuse() == f"{clip.file} changed after it was planned, and was not uploaded"
    assert clip.there == clip.content


@pytest.mark.parametrize(
    "change", [lambda old: b"x" * len(old), lambda old: old[: len(old) // 2]], ids=["same", "cut"]
)
def test_a_file_changed_while_it_is_uploaded(
    blobs: BlobStorage, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    """A change between two blocks leaves no blob."""
    clip = Clip(blobs, tmp_path / "clip.mp4", 3 * BLOCK)
    said = clip.refuse(lambda _: clip.file.write_bytes(change(clip.content)) and None)
    assert said == f"{clip.file} changed after it was planned, and was not uploaded"
    assert clip.there is None


def test_a_file_that_is_gone(blobs: BlobStorage, tmp_path: Path) -> None:
    """A file deleted after the plan is told by its name."""
    clip = Clip(blobs, tmp_path / "clip.mp4", 3)
    clip.file.unlink()
    assert clip.refuse() == f"could not read {clip.file}: No such file or directory"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line counts as quick, however busy this machine is."""
    monkeypatch.setattr(sending, "_QUICK_S", 600.0)


@pytest.mark.usefixtures("quick")
def test_a_quick_line_takes_a_file_in_one_request(blobs: BlobStorage, tmp_path: Path) -> None:
    """Its first block tells that it is quick; then a change is found as it is in blocks."""
    clip, told = Clip(blobs, tmp_path / "clip.mp4", 5 * BLOCK + 1), list[int]()
    clip.upload(told.append)
    assert told[:2] == [BLOCK, 1024 * 1024]
    assert told[-1] == len(clip.content)
    for change in (bytes.swapcase, lambda old: old[:-1], lambda old: old + b"!"):
        clip.file.write_bytes(change(clip.content))
        assert clip.refuse() == f"{clip.file} changed after it was planned, and was not uploaded"
    clip.file.write_bytes(clip.content)
    cut = clip.refuse(lambda done: clip.file.write_bytes(b"") and None if done == 1024 * 1024 else None)
    assert cut == f"{clip.file} changed after it was planned, and was not uploaded"
    assert clip.there == clip.content


@pytest.mark.usefixtures("quick")
def test_a_line_that_takes_nothing_large(local_account: LocalAccount, tmp_path: Path) -> None:
    """What does not come through in one request is tried so once; it goes in blocks, and so does all that follows."""
    with wired() as wire:
        blobs = BlobStorage.from_connection_string(local_account.connection_string)
        blobs.ensure_container("input")
        clip = Clip(blobs, tmp_path / "clip.mp4", 4 * BLOCK + 1)
        whole = Heard("PUT", f"/{local_account.storage_account}/input/{clip.blob}")

        def cut(moment: Moment, heard: Heard) -> None:
            if heard == whole and moment is Moment.BEFORE:
                raise Cut

        wire.hook = cut
        for _ in range(2):
            clip.upload()
            assert clip.there == clip.content
        assert wire.heard.count(whole) == 1
        blobs.close()
