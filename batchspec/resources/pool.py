"""What we know of pools. Source: Create/Update Pool, Batch REST API 2025-06-01; FACTS 3 and 5.1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batchspec.resources.base import (
    METADATA,
    SECRET,
    UNSTATED,
    Change,
    Effect,
    Field,
    Json,
    differences,
    metadata_changes,
)
from batchspec.resources.equality import caseless, same_duration, same_url
from batchspec.resources.machine_fields import MACHINE
from batchspec.resources.task_fields import (
    CONTAINER,
    ENVIRONMENT,
    IDENTITY,
    PACKAGES,
    RESOURCE_FILES,
    USER_IDENTITY,
)

_START_TASK = Field(
    effect=Effect.REJOIN,
    fields={
        "commandLine": Field(),
        "containerSettings": CONTAINER,
        "resourceFiles": RESOURCE_FILES,
        "environmentSettings": ENVIRONMENT,
        "userIdentity": USER_IDENTITY,
        "maxTaskRetryCount": Field(0),
        "waitForSuccess": Field(True),
    },
)

_PORT_RULES = Field(
    any_order=True,
    fields={
        "priority": Field(),
        "access": Field(same=caseless),
        "sourceAddressPrefix": Field(),
        "sourcePortRanges": Field(["*"], any_order=True),
    },
)

_PORTS = Field(
    any_order=True,
    fields={
        "name": Field(same=caseless),
        "protocol": Field(same=caseless),
        "backendPort": Field(),
        "frontendPortRangeStart": Field(),
        "frontendPortRangeEnd": Field(),
        "networkSecurityGroupRules": _PORT_RULES,
    },
)

_PUBLIC_ADDRESSES = Field(
    {},
    fields={
        "provision": Field("batchmanaged", same=caseless),
        "ipAddressIds": Field(same=caseless, any_order=True),
        "ipFamilies": Field(UNSTATED, same=caseless, any_order=True),
        "ipTags": Field(any_order=True, fields={"ipTagType": Field(), "tag": Field()}),
    },
)

_NETWORK = Field(
    {},
    effect=Effect.DRAIN,
    fields={
        "subnetId": Field(same=caseless),
        "dynamicVNetAssignmentScope": Field("none", same=caseless),
        "endpointConfiguration": Field({}, fields={"inboundNATPools": _PORTS}),
        "publicIPAddressConfiguration": _PUBLIC_ADDRESSES,
        "enableAcceleratedNetworking": Field(False),
    },
)

_BLOB_MOUNT = Field(
    fields={
        "accountName": Field(same=caseless),
        "containerName": Field(),
        "relativeMountPath": Field(),
        "accountKey": SECRET,
        "sasKey": SECRET,
        "identityReference": IDENTITY,
        "blobfuseOptions": Field(),
    }
)

_SHARE_MOUNT = Field(
    fields={
        "accountName": Field(same=caseless),
        "azureFileUrl": Field(same=same_url),
        "accountKey": SECRET,
        "relativeMountPath": Field(),
        "mountOptions": Field(),
    }
)

_NFS_MOUNT = Field(fields={"source": Field(), "relativeMountPath": Field(), "mountOptions": Field()})

_CIFS_MOUNT = Field(fields={**_NFS_MOUNT.fields, "username": Field(), "password": SECRET})

_MOUNTS = Field(
    effect=Effect.DRAIN,
    any_order=True,
    fields={
        "azureBlobFileSystemConfiguration": _BLOB_MOUNT,
        "azureFileShareConfiguration": _SHARE_MOUNT,
        "nfsMountConfiguration": _NFS_MOUNT,
        "cifsMountConfiguration": _CIFS_MOUNT,
    },
)

_USERS = Field(
    effect=Effect.DRAIN,
    any_order=True,
    fields={
        "name": Field(),
        "password": SECRET,
        "elevationLevel": Field("nonadmin", same=caseless),
        "linuxUserConfiguration": Field(
            {}, fields={"uid": Field(UNSTATED), "gid": Field(UNSTATED), "sshPrivateKey": SECRET}
        ),
        # The service fills it in for every account of a Windows pool (recorded 2026).
        "windowsUserConfiguration": Field({}, fields={"loginMode": Field("batch", same=caseless)}),
    },
)


def _chosen_by_the_service(*names: str) -> dict[str, Field]:
    return dict.fromkeys(names, Field(UNSTATED))


_UPGRADES = Field(
    UNSTATED,  # no patch can take it away
    effect=Effect.DRAIN,
    fields={
        "mode": Field(same=caseless),
        "automaticOSUpgradePolicy": Field(
            UNSTATED,
            fields=_chosen_by_the_service(
                "enableAutomaticOSUpgrade",
                "disableAutomaticRollback",
                "useRollingUpgradePolicy",
                "osRollingUpgradeDeferral",
            ),
        ),
        "rollingUpgradePolicy": Field(
            UNSTATED,
            fields={
                "pauseTimeBetweenBatches": Field(UNSTATED, same=same_duration),
                **_chosen_by_the_service(
                    "maxBatchInstancePercent",
                    "maxUnhealthyInstancePercent",
                    "maxUnhealthyUpgradedInstancePercent",
                    "prioritizeUnhealthyInstances",
                    "rollbackFailedInstancesOnPolicyBreach",
                    "enableCrossZoneUpgrade",
                ),
            },
        ),
    },
)

FIELDS: dict[str, Field] = {
    "id": Field(same=caseless, effect=Effect.REPLACE),
    "displayName": Field(effect=Effect.DRAIN),
    "vmSize": Field(same=caseless, effect=Effect.DRAIN),
    "virtualMachineConfiguration": MACHINE,
    "targetDedicatedNodes": Field(0, effect=Effect.RESIZE),
    "targetLowPriorityNodes": Field(0, effect=Effect.RESIZE),
    "resizeTimeout": Field("PT15M", same=same_duration, effect=Effect.RESIZE),
    "enableAutoScale": Field(False, effect=Effect.AUTOSCALE),
    "autoScaleFormula": Field(effect=Effect.AUTOSCALE),
    "autoScaleEvaluationInterval": Field("PT15M", same=same_duration, effect=Effect.AUTOSCALE),
    "taskSlotsPerNode": Field(1, effect=Effect.DRAIN),
    "taskSchedulingPolicy": Field(
        {},
        effect=Effect.DRAIN,
        fields={
            "nodeFillType": Field("spread", same=caseless),
            "jobDefaultOrder": Field("none", same=caseless),
        },
    ),
    "startTask": _START_TASK,
    "applicationPackageReferences": Field(effect=Effect.REJOIN, any_order=True, fields=PACKAGES.fields),
    "enableInterNodeCommunication": Field(False, effect=Effect.DRAIN),
    "networkConfiguration": _NETWORK,
    "mountConfiguration": _MOUNTS,
    "userAccounts": _USERS,
    "upgradePolicy": _UPGRADES,
    "metadata": METADATA,
}

SIZE = frozenset({"resizeTimeout", "targetDedicatedNodes", "targetLowPriorityNodes"})
_AUTOSCALE = frozenset({"autoScaleFormula", "autoScaleEvaluationInterval"})


def changes(desired: Json, live: Json, *, compare_size: bool) -> Iterator[Change]:
    """The fields on which a live pool differs from the spec's.

    *compare_size* says whether the number of nodes counts: it does while there is
    work. On a pool that scales itself the targets are the formula's output.
    """
    scales_itself = bool(desired.get("enableAutoScale"))
    skipped = SIZE if scales_itself or not compare_size else frozenset()
    skipped |= frozenset() if scales_itself else _AUTOSCALE
    table = {name: field for name, field in FIELDS.items() if name not in skipped}
    yield from differences(table, desired, live)
    yield from metadata_changes(desired, live)


def missing_nodes(desired: Json, live: Json) -> Iterator[Change]:
    """The targets that are as the spec says, and that the last resize did not reach: it is asked for again.

    The service does not try again by itself, unless the pool scales itself (FACTS 3.2).
    """
    if (
        desired.get("enableAutoScale")
        or live.get("allocationState") != "steady"
        or not live.get("resizeErrors")
    ):
        return
    for target, current in (
        ("targetDedicatedNodes", "currentDedicatedNodes"),
        ("targetLowPriorityNodes", "currentLowPriorityNodes"),
    ):
        wanted, has = int(desired.get(target) or 0), int(live.get(current) or 0)
        if has < wanted == int(live.get(target) or 0):
            yield Change((target,), has, wanted, Effect.RESIZE)


def target_nodes(body: Json) -> int:
    """How many nodes *body* asks for, dedicated and Spot together."""
    return int(body.get("targetDedicatedNodes") or 0) + int(body.get("targetLowPriorityNodes") or 0)


def nodes_of(live: Json) -> int:
    """How many nodes a live pool has, dedicated and Spot together."""
    return int(live.get("currentDedicatedNodes") or 0) + int(live.get("currentLowPriorityNodes") or 0)


def identities_of(live: Json) -> list[str]:
    """The resource ids of the managed identities that a live pool has."""
    has = live.get("identity") or {}
    return [str(entry["resourceId"]) for entry in has.get("userAssignedIdentities") or ()]


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
