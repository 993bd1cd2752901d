"""Reading which files the tasks have made whose files are the inputs of others: from their lists, when they are whole.

Never a listing of blobs: an interrupted try may have left others.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from batchspec.desired.artifacts.listings import Part, read_listing, spread_of
from batchspec.desired.task import Desired
from batchspec.service.connect import Account

_AT_ONCE = 8
_LISTED = """
SELECT makes.listed, makes.made, verdict, group_name, pack.name IS NOT NULL
FROM makes JOIN task ON task.number = makes.task JOIN verdict ON verdict.number = makes.task
JOIN output list ON list.name = makes.listed LEFT JOIN output pack ON pack.name = makes.made
WHERE makes.is_spread
"""
# The list of a temporary folder says what it had, also once its files are gone; but not while its task makes them anew.
_AT_REST = ("IN_PROGRESS", "RERUN", "NOT_SELECTED")


class _Folder(NamedTuple):
    """A folder whose list is there. Without its pack, its files are gone too, once all that needed them was done."""

    listed: str
    made: str
    verdict: str
    is_temporary: bool
    has_pack: bool

    @property
    def is_known(self) -> bool:
        """Whether nothing changes any more about which files it has."""
        return self.verdict == "UP_TO_DATE" or (self.is_temporary and self.verdict not in _AT_REST)


def read_listings(
    account: Account, desired: Desired, known: MutableMapping[str, Sequence[Part] | None]
) -> bool:
    """Adds to *known* what the plan just made of *desired* shows to be there; whether that changes anything.

    What is known of a folder that is made again is taken back: it may come to have other files.
    """
    folders = list(_folders(desired))
    again = [folder for folder in folders if known.get(folder.listed) and _is_made_again(folder)]
    news = [folder for folder in folders if folder.listed not in known and folder.is_known]
    known.update((folder.listed, None) for folder in again)
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        found = readers.map(lambda folder: _read(account, desired.spec.containers.output, folder), news)
        known.update(zip((folder.listed for folder in news), found, strict=True))
    return bool(again or news)


def _folders(desired: Desired) -> Iterator[_Folder]:
    temporary = {group.name for group in desired.spec.groups if group.temporary}
    for listed, made, verdict, group, has_pack in desired.tasks.database.rows(_LISTED):
        yield _Folder(listed, made, verdict, group in temporary, bool(has_pack))


def _is_made_again(folder: _Folder) -> bool:
    return folder.verdict not in ("UP_TO_DATE", "NOT_SELECTED")


def _read(account: Account, container: str, folder: _Folder) -> list[Part] | None:
    """What the list says; None where a file is missing, or is none of those it names: another try has left it."""
    text = (account.blobs.read(container, folder.listed) or b"").decode("utf-8", "surrogateescape")
    parts = read_listing(text)
    if not folder.has_pack:
        return parts
    prefix = spread_of(folder.made)
    there = {blob.name.removeprefix(prefix): blob.md5 for blob in account.blobs.list(container, prefix)}
    is_whole = all(part.name in there and there[part.name] in ("", part.content) for part in parts)
    return parts if is_whole else None
