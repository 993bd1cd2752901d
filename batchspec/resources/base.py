"""What is common to the kinds of resource: fields, their effects, and comparing them.

A body is the REST API's own JSON. A kind is a table of its fields; a field says
how Batch takes a change of it, what the service makes of its absence, and when
two values of it are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from batchspec.resources.equality import Same, exact, never_compared
from batchspec.secrecy import without_credentials
from batchspec.source import Path

Json = Mapping[str, Any]
"""A REST body, or a part of one. Nobody changes it in place."""


class Effect(Enum):
    """How Batch takes a change; the value is what a person reads."""

    IN_PLACE = "in place"
    RESIZE = "resize"
    AUTOSCALE = "autoscale"
    REJOIN = "nodes take it when they reboot or join"
    DRAIN = "drains the pool"
    REPLACE = "needs a new one"


class Change(NamedTuple):
    """One field that differs, to be shown and compared: without signatures. A side that is not there is None."""

    path: Path
    before: Any
    after: Any
    effect: Effect


UNSTATED: Any = object()
"""The default of a field that only the service can know: compared only where the spec states it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body.

    `default` is what the service makes of its absence (None: it stays absent; {}: as an
    object whose members all have their defaults). `fields` describes the members of an
    object, or of each object in a list. The order of a list counts unless `any_order`.
    """

    default: Any = None
    same: Same = exact
    effect: Effect | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)
    any_order: bool = False


SECRET = Field(UNSTATED, same=never_compared)
"""A password or key. In a spec it is the name of an environment variable; the service never returns it."""

METADATA = Field(effect=Effect.IN_PLACE, any_order=True, fields={"name": Field(), "value": Field()})

_COMPARED_ELSEWHERE = frozenset({"id", "metadata"})  # the id finds the resource; see `metadata_changes`


def differences(fields: Mapping[str, Field], desired: Json, live: Json) -> Iterator[Change]:
    """The fields of *fields* on which two bodies of one kind differ, in the table's order.

    Objects are entered; a list that differs is one change.
    """
    for name, described in fields.items():
        if name not in _COMPARED_ELSEWHERE:
            effect = described.effect or Effect.REPLACE
            yield from _different((name,), described, effect, desired.get(name), live.get(name))


def _different(path: Path, described: Field, effect: Effect, desired: Any, live: Any) -> Iterator[Change]:
    if _is_absent(desired) and described.default is UNSTATED:
        return
    desired, live = _or_default(described, desired), _or_default(described, live)
    if described.fields and isinstance(desired, Mapping) and isinstance(live, Mapping):
        for name, member in described.fields.items():
            yield from _different((*path, name), member, effect, desired.get(name), live.get(name))
    elif not same_value(described, desired, live):
        yield Change(path, unsigned(live), unsigned(desired), effect)


def camel_case(name: str) -> str:
    """`max_nodes` as fields of Batch, of specs and of our JSON are called: `maxNodes`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def unsigned(value: Any) -> Any:
    """*value* without the signatures of URLs in it, which let anyone read, and without keys that somebody put there."""
    if isinstance(value, str):
        return without_credentials(value)
    if isinstance(value, Mapping):
        return {name: unsigned(member) for name, member in value.items()}
    return [unsigned(member) for member in value] if isinstance(value, list) else value


def known(fields: Mapping[str, Field], body: Json) -> dict[str, Any]:
    """What of *body* the table *fields* has, fit to be shown and compared: without signatures."""
    return {name: unsigned(value) for name, value in body.items() if name in fields}


def _is_absent(value: Any) -> bool:
    """An empty text is how a patch takes a text away, and means the same."""
    return value is None or value == ""


def _or_default(described: Field, value: Any) -> Any:
    if not _is_absent(value):
        return value
    return None if described.default is UNSTATED else described.default


def same_value(described: Field, desired: Any, live: Any) -> bool:
    """Whether the service would hold *desired* and *live* for the same value.

    What *desired* leaves out and only the service can know is not compared.
    """
    if described.same is never_compared:
        return True
    if isinstance(desired, list) or isinstance(live, list):
        return _same_items(described, desired or [], live or [])
    if isinstance(desired, Mapping) and isinstance(live, Mapping) and described.fields:
        return next(_different((), described, Effect.IN_PLACE, desired, live), None) is None
    if desired is None or live is None:
        return desired is live
    return described.same(desired, live)


def has(fields: Mapping[str, Field], live: Json, body: Json) -> bool:
    """Whether *live* has every field of *body* as it is there."""
    return all(same_value(fields[name], value, live.get(name)) for name, value in body.items())


def _same_items(described: Field, desired: list[Any], live: list[Any]) -> bool:
    if len(desired) != len(live):
        return False
    if all(same_value(described, one, other) for one, other in zip(desired, live, strict=True)):
        return True
    return described.any_order and _same_set(described, desired, live)


def _same_set(described: Field, desired: list[Any], live: list[Any]) -> bool:
    """Whether each item of *desired* has one of its own in *live*. Lists of a spec are short."""
    left = list(live)
    for item in desired:
        found = next((i for i, other in enumerate(left) if same_value(described, item, other)), None)
        if found is None:
            return False
        del left[found]
    return True


def with_live(body: Json, live: Json, paths: Iterable[Path]) -> Json:
    """*body* with what *live* has at *paths*, or without what it lacks. A path through a list changes nothing."""
    for path in paths:
        body = _with_live(body, live, path)
    return body


