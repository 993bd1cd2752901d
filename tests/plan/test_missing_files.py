"""Files that are not there: one cause, one finding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from batchspec.document.parser import parse
from batchspec.engine.look.reads import desired_now
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.source import Source


def test_a_file_that_several_groups_miss_is_reported_once(tmp_path: Path) -> None:
    """However many tasks of how many groups read it."""
    command = "cat {{ files.lut.path }} > {{ output.path }}"
    rows = {"matrix": {"n": [1, 2, 3, 4, 5]}, "output": "{{ matrix.n }}.txt", "command": command}
    data = {
        "version": 1,
        "name": "work",
        "files": {"lut": "a.lut"},
        "pool": {"existing": "shared"},
        "job": {"id": "one", "constraints": {"maxWallClockTime": "P1D"}},
        "tasks": {
            name: rows | {"output": f"{name}-{{{{ matrix.n }}}}.txt"} for name in ("one", "two", "three")
        },
    }
    with pytest.raises(SpecError) as caught:
        desired_now(build(parse(Source(str(tmp_path / "work.yaml"), json.dumps(data)))), None)
    missing = [finding.summary for finding in caught.value.diagnostics]
    assert missing == ["files.lut: there is no file 'a.lut'"]


def test_files_in_storage_are_taken_for_granted_where_it_cannot_be_asked(tmp_path: Path) -> None:
    """`validate` asks nobody, and a plan does not either before it starts the local account."""
    data = {
        "version": 1,
        "name": "work",
        "files": {
            "genome": {"container": "refs", "blob": "a/genome.fa", "once": "node"},
            "all": {"container": "refs", "prefix": ""},
        },
        "pool": {"existing": "shared"},
        "job": {"id": "one", "constraints": {"maxWallClockTime": "P1D"}},
        "tasks": {
            "one": {"command": ["cat", "{{ files.genome.path }}", "{{ files.all.path }}"]},
            "two": {"command": ["cat", "{{ files.genome.path }}", "{{ matrix.n }}"], "matrix": {"n": [1, 2]}},
        },
    }
    desired = desired_now(build(parse(Source(str(tmp_path / "work.yaml"), json.dumps(data)))), None)
    assert len(desired.tasks) == 3
