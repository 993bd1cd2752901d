"""What tasks read and leave: data in storage as files, resource files and output folders of a group."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from batchspec.shipyard.reading.places import in_working_directory, is_elsewhere, name_of, split_remote
from batchspec.shipyard.reading.settings import Settings
from batchspec.shipyard.tasks.commands import mentions

_SAFE_PATTERN = re.compile(r"[A-Za-z0-9_./*?\[\]-]+")
_OWN_FOLDERS = "in|out|files"


@dataclass(slots=True)
class Data:
    """What a group reads. `moved` are paths that its command names otherwise now."""

    files: dict[str, Any] = field(default_factory=dict)
    resource_files: list[dict[str, Any]] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def read(self, task: Settings, command: str, made: Mapping[str, Sequence[str]]) -> None:
        """Adds what the `input_data` of *task* brings from storage, and its `resource_files`.

        *made* are the remote paths that groups leave their outputs in, and where those are on the node. Other data in
        a folder that *command* names is a file of the group; any other goes where it went, as a resource file.
        """
        for entry in task.inside("input_data").each("azure_storage"):
            remote, local = entry.text("remote_path").strip("/"), entry.text("local_path").rstrip("/")
            if paths := made.get(remote):
                entry.take("storage_account_settings")
                self.read_again(local, paths, command, remote)
                continue
            container, prefix = split_remote(remote)
            if entry.take("is_file_share", False):
                self.remarks.append(
                    f"{container} was a file share: copy it into a blob container of this name."
                )
            self.remarks.append(
                f"{container} is of the storage account {entry.text('storage_account_settings')}."
            )
            if mentions(command, local):
                name = name_of(container, self.files)
                self.files[name] = {"container": container, "prefix": prefix}
                self.moved[local] = f"{{{{ files.{name}.path }}}}"
                self.remarks.append(f"Blobs keep their whole names below files/{name}/.")
            else:
                self.resource_files.append(_resource(container, prefix, local, self.remarks))
        self.resource_files += [resource_file(file, self.remarks) for file in task.each("resource_files")]

    def read_again(self, local: str, paths: Sequence[str], command: str, what: str) -> None:
        """Has the command find at the only one of *paths* what another group made and it looked for in *local*."""
        if len(paths) == 1 and mentions(command, local):
            self.moved[local] = paths[0]
        else:
            self.remarks.append(f"What was read from {what} is in {' and '.join(paths)} now.")


def _resource(container: str, prefix: str, local: str, remarks: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"autoStorageContainerName": container}
    if prefix:
        found["blobPrefix"] = prefix
    where = in_working_directory(local)
    if is_elsewhere(where):
        remarks.append(f"{local} is outside of the working directory, where resource files lie.")
    elif where:
        found["filePath"] = where
    return found


def resource_file(file: Settings, remarks: list[str]) -> dict[str, Any]:
    """A file from the web; the signature of its link is not repeated."""
    url, _, query = file.text("blob_source").partition("?")
    if "sig=" in query:
        remarks.append(f"The signature was removed from {url}; without it, use an identityReference.")
    found = {"httpUrl": url if "sig=" in query or not query else f"{url}?{query}"}
    if path := file.text("file_path"):
        found["filePath"] = path
    if mode := file.text("file_mode"):
        found["fileMode"] = mode
    return found


def outputs_of(
    task: Settings, group: str, each: str, wanted: Sequence[str], remarks: list[str]
) -> tuple[dict[str, Any], str]:
    """The `output` or `outputs` of a group, and the script that puts into them what `output_data` names.

    Without any, what other tasks took from its node: the *wanted* patterns.
    """
    entries = task.inside("output_data").each("azure_storage")
    names: dict[str, str] = {}
    scripts = []
    for entry in entries:
        remote = entry.text("remote_path")
        name = name_of(split_remote(remote)[1] or remote, names)
        base = group if len(entries) == 1 else f"{group}/{name}"
        names[name] = f"{base}/{each}/" if each else f"{base}/"
        path = "{{ output.path }}" if len(entries) == 1 else f"{{{{ outputs.{name}.path }}}}"
        scripts.append(_copy(entry, path))
        remarks.append(
            f"Batch Shipyard left these files in {remote} of {entry.text('storage_account_settings')}; "
            f"now they are in {names[name]} of the container `output`."
        )
        if entry.take("is_file_share", False):
            remarks.append(f"{remote} was a file share; outputs are blobs.")
    if not names:
        name = f"{group}/{each}/" if each else f"{group}/"
        return ({"output": name}, _copied("", wanted, "{{ output.path }}")) if wanted else ({}, "")
    fields = {"output": next(iter(names.values()))} if len(names) == 1 else {"outputs": names}
    return fields, " && ".join(scripts)


def _copy(entry: Settings, path: str) -> str:
    """A script that copies what an entry of `output_data` names to *path*."""
    said = entry.says("include")
    patterns = [str(pattern) for pattern in said] if isinstance(said, list) else []
    if all(_SAFE_PATTERN.fullmatch(pattern) for pattern in patterns):
        entry.take("include")
    else:
        patterns = []
    return _copied(in_working_directory(entry.text("local_path")), patterns, path)


def _copied(where: str, patterns: Sequence[str], path: str) -> str:
    """A script that copies *patterns* in the folder *where* to *path*; without patterns all of the folder."""
    if patterns:
        folder = f"{_quoted(where)}/" if where else ""
        return f"cp -R {' '.join(folder + pattern.removeprefix('wd/') for pattern in patterns)} {path}/"
    if where:
        return f"cp -R {_quoted(where)}/. {path}/"
    return f'for f in *; do case $f in {_OWN_FOLDERS}) ;; *) cp -R "$f" {path}/ || exit;; esac; done'


def _quoted(path: str) -> str:
    """*path* for a shell, which expands the variables in it."""
    return f'"{path}"' if path.startswith("$") else shlex.quote(path)
