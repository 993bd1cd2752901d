"""What a spec's tasks can read, as it was found: inputs of groups, files beside them, sheets of a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from batchspec.desired.task import Input
from batchspec.source import Path


class Pack(NamedTuple):
    """A folder, or what a glob matches, as one blob. `members` are the paths of its files in it, in order."""

    artifact: Input
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Readable:
    """Everything is read once. Files and packs are found by where their entry stands in the spec.

    Of `files` the path is the whole one, relative to the spec's folder. `sheets` are read by line.
    """

    inputs: Mapping[str, Iterable[Input]] = field(default_factory=dict)
    files: Mapping[Path, Iterable[Input]] = field(default_factory=dict)
    packs: Mapping[Path, Pack] = field(default_factory=dict)
    sheets: Mapping[str, Iterable[str]] = field(default_factory=dict)
