"""What Batch refuses of a pool, a job or a task, `validate` reports, as far as it can be known without a network."""

import json
from typing import Any

import pytest

from batchspec.codes import Code
from batchspec.document.parser import parse
from batchspec.language.build import examine
from batchspec.source import Severity, Source
from tests.emulator.refusals import NOBLE, SEEN, TABLE, Refused

_ROWS = {text: row for text, row in {**TABLE, **SEEN}.items() if isinstance(row, Refused)}
_OF_A_SPEC = ("pool", "job", "task")
_NOT_KNOWN = {
    "You must specify a Compute Node agent SKU which matches the selected Image reference.": (
        "`plan` asks the account which versions of an agent go with an image"
    ),
    "an agent that there is not": "`plan` asks the account for its agents",
}
"""What is not reported, by how the sentence begins, and why."""


def _spec(kind: str, changes: dict[str, Any]) -> dict[str, Any]:
    ubuntu = {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
    pool: dict[str, Any] = {
        "vmSize": "Standard_D2ds_v5",
        "virtualMachineConfiguration": {"imageReference": ubuntu, "nodeAgentSKUId": NOBLE},
    }
    parts = {"pool": pool, "job": {}, "task": {"commandLine": "true"}}
    parts[kind] |= changes
    parts["pool"]["id"], parts["job"]["id"] = "p", "j"
    tasks = {"only": parts["task"]}
    return {"version": 1, "name": "work", "pool": parts["pool"], "job": parts["job"], "tasks": tasks}


@pytest.mark.parametrize("text", [text for text, row in _ROWS.items() if row.kind in _OF_A_SPEC])
def test_validate_reports_what_batch_refuses(text: str) -> None:
    """A spec with what the row refuses is wrong, unless it says above why that cannot be known."""
    row = _ROWS[text]
    spec = _spec(row.kind, dict(row.refused))
    found = examine(parse(Source("work.yaml", json.dumps(spec))), {}, ()).findings
    is_wrong = any(f.severity is Severity.ERROR or f.code == Code.IMAGE_SUPPORT_ENDED.value for f in found)
    assert is_wrong is not text.startswith(tuple(_NOT_KNOWN)), text
