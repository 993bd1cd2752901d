"""Outputs and uploads that would meet: in storage, or in a folder of a machine that tells no case apart."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from heapq import nsmallest
from itertools import islice
from operator import itemgetter
from pathlib import PurePath
from typing import NamedTuple

from batchspec.codes import Code
from batchspec.desired.packing import PACK_SUFFIX
from batchspec.desired.task import DesiredTask, DesiredTasks
from batchspec.language.model import LocalFiles, Spec, TaskGroup
from batchspec.language.rows.axes import FOLDER, SOURCE
from batchspec.source import Diagnostic, Path

_TOLD = 20

# The places of outputs. A folder takes its own name and that of its pack. In place of a slash, and at the end of a key,
# is what comes before any other character: what lies in a folder, or has its name, follows it and begins with its key.
# What only other tasks read has a name that no other task's can have.
_PLACES = """
    SELECT replace(folded(place), '/', char(1)) || char(1) AS key, number, name, place FROM (
        SELECT number, '' AS name, record AS place FROM task
            WHERE is_output AND number NOT IN (SELECT task FROM makes)
        UNION ALL SELECT task, name, coalesce(blob, made) FROM makes
        UNION ALL SELECT task, name, substr(coalesce(blob, made), 1, length(coalesce(blob, made)) - ?)
            FROM makes WHERE is_folder)
    ORDER BY key, number"""

# Tasks that are known by one input, and so have one record, where no output is that.
_ONE_RECORD = """
    SELECT min(number), max(number) FROM task
    WHERE NOT is_output AND group_name IN (SELECT value FROM json_each(?)) GROUP BY record HAVING count(*) > 1
    ORDER BY 1"""


class _Meeting(NamedTuple):
    """Two outputs that would meet: `place` is the second one's, called `name` in its group."""

    first: DesiredTask
    other: str
    task: DesiredTask
    name: str
    place: str

    @property
    def what(self) -> str:
        one, two = self._named
        if self.place == self.other and self.first.number == self.task.number:
            return f"{one!r} would write twice {self.place!r}"
        if self.place == self.other:
            return f"{one!r} and {two!r} would both write {self.place!r}"
        both = f"{one!r} would write {self.other!r}, and {two!r} {self.place!r}"
        if self.place.count("/") > self.other.count("/"):
            return f"{both}: one lies inside the other"
        return f"{both}: they differ only in case or Unicode normalization"

    @property
    def _named(self) -> tuple[str, str]:
        """The tasks; of one name, which the fixed parts of two globs have left them, by their files."""
        files = [one.input.file for one in (self.first, self.task) if one.input and one.input.file]
        if self.first.name != self.task.name or len(set(files)) < len((self.first, self.task)):
            return self.first.name, self.task.name
        return files[0], files[1]

    @property
    def help(self) -> str:
        """How they would differ."""
        one, two = self._named
        if (one, two) == (self.first.name, self.task.name):
            return f"make the names differ, for example with {{{{ {_differs(self.task)} }}}} or a folder"
        common = os.path.commonpath((one, two))
        folders = ",".join(os.path.relpath(PurePath(file).parent, common) for file in (one, two))
        pattern = f"{{{folders}}}/*"
        return f"outputs keep the folder that a pattern matches: write one for both, such as `{pattern}`"

    @property
    def path(self) -> Path:
        return (*self.task.group.path, *(("outputs", self.name) if self.name else ("output",)))


def collisions(spec: Spec, tasks: DesiredTasks) -> Iterator[Diagnostic]:
    """Outputs that meet, and files that would be uploaded as one blob."""
    for first, other, number, name, place in nsmallest(_TOLD, _pairs(tasks), key=itemgetter(2)):
        meeting = _Meeting(tasks[first], other, tasks[number], name, place)
        yield spec.document.diagnostic(Code.NAME_COLLISION, meeting.what, meeting.path, helps=(meeting.help,))
    for one, task in islice(tasks.sharing_upload(), _TOLD):
        if one.input and task.input:
            what = f"{one.input.file!r} and {task.input.file!r} would both be uploaded as {task.input.blob!r}"
            help = "move one of the files, or give the groups' inputs one common folder"
            yield spec.document.diagnostic(
                Code.NAME_COLLISION, what, (*task.group.path, "inputs"), helps=(help,)
            )
    yield from islice(_one_record(spec, tasks), _TOLD)


def _one_record(spec: Spec, tasks: DesiredTasks) -> Iterator[Diagnostic]:
    """Tasks without outputs whose inputs have one name: only several globs, or other tasks, give one twice."""
    groups = [group for group in spec.groups if group.link or _has_several_globs(group)]
    rows = tasks.database.rows(_ONE_RECORD, json.dumps([group.name for group in groups])) if groups else ()
    for first, second in rows:
        one, two = tasks[first], tasks[second]
        files = [task.input.file for task in (one, two) if task.input and task.input.file]
        what = " and ".join(map(repr, files)) if len(files) > 1 else "two inputs"
        yield spec.document.diagnostic(
            Code.NAME_COLLISION,
            f"{what} of {two.group.name!r} have one name, so their tasks cannot be told apart: {two.name!r}",
            (*two.group.path, "inputs"),
            helps=("make the names differ, or write one pattern that matches both with their folders",),
        )


def _has_several_globs(group: TaskGroup) -> bool:
    return isinstance(group.inputs, LocalFiles) and len(group.inputs.globs) > 1


def _pairs(tasks: DesiredTasks) -> Iterator[tuple[int, str, int, str, str]]:
    """Each place beside the one before it, where they are the same or the second lies in the first.

    A place that many tasks write is reported for the first two only. Asking SQLite for the row before takes three
    times as long as all of this.
    """
    before, first, other, told = "", -1, "", ""
    for key, number, name, place in tasks.database.rows(_PLACES, len(PACK_SUFFIX)):
        if before and key.startswith(before) and key != told:
            yield first, other, number, name, place
            told = key
        before, first, other = key, number, place


def _differs(task: DesiredTask) -> str:
    """What templates name that differs from task to task of its group."""
    axes = task.group.rows.axes.has if task.group.rows else ()
    return next((f"matrix.{name}" for name in axes if name not in (FOLDER, SOURCE)), "input.name")
