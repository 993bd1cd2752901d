"""What the service refuses though every member is of the right type: a rule for each type, or list, that has one.

A rule takes what was checked, secrets included, and raises `ApiError`. Source: the property descriptions of the
SDK's models (azure-batch 15.1); `tests/emulator/refusals.py` has each sentence and what is refused by it.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from batchspec.emulator.http import network_rules
from batchspec.emulator.http.network_rules import require_id
from batchspec.emulator.state import images
from batchspec.emulator.state.errors import ApiError, invalid_property

Body = Mapping[str, Any]
Rule = Callable[[Any], None]

_COMPUTE = r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/[^/]+/providers/Microsoft\.Compute"
_GALLERY = r"/galleries/[^/]+/images/[^/]+(/versions/[^/]+)?"
_IMAGE = re.compile(rf"{_COMPUTE}(/images/[^/]+|{_GALLERY})", re.I)
_SHARED = re.compile(
    r"(/subscriptions/.+)?/(shared|community)galleries/[^/]+/images/[^/]+(/versions/[^/]+)?", re.I
)
_FORM = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute"
_IN_GALLERY = f"{_FORM}/galleries/{{galleryName}}/images/{{galleryImageName}}"
# As recorded (pools-create-2024-07-01.20.0.json).
_IMAGE_FORM = (
    f"{_FORM}/images/{{imageName}}, {_IN_GALLERY}/versions/{{galleryImageVersionName}}, or {_IN_GALLERY}"
)
_MOST_OF_FILES = 32_768
_NAMED = ("publisher", "offer", "sku")
_BY_ID = ("virtualMachineImageId", "sharedGalleryImageId", "communityGalleryImageId")


def _one_of(body: Body, names: Sequence[str], where: str) -> str:
    """The one of *names* that is there; there must not be more, nor none."""
    given = [name for name in names if name in body]
    if len(given) != 1:
        reason = f"Exactly one of {', '.join(names)} must be specified"
        raise invalid_property(given[-1] if given else where, "", reason)
    return given[0]


def _user_identity(body: Body) -> None:
    _one_of(body, ("username", "autoUser"), "userIdentity")


def _resource_file(body: Body) -> None:
    sources = ("httpUrl", "storageContainerUrl", "autoStorageContainerName")
    if _one_of(body, sources, "resourceFiles") == "httpUrl" and "filePath" not in body:
        raise ApiError("MissingRequiredProperty", ("PropertyName", "filePath"))


def _resource_files(files: Sequence[Body]) -> None:
    """The limit and its sentence: Azure/BatchExplorer#30; what exactly is counted is not known."""
    if len(json.dumps(files, separators=(",", ":"), ensure_ascii=False)) > _MOST_OF_FILES:
        reason = f"Total size of resourceFiles cannot be more than {_MOST_OF_FILES} characters"
        raise ApiError("InvalidPropertyValue", ("PropertyName", "resourceFiles"), ("Reason", reason))


def _blob_mount(body: Body) -> None:
    _one_of(body, ("accountKey", "sasKey", "identityReference"), "azureBlobFileSystemConfiguration")


def _mount(body: Body) -> None:
    kinds = ("azureBlobFileSystem", "nfsMount", "cifsMount", "azureFileShare")
    _one_of(body, [f"{kind}Configuration" for kind in kinds], "mountConfiguration")


def _linux_user(body: Body) -> None:
    if ("uid" in body) != ("gid" in body):
        raise invalid_property(
            "uid" if "uid" in body else "gid", "", "uid and gid must be specified together"
        )


def _registry(body: Body) -> None:
    if "identityReference" in body and ("username" in body or "password" in body):
        raise invalid_property("identityReference", "", "An identity cannot be specified with a user name")


def _image(body: Body) -> None:
    by_id = [name for name in _BY_ID if name in body]
    if not by_id:
        for name in _NAMED:
            if not body.get(name):
                raise ApiError("MissingRequiredProperty", ("PropertyName", name))
        return
    others = [name for name in (*by_id[1:], *_NAMED, "version") if name in body]
    if others:
        reason = f"The property cannot be specified together with {by_id[0]}"
        raise invalid_property(others[0], body[others[0]], reason)
    name, text = by_id[0], body[by_id[0]]
    if name == "virtualMachineImageId":
        require_id(name, text, _IMAGE, _IMAGE_FORM)
    elif not _SHARED.fullmatch(text):
        raise invalid_property(
            name, text, "The specified resource id is not that of an image in such a gallery"
        )


