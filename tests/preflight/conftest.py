"""A workload of a test's own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job.workload import Workload, make_workload

from batchspec.service.embedded import LocalAccount


@pytest.fixture
def work(tmp_path: Path, local_account: LocalAccount) -> Iterator[Workload]:
    """A workload of one short task on two nodes, whose time nothing bounds."""
    for workload in make_workload(tmp_path, local_account):
        workload.write("one: { command: [sleep, '0'] }", rest="")
        text = workload.spec.read_text("utf-8")
        workload.spec.write_text(re.sub(r"(?m)^job: .*$", f"job: {{id: {workload.job_id}}}", text), "utf-8")
        yield workload
