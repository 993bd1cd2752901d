"""What no schema says of the resource files of a task, a start task or a preparation task."""

import json
from collections.abc import Sequence

from batchspec.emulator.life.model import Body
from batchspec.emulator.state.errors import ApiError, invalid_property

_SOURCES = ("httpUrl", "storageContainerUrl", "autoStorageContainerName")
_MOST = 32_768


def check_resource_files(files: Sequence[Body]) -> None:
    """`ApiError` for a file with no source or several, and for a list that is too long as JSON.

    Source of the limit and its sentence: Azure/BatchExplorer#30; what exactly is counted is not known.
    """
    for file in files:
        _check(file)
    if len(json.dumps(files, separators=(",", ":"), ensure_ascii=False)) > _MOST:
        reason = f"Total size of resourceFiles cannot be more than {_MOST} characters"
        raise ApiError("InvalidPropertyValue", ("PropertyName", "resourceFiles"), ("Reason", reason))


def _check(file: Body) -> None:
    sources = [name for name in _SOURCES if name in file]
    if len(sources) != 1:
        reason = "Exactly one of httpUrl, storageContainerUrl and autoStorageContainerName must be specified"
        raise invalid_property("resourceFiles", file.get("filePath", ""), reason)
    if sources == ["httpUrl"] and "filePath" not in file:
        raise ApiError("MissingRequiredProperty", ("PropertyName", "filePath"))