def _with_live(body: Json, live: Json, path: Path) -> Json:
    name, rest = str(path[0]), path[1:]
    value, inner = live.get(name), body.get(name)
    if rest:
        if not isinstance(inner, Mapping):
            return body
        return {**body, name: _with_live(inner, value if isinstance(value, Mapping) else {}, rest)}
    others = {key: member for key, member in body.items() if key != name}
    return others if value is None else {**others, name: value}


# What is ours -----------------------------------------------------------------------------

STAMP_SPEC = "batchspec.spec"
STAMP_FILE = "batchspec.file"
"""The spec's file below its project: the same on every machine. Earlier versions did not say it."""
STAMP_CONTAINERS = "batchspec.containers"
"""The blob containers for inputs and outputs, with a blank between them."""
STAMP_VERSION = "batchspec.version"
STAMP_DIGEST = "batchspec.digest"
STAMP_PROTECT = "batchspec.protect"
STAMP_APPLIED_BY = "batchspec.appliedBy"
STAMP_COMMIT = "batchspec.commit"
"""Who made it, and at which commit of the spec's project: never compared, and no part of a digest."""
STAMP_ROLLOUT = "batchspec.rollout"
"""On a pool while its nodes are brought to a changed start task, so that a rollout that was cut off is seen."""

STAMP_STOPPED = "batchspec.stopped"
"""On a job that is disabled since too many of its tasks failed, until it is ended."""

STAMPS = frozenset(
    {
        STAMP_SPEC,
        STAMP_FILE,
        STAMP_CONTAINERS,
        STAMP_VERSION,
        STAMP_DIGEST,
        STAMP_PROTECT,
        STAMP_APPLIED_BY,
        STAMP_COMMIT,
        STAMP_ROLLOUT,
        STAMP_STOPPED,
    }
)


def metadata_of(body: Json) -> dict[str, str]:
    """The metadata of a live or desired body as a mapping."""
    return {entry["name"]: entry.get("value", "") for entry in body.get("metadata") or []}


def owner(body: Json) -> str | None:
    """The name of the spec that stamped *body*; None when no spec did."""
    return metadata_of(body).get(STAMP_SPEC)


def file_of(body: Json) -> str | None:
    """The file of the spec that stamped *body*; None where that is not known."""
    return metadata_of(body).get(STAMP_FILE)


def containers_of(body: Json) -> list[str]:
    """The blob containers of the spec that stamped *body*, as far as that is known."""
    return metadata_of(body).get(STAMP_CONTAINERS, "").split()


def made_from(live: Json, body: Json) -> bool:
    """Whether *live* was made from *body*: its spec and digest are stamped on it."""
    found, wanted = metadata_of(live), metadata_of(body)
    return all(found.get(name) == wanted[name] for name in (STAMP_SPEC, STAMP_DIGEST))


def is_protected(body: Json) -> bool:
    return STAMP_PROTECT in metadata_of(body)


def stamped(
    body: Json,
    spec_name: str,
    version: str,
    digest: str,
    *,
    file: str = "",
    containers: Iterable[str] = (),
    protect: bool = False,
) -> dict[str, Any]:
    """*body* with our stamps in its metadata, after its own entries."""
    own = [entry for entry in body.get("metadata") or [] if entry["name"] not in STAMPS]
    stamps = {STAMP_SPEC: spec_name, STAMP_VERSION: version, STAMP_DIGEST: digest}
    stamps |= {STAMP_FILE: file} if file else {}
    stamps |= {STAMP_CONTAINERS: " ".join(containers)} if containers else {}
    stamps |= {STAMP_PROTECT: "true"} if protect else {}
    return {**body, "metadata": [*own, *_entries(stamps)]}


def with_author(body: Json, user: str, commit: str) -> dict[str, Any]:
    """*body*, stamped, with who makes it so."""
    stamps = {STAMP_APPLIED_BY: user} | ({STAMP_COMMIT: commit} if commit else {})
    return {**body, "metadata": [*(body.get("metadata") or ()), *_entries(stamps)]}


def author_text(body: Json) -> str:
    """Who made or last changed *body*, as people read it; empty where that is not known."""
    found = metadata_of(body)
    user, commit = found.get(STAMP_APPLIED_BY, ""), found.get(STAMP_COMMIT, "")
    return f"{user} at commit {commit[:_SHORT_COMMIT]}" if user and commit else user


_SHORT_COMMIT = 12


def metadata_changes(desired: Json, live: Json) -> Iterator[Change]:
    """Entries of the spec that are missing or differ.

    Keys that someone else added are kept; stamps are not compared.
    """
    have = metadata_of(live)
    for name, value in metadata_of(desired).items():
        if name not in STAMPS and have.get(name) != value:
            yield Change(("metadata", name), unsigned(have.get(name)), value, Effect.IN_PLACE)


def updated_metadata(
    desired: Json, live: Json, changes: Iterable[Change], also: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """What to send for metadata: what is live, with *changes* to it, and the stamps of *desired* and *also*."""
    kept = {name: value for name, value in metadata_of(live).items() if name not in STAMPS}
    changed = {str(change.path[1]): change.after for change in changes if change.path[0] == "metadata"}
    stamps = {name: value for name, value in metadata_of(desired).items() if name in STAMPS}
    return _entries({**kept, **changed, **stamps, **(also or {})})


def _entries(metadata: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in metadata.items()]
