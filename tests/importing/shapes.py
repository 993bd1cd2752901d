"""Pools and jobs as other tools make them: raw create bodies, many shapes, in odd spellings."""

from typing import Any

Body = dict[str, Any]

UBUNTU: Body = {
    "imageReference": {
        "publisher": "Canonical",
        "offer": "ubuntu-24_04-lts",
        "sku": "server",
        "version": "latest",
    },
    "nodeAgentSKUId": "batch.node.ubuntu 24.04",
}

CANARY = "hunter2-Tr0ub4dor"
"""The secret that every shape which can hold one holds."""

_KEY = "Kx9" + "a" * 20 + "Zq8" * 21 + "=="
_SAS = "sv=2024-11-04&sr=c&sp=rl&sig=" + "qZ3" * 14 + "%3D"


def _with(**fields: Any) -> Body:
    return {"vmSize": "STANDARD_D2ds_V5", "virtualMachineConfiguration": UBUNTU, **fields}


def _machine(**fields: Any) -> Body:
    return _with(virtualMachineConfiguration={**UBUNTU, **fields})


def _start(command: str = "/bin/true", **fields: Any) -> Body:
    return _with(startTask={"commandLine": command, **fields})


POOLS: dict[str, Body] = {
    "bare": _with(),
    "sized": _with(targetDedicatedNodes=1, targetLowPriorityNodes=2, resizeTimeout="PT06M00S"),
    "pinned-image": _machine(imageReference={**UBUNTU["imageReference"], "version": "24.04.202601010"}),
    "gallery-image": _machine(
        imageReference={
            "virtualMachineImageId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute"
            "/galleries/gal/images/img/versions/1.2.3"
        }
    ),
    "autoscale": _with(
        enableAutoScale=True,
        autoScaleFormula="// for the queue\n$TargetDedicatedNodes = 0;\n$NodeDeallocationOption = taskcompletion;\n",
        autoScaleEvaluationInterval="PT5M",
    ),
    "autoscale-of-a-portal": _with(
        enableAutoScale=True, autoScaleFormula="$TargetDedicatedNodes=0;\r\n \t$x = 1;"
    ),
    "slots": _with(
        taskSlotsPerNode=4, taskSchedulingPolicy={"nodeFillType": "Pack", "jobDefaultOrder": "CreationTime"}
    ),
    "only-order": _with(taskSchedulingPolicy={"nodeFillType": "spread", "jobDefaultOrder": "creationtime"}),
    "start-task": _start(
        '/bin/bash -c "set -e; for i in {1..30}; do apt-get update && apt-get install -y ffmpeg && exit 0; '
        'sleep 10; done; exit 1"',
        userIdentity={"autoUser": {"elevationLevel": "ADMIN"}},
        environmentSettings=[{"name": "MODE", "value": "fast"}, {"name": "EMPTY"}],
        resourceFiles=[{"httpUrl": "https://example.com/tool.tar?v=2", "filePath": "tool.tar"}],
        maxTaskRetryCount=-1,
        waitForSuccess=False,
    ),
    "braces": _start("docker inspect -f '{{.State}}' {{{x}}} ${#y} {{"),
    "odd-text": _start("echo 'a: b' # not a comment\techo \x1b[31m \u202e", maxTaskRetryCount=2),
    "script": _start("/bin/bash -c 'set -e\napt-get update\n  indented\n'"),
    "signed-file": _start(
        resourceFiles=[{"httpUrl": f"https://acc.blob.core.windows.net/c/f?{_SAS}", "filePath": "f"}]
    ),
    "secret-in-environment": _start(
        environmentSettings=[{"name": "DB_PASSWORD", "value": CANARY}, {"name": "A", "value": "1"}]
    ),
    "secret-in-command": _start(f"/bin/bash -c 'mount -o user=x,password={CANARY} //a/b /mnt'"),
    "key-in-command": _start(f"az login --key {_KEY}"),
    "secret-in-metadata": _with(
        metadata=[{"name": "apiToken", "value": CANARY}, {"name": "team", "value": "a"}]
    ),
    "metadata": _with(metadata=[{"name": "cost centre", "value": "42"}, {"name": "note", "value": "yes"}]),
    "packages": _with(applicationPackageReferences=[{"applicationId": "Blender", "version": "4.2"}]),
    "containers": _machine(
        imageReference={"publisher": "microsoft-dsvm", "offer": "ubuntu-hpc", "sku": "2404"},
        containerConfiguration={
            "type": "DockerCompatible",
            "containerImageNames": ["python:3.13-slim", "acc.azurecr.io/a/b@sha256:0"],
            "containerRegistries": [
                {"registryServer": "acc.azurecr.io", "username": "acc", "password": CANARY},
                {
                    "registryServer": "other.azurecr.io",
                    "identityReference": {"resourceId": "/subscriptions/s/id"},
                },
            ],
        },
    ),
    "mounts": _with(
        mountConfiguration=[
            {
                "azureBlobFileSystemConfiguration": {
                    "accountName": "acc",
                    "containerName": "c",
                    "relativeMountPath": "blobs",
                    "accountKey": CANARY,
                    "blobfuseOptions": "-o ro",
                }
            },
            {
                "azureBlobFileSystemConfiguration": {
                    "accountName": "acc",
                    "containerName": "d",
                    "relativeMountPath": "signed",
                    "sasKey": f"?{_SAS}",
                }
            },
            {
                "azureFileShareConfiguration": {
                    "accountName": "acc",
                    "azureFileUrl": "https://acc.file.core.windows.net/share",
                    "accountKey": CANARY,
                    "relativeMountPath": "share",
                }
            },
            {"nfsMountConfiguration": {"source": "10.0.0.4:/data", "relativeMountPath": "nfs"}},
            {
                "cifsMountConfiguration": {
                    "source": "//10.0.0.5/s",
                    "username": "u",
                    "password": CANARY,
                    "relativeMountPath": "cifs",
                    "mountOptions": f"-o vers=3.0,password={CANARY}",
                }
            },
        ]
    ),
    "users": _with(
        userAccounts=[
            {"name": "alice", "password": CANARY, "elevationLevel": "Admin"},
            {
                "name": "bob",
                "password": CANARY,
                "linuxUserConfiguration": {"uid": 1001, "gid": 1001, "sshPrivateKey": CANARY},
            },
        ]
    ),
    "disks": _machine(
        osDisk={
            "diskSizeGB": 100,
            "caching": "ReadWrite",
            "managedDisk": {"storageAccountType": "Premium_LRS"},
        },
        dataDisks=[
            {"lun": 1, "diskSizeGB": 10},
            {"lun": 0, "diskSizeGB": 20, "caching": "readonly"},
        ],
    ),
    "secured": _machine(
        securityProfile={
            "securityType": "TrustedLaunch",
            "encryptionAtHost": True,
            "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True},
        },
        diskEncryptionConfiguration={"targets": ["TemporaryDisk"]},
        nodePlacementConfiguration={"policy": "Zonal"},
        licenseType="RHEL_BYOS",
    ),
    "extensions": _machine(
        extensions=[
            {
                "name": "monitor",
                "publisher": "Microsoft.Azure.Monitor",
                "type": "AzureMonitorLinuxAgent",
                "typeHandlerVersion": "1.0",
                "autoUpgradeMinorVersion": True,
                "settings": {"workspace": "w"},
                "protectedSettings": {"key": CANARY},
            }
        ]
    ),
    "network": _with(
        networkConfiguration={
            "subnetId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n",
            "enableAcceleratedNetworking": True,
            "publicIPAddressConfiguration": {"provision": "NoPublicIPAddresses"},
        }
    ),
    "ports": _with(
        networkConfiguration={
            "endpointConfiguration": {
                "inboundNATPools": [
                    {
                        "name": "ssh",
                        "protocol": "TCP",
                        "backendPort": 22,
                        "frontendPortRangeStart": 15000,
                        "frontendPortRangeEnd": 15100,
                        "networkSecurityGroupRules": [
                            {"priority": 150, "access": "Deny", "sourceAddressPrefix": "*"},
                        ],
                    }
                ]
            }
        }
    ),
    "mpi": _with(enableInterNodeCommunication=True, displayName="MPI, old: cluster #2"),
    "upgrades": _with(
        upgradePolicy={
            "mode": "Automatic",
            "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True, "disableAutomaticRollback": True},
            "rollingUpgradePolicy": {"maxBatchInstancePercent": 20, "pauseTimeBetweenBatches": "PT0S"},
        }
    ),
    "as-a-user": _start(userIdentity={"username": "alice"}),
}

