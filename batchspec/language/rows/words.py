"""The words by which a group's rows and tasks are formed, as the spec has them: values with a type, and findings.

Nothing of another group is available: what `from` leads to is a matter of `axes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from batchspec.codes import Code
from batchspec.language.rows.axes import RESERVED
from batchspec.language.rows.matrix import (
    MOST_ROWS,
    BadRange,
    Listed,
    Matrix,
    Product,
    Sheet,
    Value,
    read_range,
)
from batchspec.language.templates.template import is_template
from batchspec.patterns import lazy_regex
from batchspec.source import Path, path_text

_PLACEHOLDER = lazy_regex(r"\{\{.*?\}\}", re.DOTALL)
_GROUP_NAME = lazy_regex(r"[A-Za-z][A-Za-z0-9_-]{0,31}")

Find = Callable[..., None]
"""Takes a finding: code, sentence, path; `label` and `helps` where there is more to say."""


class Made(NamedTuple):
    """What the tasks of another group make. `output` None: the only one they have.

    `on` pairs axes, theirs with ours (a name, or the text of a template), by which tasks match; None: all that
    both have. With `match`, each file in the folder that fits this glob, `at_most` so many of one task.
    """

    group: str
    output: str | None = None
    on: tuple[tuple[str, str], ...] | None = None
    match: str | None = None
    at_most: int | None = None


class LocalFile(NamedTuple):
    """A path, a glob or a folder (it ends with a slash) on this machine; templates in it are unrendered."""

    path: str


class StoredBlob(NamedTuple):
    """One blob, or all whose names begin with a prefix: then `is_prefix`."""

    container: str
    blob: str
    is_prefix: bool = False


class Read(NamedTuple):
    """What a task reads besides its inputs. With `all`, everything that matches, as a folder.

    With `once`, each node of a job fetches it once, and its tasks share it.
    """

    name: str
    source: LocalFile | StoredBlob | Made
    path: Path
    all: bool = False
    once: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether `files.NAME.path` is the folder `files/NAME`, even where it holds one file."""
        if isinstance(self.source, StoredBlob):
            return self.all or self.source.is_prefix
        if isinstance(self.source, LocalFile):
            path = self.source.path
            return self.all or path.endswith("/") or any(magic in path for magic in "*?[")
        return self.all


class Shape(NamedTuple):
    """How rows become tasks: one each, one for all that agree on `per`, one for all, and at most `chunk` in one."""

    per: tuple[str, ...] = ()
    collect: bool = False
    chunk: int | None = None
    stable: bool = False

    @property
    def joins(self) -> bool:
        """Whether several rows may become one task: then its lists are lists, however many there are."""
        return bool(self.per) or self.collect or self.chunk is not None


class OutputWord(NamedTuple):
    """A declared output: the name it has in the spec ("" for `output:`), its template, and what it is."""

    name: str
    text: str
    is_optional: bool
    path: Path
    is_published: bool = False

    @property
    def is_folder(self) -> bool:
        return self.text.endswith("/")


def quoted(names: Iterable[str]) -> str:
    """*names* as a message lists them."""
    return ", ".join(f"`{name}`" for name in names) or "none"


def read_matrix(data: Any, path: Path, find: Find, columns: Sequence[str]) -> Matrix | None:
    """The matrix that *data* describes; *columns* are those of a sheet that the group's templates read."""
    if isinstance(data, list):
        return _listed(data, path, find)
    if isinstance(data, Mapping) and isinstance(data.get("file"), str) and data.keys() <= {"file", "key"}:
        return _sheet(data, columns)
    values = {name: _axis(name, member, (*path, name), find) for name, member in data.items()}
    for name in data:
        _check_name(name, (*path, name), find)
    return _product({name: found or () for name, found in values.items()}, path, find)


def _product(values: Mapping[str, Sequence[Value]], path: Path, find: Find) -> Product | None:
    rows = prod(map(len, values.values()))
    if rows > MOST_ROWS:
        help = "a list of mappings or a CSV file has single rows instead of every combination"
        find(
            Code.BAD_RANGE,
            f"the matrix has {rows:,} rows, and at most {MOST_ROWS:,} can be",
            path,
            helps=(help,),
        )
        return None
    return Product(values)


def _axis(name: str, data: Any, path: Path, find: Find) -> Sequence[Value] | None:
    """The values of one axis."""
    if isinstance(data, str):
        try:
            found = read_range(data)
        except BadRange as problem:
            find(Code.BAD_RANGE, f"{path_text(path)}: {problem}", path)
            return None
        if found is None and not is_template(data):
            help = f"write a list, [{data}], or a range such as 1..240"
            find(Code.BAD_RANGE, f"{path_text(path)}: {data!r} is not a range", path, helps=(help,))
        return found
    seen: dict[str, int] = {}
    for i, value in enumerate(data):
        if seen.setdefault(str(value), i) != i:
            find(Code.ROWS_ALIKE, f"{name} has the value {value!r} twice", (*path, i))
    return tuple(data)


