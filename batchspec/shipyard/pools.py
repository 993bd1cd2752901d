"""The pool: `pool.yaml`, and what `config.yaml` has its nodes load."""

from __future__ import annotations

import re
from typing import Any

from batchspec.errors import UsageError
from batchspec.language.rows.agreement import literal
from batchspec.shipyard.reading.durations import iso_duration
from batchspec.shipyard.reading.folder import Configuration
from batchspec.shipyard.reading.settings import Settings
from batchspec.shipyard.scaling import sizes
from batchspec.shipyard.tasks.data import Data

_IMAGE = "microsoft-dsvm:ubuntu-hpc:2404:latest"
_HAS_ENGINE = re.compile(r"microsoft-dsvm:ubuntu-hpc:(2204|2404).*", re.IGNORECASE)
_HUB = "hub"


def pool_fields(
    configuration: Configuration, mounts: list[dict[str, Any]], remarks: list[str]
) -> dict[str, Any]:
    """The `pool:` of a spec; what it cannot say becomes *remarks*."""
    pool = configuration.pool
    for name in ("id", "vm_size"):
        if not pool.says(name):
            raise UsageError(f"{pool.where} has no {name}")
    body: dict[str, Any] = {"id": pool.text("id"), "vmSize": pool.text("vm_size"), **_image(pool, remarks)}
    machine = body.setdefault("virtualMachineConfiguration", {})
    machine["containerConfiguration"] = _containers(configuration)
    body |= sizes(pool, remarks)
    if slots := pool.whole("max_tasks_per_node"):
        body["taskSlotsPerNode"] = slots
    if timeout := pool.text("resize_timeout"):
        body["resizeTimeout"] = iso_duration(timeout, pool.where)
    if fill := pool.text("node_fill_type"):
        body["taskSchedulingPolicy"] = {"nodeFillType": fill}
    if pool.take("inter_node_communication_enabled", False):
        body["enableInterNodeCommunication"] = True
    if start := _start_task(pool, remarks):
        body["startTask"] = start
    body |= _network(pool)
    return body | ({"mountConfiguration": mounts} if mounts else {})


def _image(pool: Settings, remarks: list[str]) -> dict[str, Any]:
    custom = pool.inside("vm_configuration").inside("custom_image")
    if custom:
        reference = {"virtualMachineImageId": custom.text("arm_image_id")}
        custom.take("native")
        agent = custom.text("node_agent")
        return {"virtualMachineConfiguration": {"imageReference": reference, "nodeAgentSKUId": agent}}
    platform = pool.inside("vm_configuration").inside("platform_image")
    parts = [platform.text(name) for name in ("publisher", "offer", "sku")]
    image = ":".join([*parts, platform.text("version") or "latest"])
    if parts[0].lower() == "microsoftwindowsserver":
        raise UsageError(
            f"{pool.where} is of Windows nodes, and `import shipyard` writes commands for Linux",
            help="`batchspec import pool ID` prints a spec of a pool that exists",
        )
    platform.take("native")
    if not _HAS_ENGINE.fullmatch(image):
        remarks.append(f"The image was {image}: Batch Shipyard installed Docker on it; this one has it.")
        image = _IMAGE
    return {"image": image}


def _containers(configuration: Configuration) -> dict[str, Any]:
    resources = configuration.config.inside("global_resources")
    found: dict[str, Any] = {"type": "dockerCompatible"}
    if images := resources.texts("docker_images"):
        found["containerImageNames"] = images
    logins = configuration.credentials.inside("docker_registry")
    resources.inside("additional_registries").take("docker")
    if registries := [_registry(server, logins.inside(server)) for server in logins.names()]:
        found["containerRegistries"] = registries
    return found


def _registry(server: str, login: Settings) -> dict[str, Any]:
    """A registry's login; its password stays in the environment of the person who applies."""
    variable = re.sub(r"[^A-Z0-9]+", "_", f"REGISTRY_PASSWORD_{server.upper()}")
    found = {"username": login.text("username"), "password": {"fromEnvironment": variable}}
    return found if server == _HUB else {"registryServer": server, **found}


def _start_task(pool: Settings, remarks: list[str]) -> dict[str, Any]:
    preparation = pool.inside("additional_node_prep")
    commands = [line for when in ("pre", "post") for line in preparation.inside("commands").texts(when)]
    data = Data()
    data.read(pool, "", {})
    remarks.extend(data.remarks)
    if not commands and not data.resource_files:
        return {}
    script = "; ".join(["set -e", *commands])
    quoted = literal(script).replace("'", "'\"'\"'")
    found: dict[str, Any] = {"commandLine": f"/bin/bash -c '{quoted}'" if commands else "/bin/true"}
    if variables := preparation.pairs("environment_variables"):
        found["environmentSettings"] = [{"name": name, "value": value} for name, value in variables.items()]
    if data.resource_files:
        found["resourceFiles"] = data.resource_files
    if pool.take("reboot_on_start_task_failed", False):
        found["maxTaskRetryCount"] = 1
    return found | {"userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "admin"}}}


def _network(pool: Settings) -> dict[str, Any]:
    network: dict[str, Any] = {}
    if subnet := pool.inside("virtual_network").text("arm_subnet_id"):
        network["subnetId"] = subnet
    if addresses := pool.texts("public_ips"):
        network["publicIPAddressConfiguration"] = {"provision": "usermanaged", "ipAddressIds": addresses}
    return {"networkConfiguration": network} if network else {}
