"""The tasks of a job that others made, as groups of a spec: tasks that agree are rows of one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from batchspec.language.rows.agreement import agree, common_name, shape
from batchspec.language.rows.written import as_matrix, distinct
from batchspec.language.schema.read_back import task_part
from batchspec.language.schema.secrets import may_be_secret
from batchspec.resources.base import Json
from batchspec.source import Path

MOST_TASKS = 5_000
"""A spec of more rows is hard to read; they belong into a CSV file."""

_MAY_DIFFER = frozenset(
    ("commandLine", "displayName", "httpUrl", "filePath", "blobPrefix", "filePattern", "path", "value")
)


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups by name, what is to be said above each, and the variables that their secrets are read from."""

    bodies: dict[str, dict[str, Any]]
    remarks: dict[str, list[str]]
    secrets: dict[str, str]


def groups_of(tasks: Sequence[Json], retries: int) -> Groups:
    """Every task is a row of one of the groups, in the order of the tasks. *retries* are those that the job says."""
    found = Groups({}, {}, {})
    alike: dict[object, list[tuple[Json, dict[str, Any]]]] = {}
    for task in tasks:
        part = task_part(task)
        found.secrets.update(part.secrets)
        _hide_secrets(part.body, found.secrets)
        _leave_to_job(part.body, retries)
        alike.setdefault(_kind(part.body), []).append((task, part.body))
    for members in alike.values():
        name = _name([str(task["id"]) for task, _ in members], found.bodies)
        found.bodies[name] = _group([body for _, body in members])
        if any(task.get("dependsOn") for task, _ in members):
            found.remarks[name] = [
                "These tasks waited for others (dependsOn). A spec says so by what they read: "
                "inputs: {from: GROUP}, or files: {NAME: {from: GROUP}}."
            ]
    return found


def _hide_secrets(body: dict[str, Any], secrets: dict[str, str]) -> None:
    """Has variables that may be secrets come from the environment."""
    for setting in body.get("environmentSettings", []):
        name, value = str(setting["name"]), setting.get("value", "")
        if may_be_secret(name, value):
            variable = re.sub(r"[^A-Za-z0-9_]", "_", name)
            setting["value"] = {"fromEnvironment": variable}
            secrets[variable] = f"the variable {name} of tasks"


def _leave_to_job(body: dict[str, Any], retries: int) -> None:
    """The service tells the job's number of retries as each task's own."""
    constraints = body.get("constraints", {})
    if constraints.get("maxTaskRetryCount") == retries:
        del constraints["maxTaskRetryCount"]
        if not constraints:
            del body["constraints"]


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The texts in a body in which tasks may differ, each with its path; in the order of the body."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _texts(member, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*path, number))
    elif isinstance(value, str) and path[-1] in _MAY_DIFFER:
        yield path, value


def _kind(body: dict[str, Any]) -> object:
    """What tasks have in common that are rows of one group."""
    texts = list(_texts(body))
    programs = [number for number, (path, _) in enumerate(texts) if path == ("commandLine",)]
    return repr(_with_texts(body, [""] * len(texts))), shape([text for _, text in texts], programs)


def _with_texts(body: dict[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """*body* with *texts* in place of its own."""
    following = iter(texts)

    def filled(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: filled(member, key) for key, member in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        return next(following) if isinstance(value, str) and name in _MAY_DIFFER else value

    made: dict[str, Any] = filled(body)
    return made


def _group(bodies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if len(bodies) == 1:
        return bodies[0]
    first = list(_texts(bodies[0]))
    agreed = agree([[text for _, text in _texts(body)] for body in bodies], _leads(bodies[0], first))
    names, rows = distinct(agreed.names, agreed.rows)
    return {"matrix": as_matrix(names, rows), **_with_texts(bodies[0], agreed.templates)}


def _leads(body: dict[str, Any], texts: Sequence[tuple[Path, str]]) -> list[str]:
    """What says whose value a text is: `NAME=` for one of an environment variable."""
    settings = body.get("environmentSettings", [])
    return [
        f"{settings[path[1]]['name']}=" if path[0] == "environmentSettings" and path[-1] == "value" else ""
        for path, _ in texts
    ]


def _name(ids: Sequence[str], taken: dict[str, Any]) -> str:
    """A name for the group of the tasks with these ids."""
    base = re.sub(r"[^A-Za-z0-9_-]", "_", common_name(ids))[:28]
    base = base if base[:1].isalpha() else f"run{base}"
    names = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
