"""Where outputs go, held against what may be written there and against what is read: before anything is made or run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path as FilePath

from batchspec.codes import Code
from batchspec.desired.places import Places
from batchspec.desired.task import Desired
from batchspec.engine.look.machine.project import Project, Use
from batchspec.language.glob.pattern import Glob
from batchspec.language.glob.pattern import parse as parse_glob
from batchspec.language.model import Blobs, GroupFile, LocalFiles, Spec, TaskGroup
from batchspec.language.rows.words import LocalFile, StoredBlob, any_placeholder
from batchspec.source import Diagnostic

_TOLD = 20
_SHORT = 60  # characters, which in UTF-8 are 240 bytes at most: every file system in use takes such a name
_NAME_MAX = 255  # bytes, where a file system does not say


def outside(spec: Spec, project: Project) -> Iterator[Diagnostic]:
    """A finding where the folder for downloads is not one that the spec may write to."""
    download = Places.of(spec).download
    if download is None:
        return
    folder = download.resolve()
    if not project.allows(Use.WRITE, folder):
        yield project.outside(spec.document, ("download",), f"download: {spec.download!r}", folder)
    elif ".git" in folder.parts:
        what = f"download: {spec.download!r} is inside a .git folder"
        yield spec.document.diagnostic(Code.BAD_NAME, what, ("download",), helps=("choose another folder",))
    elif any(len(os.fsencode(part)) > _longest_name(folder) for part in folder.parts):
        what = f"download: {spec.download!r} has a name that is too long"
        yield spec.document.diagnostic(Code.BAD_NAME, what, ("download",), helps=("shorten it",))
    elif folder.exists() and not folder.is_dir():
        what = f"download: {spec.download!r} is not a folder"
        yield spec.document.diagnostic(
            Code.BAD_NAME, what, ("download",), helps=("remove it, or choose another",)
        )


def check(desired: Desired) -> Iterator[Diagnostic]:
    """What is wrong with the files and blobs that outputs become; of much the first."""
    yield from islice(_feeding_itself(desired), _TOLD)
    yield from _feeding_files(desired)
    if desired.spec.download is not None:
        yield from islice(_too_long(desired), _TOLD)
        yield from islice(_feeding(desired), _TOLD)


def _too_long(desired: Desired) -> Iterator[Diagnostic]:
    """Outputs that no file can be called, where they are downloaded to."""
    places = Places.of(desired.spec)
    longest = _longest_name(places.file("").resolve())
    for group, blob in desired.tasks.outputs(longer_than=len(places.root) + _SHORT):
        name = blob.removeprefix(places.root)
        if any(len(os.fsencode(part)) > longest for part in name.split("/")):
            yield desired.spec.document.diagnostic(
                Code.BAD_NAME,
                f"the output {name!r} has a name longer than {longest} bytes",
                (*group.path, "output"),
                label="cannot be a file in the folder for downloads",
                helps=("shorten it",),
            )


def _longest_name(folder: FilePath) -> int:
    """How many bytes a file's name may have where *folder* is, or will be."""
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110
    try:
        return os.pathconf(there, "PC_NAME_MAX")
    except (OSError, ValueError):
        return _NAME_MAX


def _feeding(desired: Desired) -> Iterator[Diagnostic]:
    """Outputs that an input glob would match once they are downloaded, and the next apply would read."""
    places, spec = Places.of(desired.spec), desired.spec
    folder = places.file("").resolve()
    readers = [(group, glob) for group in spec.groups for glob in _globs(group) if _may_feed(glob, places)]
    outputs = (blob for group, blob in desired.tasks.outputs() if group.downloads) if readers else ()
    for blob in outputs:
        name = blob.removeprefix(places.root)
        for group, glob in readers:
            path = _as_written(glob, folder / name, places.folder)
            if path is not None and glob.fits(path) and not _is_excluded(group, path):
                yield spec.document.diagnostic(
                    Code.FEEDBACK,
                    f"the output {name!r} would become an input of {group.name!r}: {glob.text!r} matches {path!r}",
                    ("download",),
                    label="outputs would be read as inputs by the next apply",
                    helps=("choose a folder that no glob leads to, or leave it out with `exclude`",),
                )
                break


