"""Pools, through the SDK."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from batchspec.emulator.state.settings import AS_MEASURED

from .conftest import Served, pool_body, wait_until
from .steps import idle_nodes, refused, steady


def test_new_pool_reads_back_with_the_services_defaults(client: BatchClient) -> None:
    """A pool reads back as the service gives it: defaults filled in, the size in lower case."""
    client.create_pool(pool_body(targetDedicatedNodes=0))
    found = steady(client).as_dict()
    assert found["vmSize"] == "standard_d2ds_v5"
    assert found["resizeTimeout"] == "PT15M"
    assert found["taskSchedulingPolicy"] == {"nodeFillType": "Spread", "jobDefaultOrder": "none"}
    assert found["virtualMachineConfiguration"]["imageReference"]["version"] == "latest"
    assert (found["currentDedicatedNodes"], found["targetLowPriorityNodes"], found["taskSlotsPerNode"]) == (
        0,
        0,
        1,
    )
    assert (found["enableAutoScale"], found["enableInterNodeCommunication"]) == (False, False)


def test_pool_is_resizing_right_after_creation(start: Callable[..., Served], clock: Any) -> None:
    """A pool is `resizing` once created, also for no nodes, and `steady` when the time for it is over."""
    served = start(clock, speed=AS_MEASURED)
    with served.client() as client:
        client.create_pool(pool_body(targetDedicatedNodes=0))
        assert client.get_pool("pool").allocation_state == "resizing"
        clock.advance(3)
        steady(client)


def test_nodes_pass_through_their_states(start: Callable[..., Served], clock: Any) -> None:
    """A node is creating, starting, then idle, as long as the service was seen to take."""
    served = start(clock, speed=AS_MEASURED)
    with served.client() as client:
        client.create_pool(pool_body())
        clock.advance(41)
        wait_until(lambda: [node.state for node in client.list_nodes("pool")] == ["creating"])
        clock.advance(12)
        wait_until(lambda: [node.state for node in client.list_nodes("pool")] == ["starting"])
        clock.advance(46)
        wait_until(lambda: [node.state for node in client.list_nodes("pool")] == ["idle"])


def test_pool_exists_and_not_found(client: BatchClient) -> None:
    """HEAD answers 200 for a pool; a pool that is not there is PoolNotFound with the service's sentence."""
    client.create_pool(pool_body(targetDedicatedNodes=0))
    assert client.pool_exists("POOL")
    with pytest.raises(ResourceNotFoundError):
        client.pool_exists("other")
    error = refused(client.get_pool, "other")
    assert (error.status_code, error.error.code) == (404, "PoolNotFound")
    assert error.error.message.startswith("The specified pool does not exist.\nRequestId:")


def test_second_pool_with_the_id_is_refused(client: BatchClient) -> None:
    """Ids are unique without regard to case."""
    client.create_pool(pool_body(targetDedicatedNodes=0))
    with pytest.raises(ResourceExistsError) as caught:
        client.create_pool(pool_body("POOL"))
    assert caught.value.error.code == "PoolExists"


def test_resize_both_kinds_and_back(client: BatchClient) -> None:
    """Dedicated and Spot nodes come and go by resize; node ids tell the kind."""
    client.create_pool(pool_body(targetDedicatedNodes=0))
    steady(client)
    client.begin_resize_pool("pool", {"targetDedicatedNodes": 1, "targetLowPriorityNodes": 2}).result()
    nodes = idle_nodes(client, 3)
    assert sorted(node.id[-2:] for node in nodes) == ["_d", "_p", "_p"]
    assert all(node.is_dedicated == node.id.endswith("_d") for node in nodes)
    client.begin_resize_pool("pool", {"targetDedicatedNodes": 0, "targetLowPriorityNodes": 1}).result()
    pool = steady(client)
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (0, 1)


