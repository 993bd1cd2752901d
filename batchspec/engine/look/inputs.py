"""The inputs of a spec: local files by glob, or blobs by prefix, each known by its content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from batchspec.codes import Code
from batchspec.desired.places import OWN_FOLDER
from batchspec.desired.task import Input
from batchspec.engine.look.machine.local_files import LocalInputs
from batchspec.engine.look.machine.missed import ALLOW_EMPTY, Missed
from batchspec.engine.look.machine.project import Project
from batchspec.engine.look.remembered.digests import Digests
from batchspec.errors import SpecError
from batchspec.language.glob.pattern import AmbiguousPath
from batchspec.language.model import Blobs, LocalFiles, Spec, TaskGroup
from batchspec.resources.task import digest
from batchspec.source import Diagnostic

if TYPE_CHECKING:  # `validate` starts without the plan
    from batchspec.resources.blob import LiveBlob

ListBlobs = Callable[[str, str], "Iterator[LiveBlob]"]
"""The blobs of a container whose names begin with a prefix."""


def find_inputs(
    spec: Spec,
    list_blobs: ListBlobs | None,
    project: Project,
    digests: Digests,
    warnings: list[Diagnostic],
) -> Mapping[str, Iterable[Input]]:
    """The inputs of each group by the group's name, found as they are read, in the order of their paths.

    What is worth a warning is added to *warnings* meanwhile. At its end a group raises `SpecError` for
    globs without a match, and for files that must not be read.
    """
    inputs: dict[str, Iterable[Input]] = {}
    for group in spec.groups:
        if isinstance(group.inputs, LocalFiles):
            inputs[group.name] = LocalInputs(spec, group, group.inputs, project, digests, warnings)
        elif isinstance(group.inputs, Blobs) and list_blobs is not None:
            inputs[group.name] = _blobs(spec, group, group.inputs, list_blobs, warnings)
        else:
            inputs[group.name] = ()
    return inputs


def _candidates(wanted: Blobs, listed: Iterable[LiveBlob]) -> Iterator[tuple[str, LiveBlob]]:
    """Those of *listed* that may be inputs, with what `match` is held against."""
    for live in listed:
        path = live.name.removeprefix(wanted.folder)
        if not (live.is_folder or f"/{OWN_FOLDER}/" in live.name or wanted.leaves_out(path)):
            yield path, live


def _blobs(
    spec: Spec, group: TaskGroup, wanted: Blobs, list_blobs: ListBlobs, warnings: list[Diagnostic]
) -> Iterator[Input]:
    """The blobs that are wanted, without the folders that some tools make blobs of, and without what is ours."""
    findings: list[Diagnostic] = []
    missed = Missed()
    matched = False
    for path, live in _candidates(wanted, list_blobs(wanted.container, wanted.beginning)):
        try:
            axes = wanted.match.match(path)
        except AmbiguousPath as problem:
            findings.append(spec.document.diagnostic(Code.BAD_GLOB, problem.message, (*group.path, "inputs")))
            break  # all that look alike are
        if axes is not None:
            matched = True
            content = live.md5 or digest(live.etag)
            yield Input(path, wanted.container, live.name, live.size, content, axes=axes)
        elif wanted.match.misses(path):
            missed.add(path)
    where = (*group.path, "inputs")
    if not (matched or findings) and wanted.beginning != wanted.prefix:
        around = _candidates(wanted, list_blobs(wanted.container, wanted.prefix))
        for path, _ in around:
            if wanted.match.misses(path):
                missed.add(path)
    if missed:
        warnings.append(missed.warning(spec.document, wanted.match, where))
    if not (matched or findings or wanted.allow_empty):
        what = f"no blob in the container {wanted.container!r} under {wanted.prefix!r} matches {wanted.match.text!r}"
        findings.append(spec.document.diagnostic(Code.NO_MATCH, what, where, helps=(ALLOW_EMPTY,)))
    if findings:
        raise SpecError(findings)
