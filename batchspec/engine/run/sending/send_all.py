"""Many calls of one kind: one after the other where that is fastest, else side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from batchspec.service.http.retry import CONNECTIONS

_T = TypeVar("_T")

COLLECTION_SLOW_S = 0.02  # of a hundred tasks
SINGLE_SLOW_S = 0.002


def send_all(
    values: Iterable[_T],
    send: Callable[[_T], None],
    *,
    slow_s: float = COLLECTION_SLOW_S,
    most: int = CONNECTIONS,
) -> None:
    """Sends each of *values*, up to *most* side by side where the service takes its time: *slow_s* for one of them.

    To one that answers at once this thread sends them itself: others would only fight with it for the
    interpreter. The first is sent beside it, to see which it is. Raises what *send* raised, once the calls in
    flight are over. With 96 of them, a service that takes 300 ms for a collection gets 32,000 tasks a second.
    """
    # Not all are handed to the pool at once: *values* may be a million, each with its body, and the pool has no bound.
    in_flight: set[Future[None]] = set()
    at_once, is_quick = 1, False
    with ThreadPoolExecutor(most, "send") as senders:
        for value in values:
            if is_quick:
                began = time.monotonic()
                send(value)
                is_quick = time.monotonic() - began < slow_s
                continue
            in_flight.add(senders.submit(send, value))
            if len(in_flight) >= at_once:
                patience = slow_s if at_once < most else None
                done, in_flight = wait(in_flight, patience, FIRST_COMPLETED)
                # Only of a call that was alone: others have waited for each other, not for the service.
                is_quick = bool(done) and at_once == 1
                if not done:  # eightfold, so that a slow service has all of them within a few calls
                    at_once = min(at_once * 8, most)
                for future in done:
                    future.result()
        for future in in_flight:
            future.result()
