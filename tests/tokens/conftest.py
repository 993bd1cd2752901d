"""A workload for each test of how tasks reach their blobs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job.wire import Wire, listening
from main_job.workload import Workload, make_workload

from batchspec.service.embedded import LocalAccount


@pytest.fixture
def bare(tmp_path: Path, local_account: LocalAccount) -> Iterator[Workload]:
    """A workload whose folder is empty yet."""
    yield from make_workload(tmp_path, local_account)


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A wire that hears every request of the commands that are given its environment."""
    with listening() as wire:
        yield wire
