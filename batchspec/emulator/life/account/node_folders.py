"""A node on this machine: its folders and the environment its tasks see (FACTS section 5.8)."""

import functools
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchspec.emulator.life.account.model import Job, Node
from batchspec.emulator.node.process import remove_tree

if TYPE_CHECKING:
    from batchspec.emulator.life.account.account import Account

_LINKS = ("httpUrl", "storageContainerUrl")
FOLDERS = ("applications", "fsmounts", "shared", "startup", "volatile/startup", "workitems")


def root(account: "Account", node: Node) -> Path:
    return account.settings.home / "nodes" / node.pool.id / node.id


def make_folders(account: "Account", node: Node) -> None:
    for name in FOLDERS:
        (root(account, node) / name).mkdir(parents=True, exist_ok=True, mode=0o700)


def job_folder(job: Job) -> str:
    """Below the node's root: where the folders of the job's tasks lie, all of them."""
    if job.schedule:
        return f"workitems/{job.schedule}/{job.id.rpartition(':')[2]}"
    return f"workitems/{job.id}"


def task_folder(job: Job, task_id: str) -> str:
    """Below the node's root, as in nodeInfo.taskRootDirectory."""
    return f"{job_folder(job)}/{task_id}" if job.schedule else f"{job_folder(job)}/job-1/{task_id}"


def discard(account: "Account", folder: Path) -> None:
    """The folder is gone when this returns; what was in it is removed in its own time.

    Moved aside first, so that what is made in its place meanwhile is not removed with it.
    """
    aside = trash(account) / secrets.token_hex(8)
    try:
        folder.chmod(0o700)
        folder.rename(aside)
    except FileNotFoundError:
        return
    account.loop.in_thread(functools.partial(remove_tree, aside))


def trash(account: "Account") -> Path:
    path = account.settings.home / "trash"
    path.mkdir(exist_ok=True, mode=0o700)
    return path


def environment(
    account: "Account",
    node: Node,
    folder: Path,
    settings: Iterable[Mapping[str, Any]],
    job: Job | None = None,
    task_id: str = "",
) -> dict[str, str]:
    """All that a task gets: Batch's own names, PATH, HOME, LANG, what job and task set. Nothing of the operator's."""
    base = root(account, node)
    found = {
        "PATH": _path(account),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "AZ_BATCH_ACCOUNT_NAME": account.settings.name,
        "AZ_BATCH_ACCOUNT_URL": account.endpoint + "/",
        "AZ_BATCH_POOL_ID": node.pool.id,
        "AZ_BATCH_NODE_ID": node.id,
        "AZ_BATCH_NODE_IS_DEDICATED": str(node.doc["isDedicated"]).lower(),
        "AZ_BATCH_NODE_ROOT_DIR": str(base),
        "AZ_BATCH_NODE_SHARED_DIR": str(base / "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": str(base / "startup"),
        "AZ_BATCH_NODE_STARTUP_WORKING_DIR": str(base / "startup" / "wd"),
        "AZ_BATCH_NODE_MOUNTS_DIR": str(base / "fsmounts"),
        "AZ_BATCH_TASK_DIR": str(folder),
        "AZ_BATCH_TASK_WORKING_DIR": str(folder / "wd"),
    }
    if job is not None:
        found["AZ_BATCH_JOB_ID"] = job.id
        found["AZ_BATCH_TASK_ID"] = task_id
        if "jobPreparationTask" in job.doc:
            preparation = base / task_folder(job, job.doc["jobPreparationTask"]["id"])
            found["AZ_BATCH_JOB_PREP_DIR"] = str(preparation)
            found["AZ_BATCH_JOB_PREP_WORKING_DIR"] = str(preparation / "wd")
    found.update((item["name"], item.get("value", "")) for item in settings)
    return found


def _path(account: "Account") -> str:
    """The machine's own, so that its own ffmpeg wins; the given folder comes last."""
    parts = [os.environ.get("PATH", os.defpath)]
    if account.settings.ffmpeg:
        parts.append(str(account.settings.ffmpeg))
    return os.pathsep.join(parts)


def resource_files(account: "Account", files: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """With URLs that the node can read: of an auto-storage container, and of what its identity opens.

    A link is as good as it is.
    """
    settings = account.settings
    found: list[Mapping[str, Any]] = []
    for file in files:
        name = file.get("autoStorageContainerName")
        if name:
            url = f"{settings.auto_storage_url.rstrip('/')}/{name}?{settings.auto_storage_sas}"
            file = {**file, "storageContainerUrl": url}
        links = {key: file[key] for key in _LINKS if key in file}
        if "identityReference" in file:
            links = {key: opened(account, url) for key, url in links.items()}
        links = {key: account.faults.link("read_blob", url) for key, url in links.items()}
        found.append({**file, **links})
    return found


def output_files(account: "Account", rules: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """With URLs that the node can write to, where its identity opens them; a link is as good as it is."""
    found: list[Mapping[str, Any]] = []
    for rule in rules:
        container = rule["destination"]["container"]
        link = writable(account, container)
        found.append({**rule, "destination": {"container": {**container, "containerUrl": link}}})
    return found


def writable(account: "Account", container: Mapping[str, Any]) -> str:
    """The URL by which a node writes to a container, given as `containerUrl` and maybe an identity."""
    url = container["containerUrl"]
    if "identityReference" in container:
        url = _signed(account, url, account.settings.auto_storage_write_sas)
    return account.faults.link("write_blob", url)


def opened(account: "Account", url: str) -> str:
    """*url* as the node reads it without a link."""
    return _signed(account, url, account.settings.auto_storage_sas)


def _signed(account: "Account", url: str, sas: str) -> str:
    """*url* as the node's identity asks for it: signed in the installation's own storage, bare anywhere else."""
    own = account.settings.auto_storage_url.rstrip("/")
    return f"{url}?{sas}" if own and url.startswith(f"{own}/") and "?" not in url else url
