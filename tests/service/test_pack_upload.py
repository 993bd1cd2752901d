"""A pack becomes a blob as it was planned, with its MD5, or no blob."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from secrets import token_hex

import pytest

from batchspec.engine.look.machine.packs import PackStream, entries_of, pack_of
from batchspec.engine.look.machine.project import ANYWHERE
from batchspec.engine.look.remembered.digests import Digests
from batchspec.errors import InterruptedRunError, RunError
from batchspec.service.blob.blobs import BlobStorage

MB = 1024 * 1024


class Scene:
    """A folder as it was planned, and the blob it is to become."""

    def __init__(self, blobs: BlobStorage, folder: Path, size: int) -> None:
        self.folder = folder
        self.blob = f"pack-{token_hex(8)}/scene.tar"
        self._blobs = blobs
        (folder / "sub").mkdir(parents=True)
        (folder / "large").write_bytes(os.urandom(size))
        (folder / "sub" / "-small").write_text("small")
        self.pack = self._planned()

    def _planned(self):
        with Digests(self.folder.parent / "cache") as digests:
            return pack_of(entries_of(self.folder, ANYWHERE.reads), digests)

    def upload(self, progress: Callable[[int], None] = lambda _: None) -> None:
        stream = PackStream("scene/", entries_of(self.folder, ANYWHERE.reads), self.pack.content)
        self._blobs.send("input", self.blob, "scene/", stream, {"batchspec_spec": "s"}, progress)

    @property
    def live(self):
        return next(self._blobs.list("input", self.blob), None)

    @property
    def there(self) -> bytes | None:
        return self._blobs.read("input", self.blob)


@pytest.fixture(params=[MB, 20 * MB], ids=["one request", "blocks"])
def scene(blobs: BlobStorage, tmp_path: Path, request: pytest.FixtureRequest) -> Scene:
    return Scene(blobs, tmp_path / "scene", request.param)


def test_a_pack_arrives(scene: Scene, tmp_path: Path) -> None:
    """The blob has the planned size, the MD5 of its bytes and the spec's name, and unpacks to the folder."""
    told: list[int] = []
    scene.upload(told.append)
    data = scene.there
    assert data is not None
    assert len(data) == scene.pack.size == scene.live.size
    assert scene.live.md5 == md5(data, usedforsecurity=False).hexdigest()
    assert scene.live.metadata == {"batchspec_spec": "s"}
    assert told == sorted(told)
    assert told[-1:] in ([], [len(data)])
    target = tmp_path / "there"
    target.mkdir()
    subprocess.run(["tar", "-xf", "-", "-C", target], input=data, check=True)
    subprocess.run(["diff", "-r", scene.folder, target], check=True)


def test_a_folder_changed_after_the_plan(scene: Scene) -> None:
    """What was there before is there still, and what changed is told."""
    scene.upload()
    before = scene.there
    (scene.folder / "sub" / "-small").write_text("SMALL")
    with pytest.raises(RunError, match=r"^scene/ changed after it was planned, and was not uploaded$"):
        scene.upload()
    assert scene.there == before


def test_a_folder_changed_while_it_is_uploaded(blobs: BlobStorage, tmp_path: Path) -> None:
    """A change between two blocks leaves no blob; nor does the next upload meet anything of it."""
    scene = Scene(blobs, tmp_path / "scene", 20 * MB)
    small = scene.folder / "sub" / "-small"
    with pytest.raises(RunError, match="changed after it was planned"):
        scene.upload(lambda _: small.write_text("SMALL") and None)
    assert scene.live is None
    small.write_text("small")
    scene.upload()
    assert scene.live.size == scene.pack.size


def test_an_interrupted_upload(blobs: BlobStorage, tmp_path: Path) -> None:
    """An upload that is interrupted between two blocks leaves no blob."""
    scene = Scene(blobs, tmp_path / "scene", 20 * MB)

    def interrupt(_done: int) -> None:
        raise InterruptedRunError("stop", signal_number=2)

    with pytest.raises(InterruptedRunError):
        scene.upload(interrupt)
    assert scene.live is None
