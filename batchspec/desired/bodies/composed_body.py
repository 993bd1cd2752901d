"""The body of a task that reads or makes more than one thing, or whose outputs other groups read."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from batchspec.desired.artifacts.files import PACKED, TaskRead
from batchspec.desired.artifacts.listings import spread_of
from batchspec.desired.artifacts.outputs import TaskOutput, is_stored_prefix
from batchspec.desired.artifacts.rows import given_back
from batchspec.desired.artifacts.values import (
    LIST_FILE,
    input_paths,
    output_values,
    template_values,
    values_of,
)
from batchspec.desired.bodies.body import (
    DISPLAY_NAME_LENGTH,
    CommandLine,
    Links,
    Particulars,
    folder_file,
    log_files,
    plain_command,
    put_together,
    reference,
    render_command,
    stamps,
    upload,
)
from batchspec.desired.bodies.records import recorded_reads
from batchspec.desired.bodies.wrapper import ANY, NodeOutput, NodePack, wrapped_script
from batchspec.desired.names import FILES_FOLDER
from batchspec.desired.packing import LIST_SUFFIX, PACK_SUFFIX
from batchspec.desired.places import Places
from batchspec.desired.task import Desired, DesiredTask, Input
from batchspec.language.model import Spec, TaskGroup
from batchspec.resources.base import Json
from batchspec.resources.records import COPY_METADATA, READS_METADATA

_LONGEST_LIST = 60_000  # characters; a variable holds 128 KiB, and paths are quoted there

COPY_MARK = {f"x-ms-meta-{COPY_METADATA}": "true"}
"""On a file of a published folder: nothing is ever read from it."""

Link = Callable[[Input], str]
"""The URL by which a node reads what a task reads; one without a blob is its whole container."""


Keep = Callable[[str, bytes], None]
"""Stores a small blob among the inputs, which the task reads."""


def _forget(_blob: str, _content: bytes) -> None:
    pass


class Artifacts(NamedTuple):
    """All that a task reads and makes."""

    reads: tuple[TaskRead, ...]
    outputs: tuple[TaskOutput, ...]


def artifacts_of(desired: Desired, task: DesiredTask) -> Artifacts:
    """What the ledger has of *task*, its own input first."""
    database, group = desired.tasks.database, task.group
    reads = [_read(*row) for row in database.rows(_READS, task.number)]
    if task.input is not None:
        is_pack = group.link is not None and group.link.is_pack
        path = input_paths([task.input.path], joined=False)[0]
        reads.insert(0, TaskRead("", path, task.input, None, is_pack))
    outputs = [_output(*row) for row in database.rows(_MAKES, task.number)]
    return Artifacts(tuple(reads), tuple(outputs))


def public_outputs(desired: Desired, task: DesiredTask) -> list[tuple[str, bool]]:
    """The blobs for people that *task* makes, and which of them are the pack of a folder."""
    if task.facts is None:
        return [(task.output, False)] if task.output is not None else []
    return [
        (made.blob, made.is_folder) for made in artifacts_of(desired, task).outputs if made.blob is not None
    ]


def shown_command(desired: Desired, task: DesiredTask) -> str:
    """The command as a person reads it in a plan, with the names it has on the node."""
    if not desired.tasks.is_composed(task):
        return plain_command(desired.spec, task)
    artifacts = artifacts_of(desired, task)
    return composed_line(task.group, composed_values(desired, task, artifacts), artifacts).shown


_READS = (
    "SELECT name, path, item_path, container, blob, size, content, file, producer, is_pack, comes_packed"
    " FROM reads WHERE task = ? ORDER BY position"
)
_MAKES = (
    "SELECT name, title, path, blob, made, is_folder, is_optional, listed, is_spread, is_published"
    " FROM makes WHERE task = ? ORDER BY position"
)


def _read(name: str, path: str, *row: Any) -> TaskRead:
    item_path, container, blob, size, content, file, producer, is_pack, comes_packed = row
    local = os.fsdecode(file) if file is not None else None
    item = Input(item_path, container, blob, size, content, local)
    return TaskRead(name, path, item, producer, bool(is_pack), bool(comes_packed))


def _output(*row: Any) -> TaskOutput:
    name, title, path, blob, made, is_folder, is_optional, listed, *stored = row
    return TaskOutput(
        name, title, path, blob, made, bool(is_folder), bool(is_optional), listed, *map(bool, stored)
    )


def composed_values(desired: Desired, task: DesiredTask, artifacts: Artifacts) -> dict[str, Any]:
    """What the templates of *task* see."""
    spec, rows = desired.spec, task.group.rows
    if rows is None:
        return template_values(spec, task.input, task.output)
    facts = json.loads(task.facts or "{}")
    matrix = {name: given_back(value) for name, value in facts["matrix"].items()}
    values = values_of(rows, matrix, artifacts.reads, facts["chunk"], desired.members)
    return {"params": spec.params, "spec": {"name": spec.name}, **values, **output_values(artifacts.outputs)}


def composed_body(
    desired: Desired,
    task: DesiredTask,
    task_id: str,
    link: Link,
    links: Links,
    waits_for: Sequence[str] = (),
    keep: Keep = _forget,
) -> dict[str, Any]:
    """The create body of *task*, which starts once the tasks *waits_for* have succeeded."""
    spec, group = desired.spec, task.group
    artifacts = artifacts_of(desired, task)
    values = composed_values(desired, task, artifacts)
    facts = Particulars(task_id, task.name[:DISPLAY_NAME_LENGTH], task.record, task.fingerprint, values)
    command = composed_line(group, values, artifacts)
    reads = [_resource_file(spec, read, link) for read in artifacts.reads if not read.comes_packed]
    if (content := _long_list(group, values)) is not None:
        blob = Places.of(spec).upload(hashlib.md5(content, usedforsecurity=False).hexdigest(), "in.list")
        keep(blob, content)
        item = Input("in.list", spec.containers.input, blob, len(content), "")
        reads.append({"httpUrl": link(item), **reference(spec), "filePath": LIST_FILE})
    if command.wrapped is None and artifacts.outputs:
        reads += folder_file(spec, links)
    marks = stamps(group, facts)
    if group.files and (said := recorded_reads(group, artifacts.reads)):
        marks[f"x-ms-meta-{READS_METADATA}"] = said
    outputs = [*_uploads(spec, marks, facts, links, artifacts.outputs), *log_files(spec, links, facts)]
    body = put_together(group, facts, command, reads, outputs)
    return {**body, "dependsOn": {"taskIds": list(waits_for)}} if waits_for else body


def composed_line(group: TaskGroup, values: Mapping[str, Any], artifacts: Artifacts) -> CommandLine:
    """The line of a task with these artifacts."""
    outputs = [_on_node(output) for output in artifacts.outputs]
    outputs += [ANY] if group.body.get("outputFiles") else []
    packs = [NodePack(read.path, is_merged=True) for read in artifacts.reads if read.name == PACKED]
    packs += [NodePack(read.path) for read in artifacts.reads if read.is_pack and read.name != PACKED]
    before = _list_of_inputs(group, values) + _empty_folders(group, artifacts)
    links = any(file.read.once for file in group.files)
    line = render_command(
        group.command,
        values,
        outputs,
        packs,
        in_container="containerSettings" in group.body and len(outputs) < 2 and not before,
        links=links,
    )
    if line.wrapped is None or (not before and group.success_codes == (0,)):
        return line
    words = (
        line.wrapped if group.command.script is None else f"bash -eo pipefail -c {shlex.quote(line.wrapped)}"
    )
    return CommandLine(
        wrapped_script(outputs, packs, links=links), f"{before}{_with_codes(words, group.success_codes)}"
    )


def _on_node(output: TaskOutput) -> NodeOutput:
    return NodeOutput(output.path, output.is_folder, output.is_optional, output.listed is not None)


def _reads_list(group: TaskGroup) -> bool:
    return any(("inputs", "list") in template.references for template in group.command.templates)


def _list_of_inputs(group: TaskGroup, values: Mapping[str, Any]) -> str:
    """What writes the file that `inputs.list` names, for a command that reads it."""
    if not _reads_list(group) or _long_list(group, values) is not None:
        return ""
    paths = " ".join(map(shlex.quote, values["inputs"]["paths"]))
    return f"printf '%s\\n' {paths} > {LIST_FILE}\n"


def _long_list(group: TaskGroup, values: Mapping[str, Any]) -> bytes | None:
    """The file that `inputs.list` names, where that is read and too long for a variable."""
    if not _reads_list(group):
        return None
    text = "".join(f"{path}\n" for path in values["inputs"]["paths"])
    return text.encode() if len(text) > _LONGEST_LIST else None


def _empty_folders(group: TaskGroup, artifacts: Artifacts) -> str:
    """What makes the folders of files of which there are none: `all` may be one, or none."""
    there = {read.name for read in artifacts.reads}
    folders = [file.read.name for file in group.files if file.read.is_folder]
    return "".join(f"mkdir -p {FILES_FOLDER}/{name}\n" for name in folders if name not in there)


def _with_codes(command: str, codes: Sequence[int]) -> str:
    """*command*, whose exit codes *codes* are success."""
    if tuple(codes) == (0,):
        return command
    allowed = "|".join(map(str, codes))
    return f"c=0; {command} || c=$?; case $c in {allowed}) exit 0;; 0) exit 1;; *) exit $c;; esac"


def _resource_file(spec: Spec, read: TaskRead, link: Link) -> Json:
    path = f"{read.path}{PACK_SUFFIX}" if read.is_pack else read.path
    if is_stored_prefix(read):
        return {
            "storageContainerUrl": link(read.item._replace(blob="")),
            **reference(spec),
            "blobPrefix": read.item.blob,
            "filePath": read.path,
        }
    return {"httpUrl": link(read.item), **reference(spec), "filePath": path}


def _uploads(
    spec: Spec, marks: Mapping[str, str], facts: Particulars, links: Links, outputs: Sequence[TaskOutput]
) -> list[Json]:
    """Each output at its places; a record of success where none has to be there."""
    found = [
        upload(spec, links, f"{output.path}{PACK_SUFFIX}" if output.is_folder else output.path, blob, marks)
        for output in outputs
        for blob in (output.blob, output.made)
        if blob is not None
    ]
    found += [rule for output in outputs for rule in _file_by_file(spec, links, output, marks)]
    if all(output.is_optional for output in outputs):
        found.append(upload(spec, links, "../stdout.txt", facts.record, marks))
    return found


def _file_by_file(spec: Spec, links: Links, output: TaskOutput, marks: Mapping[str, str]) -> Iterator[Json]:
    """What stores the files of a folder under their own names, too, and the list that says which they are."""
    if output.listed is None:
        return
    files = f"{output.path}/**/*"
    if output.is_spread and output.made is not None:
        yield upload(spec, links, files, spread_of(output.made).rstrip("/"), marks)
    if output.is_published and output.blob is not None:
        yield upload(spec, links, files, spread_of(output.blob).rstrip("/"), {**marks, **COPY_MARK})
    yield upload(spec, links, f"{output.path}{LIST_SUFFIX}", output.listed, marks)
