"""Waiting for what passes by itself: an old pool that is still going, a resize under way, a quota that is used up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from batchspec.errors import ServiceError
from batchspec.service.batch.client import Batch

_FIRST_POLL_S = 0.05  # an empty pool is steady at once on the local account, after two seconds on Azure
_LONGEST_POLL_S = 5.0

Progress = Callable[[str], None]
Found = TypeVar("Found")


class Passing(NamedTuple):
    """A refusal that passes by itself: what is waited for, in words, and for how long at most."""

    what: str
    limit_s: float


def poll_waits() -> Iterator[float]:
    """Seconds to wait between two looks: twice as long each time, up to a few seconds; without end."""
    wait_s = _FIRST_POLL_S
    while True:
        yield wait_s
        wait_s = min(2 * wait_s, _LONGEST_POLL_S)


def insist(
    batch: Batch, call: Callable[[], Found], passing: Mapping[str, Passing], progress: Progress
) -> Found:
    """What *call* returns, made again as long as the service refuses it with a code of *passing*.

    *progress* is told what is waited for, and may raise. Raises any other refusal, and one that has not passed
    within its limit.
    """
    began = time.monotonic()
    for wait_s in poll_waits():
        try:
            return call()
        except ServiceError as error:
            if error.code not in passing:
                raise
            what, limit_s = passing[error.code]
            if time.monotonic() - began >= limit_s:
                raise ServiceError(
                    f"{error}; waited {_in_words(limit_s)} for {what}",
                    status=error.status,
                    code=error.code,
                    request_id=error.request_id,
                    help=error.help,
                ) from error
        progress(f"waiting for {what}")
        batch.patience.pause(wait_s)
    raise AssertionError("the waits have no end")


def no_progress(_text: str) -> None:
    """For who has nobody to tell."""


def _in_words(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
