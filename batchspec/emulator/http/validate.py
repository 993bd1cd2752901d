"""Request bodies checked against the API's own data, and put into the form in which the service gives them back.

The data (`api-2025-06-01.json`) has every type's properties; what it cannot say, numeric limits and the rules of ids,
is a table here. A checked body is a new mapping: nulls dropped, durations and times in the service's spelling, enum
values in its case, secrets left out.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

from batchspec.emulator.http.refusals import REFUSALS, Rule
from batchspec.emulator.http.versions import RETIRED
from batchspec.emulator.state.clock import duration_text, parse_duration, parse_time, time_text
from batchspec.emulator.state.errors import ApiError, invalid_property

API: dict[str, Any] = json.loads(files("batchspec.emulator").joinpath("api-2025-06-01.json").read_text())

ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAMED = {
    "BatchPoolCreateOptions",
    "BatchJobCreateOptions",
    "BatchTaskCreateOptions",
    "BatchJobScheduleCreateOptions",
}
_NAMED |= {"BatchJobManagerTask", "BatchJobPreparationTask", "BatchJobReleaseTask"}

# Enums whose values come back in another case than the reference lists them (recorded 2022 and 2026).
_PASCAL = {
    "BatchNodeFillType": {"spread": "Spread", "pack": "Pack"},
    "OutputFileUploadCondition": {
        "tasksuccess": "TaskSuccess",
        "taskfailure": "TaskFailure",
        "taskcompletion": "TaskCompletion",
    },
}

# Properties that the service takes and never gives back.
_WRITE_ONLY = {"password", "accountKey", "sasKey", "sshPrivateKey", "protectedSettings"}

_MINUTE = 60 * 10_000_000
# (least, most) of numbers and of durations in ticks, by property, or by property and type; from the property
# descriptions of the SDK and FACTS section 2.
_RANGES: dict[str, tuple[int, int]] = {
    "priority": (-1000, 1000),
    "taskSlotsPerNode": (1, 256),
    "requiredSlots": (1, 256),
    "targetDedicatedNodes": (0, 100_000),
    "targetLowPriorityNodes": (0, 100_000),
    "maxTaskRetryCount": (-1, 2**31 - 1),
    "resizeTimeout": (5 * _MINUTE, 2**62),
    "autoScaleEvaluationInterval": (5 * _MINUTE, 168 * 60 * _MINUTE),
    "startWindow": (_MINUTE, 2**62),
    "recurrenceInterval": (_MINUTE, 2**62),
    "priority:NetworkSecurityGroupRule": (150, 4096),
    "maxParallelTasks": (-1, 2**31 - 1),
    "backendPort": (1, 65535),
    "frontendPortRangeStart": (1, 65534),
    "frontendPortRangeEnd": (1, 65534),
    "lun": (0, 63),
    "maxBatchInstancePercent": (5, 100),
    "maxUnhealthyInstancePercent": (5, 100),
    "maxUnhealthyUpgradedInstancePercent": (0, 100),
}
_LENGTHS = {
    "displayName": 1024,
    "nodeList": 100,
    "value:BatchTaskGroup": 100,
    "applicationPackageReferences": 10,
}

# Where an older version may have one of the properties retired since.
_MAY_RETIRED = {
    "BatchPoolCreateOptions",
    "BatchPoolReplaceOptions",
    "BatchPoolUpdateOptions",
    "BatchPoolSpecification",
    "BatchTaskCreateOptions",
    "BatchJobManagerTask",
}

Check = Callable[[str, Any], Any]


def check_body(type_name: str, body: Any, *, retired: bool = False) -> dict[str, Any]:
    """The body in the service's spelling; `ApiError` when the service would refuse it."""
    checked: dict[str, Any] = _checker(type_name, retired)("", body)
    return checked


@cache
def _checker(type_name: str, retired: bool) -> Check:
    if type_name.startswith("["):
        return _list_checker(_checker(type_name[1:-1], retired), REFUSALS.get(type_name))
    if type_name in API["enums"]:
        return _enum_checker(type_name)
    if type_name in API["types"]:
        return _object_checker(type_name, retired)
    return _SIMPLE[type_name]


def _object_checker(type_name: str, retired: bool) -> Check:
    schema = API["types"][type_name]
    read_only = set(schema["readOnly"])
    kinds = {name: kind for name, kind in schema["properties"].items() if name not in read_only}
    if retired and type_name in _MAY_RETIRED:
        kinds |= RETIRED
    required = [name for name in schema["required"] if name not in read_only]
    # Made when first needed: types refer to each other.
    checks: dict[str, Check] = {}
    refuse, secret = REFUSALS.get(type_name), _WRITE_ONLY & kinds.keys()

    def check(where: str, value: Any) -> Any:
        found = {}
        for name, item in _object(where, value).items():
            if item is None:
                continue
            if name not in kinds:
                raise _unknown(name, type_name)
            if name not in checks:
                checks[name] = _property_checker(type_name, name, kinds[name], retired)
            found[name] = checks[name](name, item)
        for name in required:
            if value.get(name) is None:
                raise ApiError("MissingRequiredProperty", ("PropertyName", name))
        if refuse is not None:
            refuse(found)
        return {name: item for name, item in found.items() if name not in secret} if secret else found

    return check


