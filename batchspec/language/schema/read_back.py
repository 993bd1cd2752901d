"""From a pool or job that lives in an account to the part of a spec that describes it.

Field by field with the tables of `resources`: what equals the service's default
is left out, since its absence means the same; values that only the service
chooses are stated. Secrets never come back from the service, so their place is
taken by the name of an environment variable.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from batchspec.language.schema.fits import Schema, resolved
from batchspec.language.schema.spec_schema import spec_schema
from batchspec.resources import job as jobs
from batchspec.resources import pool as pools
from batchspec.resources import task_fields
from batchspec.resources.base import STAMPS, UNSTATED, Field, Json, is_protected, same_value
from batchspec.resources.equality import never_compared, same_url
from batchspec.source import Path, path_text

# What the service tells of a pool or job beside what can be said of it.
_READ_ONLY = re.compile(
    r"url|eTag|lastModified|creationTime|odata\..*|stats|exactVersion"
    r"|(?:state|previousState|allocationState)(?:TransitionTime)?"
    r"|current(?:Dedicated|LowPriority)Nodes|currentNodeCommunicationMode|resizeErrors|autoScaleRun|executionInfo|identity"
)

# What tells whose a secret is, from the object that it stands in.
_WHOSE = ("accountName", "registryServer", "username", "name")


class ReadBack(NamedTuple):
    """A part of a spec. `secrets` maps the environment variables it names to what each is for.

    `unsigned` are links whose signature was taken off, `unknown` fields that no spec has.
    """

    body: dict[str, Any]
    secrets: dict[str, str]
    unsigned: list[Path]
    unknown: list[str]


def pool_part(live: Json) -> ReadBack:
    """The `pool:` that describes *live*, with the `image` shorthand where the image has one."""
    part = _Reader("pool", str(live["id"])).read(pools.FIELDS, _sized(live))
    body = part.body
    machine = body.get("virtualMachineConfiguration", {})
    if image := _shorthand(machine.get("imageReference", {})):
        # The service lists one node agent for each image; see `service.pool`.
        del machine["imageReference"]
        machine.pop("nodeAgentSKUId", None)
        body = {"id": body.pop("id"), "vmSize": body.pop("vmSize"), "image": image, **body}
        if not machine:
            del body["virtualMachineConfiguration"]
    if is_protected(live):
        body["protect"] = True
    return part._replace(body=body)


def job_part(live: Json) -> ReadBack:
    """The `job:` that describes *live*; which pool it runs on is the spec's `pool:`."""
    table = {name: field for name, field in jobs.FIELDS.items() if name != "poolInfo"}
    return _Reader("job", str(live["id"])).read(
        table, {key: value for key, value in live.items() if key != "poolInfo"}
    )


def task_part(live: Json) -> ReadBack:
    """What a group of the spec says of the task *live*, all but its id and what it waits for."""
    return _Reader("taskGroup", str(live["id"])).read(
        task_fields.TASK, {name: live[name] for name in task_fields.TASK if name in live}
    )


def _sized(live: Json) -> Json:
    """*live* without the sizes that its formula has set, or without the formula that sets none."""
    names = ("targetDedicatedNodes", "targetLowPriorityNodes")
    if not live.get("enableAutoScale"):
        names = ("autoScaleFormula", "autoScaleEvaluationInterval")
    return {key: value for key, value in live.items() if key not in names}


def _shorthand(image: Json) -> str | None:
    """`publisher:offer:sku:version` of a marketplace image; None for any other."""
    names = ("publisher", "offer", "sku")
    if not all(image.get(name) for name in names):
        return None
    parts = [str(image[name]) for name in names] + [str(image.get("version", "latest"))]
    return ":".join(parts) if all(re.fullmatch(r"[^:\s{]+", part) for part in parts) else None


