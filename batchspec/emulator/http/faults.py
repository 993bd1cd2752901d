"""Faults that a test asks for: calls that fail, wait or lose their answer, links that expire, nodes that go.

There are none in normal use: a signed `POST /_local/faults` brings each, and they end with the process.

    operation   a pattern of the API's names (`create_*`), or `read_blob`, `write_blob`: a node's own transfers
    path        a pattern of the path (`/jobs/*`; for a transfer `/CONTAINER/BLOB`)
    after       so many calls that fit pass before it
    times       so many calls it strikes (1); 0: all
    delay       the seconds a call waits before it is answered, or struck by what else is asked for
    status      the answer, instead of the operation's own, with `code` and `retryAfter`
    reset       the connection is cut with a RST: `before` or `after` the operation was done
    tasks       of a collection: {"every": N, "as": STATUS}, one task in N. With the status `servererror` or
                `clienterror` (as written here, in any letter case) it is not added, and is answered so, with `code`;
                `unstored` is neither added nor answered; `unanswered` is added and not answered
    preempt     the pool whose first Spot node is taken away, as Azure takes it
    expired     the links of a transfer have expired
"""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit

from batchspec.emulator.http.reply import JSON, Reply
from batchspec.emulator.state.clock import Clock
from batchspec.emulator.state.errors import ApiError

_CODES = {408: "OperationTimedOut", 413: "RequestBodyTooLarge", 429: "TooManyRequests", 503: "ServerBusy"}
_REQUEST_ID = "00000000-0000-0000-0000-000000000000"
_EXPIRY = re.compile(r"(?<=[?&])se=[^&]*")
_PAST = "2020-01-01T00%3A00%3A00Z"


class Reset(Exception):
    """The connection of this request is to be cut."""


@dataclass(slots=True)
class Fault:
    """One of the above; its members are named as in JSON."""

    operation: str = "*"
    path: str = "*"
    after: int = 0
    times: int = 1
    delay: float = 0
    status: int = 0
    code: str = ""
    retryAfter: float | None = None
    reset: str = ""
    tasks: dict[str, Any] | None = None
    preempt: str = ""
    expired: bool = False

    def fits(self, operation: str, path: str) -> bool:
        return fnmatchcase(operation, self.operation) and fnmatchcase(path, self.path)

    async def strike(self, endpoint: str, clock: Clock) -> Reply | None:
        """What happens before the operation; the answer, where it is not the operation's own. Raises `Reset`."""
        await asyncio.sleep(self.delay)
        if self.reset == "before":
            raise Reset
        if not self.status:
            return None
        error = ApiError(self.code or _CODES.get(self.status, "InternalError"), status=self.status)
        headers = {} if self.retryAfter is None else {"Retry-After": f"{self.retryAfter:g}"}
        body = error.body(endpoint, _REQUEST_ID, clock.now())
        return Reply(self.status, {"Content-Type": JSON, **headers}, body)

    def withhold(self, body: dict[str, Any]) -> list[str]:
        """Takes those tasks out of a collection that are not to be added; their ids."""
        if not self.tasks or self.tasks["as"] == "unanswered":
            return []
        withheld = self._struck(body["value"], "id")
        body["value"] = [task for task in body["value"] if task["id"] not in withheld]
        return withheld

    def spoil(self, clock: Clock, reply: Reply, withheld: list[str]) -> Reply:
        """*reply*, which the operation gave, as it is to be sent. Raises `Reset`."""
        if self.reset == "after":
            raise Reset
        if not self.tasks:
            return reply
        answer = json.loads(reply.body)
        results = answer["value"]
        if self.tasks["as"] == "unanswered":
            unanswered = self._struck(results, "taskId")
            results = [result for result in results if result["taskId"] not in unanswered]
        elif self.tasks["as"] != "unstored":
            results += [self._refused(clock, task_id) for task_id in withheld]
        return Reply(reply.status, reply.headers, json.dumps({**answer, "value": results}).encode())

    def _struck(self, items: list[dict[str, Any]], name: str) -> list[str]:
        every = int((self.tasks or {})["every"])
        return [item[name] for item in items[every - 1 :: every]]

    def _refused(self, clock: Clock, task_id: str) -> dict[str, Any]:
        status = str((self.tasks or {})["as"])
        usual = "InternalError" if status.lower() == "servererror" else "InvalidPropertyValue"
        error = ApiError(self.code or usual)
        return {
            "status": status,
            "taskId": task_id,
            "error": error.as_json(_REQUEST_ID, clock.now()),
        }


def _parsed(raw: bytes) -> Fault:
    try:
        asked = {name: _TYPES[name](value) for name, value in json.loads(raw).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ApiError("InvalidRequestBody", ("Reason", repr(error))) from None
    if asked.get("reset", "") not in ("", "before", "after"):
        raise ApiError("InvalidRequestBody", ("Reason", "reset is before or after"))
    return Fault(**asked)


def _tasks(asked: dict[str, Any]) -> dict[str, Any]:
    return {"every": int(asked["every"]), "as": str(asked["as"])}


_TYPES: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("operation", "path", "code", "reset", "preempt"), str),
    **dict.fromkeys(("after", "times", "status"), int),
    **dict.fromkeys(("delay", "retryAfter"), float),
    "tasks": _tasks,
    "expired": bool,
}


class Faults:
    """Those that are still to strike, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._left: list[Fault] = []

    def __len__(self) -> int:
        return len(self._left)

    def add(self, raw: bytes) -> None:
        """Remembers the fault that a request's body describes. Raises `ApiError` for what is none."""
        self._left.append(_parsed(raw))

    def clear(self) -> None:
        self._left.clear()

    def take(self, operation: str, path: str) -> Fault | None:
        """The fault that strikes this call: the first that fits and has let pass what it lets pass."""
        for fault in self._left:
            if not fault.fits(operation, path):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            if fault.times == 1:
                self._left.remove(fault)
            fault.times = max(fault.times - 1, 0)
            return fault
        return None

    def link(self, operation: str, url: str) -> str:
        """*url*, with which a node is about to read or write; expired where a fault says so, and Storage refuses it."""
        fault = self.take(operation, unquote(urlsplit(url).path)) if self._left else None
        return _EXPIRY.sub(f"se={_PAST}", url) if fault is not None and fault.expired else url