def test_resize_while_resizing_is_refused(start: Callable[..., Served], clock: Any) -> None:
    """A pool that is not steady is PoolBeingResized; stopping the resize leaves ResizeStopped behind."""
    served = start(clock, speed=AS_MEASURED)
    with served.client() as client:
        client.create_pool(pool_body(targetDedicatedNodes=0))
        clock.advance(3)
        steady(client)
        resize = {"targetLowPriorityNodes": 2, "targetDedicatedNodes": 0}
        client.begin_resize_pool("pool", resize)
        error = refused(client.begin_resize_pool, "pool", resize)
        assert (error.status_code, error.error.code) == (409, "PoolBeingResized")
        tag = client.get_pool("pool")["eTag"]
        client.begin_stop_pool_resize("pool")
        assert client.get_pool("pool").allocation_state == "stopping"
        clock.advance(3)
        pool = steady(client)
        assert pool.target_low_priority_nodes == 2
        assert [item.code for item in pool.resize_errors] == ["ResizeStopped"]
        assert pool["eTag"] == tag


def test_quota_is_a_resize_error(start: Callable[..., Served]) -> None:
    """Past the account's cores a pool is steady with what there was room for, and says so."""
    served = start(dedicated_cores=4)
    with served.client() as client:
        client.create_pool(pool_body(targetDedicatedNodes=3))
        pool = steady(client)
        assert (pool.current_dedicated_nodes, pool.target_dedicated_nodes) == (2, 3)
        assert [item.code for item in pool.resize_errors] == ["AccountCoreQuotaReached"]


def test_patch_replaces_what_is_given(client: BatchClient) -> None:
    """PATCH changes metadata and start task, leaves the rest, and moves the ETag."""
    client.create_pool(pool_body(targetDedicatedNodes=0, startTask={"commandLine": "true"}))
    before = steady(client)
    client.update_pool("pool", {"metadata": [{"name": "a", "value": "b"}]})
    after = client.get_pool("pool")
    assert after["eTag"] != before["eTag"]
    assert after.start_task.command_line == "true"
    assert [(item.name, item.value) for item in after.metadata] == [("a", "b")]


def test_update_properties_removes_the_start_task(client: BatchClient) -> None:
    """updateproperties replaces all: a start task left out is gone."""
    client.create_pool(pool_body(targetDedicatedNodes=0, startTask={"commandLine": "true"}))
    client.replace_pool_properties("pool", {"applicationPackageReferences": [], "metadata": []})
    assert client.get_pool("pool").start_task is None


def test_some_properties_change_only_without_nodes(client: BatchClient) -> None:
    """vmSize can be patched on an empty pool and is refused while there are nodes."""
    client.create_pool(pool_body())
    steady(client)
    error = refused(client.update_pool, "pool", {"vmSize": "Standard_D4ds_v5"})
    assert error.status_code == 409
    client.begin_resize_pool("pool", {"targetDedicatedNodes": 0}).result()
    client.update_pool("pool", {"vmSize": "Standard_D4ds_v5", "taskSlotsPerNode": 4})
    assert client.get_pool("pool").vm_size == "standard_d4ds_v5"


def test_delete_goes_through_deleting(start: Callable[..., Served], clock: Any) -> None:
    """A pool being deleted refuses changes and its id, then is gone."""
    served = start(clock, speed=AS_MEASURED)
    with served.client() as client:
        client.create_pool(pool_body(targetDedicatedNodes=0))
        clock.advance(3)
        steady(client)
        client.begin_delete_pool("pool")
        assert client.get_pool("pool").state == "deleting"
        error = refused(client.update_pool, "pool", {"metadata": []})
        assert (error.status_code, error.error.code) == (409, "PoolBeingDeleted")
        assert refused(client.create_pool, pool_body()).error.code == "PoolBeingDeleted"
        clock.advance(6)
        wait_until(lambda: not list(client.list_pools()))


