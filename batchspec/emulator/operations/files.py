"""Files of tasks and of nodes."""

import mimetypes
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from batchspec.emulator.http.reply import Reply
from batchspec.emulator.life.account import node_folders
from batchspec.emulator.life.account.model import Body
from batchspec.emulator.life.jobs.task import folder_of
from batchspec.emulator.node.process import remove_tree
from batchspec.emulator.operations import nodes, tasks
from batchspec.emulator.operations.call import Call, list_of, require_conditions
from batchspec.emulator.state.clock import EPOCH, header_text, time_text
from batchspec.emulator.state.errors import ApiError
from batchspec.emulator.state.store import ACTIVE

_TEXT = {".txt", ".log", ".json", ".csv", ".md", ".yaml", ".yml", ".xml"}


def list_task_files(call: Call) -> Reply:
    return _list(call, _task_root(call))


def list_node_files(call: Call) -> Reply:
    return _list(call, _node_root(call))


def download_task_file(call: Call) -> Reply:
    return _download(call, _task_root(call), call.ids[2])


def download_node_file(call: Call) -> Reply:
    return _download(call, _node_root(call), call.ids[2])


def get_task_file_properties(call: Call) -> Reply:
    return _properties(call, _task_root(call), call.ids[2])


def get_node_file_properties(call: Call) -> Reply:
    return _properties(call, _node_root(call), call.ids[2])


def delete_task_file(call: Call) -> Reply:
    return _delete(call, _task_root(call), call.ids[2])


def delete_node_file(call: Call) -> Reply:
    return _delete(call, _node_root(call), call.ids[2])


def _task_root(call: Call) -> Path:
    _, row = tasks.find(call)
    if row.state == ACTIVE or row.node is None:
        raise ApiError("TaskFilesUnavailable")
    folder = folder_of(call.account, row.node)
    if folder is None:
        raise ApiError(
            "TaskFilesCleanedup" if row.files_until is None or row.end_time else "TaskFilesUnavailable"
        )
    return folder


def _node_root(call: Call) -> Path:
    root = node_folders.root(call.account, nodes.find(call))
    if not root.is_dir():
        raise ApiError("OperationNotValidOnNode")
    return root


def _list(call: Call, root: Path) -> Reply:
    """Flat unless `recursive=true`, names relative to *root*; a folder's entries stand after it."""
    recursive = call.query.get("recursive", "").lower() == "true"
    return list_of(
        call, "files", ((name, _entry(call, root, name)) for name in _names(root, recursive=recursive))
    )


def _names(root: Path, *, recursive: bool) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        relative = Path(folder).relative_to(root)
        yield from (str(relative / name) for name in [*folders, *names])
        if not recursive:
            return


def _entry(call: Call, root: Path, name: str) -> Body:
    path = root / name
    found: Body = {"name": name, "url": f"{call.url}/{quote(name)}", "isDirectory": path.is_dir()}
    try:
        stat = path.stat()
    except OSError:  # a dangling link, or gone since
        return found
    if not found["isDirectory"]:
        found["properties"] = {
            "creationTime": _moment(stat.st_ctime_ns),
            "lastModified": _moment(stat.st_mtime_ns),
            "contentLength": str(stat.st_size),
            "contentType": _type(path),
            "fileMode": f"0o{stat.st_mode:06o}",
        }
    return found


def _moment(ns: int) -> str:
    return time_text(ns // 100 + EPOCH)


def _type(path: Path) -> str:
    if path.suffix in _TEXT:
        return "application/json" if path.suffix == ".json" else "text/plain"
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _path(root: Path, name: str) -> Path:
    """The file meant; one outside *root* is not found, also by way of a link."""
    path = root / name.replace("\\", "/").lstrip("/")
    resolved = Path(os.path.realpath(path))
    base = Path(os.path.realpath(root))
    if resolved == base or not resolved.is_relative_to(base) or not resolved.exists():
        raise ApiError("FileNotFound")
    return resolved


def _properties(call: Call, root: Path, name: str) -> Reply:
    path = _path(root, name)
    stat = path.stat()
    headers = {
        "Last-Modified": header_text(stat.st_mtime_ns // 100 + EPOCH),
        "ocp-creation-time": header_text(stat.st_ctime_ns // 100 + EPOCH),
        "ocp-batch-file-isdirectory": str(path.is_dir()),
        "ocp-batch-file-url": quote(call.url, safe=""),
        "ocp-batch-file-mode": f"0o{stat.st_mode:06o}",
        "Content-Type": _type(path),
        "Content-Length": str(0 if path.is_dir() else stat.st_size),
    }
    _require_unmodified(call, _moment(stat.st_mtime_ns))
    return Reply(200, headers)


def _require_unmodified(call: Call, modified: str) -> None:
    wanted = {
        name: value
        for name, value in call.headers.items()
        if name in ("if-modified-since", "if-unmodified-since")
    }
    if wanted:
        require_conditions(call, {"eTag": "", "lastModified": modified})


def _download(call: Call, root: Path, name: str) -> Reply:
    reply, path = _properties(call, root, name), _path(root, name)
    if path.is_dir():
        raise ApiError("FileNotFound")
    size = int(reply.headers["Content-Length"])
    first, count = _span(call.headers.get("ocp-range", ""), size)
    reply.file, reply.span = path, (first, count)
    reply.headers["Content-Length"] = str(count)
    if count != size:
        # With 200, not 206: the service's own client takes nothing else here.
        reply.headers["Content-Range"] = f"bytes {first}-{first + count - 1}/{size}"
    return reply


def _span(text: str, size: int) -> tuple[int, int]:
    """(first byte, number of bytes) of a range `bytes=a-b`, `bytes=a-`, `bytes=-n`."""
    if not text:
        return 0, size
    start, dash, end = text.removeprefix("bytes=").partition("-")
    if not dash or not (start or end) or not (start + end).isdigit():
        raise ApiError("InvalidHeaderValue", ("HeaderName", "ocp-range"), ("HeaderValue", text[:100]))
    first = int(start) if start else max(0, size - int(end))
    last = min(int(end), size - 1) if end and start else size - 1
    if first >= size or last < first:
        raise ApiError("InvalidRange")
    return first, last - first + 1


def _delete(call: Call, root: Path, name: str) -> Reply:
    path = _path(root, name)
    if not path.is_dir():
        path.unlink()
    elif call.query.get("recursive", "").lower() == "true":
        remove_tree(path)
    elif any(path.iterdir()):
        raise ApiError("OperationInvalidForCurrentState", ("Reason", "The directory is not empty"))
    else:
        path.rmdir()
    return Reply(200)
