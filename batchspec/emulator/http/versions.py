"""The API versions that clients still send, and in what their words differ from the current one."""

from collections.abc import Mapping
from typing import Any

from batchspec.emulator.state.errors import ApiError

CURRENT = "2025-06-01"
OLDER = (
    "2018-12-01.8.0",
    "2019-06-01.9.0",
    "2019-08-01.10.0",
    "2020-03-01.11.0",
    "2020-09-01.12.0",
    "2021-06-01.14.0",
    "2022-01-01.15.0",
    "2022-10-01.16.0",
    "2023-05-01.17.0",
    "2023-11-01.18.0",
    "2024-02-01.19.0",
    "2024-07-01.20.0",
)

# Properties that the current version no longer has. Older ones send them and read them back; they have no effect.
RETIRED = {
    "certificateReferences": "[object]",
    "targetNodeCommunicationMode": "string",
    "resourceTags": "object",
    "applicationLicenses": "[string]",
    "authenticationTokenSettings": "object",
}
_RETIRED_NAMES = frozenset(RETIRED)
# What the current version tells and the older ones do not (recorded 2025 and 2026).
_ADDED = frozenset({"jobDefaultOrder"})

# From this version on nodes have task slots; before, `maxTasksPerNode` was the number of tasks, each of one slot.
_SLOTS_SINCE = "2020-09-01.12.0"
_FORMER_NAMES = {"taskSlotsPerNode": "maxTasksPerNode"}
_OF_SLOTS = frozenset({"requiredSlots", "runningTaskSlotsCount"})
# Until then the addresses of a pool stood in its network as a list.
_ADDRESSES_SINCE = "2020-03-01.11.0"

# Operations that only older versions have: name to method, path, status and the first version without it.
FORMER_OPERATIONS: dict[str, dict[str, Any]] = {
    "list_node_agent_skus": {"path": "/nodeagentskus", "until": "2019-06-01.9.0"},
    "get_remote_desktop": {"path": "/pools/{poolId}/nodes/{nodeId}/rdp", "until": CURRENT},
    "get_all_jobs_lifetime_statistics": {"path": "/lifetimejobstats", "until": "2023-11-01.18.0"},
    "get_all_pools_lifetime_statistics": {"path": "/lifetimepoolstats", "until": "2023-11-01.18.0"},
    "list_certificates": {"path": "/certificates", "until": CURRENT},
    "add_certificate": {"method": "POST", "path": "/certificates", "until": CURRENT},
}
FORMER_OPERATIONS = {
    name: {"method": "GET", "status": 200, "query": [], "body": None, "result": "object", **operation}
    for name, operation in FORMER_OPERATIONS.items()
}


def has_operation(version: str, name: str) -> bool:
    former = FORMER_OPERATIONS.get(name)
    return former is None or version < former["until"]


def require_version(query: Mapping[str, str]) -> str:
    version = query.get("api-version", "")
    if not version:
        raise ApiError("MissingRequiredQueryParameter", ("QueryParameterName", "api-version"))
    if version != CURRENT and version not in OLDER:
        raise ApiError("UnsupportedRequestVersion", ("Version", version))
    return version


def read_in(version: str, body: Any) -> Any:
    """The body that a client of this version sent, in the words of the current one."""
    if isinstance(body, list):
        return [read_in(version, item) for item in body]
    if not isinstance(body, dict):
        return body
    found = {key: read_in(version, value) for key, value in body.items()}
    if version < _SLOTS_SINCE:
        _rename(found, {old: new for new, old in _FORMER_NAMES.items()})
    if version < _ADDRESSES_SINCE and isinstance(addresses := found.pop("publicIPs", None), list):
        found["publicIPAddressConfiguration"] = {"provision": "usermanaged", "ipAddressIds": addresses}
    if version < CURRENT and "lun" in found and (kind := found.pop("storageAccountType", None)):
        found["managedDisk"] = {"storageAccountType": kind}
    return found


def told_in(version: str, body: Any) -> Any:
    """The body in the words of the version, at any depth; without what it does not know."""
    if isinstance(body, list):
        return [told_in(version, item) for item in body]
    if not isinstance(body, dict):
        return body
    hidden = _RETIRED_NAMES if version == CURRENT else _ADDED
    if version < _SLOTS_SINCE:
        hidden |= _OF_SLOTS
    found = {key: told_in(version, value) for key, value in body.items() if key not in hidden}
    if version < _SLOTS_SINCE:
        _rename(found, _FORMER_NAMES)
    if version < _ADDRESSES_SINCE and "publicIPAddressConfiguration" in found:
        found["publicIPs"] = found.pop("publicIPAddressConfiguration").get("ipAddressIds", [])
    if version < CURRENT and "lun" in found and "managedDisk" in found:
        found["storageAccountType"] = found.pop("managedDisk").get("storageAccountType")
    return found


def _rename(body: dict[str, Any], names: Mapping[str, str]) -> None:
    for name, other in names.items():
        if name in body:
            body[other] = body.pop(name)


def counts_in(version: str, tasks: Mapping[str, int], slots: Mapping[str, int]) -> dict[str, Any]:
    """How many tasks a job has of each kind; before there were slots, that was all of the answer."""
    if version < _SLOTS_SINCE:
        return dict(tasks)
    return {"taskCounts": dict(tasks), "taskSlotCounts": dict(slots)}
