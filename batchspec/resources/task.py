"""What we know of tasks: their ids, which carry what they do, and how they ended.

An id is `SLUG-KEY-WORK[-ATTEMPT]`, at most 64 characters of letters, digits, `-`
and `_`. KEY is a hash of group and input path; WORK five characters for the
command and five for the input's content (ten where a task reads more than one input).
So a listing of ids and states is all a plan has to read, and it says whether the
command changed or the input.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from batchspec.resources.base import Json
from batchspec.secrecy import without_credentials

FINGERPRINT_VARIABLE = "BATCHSPEC_FINGERPRINT"
COMMAND_VARIABLE = "BATCHSPEC_COMMAND"
OWN_VARIABLES = (FINGERPRINT_VARIABLE, COMMAND_VARIABLE)
"""The environment settings that tasks get: their fingerprint, and what the wrapper runs."""

CANCELLED = "cancelled"
"""The failure of a task that somebody ended. It is no fault of the task's."""
OVER_TIME = "terminated with its job: job.constraints.maxWallClockTime exceeded"
"""The failure of a task of which the service says the same, and which ended with a job that took too long."""
NOT_RUN = "not run"
"""How a task stands that never began and never will; with why behind it, its failure."""

_SLUG_LENGTH = 38  # what is left of 64 after two hashes, three hyphens and an attempt up to 999
_UNFIT = re.compile(r"[^A-Za-z0-9_]+")
_FIT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_ID = re.compile(
    r"(?P<key>[\w-]+-[a-z2-7]{10})-(?P<work>[a-z2-7]{10}(?:[a-z2-7]{5})?)(?:-(?P<attempt>\d+))?", re.ASCII
)
_NOTHING = blake2b(digest_size=16)  # a copy takes less time than another one


def digest(*parts: str) -> str:
    """32 hexadecimal digits that stand for *parts* and their order."""
    state = _NOTHING.copy()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape")
        state.update(len(data).to_bytes(8, "big"))
        state.update(data)
    return state.hexdigest()


_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"  # ids are caseless
_PAIRS = tuple(first + second for first in _LETTERS for second in _LETTERS)


def _five(hexadecimal: str) -> str:
    """Five letters, of five bits each, that stand for a digest: the beginning of its Base32."""
    bits = int(hexadecimal[:7], 16)
    return _PAIRS[bits >> 18] + _PAIRS[bits >> 8 & 1023] + _LETTERS[bits >> 3 & 31]


_five_of_group = lru_cache(_five)  # the command's digest is that of all tasks of a group


def _ten(hexadecimal: str) -> str:
    """Likewise ten."""
    bits = int(hexadecimal[:13], 16)
    return (
        _PAIRS[bits >> 42]
        + _PAIRS[bits >> 32 & 1023]
        + _PAIRS[bits >> 22 & 1023]
        + _PAIRS[bits >> 12 & 1023]
        + _PAIRS[bits >> 2 & 1023]
    )


class Recipe(NamedTuple):
    """What decides a task's result: its command (with all rules around it) and its input's content.

    It `reads_more` than one input where the group says how rows become tasks.
    """

    command: str  # a digest
    input: str  # a digest
    reads_more: bool = False

    @property
    def fingerprint(self) -> str:
        return digest(self.command, self.input)

    @property
    def short(self) -> str:
        return _five_of_group(self.command) + (_ten(self.input) if self.reads_more else _five(self.input))


def task_key(group: str, input_path: str, stem: str, *, reads_more: bool = False) -> str:
    """The part of a task's id that stays while its work changes: a readable slug and a hash."""
    if "--" in stem or not _FIT.issuperset(stem):
        stem = _UNFIT.sub("-", stem)
    length = _SLUG_LENGTH - 5 if reads_more else _SLUG_LENGTH
    slug = stem.strip("-")[:length].strip("-") or "task"
    return f"{slug}-{_ten(digest(group, input_path))}"


