"""`once: node`: files that each node of a job fetches once, by the preparation task."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from batchspec.document.parser import parse
from batchspec.engine.drift import drift_now
from batchspec.engine.look.reads import desired_now
from batchspec.errors import SpecError
from batchspec.language.build import build
from batchspec.language.model import Spec
from batchspec.plan.checks.node_files import node_files_findings
from batchspec.plan.model import Kind, Operation
from batchspec.resources.job import FILES_METADATA
from batchspec.resources.links import LONGEST_LINK_LIFE, end_of
from batchspec.service.connect import Account
from batchspec.service.embedded import LocalAccount
from batchspec.source import Severity, Source

from .endpoint import applied, planned, served

Ask = Callable[..., Spec]
"""The spec, with other values at these places."""


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    (tmp_path / "genome.fa").write_text("ACGT\n")
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "a.txt").write_text("hi\n")
    base: dict[str, Any] = {
        "version": 1,
        "name": f"o{token_hex(5)}",
        "files": {
            "genome": {"path": "genome.fa", "once": "node"},
            "scene": {"path": "scene/", "once": "node"},
        },
        "pool": {
            "id": "nodes",
            "vmSize": "Standard_D2ds_v5",
            "image": "canonical:ubuntu-24_04-lts:server",
            "targetDedicatedNodes": 1,
        },
        "job": {"id": "one", "constraints": {"maxWallClockTime": "P1D"}},
        "tasks": {
            "both": {
                "command": "cat {{ files.genome.path }} {{ files.scene.path }}/a.txt | grep -c . | grep 2"
            },
            "copy": {
                "command": ["cp", "{{ files.genome.path }}", "{{ output.path }}"],
                "output": "copied.txt",
            },
            "check": {"command": ["grep", "ACGT", "{{ files.genome.path }}"]},
        },
    }

    def spec(**changes: Any) -> Spec:
        data = deepcopy(base)
        for place, value in changes.items():
            *parents, last = place.split("__")
            inner = data
            for parent in parents:
                inner = inner[parent]
            inner[last] = value
        return build(parse(Source(str(tmp_path / "work.yaml"), json.dumps(data))))

    return spec


def job(account: Account) -> dict[str, Any]:
    found: dict[str, Any] = account.batch.get("/jobs/one", doing="read").body
    return found


def test_tasks_of_a_node_share_what_it_fetched_once(
    ask: Ask, tmp_path: Path, local_account: LocalAccount
) -> None:
    """A file and a folder, read by scripts and by words; without `once` the same work is up to date."""
    with served(tmp_path / "home", local_account.connection_string) as account:
        applied(account, ask(), detach=False)
        assert planned(account, ask()).is_empty
        fetched = job(account)["jobPreparationTask"]["resourceFiles"]
        assert [file["filePath"] for file in fetched] == ["files/genome/genome.fa", "files/scene.tar"]
        for file in fetched:
            end = end_of(file["httpUrl"])
            assert end is not None
            assert end - datetime.now(UTC) > LONGEST_LINK_LIFE - timedelta(days=1)
        tasks = list(account.batch.items("/jobs/one/tasks", doing="list"))
        assert not [
            file for task in tasks for file in task.get("resourceFiles", []) if "genome" in file["filePath"]
        ]
        plain = ask(files={"genome": "genome.fa", "scene": "scene/"})
        assert not planned(account, plain).work.runs


def test_other_files_are_another_job(ask: Ask, tmp_path: Path, local_account: LocalAccount) -> None:
    """Nodes have fetched those of the open one; a person agrees to what that ends. One's own commands are kept."""
    own = {"job__jobPreparationTask": {"commandLine": "true"}, "job__jobReleaseTask": {"commandLine": "true"}}
    spec = ask(pool__targetDedicatedNodes=0, **own)
    assert "rm -rf" in next(w.helps[0] for w in spec.warnings if "stay there" in w.summary)
    own["job__jobReleaseTask"] = {"commandLine": "rm -rf $AZ_BATCH_JOB_PREP_WORKING_DIR/files"}
    assert not [warning for warning in ask(**own).warnings if "stay there" in warning.summary]
    with served(tmp_path / "home", local_account.connection_string) as account:
        applied(account, spec)
        assert job(account)["jobPreparationTask"]["commandLine"] == "true"
        assert not [*planned(account, spec).of(Kind.JOB)]
        assert not any(compared.differences for compared in drift_now(account, spec))
        (tmp_path / "genome.fa").write_text("ACGT ACGT\n")
        plan = planned(account, spec)
        (action,) = plan.of(Kind.JOB)
        assert action.operation is Operation.REPLACE
        assert ("metadata", FILES_METADATA) in [change.path for change in action.changes]
        assert plan.consents


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"files__genome": {"path": "{os}.fa", "once": "node"}}, "the same for all tasks"),
        ({"files__genome": {"container": "a1b", "prefix": "a/", "once": "node"}}, "single blobs"),
        (
            {"files__genome": {"from": "copy", "once": "node"}, "tasks__copy__command": ["true"]},
            "single blobs",
        ),
        ({"tasks__both__files": {"genome": {"path": "genome.fa", "once": "node"}}}, "it is for all groups"),
        ({"tasks__raw": {"commandLine": "cat {{ files.genome.path }}"}}, "a raw command line cannot read"),
        ({"job__jobPreparationTask": {"commandLine": "true", "waitForSuccess": False}}, "before `files"),
    ],
)
def test_what_cannot_be_fetched_once_is_said(ask: Ask, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        ask(**changes)


@pytest.mark.parametrize(("bound", "severities"), [("P6D", []), ("P7D", [Severity.ERROR])])
def test_without_a_storage_key_the_job_is_bounded(ask: Ask, bound: str, severities: list[Severity]) -> None:
    """Links that a user delegation key signs last a week, and a preparation task cannot get new ones."""
    desired = desired_now(ask(job__constraints={"maxWallClockTime": bound}), None)
    assert [finding.severity for finding in node_files_findings(desired)] == severities