class _Reader:
    """Reads one resource; collects what has to be said of it."""

    def __init__(self, kind: str, id: str) -> None:
        self._kind = kind
        self._id = id
        self._found = ReadBack({}, {}, [], [])

    def read(self, table: Mapping[str, Field], live: Json) -> ReadBack:
        own = [entry for entry in live.get("metadata") or [] if entry["name"] not in STAMPS]
        body = self._object(
            Field(fields=table), {**live, "metadata": own}, _definition(self._kind), (self._kind,)
        )
        return self._found._replace(body=body)

    def _value(self, described: Field, live: Any, schema: Schema, path: Path) -> Any:
        if isinstance(live, Mapping) and described.fields:
            return self._object(described, live, schema, path)
        if isinstance(live, list):
            items = resolved(schema.get("items", {}), spec_schema())
            return [self._value(described, item, items, (*path, i)) for i, item in enumerate(live)]
        if isinstance(live, Mapping):  # settings of an extension: whatever they are
            return {key: self._value(described, member, {}, (*path, key)) for key, member in live.items()}
        return self._scalar(described, live, schema, path) if isinstance(live, str) else live

    def _object(self, described: Field, live: Json, schema: Schema, path: Path) -> dict[str, Any]:
        self._found.unknown.extend(_unknown(described, live, path))
        properties, required = schema.get("properties", {}), schema.get("required", ())
        found = {}
        for name, member in described.fields.items():
            where = (*path, name)
            if member.same is never_compared:
                if _needs_secret(name, live):
                    found[name] = {"fromEnvironment": self._variable(name, live, where)}
            elif live.get(name) is not None and (name in required or not _is_default(member, live[name])):
                below = resolved(properties.get(name, {}), spec_schema())
                found[name] = self._value(member, live[name], below, where)
        return found

    def _scalar(self, described: Field, live: str, schema: Schema, path: Path) -> str:
        """*live* as a spec has it: enum values in the schema's case, links unsigned, braces no placeholder."""
        for value in schema.get("enum", ()):
            if value.casefold() == live.casefold():
                return str(value)
        if described.same is same_url and "sig=" in live.partition("?")[2]:
            self._found.unsigned.append(path)
            live = live.partition("?")[0]
        return live.replace("{{", '{{ "{{" }}')

    def _variable(self, name: str, live: Json, path: Path) -> str:
        """The environment variable for a secret; an account's key is one, however many mounts use it."""
        whose = next((str(live[key]) for key in _WHOSE if live.get(key)), "")
        base = _variable_name(f"{self._id} {whose} {name}")
        variable, taken = base, self._found.secrets
        for number in range(2, len(taken) + 2):
            if variable not in taken or name == "accountKey":
                break
            variable = f"{base}_{number}"
        place = next(str(part) for part in reversed(path[:-1]) if isinstance(part, str))
        instead = "; its sasKey, if it was that" if place == "azureBlobFileSystemConfiguration" else ""
        taken.setdefault(variable, f"{name} of {whose or self._id} ({place}{instead})")
        return variable


def _variable_name(text: str) -> str:
    """*text* as the name of an environment variable: `render pool accountKey` as RENDER_POOL_ACCOUNT_KEY."""
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", text).upper()
    name = re.sub(r"[^A-Z0-9]+", "_", words).strip("_")
    return name if name[0].isalpha() else f"_{name}"


def _is_default(described: Field, live: Any) -> bool:
    """Whether leaving *live* out of a spec says the same. What only the service chooses is worth saying."""
    if live is None or live == []:
        return True
    if described.default is None or described.default is UNSTATED:
        return False
    if isinstance(live, Mapping) and described.fields and not described.default:
        return all(_is_default(member, live.get(name)) for name, member in described.fields.items())
    return same_value(described, described.default, live)


def _needs_secret(name: str, live: Json) -> bool:
    """Whether a spec must name a secret here. A mount's signature or a private key can stand in for none of these."""
    if "identityReference" in live:
        return False
    return name == "accountKey" or (name == "password" and ("username" in live or "name" in live))


def _unknown(described: Field, live: Json, path: Path) -> Iterator[str]:
    for name, value in live.items():
        if name not in described.fields and value not in (None, [], {}) and not _READ_ONLY.fullmatch(name):
            yield path_text((*path, name))


def required_at(path: Path) -> tuple[str, ...]:
    """The members that the object at *path* of a spec (`("pool", "startTask")`) must have."""
    schema = _definition(str(path[0]))
    for part in path[1:]:
        below = (
            schema.get("items", {}) if isinstance(part, int) else schema.get("properties", {}).get(part, {})
        )
        schema = resolved(below, spec_schema())
    return tuple(schema.get("required", ()))


def _definition(kind: str) -> Schema:
    definition: Schema = spec_schema()["definitions"][kind]
    return definition
