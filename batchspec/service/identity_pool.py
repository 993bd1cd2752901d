"""Pools with a managed identity: only the management plane makes them, and the data plane makes them whole.

So no more is said in the management plane's own words than it takes: id, size, image, stamps and no nodes.
Source: Pool - Create, Microsoft.Batch 2025-06-01; what a patch takes of an empty pool: FACTS 3.4.
"""

from __future__ import annotations

from typing import Any

from batchspec.errors import ServiceError
from batchspec.language.model import Pool
from batchspec.resources.base import Json, made_from
from batchspec.resources.pool import changes
from batchspec.service.batch import pool_update
from batchspec.service.batch.client import Batch, path_of
from batchspec.service.batch.pool import going, read, with_agent
from batchspec.service.batch.waiting import Progress, insist
from batchspec.service.management import Management

_OTHER_NAMES = {"virtualMachineImageId": "id"}  # of an image's reference, in the management plane


def create_with_identity(
    management: Management, batch: Batch, pool: Pool, body: Json, identity: str, progress: Progress
) -> None:
    """Makes the pool as *body* says, with the *identity* that this resource id names.

    What is cut off between the two planes is seen by the next plan, which patches the rest.
    """
    sent, where = _resource(with_agent(batch, body), identity), path_of("pools", pool.id)

    def make() -> None:
        try:
            management.put(where, sent, doing=f"create the pool {pool.id}", only_new=True)
        except ServiceError as error:
            live = (read(batch, pool.id) or {}) if error.status == 412 else {}
            if live.get("state") != "active" or not made_from(live, body):
                raise

    insist(batch, make, going(pool.id), progress)
    live = read(batch, pool.id) or {}
    differing = [*changes(body, live, compare_size=True)]
    if differing:  # there are no nodes yet that a rollout would bring along
        pool_update.update(batch, pool._replace(rollout=None), body, differing, progress)


def _resource(body: Json, identity: str) -> dict[str, Any]:
    """The pool as the management plane's resource."""
    machine = body["virtualMachineConfiguration"]
    image = {_OTHER_NAMES.get(name, name): value for name, value in machine["imageReference"].items()}
    configuration = {"imageReference": image, "nodeAgentSkuId": machine["nodeAgentSKUId"]}
    return {
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
        "properties": {
            "vmSize": body["vmSize"],
            "deploymentConfiguration": {"virtualMachineConfiguration": configuration},
            "scaleSettings": {"fixedScale": {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 0}},
            "metadata": body.get("metadata", []),
        },
    }
