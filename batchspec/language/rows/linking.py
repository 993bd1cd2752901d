"""How the groups of a spec hang together: what each reads of the others, along which axes its tasks differ.

All of it follows from the text, so a mistake is found without a file or a network, and a spec that is right for
two films is right for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError
from typing import Any

from batchspec.codes import Code
from batchspec.language.glob.pattern import parse as parse_glob
from batchspec.language.glob.syntax import GlobError
from batchspec.language.rows import axes as axes_of
from batchspec.language.rows.axes import SOURCE, Axes
from batchspec.language.rows.links import Link, LinkReader
from batchspec.language.rows.matrix import Matrix
from batchspec.language.rows.words import (
    Find,
    LocalFile,
    Made,
    OutputWord,
    Read,
    Shape,
    any_placeholder,
    quoted,
    read_matrix,
    read_outputs,
    read_reads,
    read_shape,
)
from batchspec.language.templates.expression import Reference, TemplateError
from batchspec.language.templates.template import compile_text, is_template
from batchspec.source import Path, path_text

_WORDS = frozenset(
    ("matrix", "when", "per", "collect", "chunk", "files", "outputs", "temporary", "successCodes")
)
"""The words that make a group more than one task for each input."""

_OF_BLOBS, _OF_MADE, _OF_FOUND = ("prefix",), ("output", "atMost"), ("exclude", "allowEmpty")
_LEAVE_OUT = "`when` leaves out rows: when: \"{{ matrix.title != 'trailer' }}\""


@dataclass(frozen=True, slots=True)
class Linked:
    """A group as the others see it. `link` is what its inputs are of another group."""

    name: str
    matrix: Matrix | None
    shape: Shape
    outputs: tuple[OutputWord, ...]
    axes: Axes
    link: Link | None
    reads: Mapping[str, Read]  # those that its templates mention
    is_plain: bool  # one task for each input, as since the first version: its ids are of the old form
    has_inputs: bool
    links: Mapping[str, Link]  # what of `reads` other groups make

    @property
    def producers(self) -> frozenset[str]:
        """The groups whose tasks its own may wait for."""
        own = [self.link] if self.link else []
        return frozenset(link.group for link in (*own, *self.links.values()))


def link_groups(data: Mapping[str, Any], raw: Mapping[str, Any], find: Find) -> dict[str, Linked]:
    """The groups of the spec *data* in the order in which their outputs flow, else as they are written.

    *raw* is the same spec with its parameters unresolved: which of them a name or a command reads counts.
    """
    tasks: Mapping[str, Any] = data.get("tasks") or {}
    raw_tasks: Mapping[str, Any] = raw.get("tasks") or {}
    shared = read_reads(data.get("files") or {}, ("files",))
    mentions = {name: frozenset(_mentions(body)) for name, body in raw_tasks.items()}
    reads = {name: dict(_reads(name, body, shared, mentions[name], find)) for name, body in tasks.items()}
    _tell_unused(shared, reads, data, find)
    _check_globs(reads, find)
    outputs = {name: read_outputs(body, ("tasks", name)) for name, body in raw_tasks.items()}
    order = _flow(tasks, reads, find)
    linked: dict[str, Linked] = {}
    axes: dict[str, Axes] = {}
    for name in order:
        maker = _Maker(name, tasks[name], outputs, axes, mentions[name], find)
        linked[name] = maker.linked(reads[name])
        axes[name] = linked[name].axes
    _tell_unread(tasks, linked, find)
    return linked


def _mentions(value: Any) -> Iterator[Reference]:
    """The names that the templates in *value* read; what is wrong with them is found elsewhere."""
    if isinstance(value, Mapping):
        for member in value.values():
            yield from _mentions(member)
    elif isinstance(value, list):
        for member in value:
            yield from _mentions(member)
    elif isinstance(value, str) and is_template(value):
        try:
            yield from compile_text(value).references
        except TemplateError:
            return


def mentions_in(value: Any, top: str) -> set[str]:
    """The names behind *top* that the templates in *value* read."""
    return _members(top, _mentions(value))


def _members(top: str, mentions: Iterable[Reference]) -> set[str]:
    """The names behind *top* among *mentions*: `lut` of `files.lut.path`."""
    return {reference[1] for reference in mentions if reference[0] == top and len(reference) > 1}


def _reads(
    name: str, body: Mapping[str, Any], shared: Mapping[str, Read], mentions: Iterable[Reference], find: Find
) -> Iterator[tuple[str, Read]]:
    """The files that a group's templates mention: its own, then those of the whole spec."""
    own = read_reads(body.get("files") or {}, ("tasks", name, "files"))
    for hidden in own.keys() & shared.keys():
        what = f"`{hidden}` hides the entry of the same name at the top of the spec"
        find(Code.NOT_READ, what, own[hidden].path, warning=True)
    mentioned = _members("files", mentions)
    for entry in own.values():
        if entry.name not in mentioned:
            help = f"write {{{{ files.{entry.name}.path }}}} where the task needs it, or remove the entry"
            find(
                Code.NOT_READ,
                f"no template of {name} uses `files.{entry.name}`",
                entry.path,
                helps=(help,),
                warning=True,
            )
    yield from ((file, read) for file, read in {**shared, **own}.items() if file in mentioned)


