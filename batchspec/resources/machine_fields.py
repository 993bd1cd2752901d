"""The fields of `virtualMachineConfiguration`: image, disks, containers, security of a pool's nodes.

Source: Batch REST API 2025-06-01; read-back defaults as recorded on the service in 2025 and 2026.
"""

from __future__ import annotations

from batchspec.resources.base import SECRET, UNSTATED, Effect, Field
from batchspec.resources.equality import caseless
from batchspec.resources.task_fields import IDENTITY, REGISTRY

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


def _managed_disk(storage: Field) -> Field:
    return Field(
        {},
        fields={
            "storageAccountType": storage,
            "diskEncryptionSet": Field(fields={"id": Field(same=caseless)}),
            "securityProfile": Field({}, fields={"securityEncryptionType": Field(same=caseless)}),
        },
    )


_OS_DISK = Field(
    {},
    fields={  # size, caching and kind are the image's and the VM size's to choose
        "diskSizeGB": Field(UNSTATED),
        "caching": Field(UNSTATED, same=caseless),
        "managedDisk": _managed_disk(Field(UNSTATED, same=caseless)),
        "ephemeralOSDiskSettings": Field({}, fields={"placement": Field(same=caseless)}),
        "writeAcceleratorEnabled": Field(False),
    },
)

_DATA_DISKS = Field(
    any_order=True,
    fields={
        "lun": Field(),
        "diskSizeGB": Field(),
        "caching": Field("none", same=caseless),  # recorded 2026; the reference says readwrite
        "managedDisk": _managed_disk(Field("standard_lrs", same=caseless)),
    },
)

_CONTAINERS = Field(
    fields={
        "type": Field(same=caseless),
        "containerImageNames": Field(any_order=True),
        "containerRegistries": REGISTRY,
    }
)

_HOST_ENDPOINT = Field(
    {},
    fields={
        "mode": Field(UNSTATED, same=caseless),
        "inVMAccessControlProfileReferenceId": Field(same=caseless),
    },
)

_SECURITY = Field(
    {},
    fields={  # without a word of the spec, the image decides how its VMs are secured
        "securityType": Field(UNSTATED, same=caseless),
        "encryptionAtHost": Field(False),
        "uefiSettings": Field(
            UNSTATED, fields={"secureBootEnabled": Field(UNSTATED), "vTpmEnabled": Field(UNSTATED)}
        ),
        "proxyAgentSettings": Field(
            {}, fields={"enabled": Field(False), "imds": _HOST_ENDPOINT, "wireServer": _HOST_ENDPOINT}
        ),
    },
)

_DISK_ENCRYPTION = Field(
    {},
    fields={
        "targets": Field(same=caseless, any_order=True),
        "customerManagedKey": Field(
            fields={
                "keyUrl": Field(),
                "identityReference": IDENTITY,
                "rotationToLatestKeyVersionEnabled": Field(False),
            }
        ),
    },
)

_EXTENSIONS = Field(
    any_order=True,
    fields={
        "name": Field(same=caseless),
        "publisher": Field(same=caseless),
        "type": Field(),
        "typeHandlerVersion": Field(UNSTATED),  # the newest, where it is left out
        "autoUpgradeMinorVersion": Field(UNSTATED),
        "enableAutomaticUpgrade": Field(UNSTATED),
        "settings": Field({}),
        "protectedSettings": SECRET,
        "provisionAfterExtensions": Field(any_order=True),
    },
)

MACHINE = Field(
    effect=Effect.DRAIN,
    fields={
        "imageReference": _IMAGE,
        "nodeAgentSKUId": Field(UNSTATED, same=caseless),  # looked up for the image where it is left out
        "osDisk": _OS_DISK,
        "dataDisks": _DATA_DISKS,
        "containerConfiguration": _CONTAINERS,
        "nodePlacementConfiguration": Field({}, fields={"policy": Field("regional", same=caseless)}),
        "securityProfile": _SECURITY,
        "diskEncryptionConfiguration": _DISK_ENCRYPTION,
        "extensions": _EXTENSIONS,
        "windowsConfiguration": Field({}, fields={"enableAutomaticUpdates": Field(True)}),
        "licenseType": Field(same=caseless),
        "serviceArtifactReference": Field(fields={"id": Field(same=caseless)}),
    },
)
