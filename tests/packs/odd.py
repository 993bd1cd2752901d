"""Folders with names of every kind."""

from __future__ import annotations

import os
from pathlib import Path

ODD = [
    "plain.txt",
    "a b",
    "-rf",
    "it's",
    'say "x"',
    "two\nlines",
    "back\\slash",
    "$HOME`id`",
    "Émile's film",
    "映画",
    "*",
    "bytes \udcff",
    "n" * 255,
    "m" * 100,
    "l" * 101,
    f"{'k' * 255}/{'j' * 255}",
    f"{'d' * 120}/{'e' * 120}/{'f' * 120}",
    "sub/-x/y",
    "sub.txt",
    ".hidden",
    "..two",
]
PROGRAM = "run.sh"
EMPTY = "empty/below"


def make_odd(folder: Path) -> Path:
    """*folder*, with a file of each odd name, a program and an empty folder."""
    for name in ODD:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name, errors="surrogateescape")
    (folder / PROGRAM).write_text("#!/bin/sh\n")
    (folder / PROGRAM).chmod(0o755)
    (folder / EMPTY).mkdir(parents=True)
    return folder


def tree(folder: Path) -> dict[str, object]:
    """What is below *folder*: contents and whether it is a program; None for folders."""
    return {
        path.relative_to(folder).as_posix(): None
        if path.is_dir()
        else (path.read_bytes(), os.access(path, os.X_OK))
        for path in folder.rglob("*")
    }
