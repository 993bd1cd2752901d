"""A desired task as the service wants it: one REST body, rendered at the moment of sending."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

from batchspec.desired.expand import template_values
from batchspec.desired.names import log_blob
from batchspec.desired.task import DesiredTask
from batchspec.language.deferred import Deferred
from batchspec.language.model import Command, Spec, TaskGroup
from batchspec.resources.base import Json
from batchspec.resources.records import COMMAND_METADATA, FINGERPRINT_METADATA, FINGERPRINT_VARIABLE
from batchspec.source import Path

_DISPLAY_NAME_LENGTH = 1024
_COMMAND_VARIABLE = "BATCHSPEC_COMMAND"
PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-")


class Links(NamedTuple):
    """URLs of the input and of the output container.

    Signed ones are made when the task is sent, and kept nowhere; with an `identity` in the spec
    they are bare.
    """

    input: str | None
    output_container: str


class CommandLine(NamedTuple):
    """Batch's commandLine, and what the environment carries for it (None: nothing)."""

    line: str
    environment: str | None


def command_line(words: list[str] | None, script: str | None, *, makes_output: bool) -> CommandLine:
    """The line that runs *words*, each reaching the program as it is, or *script* by bash.

    The node splits the line by rules that nobody publishes. So it only ever holds
    plain words, or a constant; anything else travels in the environment, quoted for
    the one shell that reads it. A task with an output first makes the folder for it.
    """
    folder = "mkdir -p out && " if makes_output else ""
    if words is not None and all(word and PLAIN.issuperset(word) for word in words):
        plain = " ".join(words)
        return CommandLine(f"/bin/bash -c '{folder}exec {plain}'" if folder else plain, None)
    code = script if words is None else f"exec {shlex.join(words)}"
    return CommandLine(f"/bin/bash -c '{folder}eval \"${_COMMAND_VARIABLE}\"'", code)


def render_command(command: Command, values: Mapping[str, Any], *, makes_output: bool) -> CommandLine:
    """The command line of a task whose templates see *values*."""
    if command.line is not None:
        return CommandLine(command.line.render(values), None)
    words = [word.render(values) for word in command.words] or None
    script = command.script.render(values) if command.script else None
    return command_line(words, script, makes_output=makes_output)


def shown_command(spec: Spec, task: DesiredTask) -> str:
    """The command as a person reads it in a plan, with the names it has on the node."""
    rendered = render_command(
        task.group.command, template_values(spec, task.input, task.output), makes_output=False
    )
    return (rendered.environment or rendered.line).removeprefix("exec ")


def task_body(spec: Spec, task: DesiredTask, task_id: str, links: Links) -> dict[str, Any]:
    """The create body of *task* under *task_id*. It may hold signed URLs: send it, do not keep it."""
    values = template_values(spec, task.input, task.output)
    facts = Facts(task_id, task.name[:_DISPLAY_NAME_LENGTH], task.record, task.fingerprint, values)
    return body_of(spec, task.group, facts, links)


class Facts(NamedTuple):
    """What makes a task's body its own, besides its links: `values` are what its templates see."""

    id: str
    name: str
    record: str
    fingerprint: str
    values: Mapping[str, Any]


def body_of(spec: Spec, group: TaskGroup, facts: Facts, links: Links) -> dict[str, Any]:
    """The create body of a task of *group*."""
    body = _rendered(group.body, facts.values)
    line, environment = render_command(group.command, facts.values, makes_output="output" in facts.values)
    own = {FINGERPRINT_VARIABLE: facts.fingerprint}
    if environment is not None:
        own[_COMMAND_VARIABLE] = environment
    return {
        "displayName": facts.name,
        **body,
        "id": facts.id,
        "commandLine": line,
        "resourceFiles": [*_input_file(spec, facts, links), *body.get("resourceFiles", [])],
        "outputFiles": [*_output_files(spec, group, facts, links), *body.get("outputFiles", [])],
        "environmentSettings": [
            *body.get("environmentSettings", []),
            *({"name": name, "value": value} for name, value in own.items()),
        ],
    }


def _input_file(spec: Spec, facts: Facts, links: Links) -> list[Json]:
    if "input" not in facts.values:
        return []
    path = facts.values["input"]["path"]
    return [{"httpUrl": links.input, **_reference(spec), "filePath": path}]


def _reference(spec: Spec) -> Json:
    """How a node proves who it is to Storage, where the link itself does not."""
    return {"identityReference": {"resourceId": spec.identity}} if spec.identity else {}


def _output_files(spec: Spec, group: TaskGroup, facts: Facts, links: Links) -> list[Json]:
    """The output or, where none is declared, a record of success; and what the task said, however it ended."""

    def upload(pattern: str, blob: str, condition: str, headers: Mapping[str, str]) -> Json:
        container = {"containerUrl": links.output_container, **_reference(spec), "path": blob}
        if headers:
            container["uploadHeaders"] = [{"name": name, "value": value} for name, value in headers.items()]
        return {
            "filePattern": pattern,
            "destination": {"container": container},
            "uploadOptions": {"uploadCondition": condition},
        }

    stamps = {
        f"x-ms-meta-{FINGERPRINT_METADATA}": facts.fingerprint,
        f"x-ms-meta-{COMMAND_METADATA}": group.digest,
    }
    made = facts.values["output"]["path"] if "output" in facts.values else "../stdout.txt"
    return [
        upload(made, facts.record, "tasksuccess", stamps),
        *(
            upload(f"../{name}", log_blob(spec, facts.id, name), "taskcompletion", {})
            for name in ("stdout.txt", "stderr.txt")
        ),
    ]


def _rendered(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: _rendered(member, values) for key, member in value.items()}
    if isinstance(value, list):
        return [_rendered(member, values) for member in value]
    return value.value(values) if isinstance(value, Deferred) else value


def decided_at(group: TaskGroup) -> Path:
    """The path in the spec that decides the command of the group's tasks."""
    return (*group.path, "commandLine" if group.command.line else "command")
