"""How long a service that fails is asked again: one budget for each call, and no call waits on after one gave up.

azure-core sends POST and PATCH once only on 429, 408, 502 or a lost connection
(REQUIREMENTS F5): those that create, resize and update. Ours may all be repeated,
since what a first try made is read back and compared. The SDK of Storage knows no 429 and
no Retry-After. So both are given this policy instead of their own.
"""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import (
    AzureError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy

from batchspec.errors import UsageError

CONNECTIONS = 96
"""How many are kept open for each host. Who adds very many tasks is advised to have fewer than 100 requests in flight.

Source: learn.microsoft.com/azure/batch/large-number-tasks.
"""

PATIENCE_S = 300.0
PATIENCE_VARIABLE = "BATCHSPEC_PATIENCE"
_FIRST_WAIT, _LONGEST_WAIT = 1 / 600, 1 / 10  # of the patience: half a second, half a minute
_CONNECT_WITHIN, _ANSWER_WITHIN = 1 / 30, 1 / 5  # ten seconds, a minute
_GIVEN_UP_S = 5.0
_QUIET, _REPEATED = 1 / 100, 1 / 20  # of the patience: three seconds, fifteen
_UNKNOWN_HOST = 1 / 30  # for one that never answered; another one is being started anew

PASSING = frozenset({408, 429, 500, 502, 503, 504})
# What Storage's SDK tells its own policy by way of the options, and its transport must not hear.
_STORAGE_OPTIONS = (
    *("retry_total", "retry_connect", "retry_read", "retry_status", "retry_to_secondary", "retry_hook"),
    *("hosts", "location_mode"),
)


def _nobody(_: str) -> None:
    """Nobody listens."""


def _nothing() -> None:
    """There is nothing that we could start."""


class Patience:
    """How long a failing service is worth waiting for. An account has one, which all its calls share.

    Once a call has waited in vain no other one waits any more, until the service has answered: so a command that
    makes several calls, or does something about the failure of one, ends with the first budget that is spent.
    """

    def __init__(self, limit_s: float = PATIENCE_S) -> None:
        self.limit_s = limit_s
        self.is_spent = False
        self.hurried = threading.Event()
        self.tell: Callable[[str], None] = _nobody
        """Is told, now and then, what is waited for once it takes longer than a moment."""
        self.revive: Callable[[], None] = _nothing
        """Is called where nobody answers any more: starts what we can start ourselves."""
        self._told_at = -math.inf
        self._lock = threading.Lock()

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Patience:
        """As the environment has it (BATCHSPEC_PATIENCE, in seconds). Raises `UsageError` for what is no number."""
        text = environment.get(PATIENCE_VARIABLE)
        if not text:
            return cls()
        try:
            limit_s = float(text)
        except ValueError:
            limit_s = 0.0
        if not 0 < limit_s < threading.TIMEOUT_MAX:
            raise UsageError(f"{PATIENCE_VARIABLE} is {text!r}; it takes seconds, for instance 300")
        return cls(limit_s)

    def report(self, what: str, spent_s: float) -> None:
        """Tells that *what* is tried again; many calls that fail at once are one line."""
        now = time.monotonic()
        with self._lock:
            if spent_s < self.limit_s * _QUIET or now - self._told_at < self.limit_s * _REPEATED:
                return
            self._told_at = now
        left_s = max(1, round(self.limit_s - spent_s))
        self.tell(f"{what}; retrying for up to {left_s} more seconds")

    def begin(self) -> Budget:
        """The budget of one call, or of several that are one to the person."""
        return Budget(self)

    def pause(self, seconds: float) -> None:
        """Waits before another look at something, no longer than until somebody hurries."""
        self.hurried.wait(seconds)

    def hurry(self) -> None:
        """From now on what fails is not asked again: the person wants to go, or something else has failed."""
        self.hurried.set()


class Budget:
    """What one call has left. Waits are twice as long each time, at random up to that (so that many clients part)."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._began = time.monotonic()
        self._tries = 0
        self._is_over = False

    @property
    def is_repeated(self) -> bool:
        """Whether there was a try before this one: the service may have done what it asked for."""
        return self._tries > 0

    @property
    def spent_s(self) -> float:
        return time.monotonic() - self._began

    def timeouts(self) -> dict[str, float]:
        """How long the next try may take, to connect and to be answered: no longer than is left.

        A service that was given up gets little: giving back a lock must not take another minute.
        """
        limit_s = self._patience.limit_s
        left_s = max(limit_s - self.spent_s, limit_s * _FIRST_WAIT)
        if self._patience.is_spent:
            left_s = min(left_s, _GIVEN_UP_S)
        return {
            "connection_timeout": min(limit_s * _CONNECT_WITHIN, left_s),
            "read_timeout": min(limit_s * _ANSWER_WITHIN, left_s),
        }

    def wait(self, asked_s: float = 0.0, what: str = "") -> bool:
        """Waits before the next try, *asked_s* at least (a Retry-After); False at once, when there is to be none.

        *what* is told to whoever would otherwise wait in silence.
        """
        patience = self._patience
        longest_s = patience.limit_s * _LONGEST_WAIT
        wait_s = random.uniform(0, min(patience.limit_s * _FIRST_WAIT * 2**self._tries, longest_s))  # noqa: S311
        wait_s = max(wait_s, min(asked_s, longest_s))
        self._tries += 1
        self._is_over = self._is_over or self.spent_s + wait_s >= patience.limit_s
        if self._is_over or patience.is_spent:
            return False
        if what:
            patience.report(what, self.spent_s + wait_s)
        return not patience.hurried.wait(wait_s)


class PatientRetry(HTTPPolicy[Any, Any]):
    """Asks again what may pass by itself; what it gives back, or raises, is the last answer.

    A call may bring the *budget* that it is part of, or ask to be tried *once*: its failure gives nothing up.
    One that is streamed may ask for the *whole* answer: it is read here, where one that breaks off is asked for again,
    and the SDK, which goes by `stream`, leaves it undecoded.
    """

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._patience = patience
        self._is_known = False

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        options = request.context.options
        budget: Budget = options.pop("budget", None) or self._patience.begin()
        once = options.pop("once", False)
        # The SDK comes here again with the same context where it is sent elsewhere.
        is_whole = request.context.setdefault("whole", options.pop("whole", False))
        location = [options.pop(name, None) for name in _STORAGE_OPTIONS][-1]
        own = {name: options[name] for name in ("connection_timeout", "read_timeout") if name in options}
        response: PipelineResponse[Any, Any] | None = None
        while True:
            options.update(budget.timeouts() | own)
            try:
                response = self._sent(request) if is_whole else self.next.send(request)
            except (ServiceRequestError, ServiceResponseError, IncompleteReadError) as error:
                if once:
                    raise
                if isinstance(error, ServiceRequestError) and not self._patience.hurried.is_set():
                    self._patience.revive()
                what = f"{_host(request)} does not answer"
                if not self._is_hopeless(error, budget) and self._waits(budget, what):
                    continue
                if response is not None and isinstance(error, ServiceResponseError):
                    return response  # says more than that the last try, which had little time, had too little
                raise
            self._is_known = True
            response.http_response.location_mode = location  # Storage's SDK looks for it there
            if response.http_response.status_code not in PASSING:
                self._patience.is_spent = False
                return response
            what = f"{_host(request)} answers {response.http_response.status_code}"
            if once or not self._waits(budget, what, _retry_after_s(response)):
                return response

    def _sent(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        request.context.options["stream"] = False
        try:
            return self.next.send(request)
        finally:
            request.context.options["stream"] = True

    def _waits(self, budget: Budget, what: str, asked_s: float = 0.0) -> bool:
        """Whether it waited for another try; where the time is over, nobody else waits either."""
        if budget.wait(asked_s, what):
            return True
        self._patience.is_spent = not self._patience.hurried.is_set()
        return False

    def _is_hopeless(self, error: AzureError, budget: Budget) -> bool:
        """Whether nothing listens at an address that never answered: it is likely to be wrong."""
        if self._is_known or not isinstance(error, ServiceRequestError):
            return False
        return self._patience.is_spent or budget.spent_s >= self._patience.limit_s * _UNKNOWN_HOST


def _host(request: PipelineRequest[Any]) -> str:
    return urlsplit(str(request.http_request.url)).netloc


def _retry_after_s(response: PipelineResponse[Any, Any]) -> float:
    """The service's own Retry-After, in seconds or a date; 0 where it has none."""
    text = str(response.http_response.headers.get("Retry-After", ""))
    with suppress(ValueError):
        return float(text)
    with suppress(ValueError, TypeError):
        return (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    return 0.0
