"""Volumes of `config.yaml`: what a container sees of its node, and file systems that nodes mount."""

from __future__ import annotations

import re
from typing import Any

from batchspec.shipyard.reading.places import name_of
from batchspec.shipyard.reading.settings import Settings

_MOUNTS = "$AZ_BATCH_NODE_MOUNTS_DIR"


class Volumes:
    """What the aliases of volumes stand for. `mounts` are the pool's; `moved` is where commands find them now."""

    def __init__(self, config: Settings, credentials: Settings) -> None:
        volumes = config.inside("global_resources").inside("volumes")
        self._data = volumes.inside("data_volumes")
        self._storage = credentials.inside("storage")
        self.mounts: list[dict[str, Any]] = []
        self.moved: dict[str, str] = {}
        shared = volumes.inside("shared_data_volumes")
        for alias in shared.names():
            self._mount(alias, shared.inside(alias))

    def binds(self, task: Settings, job: Settings, remarks: list[str]) -> list[str]:
        """The volumes of a task as `docker run --volume` takes them; mounts are seen without."""
        found = []
        for alias in [*job.texts("data_volumes"), *task.texts("data_volumes")]:
            volume = self._data.inside(alias)
            if not volume:
                remarks.append(f"config.yaml has no data volume {alias}.")
                continue
            parts = [volume.text("host_path"), volume.text("container_path"), volume.text("bind_options")]
            found.append(":".join(part for part in parts if part))
        for settings in (job, task):
            settings.take("shared_data_volumes")
        return list(dict.fromkeys(found))

    def _mount(self, alias: str, volume: Settings) -> None:
        kinds = {"azurefile": self._share, "azureblob": self._container, "custom_linux_mount": _nfs}
        make = kinds.get(str(volume.says("volume_driver")))
        mount = make(volume) if make else None
        if mount is None:
            return
        path = volume.text("container_path")
        for name in ("volume_driver", "bind_options"):
            volume.take(name)
        kind, fields = mount
        relative = name_of(alias)
        options = " ".join(volume.texts("mount_options"))
        name = "blobfuseOptions" if kind == "azureBlobFileSystemConfiguration" else "mountOptions"
        self.mounts.append(
            {kind: {**fields, "relativeMountPath": relative, **({name: options} if options else {})}}
        )
        if path:
            self.moved[path.rstrip("/")] = f"{_MOUNTS}/{relative}"

    def _share(self, volume: Settings) -> tuple[str, dict[str, Any]]:
        account, key = self._account(volume)
        url = f"https://{account}.file.core.windows.net/{volume.text('azure_file_share_name')}"
        return "azureFileShareConfiguration", {"accountName": account, "azureFileUrl": url, "accountKey": key}

    def _container(self, volume: Settings) -> tuple[str, dict[str, Any]]:
        account, key = self._account(volume)
        container = volume.text("azure_blob_container_name")
        return "azureBlobFileSystemConfiguration", {
            "accountName": account,
            "containerName": container,
            "accountKey": key,
        }

    def _account(self, volume: Settings) -> tuple[str, dict[str, str]]:
        """The storage account behind an alias, and the variable that holds its key."""
        alias = volume.text("storage_account_settings")
        account = self._storage.inside(alias).text("account") or alias
        variable = re.sub(r"[^A-Z0-9]+", "_", account.upper()).strip("_")
        return account, {"fromEnvironment": f"STORAGE_KEY_{variable}"}


def _nfs(volume: Settings) -> tuple[str, dict[str, Any]] | None:
    entry = volume.inside("fstab_entry")
    if not str(entry.says("fs_vfstype")).startswith("nfs"):
        return None
    fields = {"source": entry.text("fs_spec")}
    if options := entry.text("fs_mntops"):
        fields["mountOptions"] = f"-o {options}"
    for name in ("fs_vfstype", "fs_freq", "fs_passno"):
        entry.take(name)
    return "nfsMountConfiguration", fields