def test_autoscale_on_evaluate_off(client: BatchClient) -> None:
    """Enabling evaluates at once, evaluating reports without applying, and an autoscale pool refuses resize."""
    client.create_pool(pool_body(targetDedicatedNodes=0))
    steady(client)
    client.enable_pool_auto_scale(
        "pool", {"autoScaleFormula": "$TargetDedicatedNodes=1", "autoScaleEvaluationInterval": "PT06M00S"}
    )
    assert client.get_pool("pool").target_dedicated_nodes == 1
    steady(client)
    run = client.evaluate_pool_auto_scale("pool", {"autoScaleFormula": "$TargetDedicatedNodes=3"})
    assert run.results == "$TargetDedicatedNodes=3;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
    assert client.get_pool("pool").target_dedicated_nodes == 1
    assert client.get_pool("pool").as_dict()["autoScaleEvaluationInterval"] == "PT6M"
    error = refused(client.begin_resize_pool, "pool", {"targetDedicatedNodes": 0})
    assert error.status_code == 409
    again = refused(client.enable_pool_auto_scale, "pool", {"autoScaleFormula": "$TargetDedicatedNodes=2"})
    assert (again.status_code, again.error.code) == (503, "TooManyEnableAutoScaleRequests")
    client.disable_pool_auto_scale("pool")
    assert client.get_pool("pool").enable_auto_scale is False


def test_remove_nodes_drops_the_target_at_once(client: BatchClient) -> None:
    """Removing a node lowers the target; an unknown node is NodeNotFound."""
    client.create_pool(pool_body(targetDedicatedNodes=2))
    nodes = idle_nodes(client, 2)
    client.begin_remove_nodes("pool", {"nodeList": [nodes[0].id]}).result()
    pool = steady(client)
    assert (pool.target_dedicated_nodes, pool.current_dedicated_nodes) == (1, 1)
    assert [node.id for node in client.list_nodes("pool")] == [nodes[1].id]


def test_node_counts_by_kind_and_state(client: BatchClient) -> None:
    """Node counts split dedicated and Spot and name every state."""
    client.create_pool(pool_body(targetLowPriorityNodes=2))
    idle_nodes(client, 3)
    (counts,) = client.list_pool_node_counts()
    assert (counts.dedicated.idle, counts.dedicated.total, counts.low_priority.idle) == (1, 1, 2)


def test_lists_page_by_max_results(client: BatchClient) -> None:
    """Pools come ordered by id, over as many pages as maxresults asks for, each linked by the endpoint's own host."""
    for name in ("c", "a", "b"):
        client.create_pool(pool_body(name, targetDedicatedNodes=0))
    assert [pool.id for pool in client.list_pools(max_results=1)] == ["a", "b", "c"]


def test_conditional_requests(client: BatchClient) -> None:
    """If-Match with another ETag is 412 on a write; If-None-Match with the same is 304 on a read."""
    client.create_pool(pool_body(targetDedicatedNodes=0))
    tag = steady(client)["eTag"]
    client.update_pool("pool", {"metadata": []}, etag=tag, match_condition=MatchConditions.IfNotModified)
    with pytest.raises(HttpResponseError) as caught:
        client.update_pool("pool", {"metadata": []}, etag=tag, match_condition=MatchConditions.IfNotModified)
    assert caught.value.status_code == 412
    new = client.get_pool("pool")["eTag"]
    with pytest.raises(HttpResponseError) as caught:
        client.get_pool("pool", etag=new, match_condition=MatchConditions.IfModified)
    assert caught.value.status_code == 304


def test_secrets_are_not_given_back(client: BatchClient) -> None:
    """A user's password is taken and never read back."""
    accounts = [{"name": "u", "password": "secret-word"}]
    client.create_pool(pool_body(targetDedicatedNodes=0, userAccounts=accounts))
    assert "secret-word" not in str(client.get_pool("pool").as_dict())


def test_too_many_slots_for_the_size(client: BatchClient) -> None:
    """A node takes at most four slots a core."""
    error = refused(client.create_pool, pool_body(taskSlotsPerNode=9))
    assert (error.status_code, error.error.code) == (400, "InvalidPropertyValue")