def _machine(body: Body) -> None:
    image, agent = body["imageReference"], body["nodeAgentSKUId"]
    if not images.is_agent(agent):
        raise invalid_property("nodeAgentSKUId", agent, "The specified node agent SKU is not supported")
    if "publisher" in image:
        _marketplace_image(image, agent, wants_containers="containerConfiguration" in body)
    if not images.is_windows(agent):
        if "windowsConfiguration" in body:
            raise invalid_property("windowsConfiguration", "", "The property is for images with Windows")
        if "publisher" not in image and body.get("diskEncryptionConfiguration", {}).get("targets"):
            reason = "Disk encryption is not supported for Linux pools made from a gallery image"
            raise invalid_property("diskEncryptionConfiguration", "", reason)
    numbers = [disk["lun"] for disk in body.get("dataDisks", ())]
    if len(set(numbers)) != len(numbers):
        raise invalid_property("lun", numbers, "Each data disk must have a distinct logical unit number")


def _marketplace_image(image: Body, agent: str, *, wants_containers: bool) -> None:
    """The first and the last sentence are the service's own (Azure's SDK for Java asserts the last)."""
    publisher, offer, sku = (image[name] for name in _NAMED)
    named = f"The specified imageReference with publisher {publisher} offer {offer} sku {sku}"
    if images.has_ended(publisher, offer, sku):
        raise invalid_property("imageReference", dict(image), images.not_supported(publisher, offer, sku))
    if not images.fits(agent, publisher, offer, sku):
        raise invalid_property("nodeAgentSKUId", agent, f"{named} does not go with this node agent SKU.")
    known = images.find(publisher, offer, sku)
    if wants_containers and known is not None and images.DOCKER not in known.capabilities:
        raise invalid_property("imageReference", dict(image), f"{named} does not support container feature.")


def _pool(body: Body) -> None:
    """What the parts of a pool are to each other."""
    machine = body.get("virtualMachineConfiguration")
    if machine is None:
        return
    windows = images.is_windows(machine["nodeAgentSKUId"])
    for account in body.get("userAccounts", ()):
        if "windowsUserConfiguration" in account and not windows:
            reason = "The property can be specified only for a pool with Windows"
            raise invalid_property("windowsUserConfiguration", "", reason)
    upgrade = body.get("upgradePolicy", {}).get("automaticOSUpgradePolicy", {})
    updates = machine.get("windowsConfiguration", {}).get("enableAutomaticUpdates")
    if windows and upgrade.get("enableAutomaticOSUpgrade") and updates:
        reason = "The property cannot be true while enableAutomaticOSUpgrade is true"
        raise invalid_property("enableAutomaticUpdates", True, reason)


def _job(body: Body) -> None:
    if body.get("maxParallelTasks") == 0:
        raise invalid_property("maxParallelTasks", 0, "The value must be -1 or greater than 0")


def _task(body: Body) -> None:
    if "multiInstanceSettings" in body and body.get("requiredSlots", 1) != 1:
        reason = "A multi-instance task has exactly one required slot"
        raise invalid_property("requiredSlots", body["requiredSlots"], reason)


REFUSALS: dict[str, Rule] = {
    "[ResourceFile]": _resource_files,
    "AzureBlobFileSystemConfiguration": _blob_mount,
    "BatchInboundNatPool": network_rules.nat_pool,
    "BatchJob": _job,
    "BatchJobCreateOptions": _job,
    "BatchJobNetworkConfiguration": network_rules.job_network,
    "BatchJobSpecification": _job,
    "BatchJobUpdateOptions": _job,
    "BatchPoolCreateOptions": _pool,
    "BatchPoolEndpointConfiguration": network_rules.endpoints,
    "BatchPoolSpecification": _pool,
    "BatchPublicIpAddressConfiguration": network_rules.public_addresses,
    "BatchTaskCreateOptions": _task,
    "BatchVmImageReference": _image,
    "ContainerRegistryReference": _registry,
    "LinuxUserConfiguration": _linux_user,
    "MountConfiguration": _mount,
    "NetworkConfiguration": network_rules.network,
    "NetworkSecurityGroupRule": network_rules.security_rule,
    "ResourceFile": _resource_file,
    "UserIdentity": _user_identity,
    "VirtualMachineConfiguration": _machine,
}
