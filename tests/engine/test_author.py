"""Who applies: the commit is read off the repository's files, whatever they are, and nothing is run."""

from pathlib import Path

import pytest

from batchspec.engine.history.author import Author, author_of, head_commit

ONE, OTHER = "1" * 40, "0123456789" * 4


def repository(folder: Path, **files: str) -> Path:
    """A project whose `.git` has these files; `__` in a name is a slash."""
    for name, text in files.items():
        file = folder / ".git" / name.replace("__", "/").replace("packed", "packed-refs")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "commit"),
    [
        ({"HEAD": f"{ONE}\n"}, ONE),
        ({"HEAD": "ref: refs/heads/main\n", "refs__heads__main": f"{ONE}\n"}, ONE),
        (
            {
                "HEAD": "ref: refs/heads/a/b",
                "packed": f"# pack-refs with: x\n{OTHER} refs/heads/a/b\n^{ONE}\n",
            },
            OTHER,
        ),
        (
            {"HEAD": "ref: refs/heads/main", "refs__heads__main": ONE, "packed": f"{OTHER} refs/heads/main"},
            ONE,
        ),
        ({"HEAD": "ref: refs/heads/unborn"}, ""),
        ({"HEAD": "ref: refs/../../secret", "refs__x": ONE}, ""),
        ({"HEAD": "ref: refs/heads/main", "refs__heads__main": "root:x:0:0:root"}, ""),
        ({"HEAD": ""}, ""),
        ({}, ""),
    ],
)
def test_the_commit_of_a_repository(tmp_path: Path, files: dict[str, str], commit: str) -> None:
    """HEAD itself, its branch's file, or the packed refs; nothing that is no commit, and nothing outside."""
    (tmp_path / "secret").write_text(ONE)
    assert head_commit(repository(tmp_path, **files)) == commit


def test_a_worktree_has_its_own_head_and_shares_the_branches(tmp_path: Path) -> None:
    """`.git` is a file there, as it is in a submodule."""
    main = repository(tmp_path / "main", HEAD="ref: refs/heads/main", refs__heads__side=ONE)
    own = main / ".git" / "worktrees" / "side"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/side\n")
    (own / "commondir").write_text("../..\n")
    side = tmp_path / "side"
    side.mkdir()
    (side / ".git").write_text(f"gitdir: {own}\n")
    assert head_commit(side) == ONE


def test_a_continuous_integration_says_who_and_what(tmp_path: Path) -> None:
    """Its variables name the person; the commit too, where the project is no repository."""
    variables = {"GITHUB_ACTOR": "ann\n\x1b[1m", "GITHUB_SHA": ONE}
    assert author_of(str(tmp_path / "spec.yaml"), variables)[:2] == ("ann??[1m", ONE)
    repository(tmp_path, HEAD=OTHER)
    assert author_of(str(tmp_path / "spec.yaml"), variables).commit == OTHER
    assert author_of(str(tmp_path / "spec.yaml"), {"GITHUB_SHA": "$(reboot)"}).user
    assert Author("ann", ONE, "1.0").text == "ann, commit 111111111111, batchspec 1.0"
    assert Author("ann", "", "1.0").text == "ann, batchspec 1.0"
