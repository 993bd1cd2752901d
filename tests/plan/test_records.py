"""What records say of the work that made them: enough to tell what changed, in less than a kilobyte."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from batchspec.desired.bodies.body import Links, task_body
from batchspec.desired.bodies.records import differing, recorded
from batchspec.desired.task import DesiredTask
from tests.plan.case import desired_of

SPEC: dict[str, Any] = {
    "version": 1,
    "name": "work",
    "pool": {"id": "p", "vmSize": "Standard_D2ds_v5", "image": "canonical:ubuntu-24_04-lts:server"},
    "job": {"id": "j"},
}


def task_of(params: dict[str, Any], **group: Any) -> DesiredTask:
    """The only task of a spec whose command uses all of *params*."""
    words = ["run", *(f"{{{{ params.{name} }}}}" for name in params)]
    data = {**SPEC, "params": params, "tasks": {"only": {"command": words, **group}}}
    (task,) = desired_of({"spec": json.dumps(data)}).tasks
    return task


NAMES = st.text("abcdefghij_", min_size=1, max_size=20)
VALUES = st.one_of(st.text("ab ü&=%~\"'", max_size=400), st.integers(), st.booleans(), st.floats(0, 1))


@settings(derandomize=True)
@given(params=st.dictionaries(NAMES, VALUES, max_size=30))
def test_metadata_of_a_record_is_less_than_a_kilobyte(params: dict[str, Any]) -> None:
    """However many and long the parameters are; and it is text that any header carries."""
    task = task_of(params, output="a", environmentSettings=[{"name": "A", "value": "1"}])
    desired = desired_of({"spec": json.dumps({**SPEC, "params": params})})
    body = task_body(desired.spec, task, task.id, Links(None, "https://a/output"))
    headers = body["outputFiles"][0]["destination"]["container"]["uploadHeaders"]
    assert sum(len(header["name"]) + len(header["value"]) for header in headers) <= 1024 + 3 * len(
        "x-ms-meta-"
    )
    assert all(header["value"].isascii() and header["value"].isprintable() for header in headers)


def test_what_changed_is_said_with_its_values() -> None:
    """A parameter by both its values, everything else by name; what is as it was is not mentioned."""
    old, new = task_of({"bitrate": "2M", "same": 1}), task_of({"bitrate": "1M", "same": 1})
    assert differing(recorded(old.group), recorded(new.group)) == (
        {"params.bitrate": "2M"},
        {"params.bitrate": "1M"},
    )
    more = task_of({"bitrate": "1M", "same": 1}, output="file")
    assert differing(recorded(new.group), recorded(more.group)) == ({}, {"output": None})


def test_a_parameter_that_may_be_secret_is_said_by_its_digest() -> None:
    """Blobs are read by more people than specs are."""
    task = task_of({"api_key": "q8Zt3LwX9vBn5RkP2sYd", "user": "me"})
    assert "q8Zt3" not in recorded(task.group)
    other = task_of({"api_key": "z8Zt3LwX9vBn5RkP2sYd", "user": "me"})
    assert differing(recorded(task.group), recorded(other.group)) == (
        {"params.api_key": None},
        {"params.api_key": None},
    )


def test_long_parameters_make_room_for_short_ones() -> None:
    """The longest are said by their digests first."""
    task = task_of({"long": "x" * 900, "short": "y"})
    said, _ = differing(recorded(task.group), "")
    assert said == {"params.long": None, "params.short": "y", "command": None}