JOBS: dict[str, Body] = {
    "bare": {},
    "ends-by-itself": {"onAllTasksComplete": "TerminateJob"},
    "in-full": {
        "displayName": "Nightly",
        "priority": -5,
        "constraints": {"maxWallClockTime": "PT90M", "maxTaskRetryCount": 3},
        "maxParallelTasks": 7,
        "allowTaskPreemption": True,
        "onTaskFailure": "PerformExitOptionsJobAction",
        "usesTaskDependencies": True,
        "commonEnvironmentSettings": [{"name": "LANG", "value": "C.UTF-8"}],
        "metadata": [{"name": "owner", "value": "film"}],
    },
    "preparation-and-release": {
        "jobPreparationTask": {
            "commandLine": "/bin/bash -c 'mkdir -p $AZ_BATCH_NODE_SHARED_DIR/x'",
            "constraints": {"retentionTime": "P1D"},
            "userIdentity": {"autoUser": {"scope": "Task"}},
            "rerunOnNodeRebootAfterSuccess": False,
        },
        "jobReleaseTask": {"commandLine": "rm -rf x", "maxWallClockTime": "PT5M"},
    },
    "secret-in-preparation": {
        "jobPreparationTask": {"commandLine": f"login --password={CANARY}"},
        "jobReleaseTask": {"commandLine": "logout"},
        "commonEnvironmentSettings": [{"name": "SAS_TOKEN", "value": CANARY}],
    },
    "manager": {
        "jobManagerTask": {
            "id": "manager",
            "commandLine": "python manage.py",
            "killJobOnCompletion": False,
            "outputFiles": [
                {
                    "filePattern": "../std*.txt",
                    "destination": {
                        "container": {
                            "containerUrl": f"https://acc.blob.core.windows.net/c?{_SAS}",
                            "path": "logs",
                        }
                    },
                    "uploadOptions": {"uploadCondition": "TaskCompletion"},
                }
            ],
            "containerSettings": {
                "imageName": "acc.azurecr.io/m:1",
                "registry": {"registryServer": "acc.azurecr.io", "username": "acc", "password": CANARY},
            },
        }
    },
}

WITH_SOMETHING_LEFT_OUT = {
    "secret-in-environment": ["pool.startTask.environmentSettings # DB_PASSWORD may hold a secret"],
    "secret-in-command": ["pool.startTask # startTask may hold a secret"],
    "key-in-command": ["pool.startTask # startTask may hold a secret"],
    "mounts": ["pool.mountConfiguration # mountConfiguration[4] may hold a secret"],
    "secret-in-preparation": [
        "job.commonEnvironmentSettings # SAS_TOKEN may hold a secret",
        "job.jobReleaseTask # jobReleaseTask cannot be without the preparation task",
        "job.jobPreparationTask # jobPreparationTask may hold a secret",
    ],
}
"""What a plan of these shapes passes over, with the comment beside it; of all others, nothing."""
