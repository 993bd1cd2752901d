"""What the local account holds, for `batchspec local status`."""

from dataclasses import dataclass
from typing import Any

from azure.core.credentials import AzureNamedKeyCredential

from batchspec.service.batch import Batch
from batchspec.service.embedded import LocalAccount


@dataclass(frozen=True, slots=True)
class Pool:
    id: str
    state: str  # of its allocation: steady, resizing, stopping
    nodes: int


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    state: str


def read(account: LocalAccount) -> tuple[list[Pool], list[Job]]:
    """The pools and jobs of a running *account*, in the endpoint's order."""
    batch = Batch(account.batch_endpoint, AzureNamedKeyCredential(account.batch_account, account.batch_key))
    try:
        pools = [_pool(found) for page in batch.pages("/pools", doing="list pools") for found in page]
        jobs = [
            Job(found["id"], found["state"])
            for page in batch.pages("/jobs", doing="list jobs")
            for found in page
        ]
    finally:
        batch.close()
    return pools, jobs


def _pool(found: dict[str, Any]) -> Pool:
    nodes = found.get("currentDedicatedNodes", 0) + found.get("currentLowPriorityNodes", 0)
    return Pool(found["id"], found.get("allocationState", ""), nodes)
