"""A plan in a file: what was reviewed, to be applied exactly so or not at all.

It holds the plan as its JSON document. What people are shown of it and what is compared with the plan made when it
is applied are both made of that, so neither can say what the other does not. It holds no secret: values of a plan
come from the spec, where secrets are names of environment variables, and from the service, which never returns them.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

from batchspec.engine.history.author import author_of
from batchspec.errors import UsageError
from batchspec.plan.model import Plan
from batchspec.plan.written import read_plan

_TYPE = "batchspec-saved-plan"
_FORMAT = 2
_BEGINNING = re.compile(rb'\s*\{\s*"type"\s*:\s*"' + _TYPE.encode() + rb'"')


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """`document` is the plan's JSON, and `plan` the same as values.

    `spec_file` is as the person typed it, `spec_digest` the SHA-256 of its text. `applied` is the time
    of the apply that did it, in ISO 8601; empty before. `made_by` and `applied_by` say who, at which commit.
    """

    document: dict[str, Any]
    plan: Plan
    account: str
    spec_file: str
    spec_digest: str
    settings: tuple[str, ...]
    params_files: tuple[str, ...]
    target: str
    made: str
    applied: str = ""
    made_by: str = ""
    applied_by: str = ""

    @property
    def is_stale(self) -> bool:
        """Whether the spec is not the one that was planned. What changed in the account only apply finds out."""
        return digest_of(Path(self.spec_file)) != self.spec_digest


def saved_plan(
    document: dict[str, Any],
    spec_file: str,
    target: str,
    settings: tuple[str, ...] = (),
    params_files: tuple[str, ...] = (),
) -> SavedPlan:
    """The plan that is *document*, made just now of *spec_file* with *settings* and *params_files*."""
    return SavedPlan(
        document=document,
        plan=read_plan(document),
        account=document["account"],
        spec_file=spec_file,
        spec_digest=digest_of(Path(spec_file)),
        settings=settings,
        params_files=params_files,
        target=target,
        made=_now_text(),
        made_by=author_of(spec_file).text,
    )


def digest_of(spec_file: Path) -> str:
    """The SHA-256 of a spec's text; empty when it is not there."""
    try:
        return sha256(spec_file.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return ""


def save(saved: SavedPlan, file: Path) -> None:
    """Writes *saved* to *file*, for its owner only, whole or not at all. A link is followed."""
    content = {
        "type": _TYPE,
        "formatVersion": _FORMAT,
        "specFile": saved.spec_file,
        "specDigest": saved.spec_digest,
        "settings": list(saved.settings),
        "paramsFiles": list(saved.params_files),
        "target": saved.target,
        "made": saved.made,
        "applied": saved.applied,
        "madeBy": saved.made_by,
        "appliedBy": saved.applied_by,
        "plan": saved.document,
    }
    text = json.dumps({**content, "digest": _checksum(content)}, indent=1)
    target = file.resolve()
    if os.path.exists(target) and not target.is_file():  # noqa: PTH110
        raise UsageError(f"cannot write the plan to {file}: it is not a regular file")
    if os.path.exists(target) and target.stat().st_size and not is_saved_plan(target):  # noqa: PTH110
        raise UsageError(
            f"cannot write the plan to {file}: it is a file that is not a saved plan",
            help="choose another name, or remove it",
        )
    try:
        descriptor, part = tempfile.mkstemp(
            dir=target.parent, prefix=".batchspec-", suffix=".part"
        )  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(part).replace(target)
    except OSError as error:
        raise UsageError(f"cannot write the plan to {file}: {error.strerror}") from error


def is_saved_plan(file: Path) -> bool:
    """Whether *file* is a saved plan rather than a spec."""
    try:
        with file.open("rb") as stream:
            return _BEGINNING.match(stream.read(200)) is not None
    except OSError:
        return False


def load(file: Path) -> SavedPlan:
    """The plan in *file*. Raises `UsageError` for anything else, and for one that is not as it was saved."""
    try:
        found = json.loads(file.read_bytes())
        if found.pop("type") != _TYPE:
            raise ValueError("it is something else")
        if found["formatVersion"] != _FORMAT:
            raise UsageError(
                f"{file} was saved by another version of batchspec", help="run `batchspec plan` again"
            )
        return _read(found, file)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is damaged, or something else"
        raise UsageError(
            f"{file} is not a saved plan: {why}", help="`batchspec plan SPEC -o FILE` saves one"
        ) from error


def _read(found: dict[str, Any], file: Path) -> SavedPlan:
    if found.pop("digest") != _checksum({"type": _TYPE, **found}):
        raise UsageError(f"{file} was changed after it was saved", help="run `batchspec plan` again")
    texts = {name: found[name] for name in ("specFile", "specDigest", "target", "made", "applied")}
    # Plans that earlier versions saved do not say who.
    texts |= {name: found.get(name, "") for name in ("madeBy", "appliedBy")}
    lists = {name: found[name] for name in ("settings", "paramsFiles")}
    document = found["plan"]
    if not all(isinstance(some, list) for some in lists.values()):
        raise ValueError("a list is missing")
    if not all(
        isinstance(text, str) for text in (*texts.values(), *chain(*lists.values()), document["account"])
    ):
        raise ValueError("a text is missing")
    return SavedPlan(
        document=document,
        plan=read_plan(document),
        account=document["account"],
        spec_file=texts["specFile"],
        spec_digest=texts["specDigest"],
        settings=tuple(lists["settings"]),
        params_files=tuple(lists["paramsFiles"]),
        target=texts["target"],
        made=texts["made"],
        applied=texts["applied"],
        made_by=texts["madeBy"],
        applied_by=texts["appliedBy"],
    )


def _checksum(content: dict[str, Any]) -> str:
    """It tells of a file that was edited by hand, or is damaged; what apply would do is compared with a new plan."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def mark_applied(saved: SavedPlan, file: Path) -> None:
    """Notes in *file* that it was done, for whoever looks at it later."""
    save(replace(saved, applied=_now_text(), applied_by=author_of(saved.spec_file).text), file)


def _now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
