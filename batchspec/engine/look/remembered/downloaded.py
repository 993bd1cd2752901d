"""What batchspec has downloaded to where, remembered in the person's cache beside the digests of files.

A file that is not known there is the person's own. Without the cache (it may be deleted at any time) files that
equal their blobs count as downloaded all the same, for `plan` notes those.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from batchspec.engine.look.remembered.cache import Cache, cache_path, is_text
from batchspec.plan.here import Here

# `content` is what the blob was known by, an MD5 or without one an ETag; `spec` the name of the spec it was for. For a
# moment a file has two rows: of what it was, and of what it is about to be.
_TABLE = "download (name TEXT, md5 TEXT, content TEXT, spec TEXT, PRIMARY KEY (name, md5))"
_ADD = "INSERT OR IGNORE INTO download VALUES (?, ?, ?, ?)"
_AT_ONCE = 1000


class Downloaded:
    """What was downloaded, by its path and its MD5. Threads may share it, but for `note`."""

    def __init__(self, spec: str, path: Path | None = None) -> None:
        self._spec = spec
        self._cache = Cache(path or cache_path(), _TABLE)
        self._noted: list[tuple[str, str, str, str]] = []

    def __enter__(self) -> Downloaded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()
        self._cache.close()

    def content(self, file: str, md5: str) -> str | None:
        """What the blob was known by that *file*, an absolute path, was downloaded from with this MD5; None without."""
        return next((content for md5_, content, _ in self._versions(file) if md5_ == md5), None)

    def judge(self, file: str, md5: str) -> Here:
        """Whose *file* is, which has this MD5 and is not as its blob is."""
        versions = self._versions(file)
        specs = [spec for md5_, _, spec in versions if md5_ == md5]
        if not specs:
            return Here.EDITED if versions else Here.FOREIGN
        return Here.OUTDATED if self._spec in specs else Here.OTHERS

    def _versions(self, file: str) -> list[tuple[str, str, str]]:
        query = "SELECT md5, content, spec FROM download WHERE name = ?"
        return self._cache.rows(query, file) if is_text(file) else []

    def below(self, folder: str) -> Iterator[tuple[str, str]]:
        """The files below *folder* that were downloaded for the spec, by absolute path, each with its MD5."""
        query = (
            "SELECT name, md5 FROM download WHERE spec = ? AND (name, md5) > (?, ?) AND name < ?"
            " ORDER BY name, md5 LIMIT ?"
        )
        last, end = (f"{folder}/", ""), f"{folder}0"  # `0` comes after `/`
        while rows := self._cache.rows(query, self._spec, *last, end, _AT_ONCE):
            yield from rows
            last = rows[-1]

    def forget(self, file: str) -> None:
        """*file* is gone."""
        self._cache.write("DELETE FROM download WHERE name = ?", [(file,)])

    def note(self, file: str, md5: str, content: str) -> None:
        """*file* is as its blob is, and so counts as downloaded. Written with many others."""
        if is_text(file):
            self._noted.append((file, md5, content, self._spec))
        if len(self._noted) >= _AT_ONCE:
            self._write()

    def expect(self, file: str, md5: str, content: str) -> None:
        """*file* is about to have a content with this MD5: whatever happens, it is known."""
        if is_text(file):
            self._cache.write(_ADD, [(file, md5, content, self._spec)])

    def settle(self, file: str, md5: str) -> None:
        """*file* has that content now, and none of those that it had before."""
        if is_text(file):
            self._cache.write("DELETE FROM download WHERE name = ? AND md5 <> ?", [(file, md5)])

    def _write(self) -> None:
        if self._noted:
            self._cache.write(_ADD, self._noted)
        self._noted.clear()
