"""All that a spec's tasks can read, as it is at this moment: inputs, files beside them, sheets of a matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from io import TextIOWrapper
from itertools import islice
from pathlib import Path as FilePath

from batchspec.codes import Code
from batchspec.desired.artifacts.files import is_pack, node_read, varies
from batchspec.desired.artifacts.listings import NO_LISTINGS, Listings
from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.expansion.expand import expand
from batchspec.desired.places import Places
from batchspec.desired.task import Desired, Input, NodeFile, StartFile
from batchspec.engine.look.inputs import ListBlobs, find_inputs
from batchspec.engine.look.machine import download_rules
from batchspec.engine.look.machine.packages import find_packages
from batchspec.engine.look.machine.project import Project, Use
from batchspec.engine.look.machine.walk import Match, Rules, walk
from batchspec.engine.look.remembered.cache import cache_path
from batchspec.engine.look.remembered.digests import Digests
from batchspec.engine.look.remembered.regular import open_file
from batchspec.errors import SpecError
from batchspec.language.glob.pattern import parse as parse_glob
from batchspec.language.glob.syntax import GlobError
from batchspec.language.model import Spec
from batchspec.language.rows.matrix import Sheet
from batchspec.language.rows.words import LocalFile, StoredBlob, any_placeholder
from batchspec.resources.task import digest
from batchspec.source import Diagnostic, Path, in_order

_TOLD = 20  # how many files of one entry that cannot be read


def desired_now(
    spec: Spec,
    list_blobs: ListBlobs | None,
    project: Project | None = None,
    listings: Listings = NO_LISTINGS,
) -> Desired:
    """What *spec* asks for with the inputs of this moment; its warnings have what there is to say of those, too.

    *list_blobs* is asked for inputs that are blobs already; None leaves those groups empty.
    *project* is what it may read and write; None: without asking anybody. Of folders that tasks make, *listings* say
    what files they have. Raises `SpecError`.
    """
    places = Places.of(spec)
    project = project or Project(places.folder)
    warnings: list[Diagnostic] = []
    findings = list(download_rules.outside(spec, project))
    try:
        packages, start_files = find_packages(spec, project), find_start_files(spec, project)
        with Digests(cache_path()) as digests:
            found = find_reads(spec, list_blobs, project, digests, warnings)
            readable = replace(found, listings=listings)
            node_files = find_node_files(spec, readable)
            desired = expand(spec, readable)
    except SpecError as error:
        raise SpecError([*error.diagnostics, *findings, *warnings]) from None
    findings += download_rules.check(desired)
    if findings:
        raise SpecError([*spec.warnings, *findings, *warnings])
    return replace(
        desired,
        packages=packages,
        start_files=start_files,
        node_files=node_files,
        spec=desired.spec._replace(warnings=in_order([*desired.spec.warnings, *warnings])),
    )


def find_reads(
    spec: Spec,
    list_blobs: ListBlobs | None,
    project: Project,
    digests: Digests,
    warnings: list[Diagnostic],
) -> Readable:
    """What the tasks of *spec* can read; inputs and files that differ from task to task are found as they are read.

    *list_blobs* is asked for what lies in storage; None takes files there for granted, and leaves inputs out.
    Raises `SpecError` for a folder that cannot be packed.
    """
    files: dict[Path, Iterable[Input]] = {}
    members: dict[str, Sequence[str]] = {}
    for file in {file.read.path: file for group in spec.groups for file in group.files}.values():
        source = file.read.source
        if isinstance(source, StoredBlob):
            files[file.read.path] = _Anew(partial(_stored, source, list_blobs))
        elif isinstance(source, LocalFile) and is_pack(file):
            from batchspec.engine.look.machine.folders import Folders  # tarfile: not before there is a folder

            folders = Folders(spec, file, source.path, project, members)
            files[file.read.path] = folders if varies(file) else [folders.one()]
        elif isinstance(source, LocalFile):
            files[file.read.path] = _Anew(partial(_local, spec, file.read.path, source.path, project))
    return Readable(
        inputs=find_inputs(spec, list_blobs, project, digests, warnings),
        files=files,
        members=members,
        sheets=_sheets(spec, project),
    )


def find_start_files(spec: Spec, project: Project) -> tuple[StartFile, ...]:
    """The files that the start task of *spec* reads, as they are now. Raises `SpecError` for those that cannot be."""
    found: list[StartFile] = []
    findings: list[Diagnostic] = []
    for read in spec.pool.start_files if spec.pool else ():
        path = read.source.path if isinstance(read.source, LocalFile) else ""
        try:
            found += (StartFile(read.name, item) for item in _local(spec, read.path, path, project))
            if not found or found[-1].name != read.name:
                what = f"files.{read.name}: there is no file {path!r}"
                helps = ("paths are relative to the spec file",)
                findings.append(spec.document.diagnostic(Code.NO_MATCH, what, read.path, helps=helps))
        except SpecError as error:
            findings += error.diagnostics
    if findings:
        raise SpecError(findings)
    return tuple(found)


def find_node_files(spec: Spec, readable: Readable) -> tuple[NodeFile, ...]:
    """What each node fetches once. What is not there is told of the tasks that read it."""
    return tuple(_node_files(spec, readable))


def _node_files(spec: Spec, readable: Readable) -> Iterator[NodeFile]:
    files = (file for group in spec.groups for file in group.files)
    for file in {file.read.path: file for file in files if file.read.once}.values():
        for item in islice(readable.files.get(file.read.path, ()), 1):
            read = node_read(file, item)
            yield NodeFile(read.path, item, read.is_pack)


class _Anew(Iterable[Input]):
    """Files that are found anew each time somebody asks: several groups may read an entry of the whole spec."""

    def __init__(self, find: Callable[[], Iterator[Input]]) -> None:
        self._find = find

    def __iter__(self) -> Iterator[Input]:
        return self._find()


def _local(spec: Spec, where: Path, path: str, project: Project) -> Iterator[Input]:
    """The files that *path* can mean: one, or those of all tasks where it has axes or placeholders."""
    try:
        glob = parse_glob(any_placeholder(path).removeprefix("./"))
    except GlobError as error:  # of a start task: those of groups are found before
        finding = spec.document.diagnostic(Code.BAD_GLOB, error.message, where, helps=error.helps)
        raise SpecError([finding]) from error
    findings: list[Diagnostic] = []
    with Digests(cache_path()) as digests:
        for match in walk(Places.of(spec).folder, glob, Rules(allows=project.reads)):
            if match.outside:
                what, outside = f"the file {match.name!r}", FilePath(match.outside)
                raise SpecError([project.outside(spec.document, where, what, outside)])
            try:
                yield _file(spec, match, digests)
            except OSError as error:
                what = f"the file {match.name!r} cannot be read: {error.strerror}"
                findings.append(spec.document.diagnostic(Code.BAD_INPUT, what, where))
    if findings:
        raise SpecError(findings[:_TOLD])


def _file(spec: Spec, match: Match, digests: Digests) -> Input:
    """What a file is to the tasks that read it. Raises `OSError` where it cannot be read."""
    content = digests.md5(match.file)
    blob = Places.of(spec).upload(content, match.name.rpartition("/")[2])
    size = FilePath(match.file).stat().st_size
    return Input(match.name, spec.containers.input, blob, size, content, match.file)


def _stored(source: StoredBlob, list_blobs: ListBlobs | None) -> Iterator[Input]:
    """The blob, or all below a prefix as one: then its digest is that of the listing.

    Where nobody can be asked, there is one: the tasks that read it are looked at all the same.
    """
    if list_blobs is None:
        yield Input(source.blob, source.container, source.blob, 0, "")
        return
    found = [
        live
        for live in list_blobs(source.container, source.blob)
        if source.is_prefix or live.name == source.blob
    ]
    if not source.is_prefix:
        yield from (Input(b.name, source.container, b.name, b.size, b.md5 or digest(b.etag)) for b in found)
    elif found:
        content = digest(*(f"{live.name}\0{live.md5 or live.etag}" for live in found))
        yield Input(source.blob, source.container, source.blob, sum(live.size for live in found), content)


def _sheets(spec: Spec, project: Project) -> dict[str, Iterable[str]]:
    sheets: dict[str, Iterable[str]] = {}
    for group in spec.groups:
        if group.rows and isinstance(group.rows.matrix, Sheet):
            file = group.rows.matrix.file
            sheets[file] = _lines(spec, (*group.path, "matrix", "file"), file, project)
    return sheets


def _lines(spec: Spec, path: Path, file: str, project: Project) -> Iterator[str]:
    folder = (Places.of(spec).folder / file).resolve().parent
    if not project.allows(Use.READ, folder):
        raise SpecError([project.outside(spec.document, path, f"the sheet {file!r}", folder)])
    try:
        with TextIOWrapper(open_file(Places.of(spec).folder / file), encoding="utf-8", newline="") as stream:
            yield from stream
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise SpecError([spec.document.diagnostic(Code.BAD_SHEET, f"{file}: {why}", path)]) from error
