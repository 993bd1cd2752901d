"""What we know of jobs. Source: Create/Update Job, Batch REST API 2025-06-01; FACTS 4 and 5.1.

A job has generations: a completed job takes no more tasks, so the next work gets
the next id (`encode`, `encode-2`, `encode-3`), and no deletion is ever waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from batchspec.resources.base import (
    METADATA,
    STAMP_STOPPED,
    UNSTATED,
    Change,
    Effect,
    Field,
    Json,
    differences,
    metadata_changes,
    metadata_of,
)
from batchspec.resources.equality import as_created, caseless, same_duration
from batchspec.resources.task_fields import (
    CONSTRAINTS,
    CONTAINER,
    ENVIRONMENT,
    MANAGER_CONSTRAINTS,
    NO_LIMIT,
    OUTPUT_FILES,
    PACKAGES,
    RESOURCE_FILES,
    USER_IDENTITY,
)

_COMMAND = {
    "commandLine": Field(),
    "containerSettings": CONTAINER,
    "resourceFiles": RESOURCE_FILES,
    "environmentSettings": ENVIRONMENT,
    "userIdentity": USER_IDENTITY,
}

_PREPARATION = Field(
    effect=Effect.REPLACE,
    fields={
        "id": Field("jobpreparation", same=caseless),
        **_COMMAND,
        "constraints": CONSTRAINTS,
        "waitForSuccess": Field(True),
        "rerunOnNodeRebootAfterSuccess": Field(True),
    },
)

_RELEASE = Field(
    effect=Effect.REPLACE,
    fields={
        "id": Field("jobrelease", same=caseless),
        **_COMMAND,
        "maxWallClockTime": Field("PT15M", same=same_duration),
        "retentionTime": Field("P7D", same=same_duration),
    },
)

_MANAGER = Field(
    effect=Effect.REPLACE,
    fields={
        "id": Field(same=caseless),
        "displayName": Field(),
        **_COMMAND,
        "outputFiles": OUTPUT_FILES,
        "constraints": MANAGER_CONSTRAINTS,
        "requiredSlots": Field(1),
        "killJobOnCompletion": Field(True),
        "runExclusive": Field(True),
        "applicationPackageReferences": PACKAGES,
        "allowLowPriorityNode": Field(True),
    },
)

FIELDS: dict[str, Field] = {
    "id": Field(same=caseless, effect=Effect.REPLACE),
    "displayName": Field(effect=Effect.REPLACE),
    "priority": Field(0, effect=Effect.IN_PLACE),
    "constraints": Field(
        {},
        effect=Effect.IN_PLACE,
        fields={"maxWallClockTime": Field(NO_LIMIT, same=same_duration), "maxTaskRetryCount": Field(0)},
    ),
    "maxParallelTasks": Field(-1, effect=Effect.IN_PLACE),
    "allowTaskPreemption": Field(False, effect=Effect.IN_PLACE),
    "onAllTasksComplete": Field("terminatejob", same=caseless, effect=Effect.IN_PLACE),
    "onTaskFailure": Field("noaction", same=caseless, effect=Effect.REPLACE),
    # Ours is true, the service's false: an open job of an older version is used up as it is.
    "usesTaskDependencies": Field(True, same=as_created, effect=Effect.REPLACE),
    "commonEnvironmentSettings": Field(effect=Effect.REPLACE, any_order=True, fields=ENVIRONMENT.fields),
    "jobPreparationTask": _PREPARATION,
    "jobReleaseTask": _RELEASE,
    "jobManagerTask": _MANAGER,
    "poolInfo": Field(effect=Effect.REPLACE, fields={"poolId": Field(same=caseless)}),
    "networkConfiguration": Field(
        UNSTATED,  # no patch can take it away
        effect=Effect.IN_PLACE,
        fields={"subnetId": Field(same=caseless), "skipWithdrawFromVNet": Field(False)},
    ),
    "metadata": METADATA,
}


FILES_METADATA = "batchspec.files"
"""On a job whose nodes fetch files once: a digest of which. Nodes that have begun have others."""


def changes(desired: Json, live: Json) -> Iterator[Change]:
    """The fields on which a live, open job differs from the spec's."""
    for change in differences(FIELDS, desired, live):
        cannot_go_back = change.path == ("onAllTasksComplete",) and change.after == "noaction"
        yield change._replace(effect=Effect.REPLACE) if cannot_go_back else change
    for change in metadata_changes(desired, live):
        is_of_files = change.path == ("metadata", FILES_METADATA)
        yield change._replace(effect=Effect.REPLACE) if is_of_files else change


def is_open(live: Json) -> bool:
    """Whether tasks can still be added. A disabled job takes tasks, it only does not run them."""
    return live.get("state") in ("active", "enabling", "disabled", "disabling")


def is_stopped(live: Json) -> bool:
    """Whether a run has disabled the job since too many of its tasks failed, and has not ended it."""
    return live.get("state") in ("disabled", "disabling") and STAMP_STOPPED in metadata_of(live)


def generation(base_id: str, job_id: str) -> int | None:
    """Which generation of *base_id* a job is, from 1; None when it is none. Ids are compared without case."""
    base, name = base_id.casefold(), job_id.casefold()
    if name == base:
        return 1
    number = name.removeprefix(f"{base}-")
    if number == name or not number.isdecimal() or number.startswith("0") or number == "1":
        return None
    return int(number)


def generation_id(base_id: str, number: int) -> str:
    """The id of the generation *number* of *base_id*."""
    return base_id if number == 1 else f"{base_id}-{number}"


def next_id(base_id: str, taken: Iterable[str]) -> str:
    """The id of the generation after all of *taken*."""
    numbers = [number for job_id in taken if (number := generation(base_id, job_id))]
    return generation_id(base_id, max(numbers, default=0) + 1)


def creation_body(desired: Json, job_id: str) -> dict[str, Any]:
    """What to send to make a job: it completes by itself only after all its tasks are in (FACTS 0.13)."""
    return {**desired, "id": job_id, "onAllTasksComplete": "noaction"}
