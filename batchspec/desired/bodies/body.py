"""A desired task as the service wants it: one REST body, rendered at the moment of sending."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from batchspec.desired.artifacts.values import template_values
from batchspec.desired.bodies.records import recorded
from batchspec.desired.bodies.wrapper import (
    ANY,
    NodeOutput,
    NodePack,
    wrapped_script,
    wrapped_words,
)
from batchspec.desired.names import OUTPUT_FOLDER
from batchspec.desired.places import Places
from batchspec.desired.task import DesiredTask
from batchspec.language.model import Command, Spec, TaskGroup
from batchspec.language.templates.deferred import Deferred
from batchspec.resources.base import Json
from batchspec.resources.records import (
    COMMAND_METADATA,
    FINGERPRINT_METADATA,
    WORK_METADATA,
)
from batchspec.resources.task import COMMAND_VARIABLE, FINGERPRINT_VARIABLE
from batchspec.source import Path

DISPLAY_NAME_LENGTH = 1024
# What `shlex.quote` leaves as it is: no shell, and no other way to split a line, reads any of them as anything else.
PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-")
_FOLDER_FILE = f"{OUTPUT_FOLDER}/.keep"


class Links(NamedTuple):
    """URLs of the input, of the output container, and of the tiny blob that makes the folder for outputs.

    Signed ones are made when the task is sent, and kept nowhere; with an `identity` in the spec
    they are bare.
    """

    input: str | None
    output_container: str
    folder: str | None = None


class CommandLine(NamedTuple):
    """Batch's commandLine, and the command that the environment carries for it where that is the wrapper's."""

    line: str
    wrapped: str | None = None

    @property
    def shown(self) -> str:
        """The command as a person reads it, without the wrapper around it."""
        return self.line if self.wrapped is None else self.wrapped


def render_command(
    command: Command,
    values: Mapping[str, Any],
    outputs: Sequence[NodeOutput],
    packs: Sequence[NodePack] = (),
    *,
    in_container: bool,
    links: bool = False,
) -> CommandLine:
    """The line that runs *command* in a task whose templates see *values*.

    The node splits a line by rules that nobody publishes. So it holds plain words, which run without any
    shell, or the wrapper: always where a task outside of containers has *outputs*. With *links* it reads what its
    node has fetched for all tasks.
    """
    if command.line is not None:
        return CommandLine(command.line.render(values))
    if command.script is not None:
        return CommandLine(wrapped_script(outputs, packs, links=links), command.script.render(values))
    words = [text for word in command.words for text in word.words(values)]
    is_plain = all(word and PLAIN.issuperset(word) for word in words)
    has_folder = bool(packs) or any(output.is_folder for output in outputs if output != ANY)
    if is_plain and not (has_folder or links) and (in_container or {*outputs} <= {ANY}):
        return CommandLine(" ".join(words))
    return CommandLine(wrapped_words(outputs, packs, links=links), shlex.join(words))


def command_line(group: TaskGroup, values: Mapping[str, Any]) -> CommandLine:
    """The line of a task of *group* whose templates see *values*."""
    return render_command(
        group.command, values, _outputs(group, values), in_container="containerSettings" in group.body
    )


def _outputs(group: TaskGroup, values: Mapping[str, Any]) -> list[NodeOutput]:
    """What the task leaves in `out/`, as its wrapper is told of it."""
    declared = [NodeOutput(values["output"]["path"])] if "output" in values else []
    return [*declared, *([ANY] if group.body.get("outputFiles") else [])]


def plain_command(spec: Spec, task: DesiredTask) -> str:
    """The command as a person reads it in a plan, with the names it has on the node."""
    return command_line(task.group, template_values(spec, task.input, task.output)).shown


def task_body(spec: Spec, task: DesiredTask, task_id: str, links: Links) -> dict[str, Any]:
    """The create body of *task* under *task_id*. It may hold signed URLs: send it, do not keep it."""
    values = template_values(spec, task.input, task.output)
    facts = Particulars(task_id, task.name[:DISPLAY_NAME_LENGTH], task.record, task.fingerprint, values)
    return body_of(spec, task.group, facts, links)


class Particulars(NamedTuple):
    """What makes a task's body its own, besides its links: `values` are what its templates see."""

    id: str
    name: str
    record: str
    fingerprint: str
    values: Mapping[str, Any]


