"""Fields that tasks of all sorts share: start tasks, preparation, release and manager tasks.

Source: Batch REST API 2025-06-01; read-back defaults from FACTS 5.1.
"""

from __future__ import annotations

from batchspec.resources.base import SECRET, UNSTATED, Field
from batchspec.resources.equality import caseless, same_duration, same_url

NO_LIMIT = "P10675199DT2H48M5.4775807S"
"""How the service writes "no time limit"."""

IDENTITY = Field(fields={"resourceId": Field(same=caseless)})
"""A managed identity, by its Azure resource id."""

ENVIRONMENT = Field(any_order=True, fields={"name": Field(), "value": Field()})

RESOURCE_FILES = Field(
    fields={
        "httpUrl": Field(same=same_url),
        "storageContainerUrl": Field(same=same_url),
        "autoStorageContainerName": Field(),
        "blobPrefix": Field(),
        "filePath": Field(),
        "fileMode": Field("0770"),
        "identityReference": IDENTITY,
    }
)

OUTPUT_FILES = Field(
    fields={
        "filePattern": Field(),
        "destination": Field(
            fields={
                "container": Field(
                    fields={
                        "containerUrl": Field(same=same_url),
                        "path": Field(),
                        "identityReference": IDENTITY,
                        "uploadHeaders": Field(any_order=True, fields={"name": Field(), "value": Field()}),
                    }
                )
            }
        ),
        "uploadOptions": Field({}, fields={"uploadCondition": Field("taskcompletion", same=caseless)}),
    }
)

PACKAGES = Field(any_order=True, fields={"applicationId": Field(same=caseless), "version": Field()})

REGISTRY = Field(
    any_order=True,
    fields={
        "registryServer": Field("docker.io", same=caseless),
        "username": Field(),
        "password": SECRET,
        "identityReference": IDENTITY,
    },
)

CONTAINER = Field(
    fields={
        "imageName": Field(),
        "containerRunOptions": Field(),
        "workingDirectory": Field("taskWorkingDirectory", same=caseless),
        "registry": REGISTRY,
        "containerHostBatchBindMounts": Field(
            any_order=True, fields={"source": Field(same=caseless), "isReadOnly": Field(False)}
        ),
    }
)
"""The container a task runs in."""

USER_IDENTITY = Field(
    {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
    fields={
        "username": Field(),
        "autoUser": Field(  # absent beside a username, which is all there is then
            fields={
                "scope": Field("pool", same=caseless),
                "elevationLevel": Field("nonadmin", same=caseless),
            }
        ),
    },
)

CONSTRAINTS = Field(
    {},
    fields={
        "maxWallClockTime": Field(NO_LIMIT, same=same_duration),
        "retentionTime": Field("P7D", same=same_duration),
        "maxTaskRetryCount": Field(0),  # of a preparation task too, beside a job with 3 (recorded 2026)
    },
)

MANAGER_CONSTRAINTS = Field(
    {},
    fields={**CONSTRAINTS.fields, "maxTaskRetryCount": Field(UNSTATED)},  # 0, or the job's: never recorded
)

_EXIT = Field(fields={"jobAction": Field(same=caseless), "dependencyAction": Field(same=caseless)})

TASK: dict[str, Field] = {
    "displayName": Field(),
    "commandLine": Field(),
    "containerSettings": CONTAINER,
    "resourceFiles": RESOURCE_FILES,
    "outputFiles": OUTPUT_FILES,
    "environmentSettings": ENVIRONMENT,
    "userIdentity": USER_IDENTITY,
    "constraints": Field({}, fields={**CONSTRAINTS.fields, "maxTaskRetryCount": Field(UNSTATED)}),
    "requiredSlots": Field(1),
    "applicationPackageReferences": PACKAGES,
    "exitConditions": Field(
        fields={
            "exitCodes": Field(fields={"code": Field(), "exitOptions": _EXIT}),
            "exitCodeRanges": Field(fields={"start": Field(), "end": Field(), "exitOptions": _EXIT}),
            "preProcessingError": _EXIT,
            "fileUploadError": _EXIT,
            "default": _EXIT,
        }
    ),
    "multiInstanceSettings": Field(
        fields={
            "numberOfInstances": Field(),
            "coordinationCommandLine": Field(),
            "commonResourceFiles": RESOURCE_FILES,
        }
    ),
}
"""A task of a job, as others add it. Tasks are never compared field by field: their fingerprint is."""
