"""Every sentence of the SDK's documentation that speaks of a refusal, and what here is refused by it.

A new version of the SDK shows its new sentences: `test_refusals.py` fails until they stand here, as a request that
is refused (beside one that is just taken), as the name of the test that proves it, or with the reason why not.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import azure.batch

Body = dict[str, Any]

# What a sentence that forbids or demands something of a request has in it.
_SPEAKS = re.compile(
    r"\breject|HTTP status code|request (?:will )?fails?\b|call will fail|returns an error|\berror code\b"
    r"|mutually exclusive|must (?:be|not|specify|contain|set)\b|\bcannot (?:be|overlap|exceed)"
    r"|may not (?:specify|change)|can only be|not supported|have the format|of the form",
    re.I,
)
_FILES = ("models/_models.py", "_operations/_operations.py", "_operations/_patch.py")


def sentences() -> dict[str, set[str]]:
    """The sentences of the installed SDK that speak of a refusal, each with the classes and functions that have it."""
    found: dict[str, set[str]] = {}
    for name in _FILES:
        tree = ast.parse((Path(azure.batch.__file__).parent / name).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                for sentence in _sentences(ast.get_docstring(node) or ""):
                    found.setdefault(sentence, set()).add(node.name)
    return found


def _sentences(doc: str) -> Iterator[str]:
    for part in re.split(r"\n\n|\n(?=:)", doc):
        text = re.sub(r"^:\w+ [\w.~ ]+: ", "", " ".join(part.replace("<br />", " ").split()))
        yield from filter(_SPEAKS.search, re.split(r"(?<=[.])\s+(?=[A-Z(])", text))


@dataclass(frozen=True)
class Refused:
    """*refused* is added to a good body of *kind*, and refused with *code*; *taken* is its neighbour, and taken."""

    kind: str  # pool, job, schedule, task
    refused: Body
    taken: Body = field(default_factory=dict)
    code: str = "InvalidPropertyValue"
    status: int = 400


@dataclass(frozen=True)
class Proven:
    """Refused in a way that one body does not show: the test that does, as `file::function`."""

    test: str


@dataclass(frozen=True)
class Left:
    """Not refused here, and why."""

    reason: str


Entry = Refused | Proven | Left

UBUNTU: Body = {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
NOBLE = "batch.node.ubuntu 24.04"
WINDOWS: Body = {
    "imageReference": {
        "publisher": "MicrosoftWindowsServer",
        "offer": "WindowsServer",
        "sku": "2022-datacenter",
    },
    "nodeAgentSKUId": "batch.node.windows amd64",
}
_GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g/providers"
_NOWHERE = _GROUP.replace("1" * 8, "0" * 8).replace("1111", "0000")
GALLERY = f"{_GROUP}/Microsoft.Compute/galleries/G/images/I"
SUBNET = f"{_GROUP}/Microsoft.Network/virtualNetworks/v/subnets/s"
ADDRESS = f"{_GROUP}/Microsoft.Network/publicIPAddresses/a"


def pool(refused: Body, taken: Body | None = None, code: str = "InvalidPropertyValue") -> Refused:
    return Refused("pool", refused, taken or {}, code)


def job(refused: Body, taken: Body | None = None, code: str = "InvalidPropertyValue") -> Refused:
    return Refused("job", refused, taken or {}, code)


def task(refused: Body, taken: Body | None = None, code: str = "InvalidPropertyValue") -> Refused:
    return Refused("task", refused, taken or {}, code)


def machine(**changes: Any) -> Body:
    good: Body = {"imageReference": UBUNTU, "nodeAgentSKUId": NOBLE}
    return {"virtualMachineConfiguration": {**good, **changes}}


def image(**reference: str) -> Body:
    return machine(imageReference=reference)


def nat(number: int = 0, **changes: Any) -> Body:
    """An inbound NAT pool that goes with those of other numbers."""
    first = 1000 + 100 * number
    good = {"name": f"n{number}", "protocol": "tcp", "backendPort": 22 + number}
    return {**good, "frontendPortRangeStart": first, "frontendPortRangeEnd": first + 99, **changes}


def nats(*pools: Body, **network: Any) -> Body:
    return {"networkConfiguration": {"endpointConfiguration": {"inboundNATPools": list(pools)}, **network}}


def rule(**changes: Any) -> Body:
    return {"priority": 150, "access": "allow", "sourceAddressPrefix": "*", **changes}


def rules(*given: Body) -> Body:
    return nats(nat(networkSecurityGroupRules=list(given)))


def blob_mount(**changes: Any) -> Body:
    good = {"accountName": "a", "containerName": "c", "relativeMountPath": "p"}
    return {"mountConfiguration": [{"azureBlobFileSystemConfiguration": {**good, **changes}}]}


_NFS = {"nfsMountConfiguration": {"source": "s", "relativeMountPath": "p"}}
_IDENTITY = {
    "identityReference": {"resourceId": f"{_GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/i"}
}
_SHORT, _LONG = {"resizeTimeout": "PT4M59S"}, {"resizeTimeout": "PT5M"}
_SCALED = {"enableAutoScale": True, "autoScaleFormula": "$TargetDedicatedNodes = 0;"}
_SOURCES = {"httpUrl": "https://a.example/b", "storageContainerUrl": "https://a.example/c", "filePath": "f"}
_FORM_IN_SUBSCRIPTION = Left("the account has no region and no subscription; an id of another one passes")
_NO_PACKAGE = Proven("test_applications.py::test_a_task_whose_package_is_not_there_fails")
_OF_THE_SERVICE = Left("how the service goes on, not what it takes")

TABLE: Mapping[str, Entry] = {
    # --- pools: ports and rules of access
    "The name must be unique within a Batch Pool, can contain letters, numbers, underscores, periods, and hyphens.": (
        pool(nats(nat(0), nat(1, name="N0")), nats(nat(0), nat(1, name="a_.-_")))
    ),
    "Names must start with a letter or number, must end with a letter, number, or underscore, and cannot exceed 77"
    " characters.": pool(nats(nat(name="-n")), nats(nat(name="n" * 77))),
    "If any invalid values are provided the request fails with HTTP status code 400.": (
        pool(nats(nat(name="n" * 78)), nats(nat(name="1_")))
    ),
    "This must be unique within a Batch Pool.": (
        pool(nats(nat(0), nat(1, backendPort=22)), nats(nat(0), nat(1)))
    ),
    "If any reserved values are provided the request fails with HTTP status code 400.": (
        pool(nats(nat(backendPort=29876)), nats(nat(backendPort=29878)))
    ),
    "All ranges within a Pool must be distinct and cannot overlap.": (
        pool(nats(nat(0), nat(1, frontendPortRangeStart=1099)), nats(nat(0), nat(1)))
    ),
    "Each range must contain at least 40 ports.": (
        pool(nats(nat(frontendPortRangeEnd=1038)), nats(nat(frontendPortRangeEnd=1039)))
    ),
    "If any reserved or overlapping values are provided the request fails with HTTP status code 400.": pool(
        nats(nat(frontendPortRangeStart=49950, frontendPortRangeEnd=50000)),
        nats(nat(frontendPortRangeStart=49950, frontendPortRangeEnd=49999)),
    ),
    "If the maximum number of network security group rules is exceeded the request fails with HTTP status code 400.": (
        pool(
            rules(*(rule(priority=150 + n) for n in range(26))),
            rules(*(rule(priority=150 + n) for n in range(25))),
        )
    ),
    "If the maximum number of inbound NAT Pools is exceeded the request fails with HTTP status code 400.": (
        pool(nats(*map(nat, range(6))), nats(*map(nat, range(5))))
    ),
    "This cannot be specified if the IPAddressProvisioningType is NoPublicIPAddresses.": pool(
        nats(nat(), publicIPAddressConfiguration={"provision": "nopublicipaddresses"}),
        nats(nat(), publicIPAddressConfiguration={"provision": "batchmanaged"}),
    ),
    "Priorities within a Pool must be unique and are evaluated in order of priority.": (
        pool(rules(rule(), rule()), rules(rule(), rule(priority=4096)))
    ),
    "If any reserved or duplicate values are provided the request fails with HTTP status code 400.": (
        pool(rules(rule(priority=149)), rules(rule(priority=150)))
    ),
    "If any other values are provided the request fails with HTTP status code 400.": pool(
        rules(rule(sourceAddressPrefix="10.0.0.0/33")), rules(rule(sourceAddressPrefix="10.0.0.0/24"))
    ),
    "The ports must be in the range of 0 to 65535.": (
        pool(rules(rule(sourcePortRanges=["1-65536"])), rules(rule(sourcePortRanges=["0-65535"])))
    ),
    "Each entry in this collection must not overlap any other entry (either a range or an individual port).": pool(
        rules(rule(sourcePortRanges=["22", "20-30"])), rules(rule(sourcePortRanges=["22", "23-30"]))
    ),
    # --- pools: ids of resources
    "This is of the form /subscriptions/{subscription}/resourceGroups/{group}/providers/{provider}/virtualNetworks/"
    "{network}/subnets/{subnet}.": pool(
        {"networkConfiguration": {"subnetId": f"{SUBNET}/more"}},
        {"networkConfiguration": {"subnetId": SUBNET}},
    ),
    "The virtual network must be in the same region and subscription as the Azure Batch Account.": pool(
        {"networkConfiguration": {"subnetId": SUBNET.replace(_GROUP, _NOWHERE)}},
        {"networkConfiguration": {"subnetId": SUBNET}},
    ),
    "Each element of this collection is of the form: /subscriptions/{subscription}/resourceGroups/{group}/providers/"
    "Microsoft.Network/publicIPAddresses/{ip}.": pool(
        {"networkConfiguration": {"publicIPAddressConfiguration": {"ipAddressIds": [SUBNET]}}},
        {"networkConfiguration": {"publicIPAddressConfiguration": {"ipAddressIds": [ADDRESS]}}},
    ),
    "If the specified VNet has any associated Network Security Groups (NSG), then a few reserved system ports must be"
    " enabled for inbound communication, including ports 29876 and 29877.": Left("there is no network here"),
    "If the specified VNet has any associated Network Security Groups (NSG), then a few reserved system ports must be"
    " enabled for inbound communication from the Azure Batch service.": Left("there is no network here"),
    # --- pools: images and machines
    "This is of the form /subscriptions/{subscriptionId}/resourceGroups/{resourceGroup}/providers/Microsoft.Compute/"
    "galleries/{galleryName}/images/{imageDefinitionName}/versions/{VersionId} or /subscriptions/{subscriptionId}/"
    "resourceGroups/{resourceGroup}/providers/Microsoft.Compute/galleries/{galleryName}/images/{imageDefinitionName}"
    " for always defaulting to the latest image version.": pool(
        image(virtualMachineImageId=GALLERY.replace("galleries", "gallery")),
        image(virtualMachineImageId=f"{GALLERY}/versions/1.0.0"),
    ),
    "This property is mutually exclusive with other ImageReference properties.": (
        pool(image(virtualMachineImageId=GALLERY, **UBUNTU), image(virtualMachineImageId=GALLERY))
    ),
    "The Azure Compute Gallery Image must have replicas in the same region and must be in the same subscription as the"
    " Azure Batch account.": pool(
        image(virtualMachineImageId=GALLERY.replace(_GROUP, _NOWHERE)), image(virtualMachineImageId=GALLERY)
    ),
    "This property is mutually exclusive with other properties and can be fetched from shared gallery image GET"
    " call.": (
        pool(
            image(sharedGalleryImageId="/SharedGalleries/g/Images/i", sku="server"),
            image(sharedGalleryImageId="/SharedGalleries/g/Images/i/Versions/latest"),
        )
    ),
    "This property is mutually exclusive with other properties and can be fetched from community gallery image GET"
    " call.": pool(
        image(communityGalleryImageId="/CommunityGalleries/g/Images/i", virtualMachineImageId=GALLERY),
        image(communityGalleryImageId="/CommunityGalleries/g/Images/i"),
    ),
    "You must specify a Compute Node agent SKU which matches the selected Image reference.": (
        pool(machine(nodeAgentSKUId="batch.node.ubuntu 22.04"), machine(nodeAgentSKUId=NOBLE.upper()))
    ),
    "This property must not be specified if the imageReference property specifies a Linux OS Image.": pool(
        machine(windowsConfiguration={}), machine(**WINDOWS, windowsConfiguration={})
    ),
    "This property can only be specified if the user is on a Windows Pool.": pool(
        {
            "userAccounts": [
                {"name": "u", "password": "p", "windowsUserConfiguration": {"loginMode": "batch"}}
            ]
        },
        {"userAccounts": [{"name": "u", "password": "p", "linuxUserConfiguration": {}}]},
    ),
    "If this is set to true for Windows based pools, `WindowsConfiguration.enableAutomaticUpdates <https://learn."
    "microsoft.com/rest/api/batchservice/pools/create-pool#windowsconfiguration>`_ cannot be set to true.": pool(
        {
            **machine(**WINDOWS, windowsConfiguration={"enableAutomaticUpdates": True}),
            "upgradePolicy": {
                "mode": "automatic",
                "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True},
            },
        },
        {
            **machine(**WINDOWS, windowsConfiguration={"enableAutomaticUpdates": False}),
            "upgradePolicy": {
                "mode": "automatic",
                "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True},
            },
        },
    ),
    "Disk encryption configuration is not supported on Linux pool created with Azure Compute Gallery Image.": pool(
        machine(
            imageReference={"virtualMachineImageId": GALLERY},
            diskEncryptionConfiguration={"targets": ["temporarydisk"]},
        ),
        machine(diskEncryptionConfiguration={"targets": ["temporarydisk"]}),
    ),
    "The value must be between 0 and 63, inclusive.": pool(
        machine(dataDisks=[{"lun": 64, "diskSizeGB": 1}]), machine(dataDisks=[{"lun": 63, "diskSizeGB": 1}])
    ),
    "The uid and gid properties must be specified together or not at all.": pool(
        {"userAccounts": [{"name": "u", "password": "p", "linuxUserConfiguration": {"uid": 1000}}]},
        {"userAccounts": [{"name": "u", "password": "p", "linuxUserConfiguration": {"uid": 1, "gid": 1}}]},
    ),
    "The private key must not be password protected.": Left("the key is not read; it is never used here"),
    "The resource must be in the same subscription as the Batch account.": _FORM_IN_SUBSCRIPTION,
    "If any Images must be downloaded from a private registry which requires credentials, then those credentials must"
    " be provided here.": Left("shows as a node that cannot fetch the image"),
    "This property must be specified if the Compute Nodes in the Pool need to have empty data disks attached to"
    " them.": _OF_THE_SERVICE,
    "Existing disks cannot be attached, each attached disk is empty.": _OF_THE_SERVICE,
    "The disk is not formatted after being attached, it must be formatted before use - for more information see `https:"
    "//learn.microsoft.com/azure/virtual-machines/linux/classic/attach-disk#initialize-a-new-data-disk-in-linux <https:"
    "//learn.microsoft.com/azure/virtual-machines/linux/classic/attach-disk#initialize-a-new-data-disk-in-linux>`_ and"
    " `https://learn.microsoft.com/azure/virtual-machines/windows/attach-disk-ps#add-an-empty-data-disk-to-a-virtual-"
    "machine <https://learn.microsoft.com/azure/virtual-machines/windows/attach-disk-ps#add-an-empty-data-disk-to-a-"
    "virtual-machine>`_.": _OF_THE_SERVICE,
    "This cannot be updated.": Left(
        "said of data disks; that the whole machine configuration can be updated on an empty pool is newer"
    ),
    "Specifies the security profile settings for the managed disk. **Note**: It can only be set for Confidential VMs"
    " and required when using Confidential VMs.": Left("which sizes are confidential is not known here"),
    # --- pools: mounts, packages, the rest
    "This property is mutually exclusive with both sasKey and identity; exactly one must be specified.": (
        pool(blob_mount(accountKey="k", sasKey="s"), blob_mount(accountKey="k"))
    ),
    "This property is mutually exclusive with both accountKey and identity; exactly one must be specified.": (
        pool(blob_mount(sasKey="s", **_IDENTITY), blob_mount(sasKey="s"))
    ),
    "This property is mutually exclusive with both accountKey and sasKey; exactly one must be specified.": (
        pool(blob_mount(), blob_mount(**_IDENTITY))
    ),
    "This property is mutually exclusive with all other properties.": pool(
        {"mountConfiguration": [{**blob_mount(sasKey="s")["mountConfiguration"][0], **_NFS}]},
        {"mountConfiguration": [_NFS]},
    ),
    "This is of the form 'https://{account}.file.core.windows.net/'.": Left(
        "other clouds have other names; a share that cannot be reached shows on the node"
    ),
    "When creating a pool, the package's application ID must be fully qualified (/subscriptions/{subscriptionId}/"
    "resourceGroups/{resourceGroupName}/providers/Microsoft.Batch/batchAccounts/{accountName}/applications/"
    "{applicationName}).": Left("the account has no subscription: its applications go by their names alone"),
    "If this is omitted on a Pool, and no default version is specified for this application, the request fails with the"
    " error code InvalidApplicationPackageReferences and HTTP status code 409.": Proven(
        "test_applications.py::test_a_pool_refers_to_packages_of_the_account"
    ),
    "This reference must be included in the pool identities.": Left(
        "a pool gets its identities after it is made, from the management plane"
    ),
    "If you specify a value less than 5 minutes, the Batch service returns an error; if you are calling the REST API"
    " directly, the HTTP status code is 400 (Bad Request).": pool(_SHORT, _LONG),
    "If you specify a value less than 5 minutes, the Batch service rejects the request with an error; if you are"
    " calling the REST API directly, the HTTP status code is 400 (Bad Request).": pool(_SHORT, _LONG),
    "If you specify a value less than 5 minutes or greater than 168 hours, the Batch service returns an error; if you"
    " are calling the REST API directly, the HTTP status code is 400 (Bad Request).": pool(
        {**_SCALED, "autoScaleEvaluationInterval": "PT168H1S"},
        {**_SCALED, "autoScaleEvaluationInterval": "PT168H"},
    ),
    "If you specify a value less than 5 minutes or greater than 168 hours, the Batch service rejects the request with"
    " an invalid property value error; if you are calling the REST API directly, the HTTP status code is 400 (Bad"
    " Request).": pool(
        {**_SCALED, "autoScaleEvaluationInterval": "PT4M59S"},
        {**_SCALED, "autoScaleEvaluationInterval": "PT5M"},
    ),
    "This property must not be specified if enableAutoScale is set to true.": (
        pool({**_SCALED, "targetDedicatedNodes": 0}, _SCALED)
    ),
    "This property must not be specified if enableAutoScale is set to false.": (
        pool({"autoScaleFormula": "$TargetDedicatedNodes = 0;"})
    ),
    "If the formula is not valid, the Batch service rejects the request with detailed error information.": pool(
        {**_SCALED, "autoScaleFormula": "$TargetDedicatedNodes = (0;"},
        _SCALED,
        "AutoScalingFormulaSyntaxError",
    ),
    "If automatic scaling of the Pool is currently disabled, you must specify a valid autoscale formula as part of the"
    " request.": Proven("test_refusals.py::test_enabling_automatic_scaling_needs_a_formula"),
    "If false, at least one of targetDedicatedNodes and targetLowPriorityNodes must be specified.": Left(
        "recorded otherwise: a pool with neither is made, with no nodes (pools-create-2024-07-01.20.0.json)"
    ),
    "If enableAutoScale is set to false, then you must set either targetDedicatedNodes, targetLowPriorityNodes, or"
    " both.": Left("recorded otherwise, as above"),
    "This property must be specified.": Left(
        "of virtualMachineConfiguration: the models do not require it; a pool without is taken, as an older one by"
        " cloudServiceConfiguration was"
    ),
    # --- nodes
    "If this is specified for a Windows Compute Node, then the Batch service rejects the request; if you are calling"
    " the REST API directly, the HTTP status code is 400 (Bad Request).": (
        Proven("test_refusals.py::test_a_key_for_ssh_is_refused_on_windows")
    ),
    # --- jobs and schedules
    "Please contact support for more information) The value of maxParallelTasks must be -1 or greater than 0 if"
    " specified.": job({"maxParallelTasks": 0}, {"maxParallelTasks": -1}),
    "A Job Release Task cannot be specified without also specifying a Job Preparation Task for the Job.": job(
        {"jobReleaseTask": {"commandLine": "r"}},
        {"jobReleaseTask": {"commandLine": "r"}, "jobPreparationTask": {"commandLine": "p"}},
    ),
    "You may not specify a timeout longer than 15 minutes.": job(
        {
            "jobPreparationTask": {"commandLine": "p"},
            "jobReleaseTask": {"commandLine": "r", "maxWallClockTime": "PT15M1S"},
        },
        {
            "jobPreparationTask": {"commandLine": "p"},
            "jobReleaseTask": {"commandLine": "r", "maxWallClockTime": "PT15M"},
        },
    ),
    "If you do, the Batch service rejects it with an error; if you are calling the REST API directly, the HTTP status"
    " code is 400 (Bad Request).": Left("says of the sentence before it how the answer looks"),
    "You must specify either the Pool ID or the auto Pool specification, but not both.": (
        job({"poolInfo": {}}, {"poolInfo": {"poolId": "none"}})
    ),
    "Note that the Batch service will not reject the Job request; it will simply not run Tasks until the Pool"
    " exists.": (Proven("test_tasks.py::test_tasks_outlive_their_pool")),
    "If you specify a lower value, the Batch service rejects the schedule with an error; if you are calling the REST"
    " API directly, the HTTP status code is 400 (Bad Request).": Refused(
        "schedule", {"schedule": {"startWindow": "PT59S"}}, {"schedule": {"startWindow": "PT1M"}}
    ),
    "The time interval, starting from the time at which the schedule indicates a Job should be created, within which a"
    " Job must be created.": _OF_THE_SERVICE,
    "If you try to submit a Task with the same id, the Batch service rejects the request with error code"
    " TaskIdSameAsJobPreparationTask; if you are calling the REST API directly, the HTTP status code is 409"
    " (Conflict).": Refused("task", {"id": "JobPreparation"}, {}, "TaskIdSameAsJobPreparationTask", 409),
    "If you try to submit a Task with the same id, the Batch service rejects the request with error code"
    " TaskIdSameAsJobReleaseTask; if you are calling the REST API directly, the HTTP status code is 409"
    " (Conflict).": Refused("task", {"id": "jobrelease"}, {}, "TaskIdSameAsJobReleaseTask", 409),
    "The Patch Job call will fail if you include the poolInfo element and the Job is not disabled.": (
        Proven("test_jobs.py::test_patch_and_its_limits")
    ),
    "You may not change the value from terminatejob to noaction - that is, once you have engaged automatic Job"
    " termination, you cannot turn it off again.": Proven("test_jobs.py::test_patch_and_its_limits"),
    "If you try to do this, the request fails with an 'invalid property value' error response; if you are calling the"
    " REST API directly, the HTTP status code is 400 (Bad Request).": (
        Proven("test_jobs.py::test_patch_and_its_limits")
    ),
    # --- tasks
    "The userName and autoUser properties are mutually exclusive; you must specify one but not both.": task(
        {"userIdentity": {"username": "u", "autoUser": {}}}, {"userIdentity": {"username": "u"}}
    ),
    "The autoStorageContainerName, storageContainerUrl and httpUrl properties are mutually exclusive and one of them"
    " must be specified.": task(
        {"resourceFiles": [_SOURCES]},
        {"resourceFiles": [{"httpUrl": "https://a.example/b", "filePath": "f"}]},
    ),
    "This URL must be readable and listable from compute nodes.": Left("shows when the task runs"),
    "If the URL points to Azure Blob Storage, it must be readable from compute nodes.": (
        Left("shows when the task runs")
    ),
    "When the max size is exceeded, the request will fail and the response error code will be RequestEntityTooLarge.": (
        Left("recorded as InvalidPropertyValue instead (Azure/BatchExplorer#30); test_tasks.py has it")
    ),
    "If this occurs, the collection of ResourceFiles must be reduced in size.": Left(
        "the size is not published"
    ),
    "For multi-instance Tasks, this must be 1.": task(
        {"requiredSlots": 2, "multiInstanceSettings": {"coordinationCommandLine": "c"}},
        {"requiredSlots": 1, "multiInstanceSettings": {"coordinationCommandLine": "c"}},
    ),
    "For multi-instance Tasks, this property is not supported and must not be specified.": Left(
        "said of a job manager task, which has no multi-instance settings"
    ),
    "If the Job does not have usesTaskDependencies set to true, and this element is present, the request fails with"
    " error code TaskDependenciesNotSpecifiedOnJob.": (
        Proven("test_tasks.py::test_dependencies_need_the_job_to_say_so")
    ),
    "If the taskIds collection exceeds the maximum length, the Add Task request fails with error code"
    " TaskDependencyListTooLong.": Proven("test_refusals.py::test_a_long_list_of_dependencies_is_refused"),
    "If the Job's onTaskFailed property is noaction, then specifying this property returns an error and the add Task"
    " request fails with an invalid property value error; if you are calling the REST API directly, the HTTP status"
    " code is 400 (Bad Request).": task(
        {"exitConditions": {"default": {"jobAction": "terminate"}}},
        {"exitConditions": {"default": {"dependencyAction": "satisfy"}}},
    ),
    "The total serialized size of this collection must be less than 1MB.": (
        Proven("test_tasks.py::test_collection_limits")
    ),
    "If it is greater than 1MB (for example if each Task has 100's of resource files or environment variables), the"
    " request will fail with code 'RequestBodyTooLarge' and should be retried again with fewer Tasks.": (
        Proven("test_tasks.py::test_collection_limits")
    ),
    "If the Pool that will run this Task has containerConfiguration set, this must be set as well.": Left(
        "the task fails when it runs: ContainerTaskSettingsNotFound"
    ),
    "If the Pool that will run this Task doesn't have containerConfiguration set, this must not be set.": Left(
        "the task fails when it runs: ContainerPoolNotSupported (asserted by the tests of Azure's SDK for .NET)"
    ),
    "All regular Tasks and Job manager Tasks run on this Pool must specify the containerSettings property, and all"
    " other Tasks may specify it.": Left("the task fails when it runs, as above"),
    "A Task can only be scheduled to run on a compute node if the node has enough free scheduling slots available.": (
        Proven("test_tasks.py::test_slots_and_fill")
    ),
    "If a referenced Application Package cannot be installed, for example because the package has been deleted or"
    " because download failed, the Task fails.": _NO_PACKAGE,
    "If a referenced Package cannot be installed, for example because the package has been deleted or because download"
    " failed, the Task fails.": _NO_PACKAGE,
    # --- operations
    "If you call an Update, Patch or Delete API on a Pool in the deleting state, it will fail with HTTP status code 409"
    " with error code PoolBeingDeleted.": Proven("test_pools.py::test_delete_goes_through_deleting"),
    "If the Pool is already resizing, the request fails with status code 409.": (
        Proven("test_pools.py::test_resize_while_resizing_is_refused")
    ),
    "If you try to do this, the Batch service returns an error 409.": (
        Proven("test_pools.py::test_autoscale_on_evaluate_off")
    ),
    "If you try to disable a Job that is in any state other than active, disabling, or disabled, the request fails with"
    " status code 409.": Proven("test_jobs.py::test_terminate_ends_tasks_and_closes_the_job"),
    "Once a Job is terminated, new Tasks cannot be added and any remaining active Tasks will not be scheduled.": (
        Proven("test_jobs.py::test_terminate_ends_tasks_and_closes_the_job")
    ),
    "If this API is invoked on a Job which has no Job Preparation or Job Release Task, the Batch service returns HTTP"
    " status code 409 (Conflict) with an error code of JobPreparationTaskNotSpecified.": (
        Proven("test_jobs.py::test_status_needs_a_preparation_task")
    ),
    "If recursive is false then the directory must be empty or deletion will fail.": (
        Proven("test_files.py::test_delete")
    ),
    "This must be at least two and a half hours before the current time.": Left("the list is empty here"),
    "This must be at least two hours before the current time.": Left("the list is empty here"),
}

# What the reference does not say in a sentence, and recordings, notices and Azure's own tests do.
SEEN: Mapping[str, Refused] = {
    "a reference to no image": pool(machine(imageReference={}), machine(), "MissingRequiredProperty"),
    "an image past its end of support": pool(
        machine(
            imageReference={
                "publisher": "Canonical",
                "offer": "0001-com-ubuntu-server-focal",
                "sku": "20_04-lts",
            },
            nodeAgentSKUId="batch.node.ubuntu 20.04",
        ),
        machine(
            imageReference={
                "publisher": "canonical",
                "offer": "0001-com-ubuntu-server-jammy",
                "sku": "22_04-lts",
            },
            nodeAgentSKUId="batch.node.ubuntu 22.04",
        ),
    ),
    "an agent that there is not": pool(
        machine(imageReference={"virtualMachineImageId": GALLERY}, nodeAgentSKUId="batch.node.plan9 4"),
        machine(imageReference={"virtualMachineImageId": GALLERY}, nodeAgentSKUId="batch.node.el 9"),
    ),
    "an agent past its end of support": pool(
        machine(imageReference={"virtualMachineImageId": GALLERY}, nodeAgentSKUId="batch.node.centos 7"),
    ),
    "an agent of another system": pool(
        machine(imageReference={**UBUNTU, "sku": "minimal"}, nodeAgentSKUId="batch.node.windows amd64"),
        machine(imageReference={**UBUNTU, "sku": "minimal"}),
    ),
    "containers on an image that has none": pool(
        machine(containerConfiguration={"type": "dockerCompatible"}),
        machine(
            imageReference={"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"},
            containerConfiguration={"type": "dockerCompatible"},
        ),
    ),
    "two disks of one number": pool(
        machine(dataDisks=[{"lun": 1, "diskSizeGB": 1}] * 2),
        machine(dataDisks=[{"lun": number, "diskSizeGB": 1} for number in (1, 2)]),
    ),
    "a job in a subnet of another form": job(
        {"networkConfiguration": {"subnetId": ADDRESS, "skipWithdrawFromVNet": False}},
        {"networkConfiguration": {"subnetId": SUBNET, "skipWithdrawFromVNet": False}},
    ),
    "a start task with two users": pool(
        {"startTask": {"commandLine": "true", "userIdentity": {"username": "u", "autoUser": {}}}},
        {"startTask": {"commandLine": "true", "userIdentity": {"autoUser": {}}}},
    ),
    "a start task with a file from two places": pool(
        {"startTask": {"commandLine": "true", "resourceFiles": [_SOURCES]}}
    ),
    "an automatic pool with ports too few": job(
        {
            "poolInfo": {
                "autoPoolSpecification": {
                    "poolLifetimeOption": "job",
                    "pool": {
                        "vmSize": "Standard_D2ds_v5",
                        **machine(),
                        **nats(nat(frontendPortRangeEnd=1010)),
                    },
                }
            }
        },
    ),
}
