"""Groups whose tasks are made of rows, and groups whose outputs such tasks read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from batchspec.codes import Code
from batchspec.desired.artifacts.files import reading_of
from batchspec.desired.artifacts.outputs import plain_outputs
from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.expansion.compose import Composer, Reading
from batchspec.desired.expansion.composed import Composed, add_composed, add_extras
from batchspec.desired.expansion.rehearsal import Rehearsal
from batchspec.desired.names import parts_of
from batchspec.desired.places import Places
from batchspec.desired.problem import TaskProblem
from batchspec.desired.task import DesiredTasks
from batchspec.language.model import Rows, Spec, TaskGroup
from batchspec.language.rows.axes import FOLDER, SOURCE
from batchspec.source import Diagnostic, Path, Severity

_TOLD = 3  # folders reported for a group in which many have no file


def add_rows(
    spec: Spec,
    group: TaskGroup,
    rows: Rows,
    tasks: DesiredTasks,
    readable: Readable,
    number: int,
    problem: Callable[[TaskProblem], None],
    rehearsal: Rehearsal,
) -> tuple[int, Iterator[Diagnostic]]:
    """Adds the tasks of *group*, the first with *number*: how many, and what there is to say where there are none."""
    readings, spread = list(_readings(spec, group)), _spread(spec, group)
    composer = Composer(spec, group, rows, tasks.database, readable, readings, rehearsal, spread)
    count = add_composed(tasks, composer.tasks(number, problem))
    return count, _no_rows(spec, group, composer)


def add_what_is_read(spec: Spec, group: TaskGroup, tasks: DesiredTasks) -> None:
    """Adds what the tasks of *group*, which is plain, make for others to read."""
    if readings := list(_readings(spec, group)):
        add_extras(tasks.database, _read_by_others(spec, group, tasks, readings))


def _readings(spec: Spec, group: TaskGroup) -> Iterator[Reading]:
    """What other groups look for among the tasks of *group*, and by which axes."""
    for other in spec.groups:
        if other.link is not None and other.link.group == group.name:
            yield Reading(reading_of(other.name, ""), ())
        for file in other.files:
            if file.link is not None and file.link.group == group.name:
                axes = tuple(theirs for theirs, _ in file.link.on)
                yield Reading(reading_of(other.name, file.read.name), axes)


def _spread(spec: Spec, group: TaskGroup) -> frozenset[str]:
    """The outputs of *group* whose files other groups read one by one."""
    links = (other.link for other in spec.groups if other.link and other.link.group == group.name)
    return frozenset(link.output.name for link in links if link.glob)


def _read_by_others(
    spec: Spec, group: TaskGroup, tasks: DesiredTasks, readings: Sequence[Reading]
) -> Iterator[Composed]:
    """The tasks of a plain group with what they make, since other groups read that."""
    for task in tasks.of(group):
        path = task.input.path if task.input else ""
        axes = {FOLDER: parts_of(path).folder, SOURCE: path}
        meets = [(reading.name, json.dumps([axes[name] for name in reading.axes])) for reading in readings]
        yield Composed(task, (), plain_outputs(Places.of(spec), task), meets)


def _no_rows(spec: Spec, group: TaskGroup, composer: Composer) -> Iterator[Diagnostic]:
    dropped, document = composer.table.dropped, spec.document
    is_empty = not (len(composer.table) or composer.has_unknown or composer.without)
    if is_empty and (dropped or not (group.inputs or group.link)):
        why = f"`when` excludes all {dropped} rows" if dropped else "it has no rows"
        what = f"{group.name} makes no task: {why}"
        yield document.diagnostic(Code.NO_ROWS, what, group.path, severity=Severity.WARNING)
    for folder in composer.without[:_TOLD]:
        where: Path = (*group.path, "inputs")
        what = f"{folder}/ has no file that `match` takes, so {group.name} makes no task of it"
        yield document.diagnostic(Code.NO_ROWS, what, where, severity=Severity.WARNING)