def _tell_unused(
    shared: Mapping[str, Read], reads: Mapping[str, Mapping[str, Read]], data: Mapping[str, Any], find: Find
) -> None:
    used = {name for entries in reads.values() for name in entries}
    used |= mentions_in(data.get("pool"), "files")
    for name, entry in shared.items():
        if name not in used:
            help = f"write {{{{ files.{name}.path }}}} where a task needs it, or remove the entry"
            find(Code.NOT_READ, f"nothing uses `files.{name}`", entry.path, helps=(help,), warning=True)


def _check_globs(reads: Mapping[str, Mapping[str, Read]], find: Find) -> None:
    """Paths of files that are no globs, each told once."""
    found = {read.path: read for entries in reads.values() for read in entries.values()}
    for path, read in found.items():
        text = any_placeholder(read.source.path) if isinstance(read.source, LocalFile) else ""
        if glob := text.removeprefix("./").rstrip("/"):  # without one, it is the folder of the spec
            try:
                parse_glob(glob)
            except GlobError as error:
                find(Code.BAD_GLOB, f"files.{read.name}: {error.message}", path, helps=error.helps)


def _flow(tasks: Mapping[str, Any], reads: Mapping[str, Mapping[str, Read]], find: Find) -> tuple[str, ...]:
    """The groups, each behind those it reads; of a circle, and of groups that are not there, there is a finding."""
    graph = {name: [g for g in _sources(body, reads[name]) if g in tasks] for name, body in tasks.items()}
    try:
        return axes_of.in_flow_order(graph)
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        what = f"these groups read each other's outputs in a cycle: {' -> '.join(circle)}"
        find(
            Code.GROUP_CYCLE,
            what,
            ("tasks", circle[0]),
            helps=("a group can only read what is made before it",),
        )
        return ()


def _sources(body: Mapping[str, Any], reads: Mapping[str, Read]) -> Iterator[str]:
    inputs = body.get("inputs")
    if isinstance(inputs, Mapping) and "from" in inputs:
        yield inputs["from"]
    for read in reads.values():
        if isinstance(read.source, Made):
            yield read.source.group


