"""A workload of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job.workload import Workload, make_workload

from batchspec.service.embedded import LocalAccount


@pytest.fixture
def work(tmp_path: Path, local_account: LocalAccount) -> Iterator[Workload]:
    """A workload of one short task on two nodes."""
    for workload in make_workload(tmp_path, local_account):
        workload.write("one: { command: [sleep, '0'] }", rest="")
        yield workload
