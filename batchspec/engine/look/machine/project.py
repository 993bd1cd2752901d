"""What a spec may read and write on this machine: its project, and what the person at the command allows beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.source import Diagnostic
from batchspec.source import Path as SpecPath


class Use(Enum):
    """What a spec does in a folder."""

    READ = "reads files in"
    WRITE = "downloads to"


Ask = Callable[[Use, Path, Path], bool]
"""Asks the person at the command whether the spec may do so in the first folder, which is outside of its project."""


def nobody(_use: Use, _folder: Path, _project: Path) -> bool:
    """Who is asked where nobody is."""
    return False


class Project:
    """The folder around a spec that it may use freely, and those that a person allows.

    A spec cannot allow itself anything: a pull request must not be able to upload `/proc/self/environ`.
    """

    def __init__(
        self, folder: Path, allowed: Iterable[Path] = (), ask: Ask = nobody, *, overwrites: bool = False
    ) -> None:
        self.root = project_root(folder)
        self.overwrites = overwrites  # files in the folder for downloads that are not batchspec's
        self._ask = ask
        free = (self.root, *(path.resolve() for path in allowed))
        self._allowed = {use: list(free) for use in Use}
        self._refused: set[tuple[Use, Path]] = set()

    def holds(self, folder: Path) -> bool:
        """Whether *folder*, a path without links, may be read without asking."""
        return any(folder.is_relative_to(allowed) for allowed in self._allowed[Use.READ])

    def reads(self, folder: str) -> bool:
        """Whether files in *folder*, a path without links, may be read."""
        return self.base(Use.READ, Path(folder)) is not None

    def allows(self, use: Use, folder: Path) -> bool:
        """Whether the spec may do this in *folder*, a path without links."""
        return self.base(use, folder) is not None

    def base(self, use: Use, folder: Path) -> Path | None:
        """The folder that is allowed, and that *folder* lies in; None without. Who can be asked is asked once."""
        for allowed in self._allowed[use]:
            if folder.is_relative_to(allowed):
                return allowed
        if (use, folder) in self._refused or not self._ask(use, folder, self.root):
            self._refused.add((use, folder))
            return None
        self._allowed[use].append(folder)
        return folder

    def outside(self, document: Document, path: SpecPath, what: str, folder: Path) -> Diagnostic:
        """The finding that *what* lies in *folder*, outside of the project."""
        return document.diagnostic(
            Code.OUTSIDE,
            f"{what} is outside the project {self.root}",
            path,
            helps=(f"to allow it, add `--allow-path {folder}`, or set BATCHSPEC_ALLOW_PATH",),
        )


def file_in_project(file: Path) -> str:
    """The path of *file* below its project: the same on every machine that has the project."""
    folder = file.parent.resolve()
    below = (folder / file.name).relative_to(project_root(folder))
    return os.fsencode(below.as_posix()).decode("utf-8", "replace")


def project_root(folder: Path) -> Path:
    """The nearest folder from *folder* upward that holds `.git`, else *folder* itself."""
    folder = folder.resolve()
    return next((each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")), folder)


ANYWHERE = Project(Path("/"))
"""For what is read once more, with a content that was planned and must still be the same."""
