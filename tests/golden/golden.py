"""The golden file: for each spec its tasks, as batchspec made them when they were recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.golden.project import BLOBS, SETTINGS, SPECS
from tests.golden.recorded import bodies_as_sent, tasks_of

FILE = Path(__file__).with_name("golden.json")
FOR_EVER = ("id", "fingerprint", "record", "output")
"""What of a task never changes: records of work done, in people's storage, are found by it."""

Entry = dict[str, Any]


def recorded() -> dict[str, Entry]:
    """The entries of the golden file, by spec."""
    return {entry["spec"]: entry for entry in json.loads(FILE.read_text("utf-8"))} if FILE.exists() else {}


def made(folder: Path) -> dict[str, Entry]:
    """The same, made now from the project in *folder*."""
    return {spec: _entry(folder, spec) for spec in SPECS}


def sent(folder: Path, spec: str) -> list[Any]:
    """The bodies of *spec*'s tasks, as they would go over the wire."""
    return bodies_as_sent(folder / spec, SETTINGS.get(spec, {}), BLOBS)


def for_ever(entry: Entry) -> list[dict[str, Any]]:
    """What of an entry must stay as it is."""
    return [{name: task[name] for name in FOR_EVER} for task in entry["tasks"]]


def changed(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> list[str]:
    """The specs of *before* that are gone from *after*, or of which something has changed that must not."""
    return [spec for spec in before if spec not in after or for_ever(before[spec]) != for_ever(after[spec])]


def write(entries: Mapping[str, Entry]) -> None:
    ordered = [entries[spec] for spec in sorted(entries)]
    FILE.write_text(
        json.dumps(ordered, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _entry(folder: Path, spec: str) -> Entry:
    settings = SETTINGS.get(spec, {})
    return {"spec": spec, "settings": settings, "tasks": tasks_of(folder / spec, settings, BLOBS)}
