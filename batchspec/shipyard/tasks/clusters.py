"""The tasks of a job as groups: tasks whose command lines agree are rows of one, if all who wait want all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from batchspec.errors import UsageError
from batchspec.language.rows.agreement import agree, common_name, literal, shape
from batchspec.shipyard.reading.places import name_of
from batchspec.shipyard.reading.settings import Settings
from batchspec.shipyard.tasks.factory import Made, made_by, of_rows

_OF_ITS_OWN = ("id", "command", "name")


@dataclass(slots=True)
class Cluster:
    """Tasks that become one group. `after` are the names of the groups that it waits for."""

    name: str
    tasks: list[Settings]
    after: list[str]

    def made(self) -> Made:
        first = self.tasks[0]
        if len(self.tasks) == 1:
            return made_by(first, first.text("command"))
        agreed = agree([[literal(task.text("command"))] for task in self.tasks])
        for task in self.tasks:
            for name in task.names():
                task.take(name)
        return of_rows(agreed.names, agreed.rows, agreed.templates[0], [])


def clusters(job: Settings, remarks: list[str]) -> list[Cluster]:
    """The groups of a job's tasks, in order; what waits for a task that is not there becomes a remark."""
    tasks = job.each("tasks")
    waits = {id(task): _waits(task) for task in tasks}
    together = _together(tasks, waits)
    names: dict[str, Cluster] = {}
    for members in together:
        name = name_of(common_name([str(task.says("id") or "") for task in members]) or "run", names)
        names[name] = Cluster(name, members, [])
    homes = {
        task.text("id"): cluster for cluster in names.values() for task in cluster.tasks if task.says("id")
    }
    for cluster in names.values():
        for wanted in waits[id(cluster.tasks[0])]:
            home = homes.get(wanted)
            if home is None or home is cluster:
                remarks.append(f"{cluster.name} waited for the task {wanted}, which is not in jobs.yaml.")
            elif home.name not in cluster.after:
                cluster.after.append(home.name)
    return list(names.values())


def _waits(task: Settings) -> list[str]:
    """The ids of the tasks that *task* waits for."""
    return [*task.texts("depends_on"), *map(str, _span(task))]


def _span(task: Settings) -> range:
    """The ids that are numbers, from the first to the last."""
    match task.take("depends_on_range", []):
        case []:
            return range(0)
        case [int(first), int(last)]:
            return range(first, last + 1)
        case other:
            raise UsageError(f"{task.where}.depends_on_range: {other!r} is not two whole numbers")


def _together(tasks: Sequence[Settings], waits: dict[int, list[str]]) -> list[list[Settings]]:
    found: dict[object, list[Settings]] = {}
    for task in tasks:
        found.setdefault(_key(task, waits[id(task)]), []).append(task)
    return [part for members in found.values() for part in _kept(members, list(waits.values()))]


def _key(task: Settings, waits: list[str]) -> object:
    if task.says("task_factory") or task.says("multi_instance"):
        return id(task)
    common = {name: task.says(name) for name in task.names() if name not in _OF_ITS_OWN}
    return repr(common), tuple(waits), shape([str(task.says("command") or "")])


def _kept(members: list[Settings], waits: Sequence[Sequence[str]]) -> Iterator[list[Settings]]:
    """*members* as they are, or one by one where somebody waits for some of them only."""
    ids = {str(task.says("id")) for task in members}
    whole = all(not ids & set(wanted) or ids <= set(wanted) for wanted in waits)
    if whole and not any(ids & set(wanted) for task in members for wanted in [_waits(task)]):
        yield members
    else:
        yield from ([task] for task in members)
