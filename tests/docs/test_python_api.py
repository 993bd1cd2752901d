"""The page on the Python API runs from top to bottom, and the API is no more than it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import batchspec
from batchspec import Workload
from batchspec.errors import RefusedError, SpecError, TasksFailedError, UsageError
from batchspec.events import Event, SummaryEvent
from batchspec.service.embedded import LocalAccount

from .test_docs import DOCS, blocks

PAGE = DOCS / "python-api.md"
ONE_TASK = """
version: 1
name: {name}
params: {{code: 0}}
pool: {{id: {name}, vmSize: Standard_D2ds_v5, image: "canonical:ubuntu-24_04-lts:server", targetDedicatedNodes: 1}}
job: {{id: {name}}}
tasks: {{one: {{command: "exit {{{{ params.code }}}}"}}}}
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The spec of the page, in a project of its own."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "work.yaml"
    file.write_text(next(blocks(PAGE, "yaml")), "utf-8")
    return file


def test_the_page_runs(spec: Path, local_account: LocalAccount) -> None:
    """Each block after those before it, as in a notebook; the last one is a test of its own."""
    *others, test = blocks(PAGE, "python")
    names: dict[str, Any] = {}
    for block in others:
        exec(compile(block, PAGE.name, "exec"), names)
    exec(compile(test, PAGE.name, "exec"), names)
    with Workload.load(spec) as workload:
        names["test_everybody_is_greeted"](workload)
        workload.destroy(approve=True, outputs=True)


def test_what_needs_consent_raises_before_anything_is_done(
    tmp_path: Path, local_account: LocalAccount
) -> None:
    """A pool of another size is a new one: refused at the call, not at the first event; done with approve=True."""
    file = tmp_path / "work.yaml"
    file.write_text(ONE_TASK.format(name="consents"), "utf-8")
    with Workload.load(file) as workload:
        *_, summary = workload.plan().apply()
        assert summary.succeeded == 1
        with pytest.raises(RefusedError, match="it was not approved"):
            workload.destroy()
    file.write_text(file.read_text("utf-8").replace("D2ds", "D4ds"), "utf-8")
    with Workload.load(file) as workload:
        with pytest.raises(RefusedError, match="1 action would delete, replace or drain a resource"):
            workload.plan().apply()
        assert len([*workload.plan()]) == 1
        assert [*workload.plan().apply(approve=True)] != []
        assert [*workload.plan()] == []
        assert {gone.kind for gone in workload.destroy(approve=True)} == {"job", "pool", "blob"}


def test_tasks_that_fail_raise_after_the_summary(tmp_path: Path, local_account: LocalAccount) -> None:
    """Who iterates sees all events first."""
    file = tmp_path / "work.yaml"
    file.write_text(ONE_TASK.format(name="failing"), "utf-8")
    events: list[Event] = []
    with Workload.load(file, {"code": 3}) as workload:
        with pytest.raises(TasksFailedError, match="1 task failed"):
            events.extend(workload.plan().apply())
        assert isinstance(events[-1], SummaryEvent)
        assert workload.status().tasks["failed"] == 1
        workload.destroy(approve=True)


def test_findings_are_raised_and_warnings_returned(spec: Path, tmp_path: Path) -> None:
    """A wrong spec is not loaded; one with wrong inputs is not valid."""
    assert Workload.load(spec).validate() == ()
    with pytest.raises(UsageError, match="no such parameter"):
        Workload.load(spec, {"greetings": "Welcome"})
    text = (
        spec.read_text("utf-8")
        .replace("matrix: {who: [ada, grace]}", "inputs: none/*")
        .replace("matrix.who", "input.stem")
    )
    spec.write_text(text, "utf-8")
    with pytest.raises(SpecError, match="none"):
        Workload.load(spec).validate()
    spec.write_text(text.replace("version: 1", "version: 9"), "utf-8")
    with pytest.raises(SpecError, match="expected 1"):
        Workload.load(spec)


@pytest.mark.parametrize("value", ["Welcome", 5, 2.5, True], ids=repr)
def test_params_are_values(spec: Path, value: object) -> None:
    """Texts as they are, numbers and booleans as they are written in a spec."""
    text = value if isinstance(value, str) else str(value).lower()
    assert Workload.load(spec, {"greeting": value}).spec.params["greeting"] == text


def test_the_package_shows_its_api_alone() -> None:
    """What it has to offer is imported when somebody asks for it."""
    assert dir(batchspec) == ["Workload", "__version__"]
    with pytest.raises(AttributeError, match="no attribute 'Pool'"):
        batchspec.Pool  # noqa: B018
    code = (
        "import batchspec, sys; print(*sorted(name for name in sys.modules if name.startswith('batchspec')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["batchspec", "batchspec.version"]
