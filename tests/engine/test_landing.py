"""Downloads land whole, in no other place than theirs, and on nothing that is not batchspec's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from batchspec.desired.places import Places
from batchspec.engine.run.downloads.landing import Landing, Place
from batchspec.errors import RunError
from batchspec.plan.here import Here


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "project" / "outputs"


def _landing(outputs: Path, spec: str = "work", *, overwrites: bool = False) -> Landing:
    places = Places(spec, "work.yaml", "input", "output", outputs.parent, outputs)
    return Landing(places, overwrites=overwrites)


def _put(
    landing: Landing, name: str, text: str, meanwhile: Callable[[Place], object] = lambda _: None
) -> bool:
    """Whether *text* landed as the file *name*; between what is looked at and what is done comes *meanwhile*."""
    with landing.at(name) as place:
        here = place.find()
        if here.is_kept:
            return False
        with place.written() as stream:
            stream.write(text.encode())
            stream.flush()
            meanwhile(place)
            return place.put(_md5(text), _md5(text), replaces=here is Here.OUTDATED)


def _md5(text: str) -> str:
    from hashlib import md5

    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _files(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if not file.is_dir()
    }


def test_a_file_lands_and_is_replaced(outputs: Path) -> None:
    """In a folder that is made for it; what was downloaded is replaced, and nothing else is left."""
    for text in ("one", "two"):
        assert _put(_landing(outputs), "a/b/file", text)
        assert _files(outputs) == {"a/b/file": text}


@pytest.mark.parametrize("overwrites", [False, True])
def test_what_is_not_ours_is_kept(outputs: Path, overwrites: bool) -> None:
    """A file that was not downloaded, and one that was edited since; unless a person wants them overwritten."""
    assert _put(_landing(outputs), "edited", "from storage")
    (outputs / "edited").write_text("by hand")
    (outputs / "foreign").write_text("by hand")
    landing = _landing(outputs, overwrites=overwrites)
    assert [_put(landing, name, "new") for name in ("edited", "foreign")] == [overwrites] * 2
    assert set(_files(outputs).values()) == {"new" if overwrites else "by hand"}


def test_what_is_found(outputs: Path) -> None:
    """Each kind by its name, a folder and a link among them."""
    landing = _landing(outputs)
    for name in ("ours", "edited"):
        _put(landing, name, name)
    _put(_landing(outputs, "other"), "others", "others")
    (outputs / "edited").write_text("by hand")
    (outputs / "foreign").write_text("by hand")
    (outputs / "folder").mkdir()
    (outputs / "link").symlink_to("ours")
    os.mkfifo(outputs / "pipe")

    def found(name: str) -> Here:
        with landing.at(name) as place:
            return place.find()

    assert {
        name: found(name)
        for name in ("none", "ours", "edited", "others", "foreign", "folder", "link", "pipe")
    } == {
        "none": Here.MISSING,
        "ours": Here.OUTDATED,
        "edited": Here.EDITED,
        "others": Here.OTHERS,
        "foreign": Here.FOREIGN,
        "folder": Here.FOREIGN,
        "link": Here.FOREIGN,
        "pipe": Here.FOREIGN,
    }


def test_a_file_that_appears_meanwhile_is_kept(outputs: Path) -> None:
    """What comes between the look and the end of a download is not overwritten; our own other run is no stranger."""
    landing = _landing(outputs)
    assert not _put(landing, "a", "new", lambda place: place.file.write_text("by hand"))
    assert _put(landing, "b", "new", lambda _: _put(_landing(outputs), "c", "new"))
    assert _files(outputs) == {"a": "by hand", "b": "new", "c": "new"}


def test_a_run_that_was_cut_off_leaves_nothing_for_long(outputs: Path) -> None:
    """What it left beside the place is written over; what it had put there is known as its own."""

    def cut_off(place: Place) -> None:
        (place.file.parent / place.part).write_text("a part of it, and more than that")
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), _landing(outputs).at("file") as place:
            cut_off(place)
    assert len(_files(outputs)) == 1
    assert _put(_landing(outputs), "file", "whole")
    assert _files(outputs) == {"file": "whole"}


@pytest.mark.parametrize("plant", ["link", "hard link", "pipe"])
def test_what_is_planted_where_a_download_is_written(outputs: Path, plant: str) -> None:
    """It is not written to, even by who knows the name."""
    outputs.mkdir(parents=True)
    precious = outputs.parent / "precious"
    precious.write_text("precious")
    landing = _landing(outputs)
    with landing.at("file") as place:
        part = outputs / place.part
    if plant == "link":
        part.symlink_to(precious)
    elif plant == "hard link":
        part.hardlink_to(precious)
    else:
        os.mkfifo(part)
    assert _put(landing, "file", "new")
    assert _files(outputs) == {"file": "new"}
    assert precious.read_text() == "precious"


def test_nobody_can_guess_where_a_download_is_written(outputs: Path, tmp_path: Path) -> None:
    """The name of a part is the same for one person, and another for anybody else."""

    def name() -> str:
        with _landing(outputs).at("file") as place:
            return place.part

    mine = name()
    assert name() == mine
    assert (tmp_path / "cache" / "batchspec" / "secret").stat().st_mode & 0o777 == 0o600
    (tmp_path / "cache" / "batchspec" / "secret").unlink()
    assert name() != mine


@pytest.mark.parametrize("link", ["outputs/a", "outputs/a/b"])
def test_no_link_on_the_way_is_followed(outputs: Path, link: str) -> None:
    """A folder that is a link, into the project or out of it, is refused, and nothing is made where it leads."""
    elsewhere = outputs.parent / "elsewhere"
    elsewhere.mkdir(parents=True)
    place = outputs.parent / link
    place.parent.mkdir(parents=True)
    place.symlink_to(elsewhere)
    with pytest.raises(RunError, match="is a link, and none is followed"):
        _put(_landing(outputs), "a/b/c/file", "new")
    assert list(elsewhere.iterdir()) == []


def test_a_folder_that_becomes_a_link_meanwhile(outputs: Path) -> None:
    """What is written stays in the folder that was there."""
    elsewhere = outputs.parent / "elsewhere"

    def swap(place: Place) -> None:
        place.file.parent.rename(outputs.parent / "moved")
        elsewhere.mkdir()
        place.file.parent.symlink_to(elsewhere)

    assert _put(_landing(outputs), "a/file", "new", swap)
    assert _files(outputs.parent / "moved") == {"file": "new"}
    assert list(elsewhere.iterdir()) == []


def test_a_file_system_without_hard_links(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files land there, too."""

    def none(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    assert _put(_landing(outputs), "file", "new")
    assert _files(outputs) == {"file": "new"}
