"""What a listing says of tasks is read by SQLite as Python reads it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from batchspec.plan.observed import Seen
from batchspec.resources.task import read_task
from tests.plan.case import desired_of
from tests.plan.test_work import NAMES, SPEC

_MISSING = object()


def _some(*values: object) -> st.SearchStrategy[Any]:
    return st.sampled_from([_MISSING, *values])


def _there(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not _MISSING}


_FAILURES = st.fixed_dictionaries(
    {
        "code": st.sampled_from(["FailureExitCode", "BlobNotFound"]),
        "message": _some("gone", "\ud800", 'it\'s "it"'),
    }
).map(_there)
_EXECUTIONS = st.fixed_dictionaries(
    {
        "result": _some("success", "Success", "failure"),
        "exitCode": _some(0, 1, -9),
        "failureInfo": st.one_of(_some(None), _FAILURES),
    }
).map(_there)
_COMPLETED = {
    "state": st.sampled_from(["completed", "Completed"]),
    "executionInfo": st.one_of(_some(None), _EXECUTIONS),
}
_OTHERS = {
    "state": _some("active", "preparing", "running"),
    "executionInfo": _some(None, {}, {"retryCount": 0}),
}
_TASKS = st.one_of(*(st.fixed_dictionaries(fields).map(_there) for fields in (_COMPLETED, _OTHERS)))


@given(st.lists(_TASKS, max_size=5), st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_tasks_are_read_as_python_reads_them(
    tasks: list[dict[str, Any]], twice: bool, separators: tuple[str, str]
) -> None:
    """Also where something is missing, where a page brings a task again, and where no desired task has the id."""
    desired = desired_of({"spec": SPEC, "inputs": NAMES})
    seen = Seen(desired.tasks)
    ids = [id for task in desired.tasks for id in (f"not-{task.id}", task.id)]
    bodies = [{"id": id, **task} for id, task in zip(ids, tasks, strict=False)]
    seen.add_tasks([json.dumps({"value": bodies}, separators=separators)] * (1 + twice))
    rows = list(seen._database.rows("SELECT id, state, failure FROM seen"))
    assert sorted(rows) == sorted(read_task(body)[:3] for body in bodies)
