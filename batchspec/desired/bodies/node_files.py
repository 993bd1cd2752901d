"""A job with the files that each of its nodes fetches once: by its preparation task, until its release task."""

from __future__ import annotations

from dataclasses import replace

from batchspec.desired.bodies.body import reference
from batchspec.desired.bodies.start_task import Url
from batchspec.desired.names import FILES_FOLDER
from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.task import Desired
from batchspec.resources.base import Json
from batchspec.resources.job import FILES_METADATA
from batchspec.resources.task import digest

_PREPARE = {"commandLine": f"chmod -R a+rX {FILES_FOLDER}"}  # tasks may run as other users
_RELEASE = {"commandLine": f"/bin/sh -c 'rm -rf \"$AZ_BATCH_JOB_PREP_WORKING_DIR/{FILES_FOLDER}\"'"}


def with_node_files(desired: Desired, url: Url) -> Desired:
    """*desired*, whose job fetches its nodes' files from where *url* says; bare, as they are compared."""
    if not desired.node_files or desired.job is None:
        return desired
    job, files = desired.job, desired.node_files
    ours = [
        {
            "httpUrl": url(file.item.container, file.item.blob),
            **reference(desired.spec),
            "filePath": f"{file.path}{PACK_SUFFIX}" if file.is_pack else file.path,
        }
        for file in files
    ]
    task: Json = job.get("jobPreparationTask") or _PREPARE
    which = digest(*(f"{file.path}\0{file.item.content}" for file in files))
    return replace(
        desired,
        job={
            **job,
            "jobPreparationTask": {**task, "resourceFiles": [*task.get("resourceFiles", []), *ours]},
            "jobReleaseTask": job.get("jobReleaseTask") or _RELEASE,
            "metadata": [*job["metadata"], {"name": FILES_METADATA, "value": which}],
        },
    )
