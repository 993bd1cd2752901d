"""A desired task as the service wants it: one REST body, rendered at the moment of sending."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from batchspec.resources.base import Json
from batchspec.source import Path
from batchspec.spec.expand import DesiredTask, log_blob, node_name, template_values
from batchspec.spec.model import Command, Spec
from batchspec.spec.template import Template, compile_text, is_template

FINGERPRINT_METADATA = "batchspec_fingerprint"
COMMAND_METADATA = "batchspec_command"
"""Metadata of output blobs. Names of blob metadata are C# identifiers, so there is no dot or hyphen."""

LINK_LIFE = timedelta(days=7)
"""How long a link lasts: as long as a user delegation key may (FACTS 7)."""

_COMMAND_VARIABLE = "BATCHSPEC_COMMAND"
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-")


class Links(NamedTuple):
    """Signed URLs, made when the task is sent and kept nowhere."""

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
    if words is not None and all(word and _PLAIN.issuperset(word) for word in words):
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
    """The create body of *task* under *task_id*. It holds signed URLs: send it, do not keep it."""
    values = template_values(spec, task.input, task.output)
    body = _rendered(task.group.body, values)
    line, environment = render_command(task.group.command, values, makes_output=task.output is not None)
    own = {"BATCHSPEC_FINGERPRINT": task.work.fingerprint}
    if environment is not None:
        own[_COMMAND_VARIABLE] = environment
    return {
        "displayName": task.name[:1024],
        **body,
        "id": task_id,
        "commandLine": line,
        "resourceFiles": [*_input_file(task, links), *body.get("resourceFiles", [])],
        "outputFiles": [*_output_files(spec, task, task_id, links), *body.get("outputFiles", [])],
        "environmentSettings": [
            *body.get("environmentSettings", []),
            *({"name": name, "value": value} for name, value in own.items()),
        ],
    }


def _input_file(task: DesiredTask, links: Links) -> list[Json]:
    if task.input is None:
        return []
    return [{"httpUrl": links.input, "filePath": f"in/{node_name(task.input.path)}"}]


def _output_files(spec: Spec, task: DesiredTask, task_id: str, links: Links) -> list[Json]:
    """The output or, where none is declared, a record of success; and what the task said, however it ended."""

    def upload(pattern: str, blob: str, condition: str, headers: Mapping[str, str]) -> Json:
        container: dict[str, Any] = {"containerUrl": links.output_container, "path": blob}
        if headers:
            container["uploadHeaders"] = [{"name": name, "value": value} for name, value in headers.items()]
        return {
            "filePattern": pattern,
            "destination": {"container": container},
            "uploadOptions": {"uploadCondition": condition},
        }

    stamps = {
        f"x-ms-meta-{FINGERPRINT_METADATA}": task.work.fingerprint,
        f"x-ms-meta-{COMMAND_METADATA}": task.work.command,
    }
    made = f"out/{node_name(task.output)}" if task.output else "../stdout.txt"
    return [
        upload(made, task.record, "tasksuccess", stamps),
        *(
            upload(f"../{name}", log_blob(spec, task_id, name), "taskcompletion", {})
            for name in ("stdout.txt", "stderr.txt")
        ),
    ]


def _rendered(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: _rendered(member, values) for key, member in value.items()}
    if isinstance(value, list):
        return [_rendered(member, values) for member in value]
    return _compiled(value).render(values) if isinstance(value, str) and is_template(value) else value


@lru_cache(maxsize=256)
def _compiled(text: str) -> Template:
    return compile_text(text)


def decided_at(task: DesiredTask) -> Path:
    """The path in the spec that decides the task's command."""
    field = "commandLine" if task.group.command.line else "command"
    return (*task.group.path, field)
