"""Who applies a spec: a person, the commit that the spec's project is at, and the version of batchspec.

The repository is read as files. Git is never run: what a repository configures may run programs (`core.fsmonitor`).
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from batchspec.engine.look.machine.project import project_root
from batchspec.engine.look.remembered.regular import open_file
from batchspec.version import __version__

_ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR")
_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA", "BUILD_SOURCEVERSION")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
_BRANCH = re.compile(r"ref: (refs/(?!.*\.\.)[^\s\\:?*\[\x00-\x1f]{1,250})", re.ASCII)
_LINK = re.compile(r"(?:gitdir: )?(?P<folder>[^\0\n]{1,4000})")
_MOST_BYTES = 16 * 1024 * 1024  # of packed refs: some 200,000 branches
_LONGEST = 100


class Author(NamedTuple):
    """`commit` is empty where the spec lies in no repository, and nothing in the environment names one."""

    user: str
    commit: str
    version: str = __version__

    @property
    def text(self) -> str:
        commit = f", commit {self.commit[:12]}" if self.commit else ""
        return f"{self.user}{commit}, batchspec {self.version}"


def author_of(spec_file: str, environment: Mapping[str, str] = os.environ) -> Author:
    """Who applies the spec in *spec_file* now. The commit is the one checked out, which need not have all changes."""
    commit = head_commit(project_root(Path(spec_file).parent)) or _first(environment, _COMMITS)
    return Author(
        _shortened(_first(environment, _ACTORS) or user_name()), commit if _is_commit(commit) else ""
    )


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def user_name() -> str:
    """The name of the person, or of the service account, that we run as."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no variable has it, and the system does not know us
        return "unknown"


def _shortened(name: str) -> str:
    """*name* as blob metadata and a page take it."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:_LONGEST]


def _is_commit(text: str) -> bool:
    return _COMMIT.fullmatch(text) is not None


def head_commit(project: Path) -> str:
    """The commit that is checked out in *project*; empty where that cannot be read."""
    try:
        own = _repository(project / ".git")
        head = _text(own / "HEAD").strip()
        if branch := _BRANCH.fullmatch(head):
            head = next(_commits_of(branch[1], (own, _common(own))), "")
    except (OSError, ValueError):
        return ""
    return head if _is_commit(head) else ""


def _repository(place: Path) -> Path:
    """The folder of the repository: *place*, or what it names in a worktree or a submodule."""
    if place.is_dir():
        return place
    link = _LINK.match(_text(place))
    return place.parent / link["folder"] if link else place


def _common(own: Path) -> Path:
    """The folder that a worktree's *own* shares its branches with."""
    if not (own / "commondir").is_file():
        return own
    return own / _text(own / "commondir").strip()


def _commits_of(branch: str, folders: tuple[Path, ...]) -> Iterator[str]:
    """What *branch* points to: in a file of its own, else in the packed refs, where the file is gone."""
    for folder in folders:
        if (folder / branch).is_file():
            yield _text(folder / branch).strip()
    for folder in folders:
        if (folder / "packed-refs").is_file():
            lines = _text(folder / "packed-refs", _MOST_BYTES).splitlines()
            yield from (
                commit for commit, _, name in (line.partition(" ") for line in lines) if name == branch
            )


def _text(file: Path, most: int = 4096) -> str:
    """The beginning of *file*, which is a regular one. Raises OSError or ValueError."""
    with open_file(file) as stream:
        return stream.read(most).decode("utf-8")