def task_id(key: str, work: Recipe, attempt: int = 1) -> str:
    """The id of the *attempt*-th try of *work*; the first has no number."""
    return f"{key}-{work.short}" + (f"-{attempt}" if attempt > 1 else "")


class TaskId(NamedTuple):
    """What an id of ours says. `work` is `Recipe.short`."""

    key: str
    work: str
    attempt: int


def read_id(id: str) -> TaskId | None:
    """The parts of *id*; None for that of a task which someone else added to the job."""
    match = _ID.fullmatch(id)
    if match is None:
        return None
    return TaskId(match["key"], match["work"], int(match["attempt"] or 1))


class Execution(NamedTuple):
    """How a task ran so far. What is not known, or was not asked for, is None.

    `retries` counts the tries that the service began again by itself, `requeues` those that a lost node cut off.
    """

    created: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    node: str | None = None
    exit_code: int | None = None
    retries: int = 0
    requeues: int = 0


NOT_BEGUN = Execution()
"""Of a task that has not begun, or is not known to the service."""


class LiveTask(NamedTuple):
    """A task as a narrow listing tells of it. `state` is Batch's own."""

    id: str
    state: str
    failure: str = ""  # why it failed, for a completed one; empty: it succeeded
    changed: datetime | None = None  # since when it is in that state, where the listing was asked
    name: str = ""  # what people call it, where the listing was asked
    execution: Execution = NOT_BEGUN

    @property
    def is_completed(self) -> bool:
        return self.state == "completed"


def read_task(body: Json) -> LiveTask:
    """A listed task, ours or not."""
    state, name, execution = (
        body.get("state", "active").lower(),
        body.get("displayName", ""),
        execution_of(body),
    )
    changed = moment_of(body.get("stateTransitionTime"))
    if state != "completed":
        return LiveTask(body["id"], state, "", changed, name, execution)
    failure = failure_of(body.get("executionInfo") or {})
    return LiveTask(body["id"], state, failure, changed, name, execution)


def execution_of(body: Json) -> Execution:
    """How the task *body* ran so far."""
    info = body.get("executionInfo") or {}
    return Execution(
        created=moment_of(body.get("creationTime")),
        started=moment_of(info.get("startTime")),
        ended=moment_of(info.get("endTime")),
        node=(body.get("nodeInfo") or {}).get("nodeId"),
        exit_code=info.get("exitCode"),
        retries=int(info.get("retryCount") or 0),
        requeues=int(info.get("requeueCount") or 0),
    )


def moment_of(text: str | None) -> datetime | None:
    """The moment that the service writes as *text*; None where it writes none."""
    return datetime.fromisoformat(text) if text else None


def failure_of(execution: Json) -> str:
    """Why a completed task failed, in the service's words less any signature; empty when it did not (FACTS 5.2).

    Completed is not success: the exit code, the result and the failure info all
    have a say, since a failed upload leaves the exit code 0.
    """
    failure = execution.get("failureInfo")
    code = execution.get("exitCode")
    if failure and _is_cancelled(failure):
        return CANCELLED
    if failure and failure.get("code") != "FailureExitCode":
        said = f"{failure.get('code')}: {failure.get('message', '')}".rstrip(": ")
        # JSON may have halves of a character, which no database takes.
        return without_credentials(said.encode(errors="replace").decode())
    if code:
        return f"exit code {code}"
    if str(execution.get("result", "success")).lower() != "success" or code is None:
        return "it ended without an exit code" if code is None else "the service calls it a failure"
    return ""


def _is_cancelled(failure: Json) -> bool:
    """Whether somebody ended the task; one that was over its time has the same code (FACTS 5.2)."""
    return failure.get("code") == "TaskEnded" and "user request" in str(failure.get("message", "")).lower()


def is_denied(failure: str) -> bool:
    """Whether Storage refused the task its input or its output, as `failure_of` tells of it."""
    code = failure.partition(":")[0]
    return code.startswith(("Blob", "FileUpload")) and code.endswith("AccessDenied")
