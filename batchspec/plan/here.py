"""What of an output is on this machine."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from batchspec.plan.model import Reason


class Here(Enum):
    """What lies where an output is downloaded to, beside the output itself."""

    SAME = "the same"
    MISSING = "nothing"
    OUTDATED = "what was downloaded before, or what may be overwritten"
    EDITED = "what was downloaded and edited since"
    FOREIGN = "something that was not downloaded"
    OTHERS = "what another spec has downloaded"

    @property
    def is_kept(self) -> bool:
        """Whether it is not overwritten."""
        return self in (Here.EDITED, Here.FOREIGN, Here.OTHERS)

    @property
    def reason(self) -> Reason:
        """Why the output is fetched, or is not."""
        return _REASONS[self]


_REASONS = {
    Here.MISSING: Reason.LOCAL_MISSING,
    Here.OUTDATED: Reason.LOCAL_DIFFERS,
    Here.EDITED: Reason.LOCAL_EDITED,
    Here.FOREIGN: Reason.LOCAL_FOREIGN,
    Here.OTHERS: Reason.LOCAL_OTHERS,
}

FindLocal = Callable[[str, str, str, bool], Here]
"""By an output's blob, its MD5 and its ETag, both empty where it has yet to be made, and whether it is a folder."""


def nothing_here(_blob: str, _md5: str, _etag: str, _is_folder: bool) -> Here:
    return Here.MISSING
