"""The files of a spec that its pool's start task reads: those that its templates mention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchspec.codes import Code
from batchspec.document.document import Document
from batchspec.language.rows.linking import mentions_in
from batchspec.language.rows.words import Find, LocalFile, Read, read_reads
from batchspec.language.templates.template import Template
from batchspec.source import Path

START_TASK: Path = ("pool", "startTask")


def start_files(document: Document, find: Find) -> tuple[Read, ...]:
    """The entries of `files:` that the start task mentions, as far as it can read them."""
    raw: Mapping[str, Any] = document.raw
    mentioned = mentions_in(raw["pool"].get("startTask"), "files")
    data: Mapping[str, Any] = document.data
    reads = read_reads(data.get("files") or {}, ("files",)) if mentioned else {}
    return tuple(read for name, read in reads.items() if name in mentioned and _is_readable(read, find))


def mentioned_files(template: Template) -> bool:
    """Whether *template* mentions files."""
    return any(reference[0] == "files" for reference in template.references)


def _is_readable(read: Read, find: Find) -> bool:
    """Whether it is one file of this machine: nothing unpacks a folder on a node before its tasks."""
    source = read.source
    is_one = isinstance(source, LocalFile) and not read.is_folder and not {"{", "}"} & set(source.path)
    if is_one:
        return True
    find(
        Code.NOT_ALLOWED_HERE,
        f"the start task reads `files.{read.name}`, and it can only read single files of this machine",
        read.path,
        helps=("name one file; other `resourceFiles` of the start task may be blobs",),
    )
    return False
