"""Answers of the endpoint held against the OpenAPI data: types, required members, enum values, status codes.

`checked` wraps the SDK's transport, so that every test that talks through it proves the contract as well.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from batchspec.emulator.http.validate import API
from batchspec.emulator.state.clock import parse_duration, parse_time

# What the recordings of the real service show against the data: (type, member) to the reason.
PROVEN_OTHERWISE = {
    ("BatchNode", "ipv6Address"): "required by the data; no node of nodes-2025-06-01.json has it",
    (
        "BatchNode",
        "lastBootTime",
    ): "required by the data; nodes in `creating` have none (nodes-2025-06-01.json)",
    (
        "BatchTaskSchedulingPolicy",
        "nodeFillType",
    ): "enum `spread`; recorded as `Spread` (jobs-2025-06-01.json)",
    ("OutputFileUploadConfiguration", "uploadCondition"): "recorded as `TaskSuccess` (cli-extensions)",
    ("BatchTaskCreateResult", "status"): "enum `success`; recorded as `Success` (cli-extensions)",
    ("BatchTaskFailureInfo", "category"): "enum `usererror`; the service writes `UserError` (FACTS 5.2)",
    ("UserAccount", "password"): "required by the data; never given back (pools-list-2025-06-01.json)",
}

_LISTS = {
    "list_applications": "BatchApplication",
    "list_jobs": "BatchJob",
    "list_jobs_from_schedule": "BatchJob",
    "list_job_schedules": "BatchJobSchedule",
    "list_job_preparation_and_release_task_status": "BatchJobPreparationAndReleaseTaskStatus",
    "list_nodes": "BatchNode",
    "list_node_extensions": "BatchNodeVMExtension",
    "list_node_files": "BatchNodeFile",
    "list_task_files": "BatchNodeFile",
    "list_pool_node_counts": "BatchPoolNodeCounts",
    "list_pools": "BatchPool",
    "list_pool_usage_metrics": "BatchPoolUsageMetrics",
    "list_subtasks": "BatchSubtask",
    "list_supported_images": "BatchSupportedImage",
    "list_tasks": "BatchTask",
}


def operation_of(method: str, path: str) -> str | None:
    for name, operation in API["operations"].items():
        pattern = re.sub(r"\{filePath\}", ".+", operation["path"])
        pattern = re.sub(r"\{\w+\}", "[^/]+", pattern)
        if operation["method"] == method and re.fullmatch(pattern, path):
            return str(name)
    return None


def violations(method: str, path: str, query: str, status: int, body: bytes) -> list[str]:
    """What in an answer is not as the data says."""
    name = operation_of(method, path)
    if name is None or "%24select" in query or "$select" in query:
        return []
    if status >= 400 or status == 304:
        return _error_violations(name, method, status, body)
    operation = API["operations"][name]
    found = [] if status == operation["status"] else [f"{name}: status {status}, not {operation['status']}"]
    if operation["result"] in (None, "file"):
        return found
    parsed = json.loads(body)
    if not parsed.get("odata.metadata"):
        found.append(f"{name}: no odata.metadata")
    kind = operation["result"]
    if kind == "object":
        for item in parsed["value"]:
            found += list(_check(_LISTS[name], item, name))
        return found
    return found + list(_check(kind, {k: v for k, v in parsed.items() if not k.startswith("odata.")}, name))


def _error_violations(name: str, method: str, status: int, body: bytes) -> list[str]:
    if method == "HEAD" or status == 304:
        return [f"{name}: a body"] if body else []
    parsed = json.loads(body)
    good = isinstance(parsed.get("code"), str) and {"lang", "value"} == parsed["message"].keys()
    return [] if good else [f"{name}: {parsed}"]


def _check(kind: str, value: Any, where: str) -> Iterator[str]:
    if kind.startswith("["):
        for item in value:
            yield from _check(kind[1:-1], item, where)
    elif kind in API["enums"]:
        if value not in API["enums"][kind]:
            yield f"{where}: {value!r} is not one of {kind}"
    elif kind in API["types"]:
        yield from _check_object(kind, value, where)
    elif not _SIMPLE[kind](value):
        yield f"{where}: {value!r} is no {kind}"


def _check_object(kind: str, value: Any, where: str) -> Iterator[str]:
    schema = API["types"][kind]
    for name in schema["required"]:
        if name not in value and (kind, name) not in PROVEN_OTHERWISE:
            yield f"{where}: {kind} has no {name}"
    for name, item in value.items():
        if name not in schema["properties"]:
            yield f"{where}: {kind} has no property {name}"
        elif (kind, name) not in PROVEN_OTHERWISE:
            yield from _check(schema["properties"][name], item, f"{where}.{name}")


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and value.endswith("Z") and parse_time(value) > 0


def _is_duration(value: Any) -> bool:
    return isinstance(value, str) and parse_duration(value) is not None


_SIMPLE = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "int32": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "int64": lambda value: isinstance(value, str) and value.lstrip("-").isdigit(),
    "number": lambda value: isinstance(value, int | float),
    "duration": _is_duration,
    "date-time": _is_time,
    "object": lambda value: isinstance(value, dict),
}
