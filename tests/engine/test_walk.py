"""The walk finds what glob.glob finds, in the order of paths, and turns back at links that lead back."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchspec.engine.look.machine.walk import Rules, walk
from batchspec.language.glob.pattern import parse

FILES = (
    "a.mp4",
    "a/b.mp4",
    "a/b/c.mp4",
    "a.b/c.mp4",
    "a-b/c.mp4",
    "a b/c.MP4",
    ".hidden.mp4",
    ".hidden/d.mp4",
    "a/.e.mp4",
    "deep/er/and/deeper/f.mov",
    "[1].mp4",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "link.mp4").symlink_to("a.mp4")
    (root / "linked").symlink_to("a")
    (root / "broken.mp4").symlink_to("nowhere")
    return root


def _names(root: Path, text: str, *exclude: str) -> list[str]:
    excluded = [parse(each, hidden=True) for each in exclude]
    return [match.name for match in walk(root, parse(text), Rules(excluded))]


PARTS = st.sampled_from(["*", "**", "a", "a*", "*.mp4", "?", "[ab]", ".hidden", "deep", "*b", "linked"])


@given(st.lists(PARTS, min_size=1, max_size=4).map("/".join))
def test_it_finds_what_glob_finds(tree: Path, text: str) -> None:
    """The same files as Python's own glob, without the folders, each once, in the order of their paths."""
    found = sorted(set(glob.glob(text, root_dir=tree, recursive=True)))  # noqa: PTH207
    files = [name for name in found if not name.endswith("/") and not (tree / name).is_dir()]
    assert _names(tree, text) == files


@pytest.mark.parametrize(
    ("text", "exclude", "names"),
    [
        ("**/*.{mp4,mov}", ["{a*,linked}/**", "*.mp4"], ["deep/er/and/deeper/f.mov"]),
        ("**/*.mp4", ["**/c.mp4", "{link,broken}*", "linked/**"], ["[1].mp4", "a.mp4", "a/b.mp4"]),
        ("./a//*.mp4", [], ["a/b.mp4"]),
        ("{a,a-b}/*.mp4", [], ["a-b/c.mp4", "a/b.mp4"]),
        ("[[]1].mp4", [], ["[1].mp4"]),
        ("absent/*.mp4", [], []),
        ("a.mp4/*", [], []),
    ],
)
def test_what_it_finds(tree: Path, text: str, exclude: list[str], names: list[str]) -> None:
    """Alternatives and excluded files; a folder that is not there holds nothing."""
    assert _names(tree, text, *exclude) == names


def test_from_above_and_from_the_root(tree: Path) -> None:
    """A glob may begin with `..` or a slash; names are written as the glob is."""
    assert _names(tree / "a", "../*b/*.mp4") == ["../a-b/c.mp4", "../a.b/c.mp4"]
    assert _names(tree, f"{tree}/a/*.mp4") == [f"{tree}/a/b.mp4"]


def test_folders_that_cannot_count_are_not_entered(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one that no path of the glob leads to, nor one of which everything is excluded."""
    entered: list[str] = []
    look = os.scandir

    def counted(path: str) -> object:
        entered.append(os.path.relpath(path, tree))
        return look(path)

    monkeypatch.setattr(os, "scandir", counted)
    _names(tree, "{a,deep}/**/*.mp4", "a/b/**", "**/and/**")
    assert sorted(entered) == ["a", "deep", "deep/er"]


def test_links_that_lead_back(tmp_path: Path) -> None:
    """A link to a folder above it, or two links to each other's folders, give no file twice and no endless walk."""
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "x" / "self").symlink_to(".")
    (tmp_path / "x" / "up").symlink_to("..")
    (tmp_path / "x" / "other").symlink_to("../y")
    (tmp_path / "y" / "other").symlink_to("../x")
    assert _names(tmp_path, "**/file") == ["x/file", "x/other/file", "y/file", "y/other/file"]


def test_names_that_differ_only_in_case(tree: Path) -> None:
    """They are told of, where all folders on the way are right."""
    missed: list[str] = []
    list(walk(tree, parse("**/*.mp4"), Rules(missed=missed.append)))
    assert missed == ["a b/c.MP4"]


def test_a_folder_that_cannot_be_read(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told of in its place, and all others are read."""
    look = os.scandir

    def closed(path: str) -> Iterator[os.DirEntry[str]]:
        if Path(path).name == "a-b":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return look(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = [(match.name, match.error) for match in walk(tree, parse("a*/*.mp4"))]
    assert found == [("a-b", "Permission denied"), ("a.b/c.mp4", ""), ("a/b.mp4", "")]
