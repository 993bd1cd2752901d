"""Rules between fields, which the schema cannot say: what Batch would refuse, found before any call.

Source: Batch REST API 2025-06-01; FACTS 2, 4 and 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from batchspec.codes import Code
from batchspec.language.autoscale import check_autoscale
from batchspec.language.finding import Finding
from batchspec.language.model import Output, Pool, Spec, TaskGroup, WhenDone
from batchspec.language.node_files import check_node_files
from batchspec.language.pool_rules import check_job_network, check_pool, check_sizes, is_windows
from batchspec.language.rows.words import LocalFile
from batchspec.language.templates.deferred import Deferred
from batchspec.resources import job as jobs
from batchspec.resources import pool as pools
from batchspec.resources.base import Field, Json
from batchspec.resources.equality import duration_s
from batchspec.resources.task import OWN_VARIABLES
from batchspec.source import Diagnostic, Path, path_text

SHORTHANDS: dict[str, Path] = {
    "spot": ("targetLowPriorityNodes",),
    "image": ("virtualMachineConfiguration", "imageReference"),
    "autoscale": ("autoScaleFormula",),
}
"""Fields of a spec's pool that stand for one of Batch's."""

_MINUTE = 60
_HOUR = 60 * _MINUTE

# Fields that hold a duration, wherever they stand: (least, most) in seconds, and the rule in words.
_DURATIONS: dict[str, tuple[float, float, str]] = {
    "resizeTimeout": (5 * _MINUTE, float("inf"), "at least 5 minutes (PT5M)"),
    "autoScaleEvaluationInterval": (5 * _MINUTE, 168 * _HOUR, "5 minutes (PT5M) to 168 hours (PT168H)"),
    "maxWallClockTime": (0, float("inf"), ""),
    "retentionTime": (0, float("inf"), ""),
    "pauseTimeBetweenBatches": (0, float("inf"), ""),
}
_RELEASE_LIMIT = (0, 15 * _MINUTE, "at most 15 minutes (PT15M) for a release task")


def check_rules(spec: Spec) -> list[Diagnostic]:
    """What Batch would refuse in *spec*, or what in it contradicts itself."""
    data: Mapping[str, Any] = spec.document.data
    job = spec.job or {}
    groups = {group.name: group.body for group in spec.groups}
    found = [
        *_durations({"pool": spec.pool.body if spec.pool else {}, "job": job, "tasks": groups}, ()),
        *_needs(job, groups),
        *_dependencies(groups),
        *_raw_lines(spec),
        *_published(spec),
        *_set_twice(data),
        *_own_variables(data),
        *_systems(spec),
        *check_node_files(spec),
        *_slots(spec.pool, job, groups),
        *_containers(spec.pool, job, groups),
        *_contradictions(spec.pool),
        *check_autoscale((data.get("pool") or {}).get("autoscale")),
        *(check_pool(spec.pool.body) if spec.pool else ()),
        *(check_sizes(spec.pool.vm_sizes) if spec.pool and "vmSize" in spec.pool.body else ()),
        *check_job_network(job),
        *_ignored(data.get("ignoreChanges") or ()),
    ]
    pool = data.get("pool") or {}
    return [told(spec, finding._replace(path=_as_written(finding.path, pool))) for finding in found]


def told(spec: Spec, finding: Finding) -> Diagnostic:
    """*finding* at its place in the text of *spec*."""
    return spec.document.diagnostic(
        finding.code,
        f"{path_text(finding.path)}: {finding.what}",
        finding.path,
        label=finding.rule,
        helps=(finding.help,) if finding.help else (),
        span=finding.span,
        severity=finding.severity,
    )


def _as_written(path: Path, pool: Mapping[str, Any]) -> Path:
    """*path*, or the shorthand that the spec has in its place."""
    for word, field in SHORTHANDS.items():
        if path == ("pool", *field) and word in pool:
            return ("pool", word)
    return path


def _durations(value: Any, path: Path) -> Iterator[Finding]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name in _DURATIONS and isinstance(member, str) and not isinstance(member, Deferred):
                is_release = (path[-1], name) == ("jobReleaseTask", "maxWallClockTime")
                limits = _RELEASE_LIMIT if is_release else _DURATIONS[name]
                yield from _duration(member, (*path, name), limits)
            else:
                yield from _durations(member, (*path, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _durations(item, (*path, i))


def _duration(text: str, path: Path, limits: tuple[float, float, str]) -> Iterator[Finding]:
    least, most, rule = limits
    try:
        seconds = duration_s(text)
    except ValueError:
        return  # the schema has found that
    if not least <= seconds <= most:
        yield Finding(Code.DURATION_RANGE, path, f"{text} is not a duration that Batch accepts", rule)


def _needs(job: Json, groups: Mapping[str, Json]) -> Iterator[Finding]:
    """Task fields that Batch refuses unless the job was made for them."""
    for name, group in groups.items():
        if str(job.get("onTaskFailure", "")).lower() != "performexitoptionsjobaction":
            for path in _job_actions(group.get("exitConditions"), ("tasks", name, "exitConditions")):
                yield Finding(
                    Code.NEEDS_FIELD,
                    path,
                    "the job ignores exit options",
                    "Batch refuses such a task",
                    "add `onTaskFailure: performexitoptionsjobaction` to the job",
                )


def _dependencies(groups: Mapping[str, Json]) -> Iterator[Finding]:
    """Ids that no task will have: batchspec chooses them, so that such a group would wait for ever."""
    for name, group in groups.items():
        if "dependsOn" in group:
            yield Finding(
                Code.RAW_DEPENDENCY,
                ("tasks", name, "dependsOn"),
                "the ids of tasks are not known to the spec",
                "batchspec chooses them, and new ones when the work changes: such a task would wait forever",
                "read what the other group makes: `inputs: {from: GROUP}`, or `files: {NAME: {from: GROUP}}`",
            )


def _raw_lines(spec: Spec) -> Iterator[Finding]:
    """What a raw line would have to do besides its own work: it is sent as it is written."""
    for group in spec.groups:
        if group.command.line is not None and group.success_codes != (0,):
            yield Finding(
                Code.NEEDS_FIELD,
                (*group.path, "successCodes"),
                "`successCodes` needs `command`",
                "a raw `commandLine` runs without the wrapper that checks exit codes",
                "write `command`, or `/bin/sh -c …` as a list",
            )
        for path in _folders(group) if group.command.line is not None else ():
            yield Finding(
                Code.RAW_FOLDER,
                path,
                "a folder needs `command`",
                "folders are transferred as archives, which a raw `commandLine` does not pack or unpack",
                "write `command`, or `/bin/sh -c …` as a list",
            )


def _published(spec: Spec) -> Iterator[Finding]:
    """What is published and is no folder, or is for other tasks only."""
    for group in spec.groups:
        for output in group.outputs:
            if output.is_published and (group.temporary or not output.is_folder):
                why = (
                    "its outputs are temporary"
                    if group.temporary
                    else "a single file has its own name already"
                )
                path = (*_place(group, output), "publish")
                what = "`publish` stores the files of a folder under their own names"
                yield Finding(Code.CONTRADICTION, path, what, why, "remove `publish: true`")


def _set_twice(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Variables that a group sets in `env` and in `environmentSettings`: both would be sent."""
    for name, group in (data.get("tasks") or {}).items():
        settings = group.get("environmentSettings") or ()
        for number, setting in enumerate(settings):
            if setting["name"] in (group.get("env") or {}):
                path = ("tasks", name, "environmentSettings", number, "name")
                what = f"`{setting['name']}` is set in `env`, too"
                yield Finding(
                    Code.CONTRADICTION, path, what, "one value would hide the other", "remove one of them"
                )


