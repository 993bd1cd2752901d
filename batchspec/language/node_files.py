"""Rules of `once: node`: which files a job's preparation task can fetch for all tasks of a node."""

from __future__ import annotations

from collections.abc import Iterator

from batchspec.codes import Code
from batchspec.language.finding import Finding
from batchspec.language.model import GroupFile, Spec, TaskGroup
from batchspec.language.rows.words import LocalFile, StoredBlob
from batchspec.language.templates.template import is_template
from batchspec.resources.base import Json
from batchspec.source import Path, Severity

_ONCE = "`once: node` fetches a file with the job's preparation task"

_FOLDER = "AZ_BATCH_JOB_PREP_WORKING_DIR"


def check_node_files(spec: Spec) -> Iterator[Finding]:
    """What stands against fetching files once, each told once; and what a release task of the spec has to do."""
    found: dict[Path, Finding] = {}
    for group in spec.groups:
        for file in (file for file in group.files if file.read.once):
            for finding in (*_of_file(file), *_of_group(group, file), *_of_job(spec.job or {}, file)):
                found.setdefault(finding.path, finding)
    yield from found.values()


def _of_group(group: TaskGroup, file: GroupFile) -> Iterator[Finding]:
    if group.command.line is not None:
        path = (*group.path, "commandLine")
        what = f"a raw command line cannot read `files.{file.read.name}`, which a node has once"
        yield Finding(Code.NOT_ALLOWED_HERE, path, what, "", "write `command`")


def _of_job(job: Json, file: GroupFile) -> Iterator[Finding]:
    """Tasks that do not wait for the preparation task would not find its files."""
    path: Path = ("job", "jobPreparationTask", "waitForSuccess")
    if (job.get("jobPreparationTask") or {}).get("waitForSuccess") is False:
        what = f"tasks would start before `files.{file.read.name}` is there"
        yield Finding(Code.CONTRADICTION, path, what, "", "remove the line: true is the default")
    if "jobReleaseTask" in job and _FOLDER not in str(job["jobReleaseTask"].get("commandLine")):
        folder = f"${_FOLDER}/files"
        what = "files that a node has once stay there, unless this task removes their folder"
        where: Path = ("job", "jobReleaseTask", "commandLine")
        yield Finding(
            Code.CONTRADICTION, where, what, "", f"add `rm -rf {folder}`", severity=Severity.WARNING
        )


def _of_file(file: GroupFile) -> Iterator[Finding]:
    """It has to be the same for all tasks, and there before the first of them."""
    source, path = file.read.source, file.read.path
    if path[0] != "files":
        help = "move the entry to `files:` at the top of the spec"
        yield Finding(Code.NOT_ALLOWED_HERE, path, f"{_ONCE}, so it is for all groups", "", help)
    elif isinstance(source, LocalFile):
        if is_template(source.path) or "{" in source.path:
            what = f"{_ONCE}, so it must be the same for all tasks"
            yield Finding(Code.NOT_ALLOWED_HERE, path, what, "", "remove `once: node`, or the placeholder")
    elif not isinstance(source, StoredBlob) or source.is_prefix:
        what = f"{_ONCE}, which takes files, folders and single blobs"
        yield Finding(Code.NOT_ALLOWED_HERE, path, what, "", "remove `once: node`")