def body_of(spec: Spec, group: TaskGroup, facts: Particulars, links: Links) -> dict[str, Any]:
    """The create body of a task of *group*."""
    command = command_line(group, facts.values)
    needs_folder = command.wrapped is None and "output" in facts.values
    reads = [*_input_file(spec, facts, links), *(folder_file(spec, links) if needs_folder else ())]
    made = facts.values["output"]["path"] if "output" in facts.values else "../stdout.txt"
    outputs = [upload(spec, links, made, facts.record, stamps(group, facts))]
    return put_together(group, facts, command, reads, [*outputs, *log_files(spec, links, facts)])


def put_together(
    group: TaskGroup,
    facts: Particulars,
    command: CommandLine,
    resource_files: Sequence[Json],
    output_files: Sequence[Json],
) -> dict[str, Any]:
    """A create body of what is ours and of what the group has of its own."""
    body = rendered(group.body, facts.values)
    own = {FINGERPRINT_VARIABLE: facts.fingerprint}
    if command.wrapped is not None:
        own[COMMAND_VARIABLE] = command.wrapped
    return {
        "displayName": facts.name,  # before the group's own, which wins
        **body,
        "id": facts.id,
        "commandLine": command.line,
        "resourceFiles": [*resource_files, *body.get("resourceFiles", [])],
        "outputFiles": [*output_files, *body.get("outputFiles", [])],
        "environmentSettings": [
            *body.get("environmentSettings", []),
            *({"name": name, "value": value} for name, value in own.items()),
        ],
    }


def _input_file(spec: Spec, facts: Particulars, links: Links) -> list[Json]:
    if "input" not in facts.values:
        return []
    path = facts.values["input"]["path"]
    return [{"httpUrl": links.input, **reference(spec), "filePath": path}]


def folder_file(spec: Spec, links: Links) -> list[Json]:
    """What makes the folder for outputs on every system, without a shell."""
    return [{"httpUrl": links.folder, **reference(spec), "filePath": _FOLDER_FILE}]


def reference(spec: Spec) -> Json:
    """How a node proves who it is to Storage, where the link itself does not."""
    return {"identityReference": {"resourceId": spec.identity}} if spec.identity else {}


def upload(
    spec: Spec,
    links: Links,
    pattern: str,
    blob: str,
    headers: Mapping[str, str],
    condition: str = "tasksuccess",
) -> Json:
    """The rule by which the file *pattern* becomes *blob*."""
    container = {"containerUrl": links.output_container, **reference(spec), "path": blob}
    if headers:
        container["uploadHeaders"] = [{"name": name, "value": value} for name, value in headers.items()]
    return {
        "filePattern": pattern,
        "destination": {"container": container},
        "uploadOptions": {"uploadCondition": condition},
    }


def stamps(group: TaskGroup, facts: Particulars) -> dict[str, str]:
    """The metadata of an output or a record: which work made it."""
    return {
        f"x-ms-meta-{FINGERPRINT_METADATA}": facts.fingerprint,
        f"x-ms-meta-{COMMAND_METADATA}": group.digest,
        f"x-ms-meta-{WORK_METADATA}": recorded(group),
    }


def log_files(spec: Spec, links: Links, facts: Particulars) -> list[Json]:
    """What the task said, however it ended."""
    places = Places.of(spec)
    return [
        upload(spec, links, f"../{name}", places.log(facts.id, name), {}, "taskcompletion")
        for name in ("stdout.txt", "stderr.txt")
    ]


def rendered(value: Any, values: Mapping[str, Any]) -> Any:
    """*value* with what its templates give that see *values*."""
    if isinstance(value, Mapping):
        return {key: rendered(member, values) for key, member in value.items()}
    if isinstance(value, list):
        return [rendered(member, values) for member in value]
    return value.value(values) if isinstance(value, Deferred) else value


def decided_at(group: TaskGroup) -> Path:
    """The path in the spec that decides the command of the group's tasks."""
    return (*group.path, "commandLine" if group.command.line else "command")
