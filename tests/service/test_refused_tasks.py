"""Tasks that the service does not take, one by one, out of a collection."""

from __future__ import annotations

import json
from contextlib import closing
from secrets import token_hex

from azure.core.credentials import AzureNamedKeyCredential

from batchspec.service.batch import job as job_service
from batchspec.service.batch.client import Batch
from batchspec.service.batch.task_collection import Packed, TaskCollection, add
from batchspec.service.embedded import LocalAccount


def test_equal_refusals_have_one_reason(local_account: LocalAccount) -> None:
    """The reason does not name the task, so that a summary tells it once for all; the others are added."""
    job_id = f"refused-{token_hex(5)}"
    bodies = [
        {"id": f"t{n}", "commandLine": "x", "requiredSlots": slots} for n, slots in enumerate((1, 999, 999))
    ]
    key = AzureNamedKeyCredential(local_account.batch_account, local_account.batch_key)
    with closing(Batch(local_account.batch_endpoint, key)) as batch:
        batch.post("/jobs", {"id": job_id, "poolInfo": {"poolId": job_id}}, doing="create a job")
        tasks = [Packed(str(b["id"]), json.dumps(b).encode()) for b in bodies]
        refused = add(batch, job_id, TaskCollection(tasks))
        job_service.delete(batch, job_id)
    assert list(refused) == ["t1", "t2"]
    reasons = {str(error) for error in refused.values()}
    assert len(reasons) == 1
    assert reasons.pop().startswith("refused: ")
