"""What things are called on a node, and what a name may be."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple

from batchspec.patterns import lazy_regex
from batchspec.resources.task import digest

NAME_LENGTH = 1024  # of a blob, Azure Storage
INPUT_FOLDER, OUTPUT_FOLDER, FILES_FOLDER = "in", "out", "files"
"""Below the working directory of a task: its inputs, what it makes, what else it reads."""
_SAFE_NAME = lazy_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_BAD_PART = lazy_regex(r"(?:^|/)(?:\.{0,2}|\.[Gg][Ii][Tt])(?:/|$)")
_SAFE_SUFFIXES = lazy_regex(r"(?:\.[A-Za-z][A-Za-z0-9]{0,7}){0,2}\.[A-Za-z0-9]{1,8}\Z")


def node_name(path: str) -> str:
    """A name for *path* on a node that no shell, no ffmpeg and no pattern reads as anything else.

    A safe name is kept; any other is a hash of the whole path with its suffixes,
    so that other files change nothing.
    """
    name = path.rpartition("/")[2]
    if _SAFE_NAME.fullmatch(name):
        return name
    return alias(path)


def alias(path: str) -> str:
    """A safe name for *path*: a hash of the whole of it, with the suffixes by which programs know what it is.

    Up to three are kept: `.nii.gz`, `.g.vcf.gz`.
    """
    suffixes = _SAFE_SUFFIXES.search(path.rpartition("/")[2], 1)
    return digest(path)[:16] + (suffixes[0] if suffixes else "")


class Parts(NamedTuple):
    """What a path consists of: its folder without a slash at the end, and its name, which is stem and suffix."""

    folder: str
    name: str
    stem: str
    suffix: str


def parts_of(path: str) -> Parts:
    """The parts of *path*.

    As pathlib has them up to Python 3.13; from 3.14 on a final dot is a suffix there, and a task's
    id must not depend on that. It is ten times faster, too.
    """
    folder, _, name = path.rpartition("/")
    dot = name.rfind(".")
    if 0 < dot < len(name) - 1:
        return Parts(folder, name, name[:dot], name[dot:])
    return Parts(folder, name, name, "")


def input_path(path: str) -> str:
    """Where the task finds the input that people call *path*."""
    return f"{INPUT_FOLDER}/{node_name(path)}"


def output_path(output: str) -> str:
    """Where the task leaves the output that becomes the blob *output*."""
    return f"{OUTPUT_FOLDER}/{node_name(output)}"


def name_problem(name: str) -> str | None:
    """Why Blob Storage, a shell or a terminal could not be trusted with *name*; None when they can."""
    if not (name.isascii() and name.isprintable()):  # nearly all are
        categories = set(map(unicodedata.category, name))
        if "Cc" in categories:
            return "has a control character"
        if "Cs" in categories:
            return "is not valid UTF-8"
    if "\\" in name:
        return "has a backslash"
    parts = f"/{name}/"
    if ("//" in parts or "/." in parts) and _BAD_PART.search(name):  # nearly none is searched
        return "has an empty part, `.`, `..` or `.git`"
    if len(name) > NAME_LENGTH:
        return f"is longer than {NAME_LENGTH} characters"
    return None


def output_helps(name: str) -> tuple[str, ...]:
    """What may help where *name* cannot be an output's, beside another name for the file."""
    if not name.startswith("/"):
        return ()
    return (
        "start it without a slash: an output keeps its input's folder, so `{{ input.folder }}/` is not needed",
    )
