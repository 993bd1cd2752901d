"""A create that was answered too late and repeated finds its own resource, and no other's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from secrets import token_hex
from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from batchspec.errors import ServiceError
from batchspec.resources.base import stamped
from batchspec.service.batch import job as job_service
from batchspec.service.batch import pool as pool_service
from batchspec.service.batch.client import Batch
from batchspec.service.embedded import LocalAccount

OTHERS = pytest.mark.parametrize(
    ("spec", "digest"), [("other", "d1"), ("work", "d2")], ids=["spec", "digest"]
)


@pytest.fixture
def batch(local_account: LocalAccount) -> Iterator[Batch]:
    key = AzureNamedKeyCredential(local_account.batch_account, local_account.batch_key)
    with closing(Batch(local_account.batch_endpoint, key)) as connected:
        yield connected


@pytest.fixture
def pool(batch: Batch) -> Iterator[dict[str, Any]]:
    """The body of a pool, not made yet."""
    image = {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"}
    machine = {"imageReference": image, "nodeAgentSKUId": "batch.node.ubuntu 24.04"}
    body = {
        "id": f"twice-{token_hex(5)}",
        "vmSize": "Standard_D2ds_v5",
        "virtualMachineConfiguration": machine,
    }
    yield body
    pool_service.delete(batch, str(body["id"]))


@OTHERS
def test_a_pool_that_another_made(batch: Batch, pool: dict[str, Any], spec: str, digest: str) -> None:
    """A pool of this id with another spec's stamp, or of another content, is a conflict; our own is none."""
    ours = stamped(pool, "work", "1", "d1")
    pool_service.create(batch, ours)
    pool_service.create(batch, ours)
    with pytest.raises(ServiceError) as raised:
        pool_service.create(batch, stamped(pool, spec, "1", digest))
    assert raised.value.code == "PoolExists"


@OTHERS
def test_a_job_that_another_made(batch: Batch, spec: str, digest: str) -> None:
    """A job of this id with another spec's stamp, or of another content, is a conflict; our own is none."""
    job_id = f"twice-{token_hex(5)}"
    job = {"id": job_id, "poolInfo": {"poolId": job_id}}
    ours = stamped(job, "work", "1", "d1")
    job_service.create(batch, ours, job_id)
    job_service.create(batch, ours, job_id)
    with pytest.raises(ServiceError) as raised:
        job_service.create(batch, stamped(job, spec, "1", digest), job_id)
    job_service.delete(batch, job_id)
    assert raised.value.code == "JobExists"
