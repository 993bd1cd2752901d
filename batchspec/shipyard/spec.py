"""A folder of Batch Shipyard's configuration files as the text of a spec."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

from batchspec.document.writer import spec_text
from batchspec.errors import UsageError
from batchspec.language.rows.agreement import literal
from batchspec.shipyard.pools import pool_fields
from batchspec.shipyard.reading.counterparts import told
from batchspec.shipyard.reading.durations import iso_duration
from batchspec.shipyard.reading.folder import Configuration, read_folder
from batchspec.shipyard.reading.places import name_of
from batchspec.shipyard.reading.settings import Settings
from batchspec.shipyard.tasks.clusters import Cluster, clusters
from batchspec.shipyard.tasks.groups import Around, Group, make_group, several_nodes
from batchspec.shipyard.tasks.volumes import Volumes
from batchspec.source import Path


def imported(folder: File, job_id: str | None, name: str | None, command: str) -> str:
    """The spec for one job of the configuration in *folder*; *command* is the one that imports it.

    Raises `UsageError` for what cannot be read, and where the job has to be named.
    """
    configuration = read_folder(folder)
    job = _job(configuration, job_id)
    remarks: dict[Path, list[str]] = {("pool",): [], ("job",): []}
    volumes = Volumes(configuration.config, configuration.credentials)
    data: dict[str, Any] = {"version": 1, "name": name or _name(job.text("id"))}
    data["pool"] = pool_fields(configuration, volumes.mounts, remarks["pool",])
    data["job"] = _job_fields(job)
    groups = _groups(configuration, job, volumes, remarks["job",])
    data["tasks"] = {group.name: group.body for group in groups}
    remarks |= {("tasks", group.name): group.remarks for group in groups}
    if any("jobAction" in str(group.body.get("exitConditions")) for group in groups):
        data["job"]["onTaskFailure"] = "performexitoptionsjobaction"
    if any(
        ("output" in group.body or "outputs" in group.body) and "temporary" not in group.body
        for group in groups
    ):
        data["download"] = f"{data['name']}/"
    remarks["pool",] += told(configuration.pool.left(), configuration.pool.where)
    of_tasks = (f"{job.where}.tasks[", f"{job.where}.merge_task")
    remarks["job",] += told((place for place in job.left() if not place.startswith(of_tasks)), job.where)
    return spec_text(data, {}, list(_header(configuration, job, command)), remarks)


def _name(id: str) -> str:
    """A spec's name: the job's id, where it can be one."""
    return id if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", id) else name_of(id)


def _job(configuration: Configuration, job_id: str | None) -> Settings:
    """The job of this id, or the only one."""
    jobs = configuration.jobs
    found = [job for job in jobs if job_id in (None, job.says("id"))]
    if len(found) == 1:
        return found[0]
    ids = ", ".join(str(job.says("id")) for job in jobs) or "none"
    if found:
        raise UsageError(
            f"jobs.yaml has {len(jobs)} jobs, and a spec has one", help=f"name it: `job ID`, one of {ids}"
        )
    raise UsageError(f"jobs.yaml has no job {job_id or ''}".rstrip(), help=f"its jobs: {ids}")


def _job_fields(job: Settings) -> dict[str, Any]:
    body: dict[str, Any] = {"id": job.text("id")}
    job.take("auto_complete")
    job.take("force_enable_task_dependencies")
    if priority := job.whole("priority"):
        body["priority"] = priority
    constraints: dict[str, Any] = {}
    if time := job.text("max_wall_time"):
        constraints["maxWallClockTime"] = iso_duration(time, job.where)
    if retries := job.whole("max_task_retries"):
        constraints["maxTaskRetryCount"] = retries
    if constraints:
        body["constraints"] = constraints
    if variables := job.pairs("environment_variables"):
        body["commonEnvironmentSettings"] = [
            {"name": key, "value": value} for key, value in variables.items()
        ]
    preparation, release = (
        literal(job.inside(name).text("command")) for name in ("job_preparation", "job_release")
    )
    if preparation or release:
        body["jobPreparationTask"] = {"commandLine": preparation or "/bin/true"}
    if release:
        body["jobReleaseTask"] = {"commandLine": release}
    return body


def _groups(configuration: Configuration, job: Settings, volumes: Volumes, remarks: list[str]) -> list[Group]:
    """The groups of the job, those that others wait for before them; a merge task last."""
    found = clusters(job, remarks)
    around = Around(job, configuration.pool, volumes, {}, _remotes(found), _wanted(job))
    for cluster in _in_order(found):
        task = cluster.tasks[0]
        group = around.groups[cluster.name] = make_group(cluster, around)
        group.body |= several_nodes(task, configuration.pool, group.remarks)
        group.remarks += told(task.left(), task.where)
    merge = job.inside("merge_task")
    if merge:
        merge.take("id")
        names = list(around.groups)
        last = Cluster(name_of(str(merge.says("id") or "merge"), names), [merge], names)
        around.groups[last.name] = make_group(last, around, merges=names[0] if len(names) == 1 else "")
        around.groups[last.name].remarks += told(merge.left(), merge.where)
    return list(around.groups.values())


def _in_order(found: list[Cluster]) -> Iterator[Cluster]:
    """Each cluster after those it waits for; one that waits for itself in the end is refused."""
    waiting, done = list(found), set[str]()
    while waiting:
        ready = [cluster for cluster in waiting if done.issuperset(cluster.after)]
        if not ready:
            raise UsageError(
                f"jobs.yaml: tasks wait for each other: {', '.join(cluster.name for cluster in waiting)}"
            )
        yield from ready
        done.update(cluster.name for cluster in ready)
        waiting = [cluster for cluster in waiting if cluster not in ready]


def _remotes(found: list[Cluster]) -> dict[str, list[str]]:
    """The groups that leave outputs at each remote path."""
    remotes: dict[str, list[str]] = {}
    for cluster in found:
        for entry in cluster.tasks[0].inside("output_data").each("azure_storage"):
            remotes.setdefault(str(entry.says("remote_path")).strip("/"), []).append(cluster.name)
    return remotes


def _wanted(job: Settings) -> dict[str, list[str]]:
    """What other tasks of the job fetch from the node of each task."""
    found: dict[str, list[str]] = {}
    for task in [*job.each("tasks"), job.inside("merge_task")]:
        for entry in task.inside("input_data").each("azure_batch"):
            found.setdefault(str(entry.says("task_id")), []).extend(entry.texts("include") or ["wd/*"])
    return found


def _header(configuration: Configuration, job: Settings, command: str) -> Iterator[str]:
    """What stands above the spec: where it comes from, where secrets go, and what is in no other place."""
    yield f"Made by `{command}`."
    yield "Outputs are folders that a task leaves: batchspec stores them, and runs again only what changed."
    others = [str(other.says("id")) for other in configuration.jobs if other is not job]
    if others:
        yield ""
        yield f"Other jobs of jobs.yaml: {', '.join(others)}. Each becomes a spec of its own (`job ID`);"
        yield "in all but one of them write `pool: {existing: ID}`."
    if configuration.credentials:
        yield ""
        yield "Keys of credentials.yaml are not repeated: set AZURE_BATCH_ENDPOINT, AZURE_STORAGE_ACCOUNT"
        yield "and their keys, or sign in with `az login`."
    resources = configuration.config.inside("global_resources")
    resources.take("singularity_images")  # tasks name the image they run in
    if left := told(configuration.config.left(), "config"):
        yield ""
        yield "Of config.yaml:"
        yield from left
