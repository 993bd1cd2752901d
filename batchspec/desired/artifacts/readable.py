"""What a spec's tasks can read, as it was found: inputs of groups, files beside them, sheets of a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from batchspec.desired.artifacts.listings import Listings
from batchspec.desired.task import Input
from batchspec.source import Path


@dataclass(frozen=True, slots=True)
class Readable:
    """Everything is read once. Files and folders are found by where their entry stands in the spec.

    Of `files` the path is the whole one, relative to the spec's folder; a folder is there as its pack. Of packs that
    were found `members` has the paths of the files in them, in order, by blob. `sheets` are read by line. `listings`
    are of folders that tasks have made.
    """

    inputs: Mapping[str, Iterable[Input]] = field(default_factory=dict)
    files: Mapping[Path, Iterable[Input]] = field(default_factory=dict)
    members: Mapping[str, Sequence[str]] = field(default_factory=dict)
    sheets: Mapping[str, Iterable[str]] = field(default_factory=dict)
    listings: Listings = field(default_factory=dict)
