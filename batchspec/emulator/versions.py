"""The API versions that clients still send, and in what their words differ from the current one."""

from collections.abc import Mapping
from typing import Any

from batchspec.emulator.call import Call, Reply
from batchspec.emulator.errors import ApiError

CURRENT = "2025-06-01"
OLDER = (
    "2022-01-01.15.0",
    "2022-10-01.16.0",
    "2023-05-01.17.0",
    "2023-11-01.18.0",
    "2024-02-01.19.0",
    "2024-07-01.20.0",
)


def require_version(query: Mapping[str, str]) -> str:
    version = query.get("api-version", "")
    if not version:
        raise ApiError("MissingRequiredQueryParameter", ("QueryParameterName", "api-version"))
    if version != CURRENT and version not in OLDER:
        raise ApiError("UnsupportedRequestVersion", ("Version", version))
    return version


def older_request(_: str, body: Any) -> Any:
    return body


def older_reply(_: Call, reply: Reply) -> Reply:
    return reply
