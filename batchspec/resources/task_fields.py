"""Fields that tasks of all sorts share: start tasks, preparation and release tasks, tasks.

Source: Batch REST API 2025-06-01; read-back defaults from FACTS 5.1.
"""

from __future__ import annotations

from batchspec.resources.base import Field, caseless, same_duration, same_url

ENVIRONMENT = Field(key="name", fields={"name": Field(), "value": Field()})

RESOURCE_FILE = Field(
    fields={
        "autoStorageContainerName": Field(),
        "storageContainerUrl": Field(same=same_url),
        "httpUrl": Field(same=same_url),
        "blobPrefix": Field(),
        "filePath": Field(),
        "fileMode": Field(),
        "identityReference": Field(),
    }
)

USER_IDENTITY = Field(
    {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
    fields={
        "username": Field(),
        "autoUser": Field(
            fields={
                "scope": Field("pool", same=caseless),
                "elevationLevel": Field("nonadmin", same=caseless),
            }
        ),
    },
)

TASK_CONSTRAINTS = Field(
    {},
    fields={
        "maxWallClockTime": Field("P10675199DT2H48M5.4775807S", same=same_duration),
        "retentionTime": Field("P7D", same=same_duration),
        "maxTaskRetryCount": Field(0),
    },
)


def container_settings() -> Field:
    """The container a task runs in."""
    return Field(
        fields={
            "containerRunOptions": Field(),
            "imageName": Field(),
            "registry": Field(),
            "workingDirectory": Field("taskWorkingDirectory", same=caseless),
            "containerHostBatchBindMounts": Field(),
        }
    )
