"""A folder output is brought here as one blob, and becomes a folder only when all of it has arrived."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from batchspec.desired.places import Places
from batchspec.document.parser import parse
from batchspec.engine.look.remembered import unpacked
from batchspec.engine.look.remembered.unpacked import Pack, Unpacked, pack_in
from batchspec.engine.run.downloads import unpack
from batchspec.engine.run.downloads.download import fetch
from batchspec.engine.run.downloads.landing import Landing
from batchspec.errors import RunError
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.service.blob.blobs import BlobStorage
from batchspec.service.embedded import LocalAccount
from batchspec.source import Source
from packs.odd import make_odd, tree
from packs.test_unpack import pack_of, packed

SPEC = """\
version: 1
name: {name}
pool: {{existing: p}}
job: {{id: j, constraints: {{maxWallClockTime: P1D}}}}
tasks:
  a:
    command: [touch, "{{{{ output.path }}}}"]
    output: a
download: outputs
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spec:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return build(parse(Source(str(tmp_path / "work.yaml"), SPEC.format(name=f"packs-{token_hex(6)}"))))


@pytest.fixture
def blobs(local_account: LocalAccount) -> Iterator[BlobStorage]:
    connected = BlobStorage.from_connection_string(local_account.connection_string)
    connected.ensure_container("output")
    yield connected
    connected.close()


def _download(blobs: BlobStorage, spec: Spec, blob: str) -> int | None:
    return fetch(blobs, Landing(Places.of(spec), overwrites=False), blob, is_folder=True).size


def store(blobs: BlobStorage, blob: str, pack: io.BytesIO) -> None:
    blobs.client("output", blob).upload_blob(pack.getvalue(), overwrite=True)


def test_a_folder_comes_home(blobs: BlobStorage, spec: Spec, tmp_path: Path) -> None:
    """At its place, in folders that are made for it, known by the MD5 of its blob; nothing else is left there."""
    made = make_odd(tmp_path / "made")
    blob = f"{spec.name}/Émile's film/180.tar"
    store(blobs, blob, packed(made))
    folder = Places.of(spec).unpacked(blob)
    assert folder == tmp_path / "outputs" / "Émile's film" / "180"
    assert _download(blobs, spec, blob) == len(packed(made).getvalue())
    assert tree(folder) == tree(made)
    assert [path.name for path in folder.parent.iterdir()] == ["180"]
    (live,) = blobs.list("output", blob)
    pack = pack_in(folder)
    assert pack is not None
    assert pack == Pack(live.md5 or pack.md5, is_edited=False)


def test_the_pack_is_gone_before_its_folder_counts_as_whole(
    blobs: BlobStorage, spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in between, a run leaves nothing that no later one removes."""
    blob, beside = f"{spec.name}/180.tar", list[list[str]]()

    def remember(folder: Path, md5: str | None, files: Iterable[Unpacked]) -> None:
        beside.append([path.name for path in folder.parent.iterdir()])
        unpacked.remember(folder, md5, files)

    store(blobs, blob, pack_of({"a": "1"}))
    monkeypatch.setattr(unpack, "remember", remember)
    _download(blobs, spec, blob)
    assert beside == [["180"]]


def test_a_pack_that_is_not_there(blobs: BlobStorage, spec: Spec, tmp_path: Path) -> None:
    """It leaves what is here as it is."""
    folder = tmp_path / "outputs" / "180"
    folder.mkdir(parents=True)
    (folder / "a").touch()
    assert _download(blobs, spec, f"{spec.name}/180.tar") is None
    assert tree(folder) == {"a": (b"", False)}


def test_a_pack_of_somebody_else(blobs: BlobStorage, spec: Spec, tmp_path: Path) -> None:
    """What is no pack is told, and leaves nothing."""
    blob = f"{spec.name}/180.tar"
    store(blobs, blob, io.BytesIO(b"no pack at all" * 100))
    with pytest.raises(RunError, match="180 was not unpacked: "):
        _download(blobs, spec, blob)
    assert tree(tmp_path / "outputs") == {"180": None}


def test_a_file_in_the_way(blobs: BlobStorage, spec: Spec, tmp_path: Path) -> None:
    """A file of the folder's name, or a link out of the download folder, is told and stays."""
    blob = f"{spec.name}/180.tar"
    store(blobs, blob, pack_of({"a": "1"}))
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "180").touch()
    with pytest.raises(RunError, match=r"could not write .*180: File exists"):
        _download(blobs, spec, blob)
    (tmp_path / "outputs" / "180").unlink()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "outputs" / "180").symlink_to("../elsewhere")
    with pytest.raises(RunError, match="180 is a link, and none is followed"):
        _download(blobs, spec, blob)
    assert tree(tmp_path / "elsewhere") == {}


def test_nothing_is_made_where_a_link_leads(blobs: BlobStorage, spec: Spec, tmp_path: Path) -> None:
    """Not even the folders for an output whose place lies out of the download folder."""
    blob = f"{spec.name}/film/90/180.tar"
    store(blobs, blob, pack_of({"a": "1"}))
    for folder in ("outputs", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "outputs" / "film").symlink_to("../elsewhere")
    with pytest.raises(RunError, match="film is a link, and none is followed"):
        _download(blobs, spec, blob)
    assert tree(tmp_path / "elsewhere") == {}
