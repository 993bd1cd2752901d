"""Links that end before their task may: which tasks have such, and when the first of them ends.

A task's links are signed when it is added, so the service's own `creationTime` tells how long they
last at the least. A job that is younger than that has no such task, and is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple

from batchspec.language.model import Spec
from batchspec.resources import job as jobs
from batchspec.resources.base import Json
from batchspec.resources.links import (
    LINK_MARGIN,
    LINKS_LAST,
    LONGEST_LINK_LIFE,
    end_of,
    has_long_links,
    life_wanted,
)
from batchspec.resources.task import LiveTask, is_denied, read_id
from batchspec.service.batch import task as task_service
from batchspec.service.connect import Account

_COUNTED = 10_000


class LinksEnd(NamedTuple):
    """How many tasks wait, and how many run, with links that have ended or do within a day.

    `first` is when the first of them ends, at the earliest: UTC, ISO 8601. Beyond 10,000 tasks nobody counts.
    """

    queued: int
    running: int
    first: str


def links_last(account: Account, spec: Spec) -> timedelta:
    """How long the links of tasks last that are added now."""
    return account.blobs.link_life(life_wanted(spec.job))


def read_ending(account: Account, spec: Spec, job: Json | None) -> Iterator[LiveTask]:
    """The tasks of the live *job* whose links end before long; none of a spec whose tasks have no links."""
    return (task for task, _ in _ending(account, spec, job))


def links_end(account: Account, spec: Spec, job: Json | None) -> LinksEnd | None:
    """The same in numbers; None where there is nothing to say."""
    found = list(islice(_ending(account, spec, job), _COUNTED))
    if not found:
        return None
    queued = sum(1 for task, _ in found if task.state == "active")
    first = min(end for _, end in found)
    return LinksEnd(queued, len(found) - queued, f"{first.astimezone(UTC):%Y-%m-%dT%H:%MZ}")


def start_links_end(account: Account, spec: Spec, pool: Json | None) -> str:
    """The day on which links of the live *pool*'s start task end; empty where half of their life is to come."""
    if pool is None or spec.pool is None or not spec.pool.start_files:
        return ""
    files = (pool.get("startTask") or {}).get("resourceFiles") or ()
    ends = [end for file in files if (end := end_of(file.get("httpUrl", "")))]
    half = account.blobs.link_life(LONGEST_LINK_LIFE) / 2
    first = min(ends, default=None)
    return f"{first:%Y-%m-%d}" if first is not None and first < datetime.now(UTC) + half else ""


def what_now(spec: Spec, failure: str) -> str:
    """What to do about a task that failed so; empty where its own words say more."""
    if failure.startswith("exit code 127"):  # a shell's word for a program that is not there
        return (
            "exit code 127 means that a program is not on the node: install it by pool.startTask, or bring it as "
            "an application package or in a container image"
        )
    if not is_denied(failure):
        return ""
    if spec.identity is not None:
        name = spec.identity.rpartition("/")[2]
        return (
            f"Storage refuses the identity {name}: give it the role Storage Blob Data Contributor on the storage "
            "account, then run the same command again"
        )
    return (
        "Storage refuses the links of these tasks: the storage account's key was rotated, or they waited until "
        "the links had ended; the next apply signs new ones and runs them again"
    )


def _ending(account: Account, spec: Spec, job: Json | None) -> Iterator[tuple[LiveTask, datetime]]:
    """The tasks with the time at which their links end."""
    if spec.identity is not None or job is None or not jobs.is_open(job):
        return
    added_before = datetime.now(UTC) - (LINKS_LAST - LINK_MARGIN)
    if datetime.fromisoformat(job["creationTime"]) < added_before:
        waiting = task_service.read_waiting(
            account.batch, job["id"], added_before, has_long_links=has_long_links(job)
        )
        for task, end in waiting:
            if read_id(task.id) and end < datetime.now(UTC) + LINK_MARGIN:
                yield task, end
