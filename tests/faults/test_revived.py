"""The local account dies under a command: it is started again, and the run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
from main_job.workload import Workload, wait_until

from batchspec.service import embedded


def test_a_local_account_that_died_is_started_again(home: Path, tmp_path: Path) -> None:
    """Nobody waits for five minutes: the command says that it starts it, and ends as if nothing had been."""
    workload = Workload(tmp_path / "work", embedded.ensure(lambda _: None))
    (workload.folder / ".git").mkdir(parents=True)  # what makes it a project, which downloads stay in
    workload.write_held()
    daemon = psutil.Process(workload.account.pid)
    with workload.started("apply", "specs/ffmpeg.yaml") as process:
        wait_until(lambda: any(task["state"] == "running" for task in workload.tasks().values()))
        daemon.kill()
        workload.let_go()
        _, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert "starting the local account" in said
    assert sorted(path.name for path in workload.outputs.rglob("*.out")) == ["a.out", "b.out"]
    assert json.loads((home / "run.json").read_text())["pid"] != daemon.pid
