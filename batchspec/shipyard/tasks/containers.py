"""The container that a task runs in."""

from __future__ import annotations

import shlex
from typing import Any

from batchspec.errors import UsageError
from batchspec.language.rows.agreement import literal
from batchspec.shipyard.reading.settings import Settings

_DOCKER = "docker://"


def container_settings(task: Settings, job: Settings, binds: list[str], remarks: list[str]) -> dict[str, Any]:
    """`containerSettings`; *binds* are the volumes that a task sees."""
    settings: dict[str, Any] = {"imageName": _image(task, remarks)}
    if options := _options(task, job, binds):
        settings["containerRunOptions"] = literal(" ".join(options))
    if (task.text("default_working_dir") or job.text("default_working_dir")) == "container":
        settings["workingDirectory"] = "containerimagedefault"
    return settings


def _image(task: Settings, remarks: list[str]) -> str:
    if image := task.text("docker_image"):
        return image
    image = task.text("singularity_image")
    if not image:
        raise UsageError(f"{task.where} has neither a docker_image nor a singularity_image")
    task.inside("singularity_execution").take("cmd")
    if not image.startswith(_DOCKER):
        remarks.append(f"Batch runs Docker images only: publish {image} as one.")
        return image.partition("://")[2] or image
    return image.removeprefix(_DOCKER)


def _options(task: Settings, job: Settings, binds: list[str]) -> list[str]:
    options = ["--rm"] if _first(task, job, "remove_container_after_exit", True) else []
    if size := _first(task, job, "shm_size", ""):
        options.append(f"--shm-size={size}")
    if (gpus := str(_first(task, job, "gpus", ""))) and gpus != "disable":
        options.append(f"--gpus {gpus}")
    user = job.inside("user_identity").inside("specific_user")
    if user:
        options.append(f"--user {user.take('uid', 0)}:{user.take('gid', 0)}")
    if entrypoint := task.text("entrypoint"):
        options.append(f"--entrypoint {shlex.quote(entrypoint)}")
    options += [f"--label {shlex.quote(label)}" for label in task.texts("labels")]
    options += [f"--publish {port}" for port in task.texts("ports")]
    options += [f"--volume {bind}" for bind in binds]
    task.take("name")
    return options + task.texts("additional_docker_run_options")


def _first(task: Settings, job: Settings, name: str, default: Any) -> Any:
    """A setting of the task, else of its job."""
    own, common = task.take(name), job.take(name)
    return own if own is not None else common if common is not None else default
