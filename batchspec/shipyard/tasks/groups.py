"""A task of `jobs.yaml`, or the tasks that its factory makes, as a group of a spec."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from batchspec.language.rows.agreement import literal
from batchspec.shipyard.reading.durations import iso_duration
from batchspec.shipyard.reading.places import name_of
from batchspec.shipyard.reading.settings import Settings
from batchspec.shipyard.tasks.clusters import Cluster
from batchspec.shipyard.tasks.commands import then, words
from batchspec.shipyard.tasks.containers import container_settings
from batchspec.shipyard.tasks.data import Data, outputs_of, resource_file
from batchspec.shipyard.tasks.volumes import Volumes

_NO_COMMAND = ["/bin/sh", "-c", "echo 'write the command of the image here' >&2; exit 1"]


@dataclass(slots=True)
class Group:
    """A group of the spec, and what is to be said above it."""

    name: str
    body: dict[str, Any]
    each: str
    remarks: list[str] = field(default_factory=list)

    @property
    def is_many(self) -> bool:
        return bool(self.each)


@dataclass(frozen=True, slots=True)
class Around:
    """What a group is made in: its job, the pool's volumes, the groups made before it and where their outputs lie.

    `wanted` are patterns of files that other tasks fetch from the node of a task, by the task's id.
    """

    job: Settings
    pool: Settings
    volumes: Volumes
    groups: dict[str, Group]
    remotes: dict[str, list[str]]
    wanted: dict[str, list[str]]


def make_group(cluster: Cluster, around: Around, merges: str = "") -> Group:
    """The group of *cluster*; *merges* is the one group whose outputs are its inputs."""
    task, made = cluster.tasks[0], cluster.made()
    group = Group(cluster.name, {**made.fields}, made.each, made.remarks)
    remarks = group.remarks
    group.body["containerSettings"] = container_settings(
        task, around.job, around.volumes.binds(task, around.job, remarks), remarks
    )
    reads = _reads(cluster, around, group, merges)
    data = Data(moved=dict(around.volumes.moved), remarks=remarks)
    made_paths = {
        remote: [reads[name] for name in names if name in reads] for remote, names in around.remotes.items()
    }
    for settings in (around.job, task):
        data.read(settings, made.command, made_paths)
    _fetches(task, around, data, made.command, reads)
    command = words(made.command, data.moved) if made.command else list(_NO_COMMAND)
    if not made.command:
        remarks.append("Batch Shipyard ran the image's own command; write it here.")
    wanted = around.wanted.get(task.text("id"), [])
    fields, script = outputs_of(task, group.name, group.each, wanted, remarks)
    group.body |= {"command": then(command, script) if script else command, **fields}
    _put(group.body, "files", {**group.body.get("files", {}), **data.files})
    _put(group.body, "resourceFiles", data.resource_files)
    group.body |= _limits(task, around.job, remarks)
    _mention(group, reads)
    return group


def _put(body: dict[str, Any], name: str, value: Any) -> None:
    if value:
        body[name] = value


def _reads(cluster: Cluster, around: Around, group: Group, merges: str) -> dict[str, str]:
    """Has the group read those that it waits for; where it finds what each of them made."""
    if merges:
        group.body = {"inputs": _source(around.groups[merges], "from"), "collect": True, **group.body}
        return {merges: "{{ inputs.folder }}"}
    found = {}
    for name in cluster.after:
        producer, entry = around.groups[name], name_of(name)
        how = "all" if producer.is_many else "from"
        group.body.setdefault("files", {})[entry] = _source(producer, how) | (
            {"on": []} if producer.is_many else {}
        )
        found[name] = f"{{{{ files.{entry}.path }}}}"
    return found


def _source(producer: Group, how: str) -> dict[str, Any]:
    """What reads *producer*, which gets an output if it has none: an empty folder, only for order."""
    body = producer.body
    if "output" not in body and "outputs" not in body:
        body["output"] = f"{producer.name}/{producer.each}/" if producer.each else f"{producer.name}/"
        body["temporary"] = True
        producer.remarks.append("Others wait for this group: the empty folder `output` stands for its end.")
    first = next(iter(body.get("outputs", {})), "")
    return {how: producer.name, **({"output": first} if first else {})}


def _fetches(task: Settings, around: Around, data: Data, command: str, reads: dict[str, str]) -> None:
    """What a task took from the node of another: the output of that one's group."""
    for entry in task.inside("input_data").each("azure_batch"):
        job_id, task_id = entry.text("job_id"), entry.text("task_id")
        name = next((name for name in reads if around.wanted.get(task_id) and name_of(task_id) == name), "")
        if job_id != around.job.text("id") or not name:
            data.remarks.append(
                f"It took files of the task {task_id} in the job {job_id} from that task's node."
            )
            entry.take("destination")
            continue
        data.read_again(
            entry.text("destination").rstrip("/"), [reads[name]], command, f"the node of {task_id}"
        )


def _mention(group: Group, reads: dict[str, str]) -> None:
    """A file that no template mentions would not be waited for: a variable mentions it."""
    said = str(group.body["command"])
    for name, path in reads.items():
        if path not in said and "inputs." not in path:
            group.body.setdefault("env", {})[f"AFTER_{name_of(name).upper()}"] = path


def _limits(task: Settings, job: Settings, remarks: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    _put(found, "env", task.pairs("environment_variables"))
    constraints: dict[str, Any] = {}
    if task.says("max_task_retries") is not None:
        constraints["maxTaskRetryCount"] = task.whole("max_task_retries")
    if time := task.text("max_wall_time"):
        constraints["maxWallClockTime"] = iso_duration(time, task.where)
    if kept := task.text("retention_time") or job.text("retention_time"):
        constraints["retentionTime"] = iso_duration(kept, task.where)
    _put(found, "constraints", constraints)
    if job.inside("user_identity").take("default_pool_admin", False):
        found["userIdentity"] = {"autoUser": {"scope": "pool", "elevationLevel": "admin"}}
    if action := _job_action(task, job, remarks):
        found["exitConditions"] = {"default": {"jobAction": action}}
    return found


def _job_action(task: Settings, job: Settings, remarks: list[str]) -> str:
    """What a failure does to the job; that others go on after it is not said in a spec."""
    options = [
        settings.inside("exit_conditions").inside("default").inside("exit_options")
        for settings in (task, job)
    ]
    if any(option.text("dependency_action") == "satisfy" for option in options):
        remarks.append(
            "dependency_action: satisfy: a task that reads what another made runs only if that succeeded."
        )
    action = next((found for option in options if (found := option.text("job_action"))), "none")
    return action if action != "none" else ""


def several_nodes(task: Settings, pool: Settings, remarks: list[str]) -> dict[str, Any]:
    """`multiInstanceSettings` of a task that runs on several nodes at once."""
    settings = task.inside("multi_instance")
    if not settings:
        return {}
    count = settings.take("num_instances", 1)
    if not isinstance(count, int):
        kind = "low_priority" if str(count).endswith("low_priority") else "dedicated"
        remarks.append(f"num_instances was {count}.")
        count = int(pool.inside("vm_count").says(kind) or 1)
    found = {
        "numberOfInstances": count,
        "coordinationCommandLine": literal(settings.text("coordination_command")) or "/bin/true",
    }
    if files := [resource_file(file, remarks) for file in settings.each("resource_files")]:
        found["commonResourceFiles"] = files
    return {"multiInstanceSettings": found}
