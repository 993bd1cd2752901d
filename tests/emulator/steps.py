"""Steps that several tests take."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.batch import BatchClient
from azure.core.exceptions import HttpResponseError

from .conftest import pool_body, wait_until


def refused(call: Callable[..., Any], *arguments: Any, **options: Any) -> HttpResponseError:
    """The error that the service answers the call with."""
    with pytest.raises(HttpResponseError) as caught:
        call(*arguments, **options)
    return caught.value


def steady(client: BatchClient, pool_id: str = "pool") -> Any:
    """The pool, once it is steady."""

    def found() -> Any:
        pool = client.get_pool(pool_id)
        return pool if pool.allocation_state == "steady" else None

    return wait_until(found)


def idle_nodes(client: BatchClient, count: int, pool_id: str = "pool") -> list[Any]:
    """The pool's nodes, once all *count* are idle."""

    def found() -> Any:
        nodes = list(client.list_nodes(pool_id))
        return nodes if len(nodes) == count and all(node.state == "idle" for node in nodes) else None

    return list(wait_until(found))


def ready_pool(client: BatchClient, **changes: Any) -> list[Any]:
    """A pool named `pool` whose nodes are idle."""
    body = pool_body(**changes)
    client.create_pool(body)
    return idle_nodes(client, body.get("targetDedicatedNodes", 0) + body.get("targetLowPriorityNodes", 0))


def run_task(client: BatchClient, job_id: str = "job", **body: Any) -> Any:
    """The task, added and completed."""
    task = {"id": "task", **body}
    client.create_task(job_id, task)
    return completed(client, job_id, task["id"])


def completed(client: BatchClient, job_id: str, task_id: str) -> Any:
    def found() -> Any:
        task = client.get_task(job_id, task_id)
        return task if task.state == "completed" else None

    return wait_until(found)


def in_state(get: Callable[[], Any], state: str) -> Any:
    """What *get* gives, once it is in the state."""

    def found() -> Any:
        item = get()
        return item if item.state == state else None

    return wait_until(found)


def text(stream: Any) -> str:
    return b"".join(stream).decode()
