"""A workload of a test's own, and the local account's ways to let it have bad luck."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from main_job.workload import Workload, make_workload, wait_until

from batchspec.service.embedded import LocalAccount


@dataclass
class Luck:
    """What happens to one workload's pool, job and nodes. Everything is over with the test."""

    work: Workload

    def resize(self, code: str, nodes: int = 0, times: int = 1, vm_size: str = "") -> None:
        """The next resizes of the pool (to *vm_size*) get at most *nodes* more nodes, and end with *code*."""
        body = {"pool": self.work.pool_id, "code": code, "message": "as rehearsed", "nodes": nodes}
        self.work.batch("POST", "/_local/resizes", body | {"times": times, "vmSize": vm_size})

    def hold(self, state: str, times: int = 1, seconds: float = 0) -> None:
        """The pool, or its next nodes, stay in *state*, as if for *seconds* already."""
        body = {"pool": self.work.pool_id, "state": state, "times": times, "seconds": seconds}
        self.work.batch("POST", "/_local/holds", body)

    def let_go(self) -> None:
        self.work.batch("DELETE", f"/_local/holds/{self.work.pool_id}")

    def fail(self, node: str, code: str = "", message: str = "") -> None:
        """The node is unusable, and says so."""
        self.work.batch(
            "POST", f"/_local/nodes/{node}/fail", {"code": code, "message": message} if code else {}
        )

    def preempt(self, node: str) -> None:
        self.work.batch("POST", f"/_local/nodes/{node}/preempt")

    def nodes(self) -> list[dict[str, Any]]:
        found = self.work.batch("GET", f"/pools/{self.work.pool_id}/nodes")
        return list(found["value"]) if found else []

    def running(self, count: int) -> list[str]:
        """The ids of the nodes, once *count* tasks run on them."""
        wait_until(lambda: sum(node["runningTasksCount"] for node in self.nodes()) == count)
        return [node["id"] for node in self.nodes()]

    def status(self) -> dict[str, Any]:
        """The status as JSON."""
        (found,) = self.work.command("status", "specs/ffmpeg.yaml", "--format", "json").of_type("status")
        return found


@pytest.fixture
def work(tmp_path: Path, local_account: LocalAccount) -> Iterator[Workload]:
    """Two tasks that copy a file each, on two Spot nodes."""
    for workload in make_workload(tmp_path, local_account):
        workload.write_copies()
        yield workload
        workload.batch("DELETE", f"/_local/holds/{workload.pool_id}")


@pytest.fixture
def held(work: Workload) -> Workload:
    """As `work`, but the tasks run until they are let go."""
    work.write_held()
    return work


@pytest.fixture
def luck(work: Workload) -> Luck:
    return Luck(work)