def _property_checker(type_name: str, name: str, kind: str, retired: bool) -> Check:
    check = _checker(kind, retired)
    if name == "id" and type_name in _NAMED:
        return _id
    span = _RANGES.get(f"{name}:{type_name}", _RANGES.get(name))
    if span is not None:
        return _ranged(check, *span, is_duration=kind == "duration")
    limit = _LENGTHS.get(f"{name}:{type_name}", _LENGTHS.get(name))
    if limit is not None:
        return _limited(check, limit)
    if type_name == "BatchMetadataItem" and name == "name":
        return _metadata_name
    if name == "autoPoolIdPrefix":
        return _prefix
    return check


def _ranged(check: Check, least: int, most: int, *, is_duration: bool) -> Check:
    def ranged(where: str, value: Any) -> Any:
        checked = check(where, value)
        number = parse_duration(checked) if is_duration else checked
        if not least <= number <= most:
            raise invalid_property(where, value, "The value is out of the permitted range")
        return checked

    return ranged


def _limited(check: Check, most: int) -> Check:
    def limited(where: str, value: Any) -> Any:
        checked = check(where, value)
        if len(checked) > most:
            raise invalid_property(where, "", f"The maximum permitted length is {most}")
        return checked

    return limited


def _id(where: str, value: Any) -> Any:
    _text(where, value)
    if not ID.fullmatch(value):
        reason = (
            "The specified id is not valid: an id has 1 to 64 characters, which are letters, digits, hyphens and"
            " underscores"
        )
        raise invalid_property(where, value, reason)
    return value


def _prefix(where: str, value: Any) -> Any:
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,20}", _text(where, value)):
        raise invalid_property(
            where, value, "The prefix has at most 20 letters, digits, hyphens and underscores"
        )
    return value


def _metadata_name(where: str, value: Any) -> Any:
    if not _text(where, value):
        raise ApiError("EmptyMetadataKey")
    return value


def _list_checker(check: Check, refuse: Rule | None) -> Check:
    def check_list(where: str, value: Any) -> Any:
        if not isinstance(value, list):
            raise _malformed(where, "A collection was expected.")
        found = [check(where, item) for item in value]
        if refuse is not None:
            refuse(found)
        return found

    return check_list


def _enum_checker(type_name: str) -> Check:
    spelling = {value.lower(): value for value in API["enums"][type_name]}
    spelling.update(_PASCAL.get(type_name, {}))

    def check(where: str, value: Any) -> Any:
        _text(where, value)
        try:
            return spelling[value.lower()]
        except KeyError:
            raise invalid_property(where, value, f"The value is not one of {', '.join(spelling)}") from None

    return check


def _text(where: str, value: Any) -> Any:
    if not isinstance(value, str):
        raise _malformed(where, "A string was expected.")
    return value


def _boolean(where: str, value: Any) -> Any:
    if not isinstance(value, bool):
        raise _malformed(where, "A boolean was expected.")
    return value


def _integer(where: str, value: Any) -> Any:
    """A number, or its digits as text: `az batch pool create` sends them so."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,10}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**31) <= value < 2**31:
        raise _malformed(where, "A 32-bit integer was expected.")
    return value


def _long(where: str, value: Any) -> Any:
    try:
        return str(int(value))
    except (TypeError, ValueError):
        raise _malformed(where, "A 64-bit integer was expected.") from None


def _number(where: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _malformed(where, "A number was expected.")
    return value


def _duration(where: str, value: Any) -> Any:
    try:
        return duration_text(parse_duration(_text(where, value)))
    except ValueError:
        raise _malformed(where, "A duration in ISO 8601 form was expected.") from None


def _moment(where: str, value: Any) -> Any:
    try:
        return time_text(parse_time(_text(where, value)))
    except ValueError:
        raise _malformed(where, "A time in ISO 8601 form was expected.") from None


def _object(where: str, value: Any) -> Any:
    if not isinstance(value, dict):
        raise _malformed(where, "An object was expected.")
    return value


_SIMPLE: dict[str, Check] = {
    "string": _text,
    "boolean": _boolean,
    "int32": _integer,
    "int64": _long,
    "integer": _integer,
    "number": _number,
    "duration": _duration,
    "date-time": _moment,
    "object": _object,
}


def _malformed(where: str, reason: str) -> ApiError:
    place = f"The property '{where}' is malformed. " if where else ""
    return ApiError("InvalidRequestBody", ("Reason", place + reason))


def _unknown(name: str, type_name: str) -> ApiError:
    reason = (
        f"The property '{name}' does not exist on type '{type_name}'. Make sure to only use property names that are"
        " defined by the type."
    )
    return ApiError("InvalidRequestBody", ("Reason", reason))