def _own_variables(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Variables that are batchspec's: what a group sets there its tasks would not see."""
    said: list[tuple[Path, str]] = []
    for name, group in (data.get("tasks") or {}).items():
        said += [(("tasks", name, "env", variable), variable) for variable in group.get("env") or ()]
        for i, setting in enumerate(group.get("environmentSettings") or ()):
            said.append((("tasks", name, "environmentSettings", i, "name"), setting["name"]))
    for path, variable in said:
        if variable in OWN_VARIABLES:
            what, why = f"`{variable}` is set by batchspec", "tasks would see batchspec's own value"
            yield Finding(Code.CONTRADICTION, path, what, why, "choose another name")


def _place(group: TaskGroup, output: Output) -> Path:
    """Where *output* of *group* stands: alone, or among several with names."""
    return (*group.path, "outputs", output.name) if output.name else (*group.path, "output")


def _folders(group: TaskGroup) -> Iterator[Path]:
    """Where the folders stand that a group reads or makes."""
    for output in group.outputs:
        if output.is_folder:
            yield _place(group, output)
    if group.link is not None and group.link.is_pack:
        yield (*group.path, "inputs")
    for file in group.files:
        source = file.read.source
        if file.link is not None:
            is_packed = file.link.output.is_folder
        else:
            is_packed = isinstance(source, LocalFile) and file.read.is_folder and "{" not in source.path
        if is_packed:
            yield file.read.path


def _systems(spec: Spec) -> Iterator[Finding]:
    """Commands that need the wrapper, which is written for `sh`, on nodes that have none."""
    pool = spec.pool
    if pool is None or not is_windows(pool.body.get("virtualMachineConfiguration") or {}):
        return
    for group in spec.groups:
        if group.command.line is None:
            yield Finding(
                Code.WRONG_SYSTEM,
                (*group.path, "command"),
                "`command` needs a Linux node",
                "it is run by sh, and the pool's image is Windows",
                "write the `commandLine` that Windows is to run: `cmd /c …`, or a program with its arguments",
            )


def _job_actions(value: Any, path: Path) -> Iterator[Path]:
    """Where `jobAction` stands in exit conditions."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name == "jobAction":
                yield (*path, name)
            else:
                yield from _job_actions(member, (*path, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _job_actions(item, (*path, i))


def _slots(pool: Pool | None, job: Json, groups: Mapping[str, Json]) -> Iterator[Finding]:
    """Tasks that no node of the spec's own pool could ever take; of an existing pool nothing is known here."""
    wants: dict[Path, Json] = {("tasks", name): group for name, group in groups.items()}
    wants[("job", "jobManagerTask")] = job.get("jobManagerTask") or {}
    for path, task in wants.items():
        yield from too_many_slots(pool, task.get("requiredSlots", 1), (*path, "requiredSlots"))


def too_many_slots(pool: Pool | None, required: object, path: Path) -> Iterator[Finding]:
    """That the slots *required* at *path* are more than a node has, also where a placeholder gives them."""
    if pool is None or pool.existing:
        return
    slots = pool.body.get("taskSlotsPerNode", 1)
    if isinstance(required, int) and required > slots:
        yield Finding(
            Code.TOO_MANY_SLOTS,
            path,
            f"{required} slots, and a node of the pool has {slots}",
            "no node could ever run it",
            f"set pool.taskSlotsPerNode to {required} or more",
        )


def _containers(pool: Pool | None, job: Json, groups: Mapping[str, Json]) -> Iterator[Finding]:
    """Tasks that would fail because they have a container and the pool has none, or the reverse."""
    if pool is None or pool.existing:
        return
    machine = pool.body.get("virtualMachineConfiguration") or {}
    tasks: dict[Path, Json] = {("tasks", name): group for name, group in groups.items()}
    if "jobManagerTask" in job:
        tasks[("job", "jobManagerTask")] = job["jobManagerTask"]
    for path, task in tasks.items():
        if "containerSettings" in task and "containerConfiguration" not in machine:
            yield Finding(
                Code.CONTAINERS,
                (*path, "containerSettings"),
                "the pool is not set up for containers",
                "the task would fail: ContainerPoolNotSupported",
                "add `containerConfiguration: {type: dockerCompatible}` to pool.virtualMachineConfiguration",
            )
        elif "containerConfiguration" in machine and "containerSettings" not in task:
            yield Finding(
                Code.CONTAINERS,
                path,
                "every task of a pool for containers runs in one",
                "the task would fail: ContainerTaskSettingsNotFound",
                "add `containerSettings: {imageName: …}`, or remove the pool's containerConfiguration",
            )


def _contradictions(pool: Pool | None) -> Iterator[Finding]:
    if pool is not None and pool.protect and pool.when_done is WhenDone.DELETE:
        yield Finding(
            Code.CONTRADICTION,
            ("pool", "protect"),
            "`whenDone: delete` would delete a pool that is protected",
            "keep one of the two",
            "`whenDone: zero` costs nothing either",
        )


def _ignored(paths: Sequence[str]) -> Iterator[Finding]:
    for i, text in enumerate(paths):
        kind, *names = text.split(".")
        if kind == "pool" and names[0] in SHORTHANDS:
            continue
        known = _known_names({"pool": pools.FIELDS, "job": jobs.FIELDS}[kind], names)
        if known is not None:
            from difflib import get_close_matches  # as in schema.py: not before it is needed

            near = get_close_matches(known.missing, known.names, 1)
            helps = f"did you mean `{near[0]}`?" if near else f"it has: {', '.join(known.names)}"
            what = f"`{text}`: there is no field `{known.missing}`"
            yield Finding(Code.UNKNOWN_PATH, ("ignoreChanges", i), what, "", helps)


class _Unknown(NamedTuple):
    missing: str
    names: tuple[str, ...]


def _known_names(table: Mapping[str, Field], names: list[str]) -> _Unknown | None:
    """The first of *names* that *table* and the tables below do not have; None when all are known."""
    for name in names:
        if name not in table:
            return _Unknown(name, tuple(table)) if table else None
        if name == "metadata":
            return None  # what follows is the key of an entry
        table = table[name].fields
    return None
