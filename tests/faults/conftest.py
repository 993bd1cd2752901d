"""Workloads whose commands run in this process: a matrix has too many for a process each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from main_job.workload import Workload, make_workload

from batchspec.cli.main import cli
from batchspec.errors import BatchspecError
from batchspec.service.embedded import LocalAccount
from faults.whole import edit, state, write

PATIENCE_S = 5  # a try may take a fifth of it, a wait is a tenth at most


class Run:
    """Runs commands on a workload's spec. What they print is captured by the test."""

    def __init__(self, capsys: pytest.CaptureFixture[str] | None = None) -> None:
        self._capsys = capsys
        self.said = ""  # by the last command, on both of its streams

    def __call__(self, command: str, *words: str) -> BatchspecError | None:
        """The error that the command ends with, None when it ends well."""
        try:
            cli.main([command, "specs/ffmpeg.yaml", *words], standalone_mode=False)
        except BatchspecError as error:
            return error
        finally:
            if self._capsys is not None:
                self.said = "".join(self._capsys.readouterr())
        return None

    def has_changes(self) -> bool:
        """Whether a plan made now has any."""
        assert self("plan", "--format", "json") is None
        found = (json.loads(line) for line in self.said.splitlines() if line.startswith("{"))
        return bool(next(line["hasChanges"] for line in found if line["type"] == "plan"))


def at_home(workload: Workload, patch: pytest.MonkeyPatch) -> None:
    """Commands run in the workload's folder, with little patience."""
    patch.chdir(workload.folder)
    patch.delenv("CI", raising=False)  # there the target would have to be named
    patch.setenv("XDG_CACHE_HOME", str(workload.folder / ".cache"))
    patch.setenv("BATCHSPEC_PATIENCE", str(PATIENCE_S))
    patch.setenv("BATCHSPEC_LOCAL_HOME", str(workload.account.home))


@pytest.fixture
def workload(
    tmp_path: Path, local_account: LocalAccount, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workload]:
    """An empty folder; faults that are still asked for in the end go with it."""
    for workload in make_workload(tmp_path, local_account):
        at_home(workload, monkeypatch)
        yield workload
        workload.batch("DELETE", "/_local/faults")


@pytest.fixture
def run(workload: Workload, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, shared_account: LocalAccount
) -> dict[str, dict[str, Any]]:
    """The states that runs without any fault end in: `created`, and `updated`."""
    states = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, ending in (("created", "terminatejob"), ("updated", "noaction")):
            for workload in make_workload(tmp_path_factory.mktemp(name), shared_account):
                at_home(workload, patch)
                write(workload, ending=ending)
                assert Run()("apply") is None
                if name == "updated":
                    edit(workload)
                    assert Run()("apply") is None
                states[name] = state(workload)
        patch.chdir("/")
    return states