def _listed(data: list[Any], path: Path, find: Find) -> Listed:
    names = list(data[0]) if data else []
    for name in names:
        _check_name(name, (*path, 0, name), find)
    seen: dict[tuple[str, ...], int] = {}
    for i, row in enumerate(data):
        if list(row) != names and set(row) != set(names):
            what = f"this row has {', '.join(row)}, and the first one {', '.join(names)}"
            find(Code.ROWS_ALIKE, what, (*path, i), helps=("all rows of a matrix have the same names",))
        elif (first := seen.setdefault(tuple(str(row[name]) for name in names), i)) != i:
            find(Code.ROWS_ALIKE, f"rows {first + 1} and {i + 1} of the matrix are the same", (*path, i))
    return Listed(tuple({name: row.get(name, "") for name in names} for row in data))


def _sheet(data: Mapping[str, Any], columns: Sequence[str]) -> Sheet:
    key = data.get("key", ())
    axes = (key,) if isinstance(key, str) else tuple(key)
    axes = axes or tuple(columns)
    return Sheet(data["file"], axes, tuple(dict.fromkeys((*axes, *columns))))


def _check_name(name: str, path: Path, find: Find) -> None:
    if name in RESERVED:
        what = f"`{name}` is the name of an axis that every row with an input has"
        find(Code.DUPLICATE_AXIS, what, path, helps=("give this axis another name",))


def read_shape(data: Mapping[str, Any], path: Path, find: Find) -> Shape:
    """What `per`, `collect` and `chunk` of a group say."""
    per = data.get("per", ())
    chunk = data.get("chunk")
    size = chunk.get("size") if isinstance(chunk, Mapping) else chunk
    if data.get("collect"):
        for other in ("per", "chunk"):
            if other in data:
                what = f"`collect` makes one task of all rows, so `{other}` has no meaning beside it"
                find(Code.BAD_SHAPE, what, (*path, other), helps=(f"remove `collect`, or `{other}`",))
    return Shape(
        per=(per,) if isinstance(per, str) else tuple(per),
        collect=bool(data.get("collect", False)),
        chunk=size,
        stable=isinstance(chunk, Mapping) and bool(chunk.get("stable", False)),
    )


def read_made(data: Mapping[str, Any]) -> Made:
    """What an entry `{from: GROUP}` says."""
    on = data.get("on")
    return Made(
        group=data["from"],
        output=data.get("output"),
        on=None if on is None else tuple(_pairs(on)),
        match=data.get("match"),
        at_most=data.get("atMost"),
    )


def _pairs(on: Any) -> Iterator[tuple[str, str]]:
    if isinstance(on, Mapping):
        yield from ((str(theirs), str(ours)) for theirs, ours in on.items())
    else:
        yield from ((name, name) for name in ([on] if isinstance(on, str) else on))


def any_placeholder(path: str) -> str:
    """*path* as a glob: what a task puts into it can be anything."""
    return _PLACEHOLDER.sub("*", path)


def read_reads(data: Mapping[str, Any], path: Path) -> dict[str, Read]:
    """The entries of `files:` at *path*, by their names."""
    reads = {name: _read(name, entry, (*path, name)) for name, entry in data.items()}
    return {
        name: read._replace(once=isinstance(data[name], Mapping) and data[name].get("once") == "node")
        for name, read in reads.items()
    }


def _read(name: str, entry: Any, path: Path) -> Read:
    if isinstance(entry, str):
        return Read(name, LocalFile(entry), path)
    if "all" in entry:
        inner = entry["all"]
        made = inner if isinstance(inner, Mapping) else None
        if made is None and _GROUP_NAME.fullmatch(inner):
            return Read(name, read_made({**entry, "from": inner}), path, all=True)
        return Read(name, read_made(made) if made else LocalFile(inner), path, all=True)
    if "from" in entry:
        return Read(name, read_made(entry), path)
    if "path" in entry:
        return Read(name, LocalFile(entry["path"]), path)
    prefix = entry.get("prefix")
    source = StoredBlob(
        entry["container"], prefix if prefix is not None else entry["blob"], prefix is not None
    )
    return Read(name, source, path)


def read_outputs(data: Mapping[str, Any], path: Path) -> tuple[OutputWord, ...]:
    """The outputs of a group: `output:`, or each of `outputs:`."""
    if "output" in data:
        return (_output("", data["output"], (*path, "output")),)
    return tuple(
        _output(name, entry, (*path, "outputs", name)) for name, entry in data.get("outputs", {}).items()
    )


def _output(name: str, entry: Any, path: Path) -> OutputWord:
    if isinstance(entry, str):
        return OutputWord(name, entry, False, path)
    optional, published = bool(entry.get("optional", False)), bool(entry.get("publish", False))
    return OutputWord(name, entry["path"], optional, (*path, "path"), published)
