"""What we know of pools. Source: Create/Update Pool, Batch REST API 2025-06-01; FACTS 3 and 5.1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batchspec.resources.base import (
    UNSTATED,
    Change,
    Effect,
    Field,
    Json,
    caseless,
    differences,
    metadata_changes,
    never_compared,
    same_duration,
    same_url,
)
from batchspec.resources.task_fields import ENVIRONMENT, RESOURCE_FILE, USER_IDENTITY, container_settings

_IMAGE = Field(
    fields={
        "publisher": Field(same=caseless),
        "offer": Field(same=caseless),
        "sku": Field(same=caseless),
        "version": Field("latest", same=caseless),
        "virtualMachineImageId": Field(same=caseless),
        "sharedGalleryImageId": Field(same=caseless),
        "communityGalleryImageId": Field(same=caseless),
    }
)

_START_TASK = Field(
    effect=Effect.REJOIN,
    fields={
        "commandLine": Field(),
        "containerSettings": container_settings(),
        "resourceFiles": RESOURCE_FILE,
        "environmentSettings": ENVIRONMENT,
        "userIdentity": USER_IDENTITY,
        "maxTaskRetryCount": Field(0),
        "waitForSuccess": Field(True),
    },
)

_MACHINE = Field(
    effect=Effect.DRAIN,
    fields={
        "imageReference": _IMAGE,
        "nodeAgentSKUId": Field(UNSTATED, same=caseless),  # looked up for the image where it is left out
        "windowsConfiguration": Field(UNSTATED),
        "dataDisks": Field(
            fields={
                "lun": Field(),
                "caching": Field("readwrite", same=caseless),
                "diskSizeGB": Field(),
                "managedDisk": Field(UNSTATED),
                "storageAccountType": Field("standard_lrs", same=caseless),
            },
            key="lun",
        ),
        "licenseType": Field(same=caseless),
        "containerConfiguration": Field(
            fields={
                "type": Field("dockerCompatible", same=caseless),
                "containerImageNames": Field(),
                "containerRegistries": Field(
                    fields={
                        "username": Field(),
                        "password": Field(same=never_compared, default=UNSTATED),
                        "registryServer": Field("docker.io", same=same_url),
                        "identityReference": Field(),
                    },
                ),
            },
        ),
        "diskEncryptionConfiguration": Field(UNSTATED),
        "nodePlacementConfiguration": Field(
            {"policy": "regional"}, fields={"policy": Field("regional", same=caseless)}
        ),
        "extensions": Field(
            fields={
                "name": Field(),
                "publisher": Field(),
                "type": Field(),
                "typeHandlerVersion": Field(),
                "autoUpgradeMinorVersion": Field(UNSTATED),
                "enableAutomaticUpgrade": Field(UNSTATED),
                "settings": Field(),
                "protectedSettings": Field(UNSTATED, same=never_compared),
                "provisionAfterExtensions": Field(),
            },
            key="name",
        ),
        "osDisk": Field(UNSTATED),
        "securityProfile": Field(UNSTATED),
        "serviceArtifactReference": Field(),
    },
)

FIELDS: dict[str, Field] = {
    "displayName": Field(effect=Effect.DRAIN),
    "vmSize": Field(same=caseless, effect=Effect.DRAIN),
    "virtualMachineConfiguration": _MACHINE,
    "resizeTimeout": Field("PT15M", same=same_duration, effect=Effect.RESIZE),
    "targetDedicatedNodes": Field(0, effect=Effect.RESIZE),
    "targetLowPriorityNodes": Field(0, effect=Effect.RESIZE),
    "enableAutoScale": Field(False, effect=Effect.AUTOSCALE),
    "autoScaleFormula": Field(effect=Effect.AUTOSCALE),
    "autoScaleEvaluationInterval": Field("PT15M", same=same_duration, effect=Effect.AUTOSCALE),
    "enableInterNodeCommunication": Field(False, effect=Effect.DRAIN),
    "networkConfiguration": Field(UNSTATED, effect=Effect.DRAIN),
    "startTask": _START_TASK,
    "applicationPackageReferences": Field(effect=Effect.REJOIN, key="applicationId"),
    "taskSlotsPerNode": Field(1, effect=Effect.DRAIN),
    "taskSchedulingPolicy": Field(
        {"nodeFillType": "spread"},
        effect=Effect.DRAIN,
        fields={"nodeFillType": Field("spread", same=caseless)},
    ),
    "userAccounts": Field(
        effect=Effect.DRAIN,
        key="name",
        fields={
            "name": Field(),
            "password": Field(UNSTATED, same=never_compared),
            "elevationLevel": Field("nonadmin", same=caseless),
            "linuxUserConfiguration": Field(UNSTATED),
            "windowsUserConfiguration": Field(UNSTATED),
        },
    ),
    "mountConfiguration": Field(UNSTATED, effect=Effect.DRAIN),
    "upgradePolicy": Field(UNSTATED, effect=Effect.DRAIN),
}

_SIZE = frozenset({"resizeTimeout", "targetDedicatedNodes", "targetLowPriorityNodes"})
_AUTOSCALE = frozenset({"autoScaleFormula", "autoScaleEvaluationInterval"})


def changes(desired: Json, live: Json, *, compare_size: bool) -> Iterator[Change]:
    """The fields on which a live pool differs from the spec's.

    *compare_size* says whether the number of nodes counts: it does while there is
    work. On a pool that scales itself the targets are the formula's output.
    """
    scales_itself = bool(desired.get("enableAutoScale"))
    skipped = _SIZE if scales_itself or not compare_size else frozenset()
    skipped |= frozenset() if scales_itself else _AUTOSCALE
    table = {name: field for name, field in FIELDS.items() if name not in skipped}
    yield from differences(table, desired, live)
    yield from metadata_changes(desired, live)


def target_nodes(body: Json) -> int:
    """How many nodes *body* asks for, dedicated and Spot together."""
    return int(body.get("targetDedicatedNodes") or 0) + int(body.get("targetLowPriorityNodes") or 0)


def machine_from_image(image: str) -> dict[str, Any]:
    """The `virtualMachineConfiguration` of the shorthand `publisher:offer:sku[:version]`.

    The node agent is looked up in the service's list of supported images when the
    pool is made, so it is not here.
    """
    publisher, offer, sku, *version = image.split(":")
    reference = {
        "publisher": publisher,
        "offer": offer,
        "sku": sku,
        "version": version[0] if version else "latest",
    }
    return {"imageReference": reference}
