"""What lies where outputs are downloaded to: the same, something older of ours, or something that is not ours."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.engine.look.remembered.digests import Digests
from batchspec.engine.look.remembered.downloaded import Downloaded
from batchspec.engine.look.remembered.unpacked import pack_in
from batchspec.plan.here import Here


class LocalOutputs:
    """Held against what was downloaded; with *overwrites*, what is not ours counts as something older of ours."""

    def __init__(self, places: Places, digests: Digests, downloaded: Downloaded, *, overwrites: bool) -> None:
        self._places = places
        self._digests = digests
        self._downloaded = downloaded
        self._overwrites = overwrites
        self._folder = str(places.file("").resolve())

    def find(self, blob: str, md5: str, etag: str, is_folder: bool) -> Here:
        """What is there of the output *blob*, which has this MD5 and ETag; both empty: it is yet to be made."""
        file = os.path.join(self._folder, blob.removeprefix(self._places.root))  # noqa: PTH118
        if is_folder:
            here = _unpacked(Path(file.removesuffix(PACK_SUFFIX)), md5)
            return Here.OUTDATED if here.is_kept and self._overwrites else here
        try:
            status = os.lstat(file)
            here = self._file(file, status, md5, etag)
        except OSError:
            return Here.MISSING
        is_replaced = here.is_kept and self._overwrites and not stat.S_ISDIR(status.st_mode)
        return Here.OUTDATED if is_replaced else here

    def _file(self, file: str, status: os.stat_result, md5: str, etag: str) -> Here:
        if not stat.S_ISREG(status.st_mode):
            return Here.FOREIGN
        local = self._digests.md5(file, status)
        if local == md5:
            self._downloaded.note(file, local, md5)
            return Here.SAME
        if not md5 and etag and self._downloaded.content(file, local) == etag:
            return Here.SAME
        return self._downloaded.judge(file, local)


def _unpacked(folder: Path, md5: str) -> Here:
    pack = pack_in(folder)
    if pack is None:
        return Here.MISSING
    if md5 and pack.md5 != md5:
        return Here.OUTDATED
    return Here.EDITED if pack.is_edited else Here.SAME
