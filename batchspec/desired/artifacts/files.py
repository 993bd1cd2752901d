"""What a task reads besides its inputs: which files of the spec, and which outputs of other groups' tasks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from batchspec.codes import Code
from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.names import FILES_FOLDER, node_name
from batchspec.desired.problem import TaskProblem
from batchspec.desired.task import Input
from batchspec.language.glob.pattern import Glob
from batchspec.language.glob.pattern import parse as parse_glob
from batchspec.language.model import GroupFile, TaskGroup
from batchspec.language.rows.links import Link
from batchspec.language.rows.words import LocalFile, StoredBlob
from batchspec.language.templates.expression import TemplateError
from batchspec.language.templates.template import Template, compile_text, is_template
from batchspec.language.templates.values import Series
from batchspec.ledger.database import Database
from batchspec.source import Path

SOURCE_READ = "source"
"""What a task reads as `source`; no entry of `files:` has this name."""


PACKED = "+"
"""What a task reads as the pack of further files; no entry of `files:` has this name either."""


class TaskRead(NamedTuple):
    """Something that a task reads: `path` is where it finds it; a pack is a folder, to be unpacked there.

    `name` is that of the entry in `files:`, empty for an input, `source` for the file that a row comes from.
    """

    name: str
    path: str
    item: Input
    producer: int | None = None
    is_pack: bool = False
    comes_packed: bool = False  # with others, in a pack that another read brings, or its node has it already


class FileFinder:
    """Finds what the tasks of one group read. What differs from task to task is looked up in the ledger."""

    def __init__(
        self, database: Database, readable: Readable, group: TaskGroup, output_container: str
    ) -> None:
        self._database = database
        self._readable = readable
        self._group = group
        self._output_container = output_container
        self._same: dict[Path, Input | None] = {}
        self._globs = {file.read.path: _axes_glob(file) for file in group.files}
        database.define(
            "DROP TABLE IF EXISTS candidate", "CREATE TABLE candidate (entry TEXT, key TEXT, item TEXT)"
        )
        for file in group.files:
            if varies(file):
                entries = self._candidates(file)
                database.fill("INSERT INTO candidate VALUES (?, ?, ?)", entries)
        database.define("CREATE INDEX candidate_key ON candidate (entry, key)")

    def reads(self, texts: Mapping[str, str], values: Mapping[str, Any]) -> Iterator[TaskRead]:
        """What a task reads whose axes have *texts* and whose row's templates see *values*. Raises `TaskProblem`."""
        for file in self._group.files:
            found = self._read(file, texts, values)
            yield from (read._replace(comes_packed=True) for read in found) if file.read.once else found

    def _read(
        self, file: GroupFile, texts: Mapping[str, str], values: Mapping[str, Any]
    ) -> Iterable[TaskRead]:
        name, source = file.read.name, file.read.source
        if isinstance(source, StoredBlob):
            return [self._stored(file, source)]
        if file.link is not None:
            return self._made(file, file.link, texts, values)
        if not isinstance(source, LocalFile):
            return []
        if varies(file):
            return self._varying(file, source, texts, values)
        item = self._only(file.read.path)
        if item is None:
            raise TaskProblem(
                f"files.{name}: there is no file {source.path!r}",
                file.read.path,
                "paths are relative to the spec file",
                code=Code.NO_MATCH,
            )
        return [_folder(name, item) if is_pack(file) else _at_own_name(name, item)]

    def _only(self, entry: Path) -> Input | None:
        """The one file that *entry* names for all tasks; it is looked for once."""
        if entry not in self._same:
            self._same[entry] = next(iter(self._readable.files.get(entry, ())), None)
        return self._same[entry]

    def _stored(self, file: GroupFile, source: StoredBlob) -> TaskRead:
        item = self._only(file.read.path)
        if item is None:
            what = f"files.{file.read.name}: there is no blob {source.blob!r} in the container {source.container!r}"
            raise TaskProblem(what, file.read.path, code=Code.NO_MATCH)
        if source.is_prefix:
            return TaskRead(file.read.name, f"{FILES_FOLDER}/{file.read.name}", item)
        return _at_own_name(file.read.name, item)

    def _candidates(self, file: GroupFile) -> Iterator[tuple[object, ...]]:
        glob, entry = self._globs[file.read.path], json.dumps(file.read.path)
        for item in self._readable.files.get(file.read.path, ()):
            captured = glob.match(item.path) if glob else None
            if glob is None:
                yield entry, item.path, json.dumps(item[:6])
            elif captured is not None:
                names = self._compared(captured)
                yield entry, json.dumps([captured[name] for name in names]), json.dumps(item[:6])

    def _compared(self, names: Iterable[str]) -> list[str]:
        has = self._group.rows.axes.has if self._group.rows else ()
        return sorted(name for name in names if name in has)

    def _varying(
        self, file: GroupFile, source: LocalFile, texts: Mapping[str, str], values: Mapping[str, Any]
    ) -> list[TaskRead]:
        glob = self._globs[file.read.path]
        if file.template is not None:
            key = what = plain_path(_path_of(file, file.template, values))
        else:
            names = self._compared(glob.axes if glob else ())
            key = json.dumps([texts[name] for name in names])
            what = f"{source.path} with {_said(names, texts)}"
        query = "SELECT item FROM candidate WHERE entry = ? AND key = ? ORDER BY item"
        entry = json.dumps(file.read.path)
        items = [Input(*json.loads(row[0])) for row in self._database.rows(query, entry, key)]
        name = file.read.name
        if file.read.all:
            found = [_below(name, item, glob.fixed if glob else "") for item in items]
            return [read._replace(is_pack=is_pack(file)) for read in found]
        if len(items) != 1:
            many = f"{len(items)} files match: {', '.join(item.path for item in items[:3])}"
            which = many if items else f"there is no such {'folder' if is_pack(file) else 'file'}"
            raise TaskProblem(f"files.{name}: {what}: {which}", file.read.path, code=Code.NO_COUNTERPART)
        return [_folder(name, items[0]) if is_pack(file) else _at_own_name(name, items[0])]

    def compared(self, link: Link, texts: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
        """The axes of the other group's tasks by which those that belong to a task are found, with its values."""
        return {theirs: _our_text(own, texts, values) for theirs, own in link.on}

    def _made(
        self, file: GroupFile, link: Link, texts: Mapping[str, str], values: Mapping[str, Any]
    ) -> Iterator[TaskRead]:
        """The outputs of the other group's tasks that belong to this one."""
        ours = list(self.compared(link, texts, values).values())
        query = (
            "SELECT title, made, fingerprint, number FROM meets JOIN task ON number = meets.task"
            " JOIN makes ON makes.task = number AND makes.name = ? WHERE reading = ? AND meets.key = ? ORDER BY number"
        )
        reading = reading_of(self._group.name, file.read.name)
        rows = list(self._database.rows(query, link.output.name, reading, json.dumps(ours)))
        if not file.read.is_folder and len(rows) != 1:
            raise self._no_single(file, link, ours, len(rows))
        for title, blob, fingerprint, number in rows:
            item = Input(title, self._output_container, blob, 0, fingerprint)
            read = (
                _below(file.read.name, item, "")
                if file.read.is_folder
                else _at_own_name(file.read.name, item)
            )
            yield read._replace(producer=number, is_pack=link.output.is_folder)

    def _no_single(self, file: GroupFile, link: Link, ours: list[str], found: int) -> TaskProblem:
        from batchspec.counts import count_text  # as in language/rules.py: not before it is needed

        pairs = zip((theirs for theirs, _ in link.on), ours, strict=True)
        compared = ", ".join(f"{name}={value}" for name, value in pairs)
        tasks = f"{count_text(found, 'task')}{' with ' if compared else ''}{compared}"
        what = f"files.{file.read.name}: {link.group} has {tasks}; exactly one is needed"
        near = self._nearest(link, file, ours)
        helps = [f"the nearest: {near}"] if near and not found else []
        return TaskProblem(what, file.read.path, *helps, code=Code.NO_COUNTERPART)

    def _nearest(self, link: Link, file: GroupFile, ours: list[str]) -> str:
        from difflib import get_close_matches

        # A hint is not worth more: each is compared letter by letter.
        query = "SELECT DISTINCT key FROM meets WHERE reading = ? LIMIT 1000"
        reading = reading_of(self._group.name, file.read.name)
        known = [row[0] for row in self._database.rows(query, reading)]
        near = get_close_matches(json.dumps(ours), known, 1, 0.0)
        names = [theirs for theirs, _ in link.on]
        if not near:
            return ""
        return ", ".join(f"{name}={value}" for name, value in zip(names, json.loads(near[0]), strict=True))


def reading_of(group: str, name: str) -> str:
    """What stands in the ledger for the entry *name* of `files:` of *group*."""
    return f"{group}/{name}"


def node_read(file: GroupFile, item: Input) -> TaskRead:
    """How the tasks of a node read *item*, which it has once: where they would find it otherwise."""
    return _folder(file.read.name, item) if is_pack(file) else _at_own_name(file.read.name, item)


def varies(file: GroupFile) -> bool:
    """Whether what is read of this machine differs from task to task."""
    return file.template is not None or _axes_glob(file) is not None


def is_pack(file: GroupFile) -> bool:
    """Whether a folder of this machine is read, or all that a glob matches for every task: it comes as one blob."""
    source = file.read.source
    return isinstance(source, LocalFile) and (
        source.path.endswith("/") or (file.read.is_folder and not varies(file))
    )


def _axes_glob(file: GroupFile) -> Glob | None:
    """The glob of a local path with axes in braces; None for other entries."""
    source = file.read.source
    if not isinstance(source, LocalFile) or file.template is not None:
        return None
    path = plain_path(source.path)
    glob = parse_glob(path) if path else None
    return glob if glob and glob.axes else None


def plain_path(path: str) -> str:
    """*path* as files and folders are called where they are found."""
    return path.removeprefix("./").rstrip("/")


def _folder(name: str, item: Input) -> TaskRead:
    """A folder of the entry's own name, of which *item* is the pack."""
    return TaskRead(name, f"{FILES_FOLDER}/{name}", item, is_pack=True)


def _path_of(file: GroupFile, template: Template, values: Mapping[str, Any]) -> str:
    try:
        return template.render(values)
    except TemplateError as error:
        what = f"files.{file.read.name}: {error.message}"
        raise TaskProblem(what, file.read.path, code=error.code) from error


def _our_text(own: str, texts: Mapping[str, str], values: Mapping[str, Any]) -> str:
    if not is_template(own):
        return texts[own]
    try:
        return compile_text(own).render(values)
    except TemplateError as error:
        raise TaskProblem(f"on: {error.message}", (), code=Code.NO_COUNTERPART) from error


def _at_own_name(name: str, item: Input) -> TaskRead:
    return TaskRead(name, f"{FILES_FOLDER}/{name}/{node_name(item.path)}", item)


def _below(name: str, item: Input, fixed: str) -> TaskRead:
    """A file of several: the tree below the fixed part of its path is kept."""
    path = "/".join(map(node_name, item.path.removeprefix(fixed).split("/")))
    return TaskRead(name, f"{FILES_FOLDER}/{name}/{path}", item)


def _said(names: Iterable[str], texts: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={texts[name]}" for name in names) or "no axis"


def values_of_files(
    files: Iterable[GroupFile], reads: Iterable[TaskRead], members: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """What templates see of the files of a task; *members* has the paths in packs that are known, by blob."""
    by_name: dict[str, list[TaskRead]] = {}
    for read in reads:
        by_name.setdefault(read.name, []).append(read)
    found: dict[str, Any] = {}
    for file in files:
        name = file.read.name
        of_it = by_name.get(name, [])
        if not file.read.is_folder:
            found[name] = {"path": of_it[0].path if of_it else ""}
            continue
        paths = [path for read in of_it for path in _paths(read, members)]
        found[name] = {"path": f"{FILES_FOLDER}/{name}", "paths": Series(paths), "count": len(paths)}
    return found


def _paths(read: TaskRead, members: Mapping[str, Sequence[str]]) -> list[str]:
    """The files that are read; a folder itself, where what is in it is not known."""
    known = members.get(read.item.blob) if read.is_pack else None
    return [read.path] if known is None else [f"{read.path}/{member}" for member in known]
