"""Which files a task's output rules name, and under which blob names they go up."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from batchspec.emulator.node import transfer
from batchspec.emulator.node.storage import Storage

if TYPE_CHECKING:
    from batchspec.emulator.node.process import Assignment

_WILD = re.compile(r"[*?\[]")
_NAME = "(?!\\.)[^/]+"  # of a folder or file that is not hidden
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}|%(\w+)%")


def upload_all(
    storage: Storage, work: "Assignment", wd: Path, succeeded: bool, stopped: Callable[[], bool]
) -> None:
    """All that the conditions ask for is up; the first error, after trying the rest, is raised.

    What was done is written to fileuploadout.txt and fileuploaderr.txt beside stdout.txt.
    """
    wanted = [
        rule for rule in work.output_files if _applies(rule["uploadOptions"]["uploadCondition"], succeeded)
    ]
    if not wanted:
        return
    error: transfer.TransferError | None = None
    with _log(work.folder / "fileuploadout.txt") as out, _log(work.folder / "fileuploaderr.txt") as err:
        for rule in wanted:
            container = rule["destination"]["container"]
            headers = {item["name"]: item.get("value", "") for item in container.get("uploadHeaders", [])}
            for source, name in find(rule["filePattern"], wd, work.environment, container.get("path", "")):
                try:
                    transfer.upload(storage, source, container["containerUrl"], name, headers, stopped)
                    out.write(f"uploaded {source} to {name}\n")
                except transfer.TransferError as failure:
                    err.write(f"{failure.code}: {failure.message}: {source}\n")
                    error = error or failure
    if error:
        raise error


def _applies(condition: str, succeeded: bool) -> bool:
    condition = condition.lower()
    return condition == "taskcompletion" or condition == ("tasksuccess" if succeeded else "taskfailure")


def _log(path: Path) -> TextIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w")


def find(pattern: str, wd: Path, environment: Mapping[str, str], path: str) -> Iterator[tuple[Path, str]]:
    """(file, blob name) of each match. A name without wildcards goes to *path* itself, matches go below it."""
    pattern = _VARIABLE.sub(lambda m: environment.get(m[1] or m[2] or m[3], ""), pattern)
    if not _WILD.search(pattern):
        source = Path(os.path.normpath(wd / pattern))
        if source.is_file():
            yield source, path or source.name
        return
    fixed, wild = _split(pattern)
    base = Path(os.path.normpath(wd / fixed))
    test = re.compile(_as_regex(wild))
    for source in _walk(base):
        relative = source.relative_to(base).as_posix()
        if test.fullmatch(relative):
            yield source, f"{path.rstrip('/')}/{relative}" if path else relative


def _split(pattern: str) -> tuple[str, str]:
    """The folders before the first wildcard, and the rest."""
    parts = pattern.replace("\\", "/").split("/")
    first = next(n for n, part in enumerate(parts) if _WILD.search(part))
    return "/".join(parts[:first]) or ("/" if pattern.startswith("/") else "."), "/".join(parts[first:])


def _walk(base: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(base):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(names) if Path(folder, name).is_file())


def _as_regex(pattern: str) -> str:
    """`*` and `?` stay inside one name, `**` does not; a leading dot has to be named."""
    joined = "/".join(_part(part) for part in pattern.split("/"))
    return joined.replace("(?:**)/", f"(?:{_NAME}/)*").replace("(?:**)", f"(?:{_NAME}/)*{_NAME}")


def _part(part: str) -> str:
    if part == "**":
        return "(?:**)"
    found: list[Any] = [] if part.startswith(".") else ["(?!\\.)"]
    at = 0
    while at < len(part):
        if part.startswith("**", at):
            found.append(".*")
            at += 1
        elif part[at] == "*":
            found.append("[^/]*")
        elif part[at] == "?":
            found.append("[^/]")
        elif part[at] == "[" and "]" in part[at + 1 :]:
            end = part.index("]", at + 1)
            inside = part[at + 1 : end]
            found.append(f"[{'^' + inside[1:] if inside.startswith('!') else inside}]")
            at = end
        else:
            found.append(re.escape(part[at]))
        at += 1
    return "".join(found)
