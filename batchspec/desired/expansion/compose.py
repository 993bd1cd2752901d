"""The tasks of a group whose rows have axes, or that reads and makes more than one thing: from rows to tasks.

Each task is known by its position along the axes, its work by everything that its templates read. The content of what
another task makes is that task's fingerprint, so that one pass in the order of the flow plans a whole chain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from batchspec.codes import Code
from batchspec.desired.artifacts.files import SOURCE_READ, FileFinder, TaskRead
from batchspec.desired.artifacts.outputs import TaskOutput, outputs_of
from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.artifacts.rows import (
    Row,
    RowTable,
    axis_text,
    kept,
    position_of,
    stored,
)
from batchspec.desired.artifacts.values import input_paths, input_values, output_values, values_of
from batchspec.desired.expansion.composed import Composed
from batchspec.desired.expansion.local_packs import with_local_packs
from batchspec.desired.expansion.origins import Origins
from batchspec.desired.expansion.packing_tasks import (
    Packer,
    is_too_long,
    most_links,
    packed_reads,
    packing_group,
)
from batchspec.desired.expansion.rehearsal import Rehearsal
from batchspec.desired.expansion.unknown import NotKnown, add_unknown
from batchspec.desired.names import node_name, parts_of
from batchspec.desired.places import Places
from batchspec.desired.problem import TaskProblem
from batchspec.desired.task import DesiredTask, Input
from batchspec.errors import SpecError
from batchspec.language.model import Blobs, LocalFiles, Rows, Spec, TaskGroup
from batchspec.language.rows.axes import FOLDER, RESERVED, SOURCE
from batchspec.language.rows.matrix import Sheet
from batchspec.language.templates.expression import TemplateError
from batchspec.language.templates.values import Series
from batchspec.ledger.database import Database
from batchspec.resources.task import Recipe, digest, task_id, task_key
from batchspec.source import Path

_CHUNK_ID = 10
_AXIS = re.compile(r"\{\w+(:[^{}]*)?\}")
_WILD = re.compile(r"[*?\[{]")


class Reading(NamedTuple):
    """What another group reads of this one's tasks: found under `name` by the values of these `axes`."""

    name: str
    axes: tuple[str, ...]


class _Gathered(NamedTuple):
    """What the rows of one task come to: its values, and what it reads. `texts` are those of the axes that it has.

    `item` is its input, where it has one alone, and `source` the file that this was made of.
    """

    first: Row
    texts: dict[str, str]
    matrix: dict[str, Any]
    inputs: list[TaskRead]
    files: list[TaskRead]
    reads: list[TaskRead]
    item: Input | None
    source: Input | None
    position: str
    chunk: str

    def facts(self) -> str:
        """What groups that read it and templates that are rendered later need to know of it, as JSON."""
        axes = {name: kept(self.matrix[name]) for name in self.texts if name not in (FOLDER, SOURCE)}
        values = {name: kept(value) for name, value in self.matrix.items()}
        return json.dumps(
            {"matrix": values, "axes": axes, "source": stored(self.source), "chunk": self.chunk}
        )


