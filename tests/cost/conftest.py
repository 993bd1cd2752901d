"""A server of prices, and a workload of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from main_job.workload import Workload, make_workload

from batchspec.service.embedded import LocalAccount
from tests.cost.price_list import PriceServer, price_server


@pytest.fixture
def server() -> Iterator[PriceServer]:
    with price_server() as prices:
        yield prices


@pytest.fixture
def work(tmp_path: Path, local_account: LocalAccount) -> Iterator[Workload]:
    """A workload of one short task on two nodes, on an account that is reached as Azure's are."""
    for workload in make_workload(tmp_path, local_account):
        workload.write("one: { command: [sleep, '0'] }", rest="")
        workload.environment = {
            "AZURE_BATCH_ENDPOINT": local_account.batch_endpoint,
            "AZURE_BATCH_ACCOUNT": local_account.batch_account,
            "AZURE_BATCH_ACCESS_KEY": local_account.batch_key,
            "AZURE_STORAGE_CONNECTION_STRING": local_account.connection_string,
        }
        yield workload