def _feeding_itself(desired: Desired) -> Iterator[Diagnostic]:
    """Outputs that are blobs which their own group takes for inputs."""
    spec, container = desired.spec, Places.of(desired.spec).output
    read = {
        g.name: g.inputs
        for g in spec.groups
        if isinstance(g.inputs, Blobs) and g.inputs.container == container
    }
    for group, blob in desired.tasks.outputs() if read else ():
        inputs = read.get(group.name)
        if inputs is not None and inputs.takes(blob):
            yield spec.document.diagnostic(
                Code.FEEDBACK,
                f"the output {blob!r} would become an input of {group.name!r}",
                (*group.path, "inputs"),
                label="outputs would be read as inputs by the next apply",
                helps=("read another `prefix`, or leave it out with `exclude`",),
            )


def _feeding_files(desired: Desired) -> Iterator[Diagnostic]:
    """Entries of `files` that outputs are, in storage or once they are downloaded: read as earlier work left them."""
    spec, places = desired.spec, Places.of(desired.spec)
    files = (file for group in spec.groups if group.is_sound for file in group.files)
    reads = {file.read.path: (file.read.name, takes) for file in files if (takes := _takes(file, places))}
    for group, blob in desired.tasks.outputs() if reads else ():
        for path in [path for path, (_, takes) in reads.items() if takes(group, blob)]:
            name, _ = reads.pop(path)  # one output says it
            yield spec.document.diagnostic(
                Code.FEEDBACK,
                f"the output {blob.removeprefix(places.root)!r} of {group.name!r} would be read as files.{name}",
                path,
                label="it is read as earlier work left it",
                helps=(f"read it as an output: `{{from: {group.name}}}`, or choose other files",),
            )


def _takes(file: GroupFile, places: Places) -> Callable[[TaskGroup, str], bool] | None:
    """Says of a group's output, a blob, whether *file* reads it; None where it reads no output of the spec at all."""
    source = file.read.source
    if isinstance(source, StoredBlob):

        def is_read(_: TaskGroup, blob: str) -> bool:
            return blob.startswith(source.blob) if source.is_prefix else blob == source.blob

        return is_read if source.container == places.output else None
    if not isinstance(source, LocalFile) or places.download is None:
        return None
    text = any_placeholder(source.path).removeprefix("./")
    glob = parse_glob(f"{text}**" if source.path.endswith("/") else text)
    folder = places.file("").resolve()

    def is_downloaded_to(group: TaskGroup, blob: str) -> bool:
        path = _as_written(glob, folder / blob.removeprefix(places.root), places.folder)
        return group.downloads and path is not None and glob.fits(path)

    return is_downloaded_to if _may_feed(glob, places) else None


def _globs(group: TaskGroup) -> tuple[Glob, ...]:
    return group.inputs.globs if isinstance(group.inputs, LocalFiles) else ()


def _is_excluded(group: TaskGroup, path: str) -> bool:
    return isinstance(group.inputs, LocalFiles) and any(glob.fits(path) for glob in group.inputs.exclude)


def _may_feed(glob: Glob, places: Places) -> bool:
    """Whether *glob* leads into the folder for downloads at all."""
    folder = _as_written(glob, places.file("").resolve(), places.folder)
    level = glob.start
    for name in folder.split("/") if folder not in (None, "") else ():
        below = level.below(name)
        if below is None:
            return False
        level = below
    return folder is not None


def _as_written(glob: Glob, path: FilePath, start: FilePath) -> str | None:
    """*path* as *glob*, which is relative to *start*, would have to write it; None where it cannot."""
    if glob.text.startswith("/"):
        return str(path)
    up = glob.fixed.count("../")
    above = start.resolve()
    for _ in range(up):
        above = above.parent
    return "/".join([".."] * up + [*path.relative_to(above).parts]) if path.is_relative_to(above) else None
