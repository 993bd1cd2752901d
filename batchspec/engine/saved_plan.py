"""A plan in a file: what was reviewed, to be applied exactly so or not at all.

It holds no secret: values of a plan come from the spec, where secrets are names of
environment variables, and from the service, which never returns them.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from batchspec.errors import UsageError

_TYPE = "batchspec-saved-plan"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """`actions` are those of `plan.identity.describe`; `document` is the plan's JSON and `text` what people saw.

    `spec_file` is as the person typed it, `spec_digest` the SHA-256 of its text. `applied` is the time
    of the apply that did it, in ISO 8601; empty before.
    """

    plan_id: str
    spec_file: str
    spec_digest: str
    settings: Sequence[str]
    params_files: Sequence[str]
    target: str
    account: str
    made: str
    actions: list[str]
    document: dict[str, Any]
    text: str
    applied: str = ""

    @property
    def is_stale(self) -> bool:
        """Whether the spec is not the one that was planned. What changed in the account only apply finds out."""
        return digest_of(Path(self.spec_file)) != self.spec_digest


def digest_of(spec_file: Path) -> str:
    """The SHA-256 of a spec's text; empty when it is not there."""
    try:
        return sha256(spec_file.read_bytes()).hexdigest()
    except OSError:
        return ""


def save(saved: SavedPlan, file: Path) -> None:
    """Writes *saved* to *file*, for its owner only, whole or not at all. A link is followed."""
    content = json.dumps(
        {"type": _TYPE, "formatVersion": _FORMAT, **asdict(saved)}, indent=1, ensure_ascii=False
    )
    target = file.resolve()
    if target.exists() and not target.is_file():
        raise UsageError(f"cannot write the plan to {file}: it is not a regular file")
    try:
        descriptor, part = tempfile.mkstemp(
            dir=target.parent, prefix=".batchspec-", suffix=".part"
        )  # mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
        Path(part).replace(target)
    except OSError as error:
        raise UsageError(f"cannot write the plan to {file}: {error.strerror}") from error


def is_saved_plan(file: Path) -> bool:
    """Whether *file* is a saved plan rather than a spec."""
    try:
        with file.open("rb") as stream:
            return stream.read(64).lstrip().startswith(b'{\n "type": "' + _TYPE.encode())
    except OSError:
        return False


def load(file: Path) -> SavedPlan:
    """The plan in *file*. Raises `UsageError` for anything else."""
    try:
        found = json.loads(file.read_bytes())
        version = found.pop("formatVersion")
        if found.pop("type") != _TYPE or version != _FORMAT:
            raise UsageError(f"{file} was written by another version of batchspec", help="plan again")
        return SavedPlan(**found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{file} is not a saved plan: {error}", help="`batchspec plan SPEC -o FILE` makes one"
        ) from error


def mark_applied(saved: SavedPlan, file: Path) -> None:
    """Notes in *file* that it was done, for whoever looks at it later."""
    save(replace(saved, applied=now_text()), file)


def now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
