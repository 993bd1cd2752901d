"""The API versions that clients still send, and in what their words differ from the current one."""

from collections.abc import Mapping
from typing import Any

from batchspec.emulator.state.errors import ApiError

CURRENT = "2025-06-01"
OLDER = (
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
# What the current version tells and the older ones do not (recorded 2025 and 2026).
_ADDED = frozenset({"jobDefaultOrder"})


def require_version(query: Mapping[str, str]) -> str:
    version = query.get("api-version", "")
    if not version:
        raise ApiError("MissingRequiredQueryParameter", ("QueryParameterName", "api-version"))
    if version != CURRENT and version not in OLDER:
        raise ApiError("UnsupportedRequestVersion", ("Version", version))
    return version


def told_in(version: str, body: Any) -> Any:
    """The body without the properties that the version does not know, at any depth."""
    hidden = RETIRED.keys() if version == CURRENT else _ADDED
    if isinstance(body, dict):
        return {key: told_in(version, value) for key, value in body.items() if key not in hidden}
    if isinstance(body, list):
        return [told_in(version, item) for item in body]
    return body