class Composer:
    """Makes the tasks of one group. `readings` are what other groups will look for among them.

    Of the outputs that are `spread` they read the files one by one.
    """

    def __init__(
        self,
        spec: Spec,
        group: TaskGroup,
        rows: Rows,
        database: Database,
        readable: Readable,
        readings: Sequence[Reading],
        rehearsal: Rehearsal,
        spread: Collection[str] = (),
    ) -> None:
        self._spec = spec
        self._rehearsal = rehearsal
        self._places = Places.of(spec)
        self._group = group
        self._rows = rows
        self._database = database
        self._readable = readable
        self._readings = readings
        self._is_read = bool(readings)
        self._spread = spread
        self._not_known = NotKnown(database, rows)
        self._origins = Origins(spec, group, rows, database, readable, self._not_known)
        self._files = FileFinder(database, readable, group, spec.containers.output)
        self._known = {"params": spec.params, "spec": {"name": spec.name}}
        self.table = RowTable(database, rows)
        self._axes_tell = _axes_tell(spec, group)
        self.packing = packing_group(group)

    def tasks(self, number: int, problem: Callable[[TaskProblem], None]) -> Iterator[Composed]:
        """The tasks, numbered from *number* on. *problem* is told why one of them cannot be."""
        matrix = self._rows.matrix
        sheet = self._readable.sheets.get(matrix.file, ()) if isinstance(matrix, Sheet) else ()
        try:
            self.table.fill(self._origins.all(), sheet, self._keeps)
        except TaskProblem as why:
            problem(why)
        for rows in self.table.together():
            try:
                if not self._is_unknown(rows[0]):
                    for composed in self._composed(number, rows):
                        yield composed
                        number += 1
            except TaskProblem as why:
                problem(why)
        if self._not_known:
            unknown = self._not_known.tasks(self.table.combinations)
            add_unknown(self._database, self._group.name, unknown)

    @property
    def without(self) -> list[str]:
        """The tasks that are read whose folder has no file that this group takes."""
        return self._origins.without

    @property
    def has_unknown(self) -> bool:
        """Whether the group may have more tasks than it makes now."""
        return bool(self._not_known)

    def _is_unknown(self, first: Row) -> bool:
        """Whether it may yet change which rows a task has, or what it reads. *first* is the first of its rows."""
        if not self._not_known:
            return False
        texts = {name: axis_text(first.values[name]) for name in self._rows.axes.has}
        values = self._known | self._row_values(first)
        return self._not_known.stops(texts, lambda link: self._files.compared(link, texts, values))

    # Rows ---------------------------------------------------------------------------------

    def _keeps(self, row: Row) -> bool:
        """Whether `when` keeps *row*. Raises `SpecError` where it gives no answer."""
        if self._rows.when is None:
            return True
        try:
            said = self._rows.when.render(self._known | self._row_values(row))
        except TemplateError as error:
            raise self._no_answer(error.code, error.message, row) from error
        if said not in ("true", "false"):
            raise self._no_answer(Code.NOT_TRUE_OR_FALSE, f"gives {said!r} instead of true or false", row)
        return said == "true"

    def _no_answer(self, code: Code, what: str, row: Row) -> SpecError:
        path: Path = (*self._group.path, "when")
        return SpecError(
            [self._spec.document.diagnostic(code, f"when: {what}", path, label=f"for {_shown(row)}")]
        )

    def _row_values(self, row: Row) -> dict[str, Any]:
        item = {"input": input_values(row.item)} if row.item else {}
        return {"matrix": row.values, **item}

    # Tasks --------------------------------------------------------------------------------

    def _composed(self, number: int, rows: Sequence[Row]) -> Iterator[Composed]:
        """The task of *rows*, behind those that pack what it reads."""
        found = self._gathered(rows)
        key = task_key(self._group.name, found.position, self._slug(found), reads_more=True)
        work = Recipe(self._group.digest, self._content(found), reads_more=True)
        names = self._known | values_of(
            self._rows, found.matrix, found.reads, found.chunk, self._readable.members
        )
        outputs = self._outputs(found, names, work)
        packer = Packer(self._places, self.packing, key, number)
        reads = instead = self._sent_together(found.reads)
        if is_too_long(reads):
            instead = packer.packed(reads)
            reads = [*packed_reads(reads, instead)]
        yield from (Composed(p.task, p.reads, (p.output,), (), _producers(p.reads)) for p in packer.tasks)
        task = DesiredTask(
            number=number + len(packer.tasks),
            group=self._group,
            key=key,
            work=work,
            input=found.item,
            output=next((output.blob for output in outputs if output.blob), None),
            record=self._record(key, outputs),
            id=task_id(key, work),
            fingerprint=work.fingerprint,
            label=self._label(found),
            facts=found.facts(),
        )
        if not self._rehearsal.is_over:
            self._rehearsal.take(task.name, names | output_values(outputs))
        more = reads[1:] if found.item is not None else reads
        torn = any(self._readable.listings.get(output.listed or "", ()) is None for output in outputs)
        yield Composed(task, more, outputs, list(self._meets(found.texts)), _producers(instead), torn)

    def _gathered(self, rows: Sequence[Row]) -> _Gathered:
        """What the rows of one task come to."""
        first, has = rows[0], self._rows.axes.has
        texts = {name: axis_text(first.values[name]) for name in has}
        inputs = self._inputs(rows)
        source = first.source if SOURCE in has else None
        files = list(self._files.reads(texts, self._known | self._row_values(first)))
        reads = [*inputs, *files]
        if self._rows.names_source and source is not None:
            path = f"{SOURCE}/{node_name(source.path)}"
            reads.append(TaskRead(SOURCE_READ, path, source, _producer(first, source)))
        position = self._position(first)
        return _Gathered(
            first=first,
            texts=texts,
            matrix=self._matrix(rows),
            inputs=inputs,
            files=files,
            reads=reads,
            item=inputs[0].item if inputs and not self._rows.shape.joins else None,
            source=source,
            position=position,
            chunk=digest(position)[:_CHUNK_ID] if self._rows.shape.chunk is not None else "",
        )

    def _outputs(self, found: _Gathered, names: Mapping[str, Any], work: Recipe) -> list[TaskOutput]:
        folder = str(found.first.values[FOLDER]) if found.item else ""
        made = outputs_of(
            self._places,
            self._group,
            names,
            folder,
            work.fingerprint,
            is_read=self._is_read,
            spread=self._spread,
        )
        return list(made)

    def _sent_together(self, reads: list[TaskRead]) -> list[TaskRead]:
        """*reads*, those of this machine in packs where all would be too many.

        Raises `TaskProblem` where nothing could unpack them.
        """
        if not is_too_long(reads):
            return reads
        if self._group.command.line is not None:
            what = f"a task reads {len(reads)} files, and Batch accepts links to about {most_links(reads)}"
            help = "write `command`: what it reads is packed then, by tasks of their own"
            raise TaskProblem(what, (*self._group.path, "inputs"), help, code=Code.TOO_MANY_READ)
        return with_local_packs(self._places, reads)

    def _matrix(self, rows: Sequence[Row]) -> dict[str, Any]:
        """What templates see of the axes and columns: one value where the task has the axis, else a list."""
        has, joins = self._rows.axes.has, self._rows.shape.joins
        names = rows[0].values
        return {
            name: rows[0].values[name]
            if name in has or not joins
            else Series(row.values[name] for row in rows)
            for name in names
        }

    def _inputs(self, rows: Sequence[Row]) -> list[TaskRead]:
        """The inputs of a task, each once, where it finds them."""
        found = list({row.item.blob: row for row in rows if row.item is not None}.values())
        is_pack = self._rows.link is not None and self._rows.link.is_pack
        items = [row.item for row in found if row.item is not None]
        paths = input_paths([item.path for item in items], joined=self._rows.shape.joins)
        return [
            TaskRead("", path, item, row.producer, is_pack)
            for path, item, row in zip(paths, items, found, strict=True)
        ]

    def _position(self, first: Row) -> str:
        """Where the task is: never a counter, so that a row more changes nothing about the others."""
        shape, matrix = self._rows.shape, self._rows.matrix
        if not shape.joins:
            if matrix is None:
                return first.item.path if first.item else ""
            return position_of(first, matrix.axes)
        per = json.dumps([[name, str(first.values[name])] for name in shape.per])
        return per if shape.chunk is None else json.dumps([per, position_of(first, self._rows.axes.rows)])

    def _slug(self, found: _Gathered) -> str:
        stem = [parts_of(found.item.path).stem] if found.item else []
        own = self._rows.shape.per or (self._rows.matrix.axes if self._rows.matrix else ())
        values = [str(found.first.values[name]) for name in own] if not self._rows.shape.collect else []
        return "-".join((*stem, *values)) or self._group.name

    def _label(self, found: _Gathered) -> str:
        """What people call the task, and no other: `encode/a.mov`, `encode[title=alpha,height=720]`, `film`."""
        first, item = found.first, found.first.item
        group, shape, matrix = self._group.name, self._rows.shape, self._rows.matrix
        if shape.joins:
            lists = [name for name in self._rows.axes.lists if name not in RESERVED] if shape.chunk else []
            names = [*shape.per, *lists]
            is_named = shape.chunk is None or (bool(lists) and self._axes_tell)
        else:
            own = [name for name in self._rows.axes.rows if name not in RESERVED]
            names = own if matrix is not None else []
            is_named = matrix is not None and len(own) > len(matrix.axes) and self._axes_tell
        path = "" if item is None or is_named else f"/{item.path}"
        return f"{group}{path}{_bracketed(names, first)}"

    def _content(self, found: _Gathered) -> str:
        """A digest of all that its templates read besides parameters, and of the content of all that it reads."""
        matrix, source = found.matrix, found.source if self._rows.names_source else None
        parts = {
            "values": {name: _text(matrix[name]) for name in sorted(self._rows.used) if name in matrix},
            "inputs": [[read.item.path, read.item.content] for read in found.inputs],
            "files": [[read.name, read.path, read.item.content] for read in found.files],
            "source": [source.path, source.content] if source else None,
        }
        return digest(json.dumps(parts, sort_keys=True, ensure_ascii=False))

    def _record(self, key: str, outputs: Sequence[TaskOutput]) -> str:
        required = [output for output in outputs if not output.is_optional]
        return required[0].record if required else self._places.record(key)

    def _meets(self, texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for reading in self._readings:
            yield reading.name, json.dumps([texts[name] for name in reading.axes])


def _axes_tell(spec: Spec, group: TaskGroup) -> bool:
    """Whether the axes of its inputs say which of them a row has: nothing else differs from one to the other."""
    inputs, link = group.inputs, group.link
    globs = inputs.globs if isinstance(inputs, LocalFiles) else ()
    if isinstance(inputs, Blobs):
        globs = (inputs.match,)
    elif link is not None and link.glob is not None:
        globs = (link.glob,)
    texts = [_AXIS.sub("", glob.text) for glob in globs]
    if len(texts) > 1 or any(_WILD.search(text) for text in texts):
        return False
    return all(_tasks_differ(spec, made) for made in spec.groups if link and link.group == made.name)


def _tasks_differ(spec: Spec, group: TaskGroup) -> bool:
    """Whether the tasks of *group*, whose outputs are inputs, each have other axes."""
    if group.rows is None or not group.rows.shape.joins:
        return _axes_tell(spec, group)
    return group.rows.shape.chunk is None and not set(RESERVED) & set(group.rows.shape.per)


def _producers(reads: Sequence[TaskRead]) -> list[int]:
    return sorted({read.producer for read in reads if read.producer is not None})


def _shown(row: Row) -> str:
    axes = (
        f"{name}={axis_text(value)}" for name, value in row.values.items() if name not in (FOLDER, SOURCE)
    )
    return ", ".join((*([row.item.path] if row.item else []), *axes))


def _text(value: Any) -> Any:
    return [str(item) for item in value] if isinstance(value, tuple) else str(value)


def _bracketed(names: Sequence[str], row: Row) -> str:
    return f"[{','.join(f'{name}={axis_text(row.values[name])}' for name in names)}]" if names else ""


def _producer(row: Row, source: Input) -> int | None:
    """The task that makes the source, where it is the row's own input."""
    return row.producer if row.item == source else None