class _Maker:
    """Makes one group's part, once those that it reads have theirs."""

    def __init__(
        self,
        name: str,
        body: Mapping[str, Any],
        outputs: Mapping[str, tuple[OutputWord, ...]],
        axes: Mapping[str, Axes],
        mentions: frozenset[Reference],
        find: Find,
    ) -> None:
        self._name = name
        self._path: Path = ("tasks", name)
        self._body = body
        self._outputs = outputs
        self._axes = axes
        self._mentions = mentions
        self._links = LinkReader(name, outputs, axes, find)
        self._find = find

    def linked(self, reads: Mapping[str, Read]) -> Linked:
        body, inputs = self._body, self._body.get("inputs")
        self._check_inputs(inputs)
        link = None
        if isinstance(inputs, Mapping) and "from" in inputs:
            link = self._links.of_inputs(inputs)
        matrix, rows = self._rows(inputs, link)
        shape = read_shape(body, self._path, self._find)
        self._check_per(shape, rows)
        axes = axes_of.shaped(rows, [name for name in shape.per if name in rows.rows], joins=shape.joins)
        return Linked(
            name=self._name,
            matrix=matrix,
            shape=shape,
            outputs=self._outputs[self._name],
            axes=axes,
            link=link,
            reads=reads,
            is_plain=link is None and not reads and not self._uses_words(rows),
            has_inputs=inputs is not None,
            links=dict(self._links.of_files(reads, axes)),
        )

    def _check_inputs(self, inputs: Any) -> None:
        """Words that would have no effect: those for blobs beside `from`, and the other way about."""
        if "output" in self._body and "outputs" in self._body:
            what = "`output` is for a single one, and has no meaning beside `outputs`"
            self._find(Code.NOT_ALLOWED_HERE, what, (*self._path, "output"), helps=("move it to `outputs`",))
        if not isinstance(inputs, Mapping):
            return
        is_made = "from" in inputs
        others = [
            (*self._path, "inputs", word) for word in (_OF_BLOBS if is_made else _OF_MADE) if word in inputs
        ]
        others += [(*self._path, word) for word in _OF_FOUND if is_made and word in self._body]
        for path in others:
            what = f"`{path[-1]}` has no effect beside `{'from' if is_made else 'container'}`"
            helps = (_LEAVE_OUT,) if path[-1] == "exclude" else ()
            self._find(Code.NOT_ALLOWED_HERE, what, path, helps=helps)

    def _uses_words(self, rows: Axes) -> bool:
        has_names = any(name not in axes_of.RESERVED for name in rows.rows)
        return has_names or bool(_WORDS & self._body.keys()) or self._has_output_words()

    def _has_output_words(self) -> bool:
        uses_source = any(reference[0] == SOURCE for reference in self._mentions)
        return uses_source or any(word.is_folder or word.is_optional for word in self._outputs[self._name])

    def _rows(self, inputs: Any, link: Link | None) -> tuple[Matrix | None, Axes]:
        """The matrix, and the axes of the group's rows."""
        found = self._input_axes(inputs, link)
        if "matrix" not in self._body:
            return None, found
        own = sorted(_members("matrix", self._mentions) - {*found.rows})
        matrix = read_matrix(self._body["matrix"], (*self._path, "matrix"), self._find, own)
        if matrix is None:
            return None, found
        for name in matrix.axes:
            if name in found.rows:
                what = f"`{name}` is an axis of the inputs and of the matrix"
                self._find(
                    Code.DUPLICATE_AXIS,
                    what,
                    (*self._path, "matrix"),
                    helps=("give one of them another name",),
                )
        names = [name for name in matrix.axes if name not in found.rows]
        words = [word for word in self._body if word in ("matrix", "inputs")]
        return matrix, axes_of.with_matrix(found, names, matrix_first=words[0] == "matrix")

    def _input_axes(self, inputs: Any, link: Link | None) -> Axes:
        if inputs is None:
            return Axes()
        if link is not None:
            return axes_of.of_made(self._axes[link.group], link.glob.axes if link.glob else ())
        if isinstance(inputs, Mapping):
            if "from" in inputs:
                return Axes()  # what it reads is not there: that is found
            names = self._glob_axes([inputs.get("match", "**")], (*self._path, "inputs", "match"))
            return axes_of.of_inputs(names, repr(sorted(inputs.items())))
        patterns = [inputs] if isinstance(inputs, str) else inputs
        return axes_of.of_inputs(self._glob_axes(patterns, (*self._path, "inputs")), repr(patterns))

    def _glob_axes(self, patterns: list[Any], path: Path) -> tuple[str, ...]:
        """The axes that all of *patterns* have; a pattern with others is a finding."""
        found: list[tuple[str, ...]] = []
        for number, pattern in enumerate(patterns):
            try:
                glob = parse_glob(str(pattern))
            except GlobError:
                continue  # that it is none is found where it is compiled
            found.append(glob.axes)
            if set(glob.axes) != set(found[0]):
                what = (
                    f"{pattern!r} has the axes {quoted(glob.axes)}, and the first pattern {quoted(found[0])}"
                )
                self._find(
                    Code.DUPLICATE_AXIS,
                    what,
                    (*path, number),
                    helps=("all patterns of a group have the same axes",),
                )
            for name in set(glob.axes) & set(axes_of.RESERVED):
                self._find(Code.DUPLICATE_AXIS, f"`{name}` is an axis of every row with an input", path)
        return tuple(name for name in found[0] if name not in axes_of.RESERVED) if found else ()

    def _check_per(self, shape: Shape, rows: Axes) -> None:
        for name in shape.per:
            if name not in rows.rows:
                has = f"the rows of {self._name} have {quoted(rows.rows)}"
                self._find(
                    Code.UNKNOWN_GROUP,
                    f"per: {self._name} has no axis `{name}`",
                    (*self._path, "per"),
                    label=has,
                )


def _tell_unread(tasks: Mapping[str, Any], linked: Mapping[str, Linked], find: Find) -> None:
    """Temporary outputs that nothing reads, and readers that could start before what they read is right."""
    read = frozenset(name for group in linked.values() for name in group.producers)
    for name, body in tasks.items():
        if body.get("temporary") and name not in read and linked:
            what = f"the outputs of {name} are temporary, and no other group reads them"
            helps = ("remove `temporary: true`, or read them with `from`",)
            find(Code.NOT_READ, what, ("tasks", name, "temporary"), helps=helps)
        if name in read:
            for path in _satisfying(body.get("exitConditions"), ("tasks", name, "exitConditions")):
                what = f"{path_text(path)}: other groups read {name}, and would start after it failed"
                find(Code.CONTRADICTION, what, path, helps=("remove `dependencyAction: satisfy`",))


def _satisfying(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name == "dependencyAction" and str(member).lower() == "satisfy":
                yield (*path, name)
            yield from _satisfying(member, (*path, name))
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from _satisfying(member, (*path, i))
