"""A workload for each test of what a task reads and what counts as its result."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job.workload import Workload, make_workload

from batchspec.service.embedded import LocalAccount


@pytest.fixture
def bare(tmp_path: Path, local_account: LocalAccount) -> Iterator[Workload]:
    """A workload whose folder is empty yet."""
    yield from make_workload(tmp_path, local_account)
