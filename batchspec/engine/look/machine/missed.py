"""What a glob did not match, and what may have been meant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path as FilePath

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.engine.look.machine.project import Project
from batchspec.language.glob.pattern import Glob
from batchspec.source import Diagnostic, Path, Severity

ALLOW_EMPTY = "if this is fine, add `allowEmpty: true` to the group"

_TOLD = 3


class Missed:
    """The paths that a glob misses only by upper and lower case: how many, and the first ones."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def __bool__(self) -> bool:
        return self.count > 0

    def add(self, path: str) -> None:
        self.count += 1
        if self.count <= _TOLD:
            self.first.append(path)

    def __str__(self) -> str:
        return ", ".join(self.first) + (", …" if self.count > _TOLD else "")

    def warning(self, document: Document, glob: Glob, path: Path) -> Diagnostic:
        what = "1 file differs" if self.count == 1 else f"{self.count} files differ"
        return document.diagnostic(
            Code.OTHER_CASE,
            f"{what} from {glob.text!r} only in upper and lower case: {self}",
            path,
            helps=("to include such files, write both forms, for example `*.{mp4,MP4}`",),
            severity=Severity.WARNING,
        )


def nearest(folder: FilePath, glob: Glob, project: Project) -> Iterator[str]:
    """Help for a glob without a match: the folder searched, and what lies nearest to the pattern.

    No name is told of what is outside the project.
    """
    import difflib

    fixed = folder / glob.fixed
    searched = fixed
    while not os.path.isdir(searched):  # noqa: PTH112 (of a name that is too long, a Path raises)
        searched = searched.parent
    yield f"looked in {searched}" + ("" if searched == fixed else f" ({fixed} does not exist)")
    if not project.holds(searched.resolve()):
        return
    itself = folder / glob.text
    if os.path.isdir(itself) and project.holds(itself.resolve()):  # noqa: PTH112
        yield f"it is a folder: `{glob.text}/**` matches all files below it"
        return
    names = [
        p.relative_to(folder).as_posix() if p.is_relative_to(folder) else p.name for p in _some(searched)
    ]
    if near := difflib.get_close_matches(glob.text, names, _TOLD, cutoff=0.3):
        yield f"nearest: {', '.join(near)}"
    elif names:
        yield f"it has: {', '.join(names[:_TOLD])}" + (", …" if len(names) > _TOLD else "")
    else:
        yield "that folder is empty"


def _some(folder: FilePath, most: int = 1000) -> list[FilePath]:
    """Up to *most* entries of *folder*, those of its folders too, by name."""
    found: list[FilePath] = []
    for path in _entries(folder):
        found += [path, *([] if path.is_symlink() else _entries(path)[:100])]
        if len(found) >= most:
            break
    return found


def _entries(path: FilePath) -> list[FilePath]:
    """What is in the folder *path*, by name; nothing where it is none, or may not be looked into."""
    try:
        return sorted(path.iterdir())
    except OSError:
        return []
