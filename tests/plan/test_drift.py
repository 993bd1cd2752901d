"""`batchspec drift`: what exists against the spec, on the local account."""

import json

import pytest
from azure.batch.models import BatchMetadataItem, BatchPoolResizeOptions, BatchPoolUpdateOptions

from .conftest import Workload

EMPTY = """
vmSize: Standard_D2ds_v5
displayName: Ours
metadata: [{name: team, value: video}]
"""


def test_without_a_pool_there_is_no_drift(workload: Workload) -> None:
    """What is missing is for `plan` to tell: with nothing there, nothing drifted."""
    workload.says(EMPTY)
    assert workload.run("drift").stdout == "Nothing of the spec's pool or job is there to compare.\n"


def test_what_was_applied_has_not_drifted(workload: Workload) -> None:
    """Right after an apply there is no drift in the pool or in the job, whatever the tasks do."""
    workload.says(EMPTY, workload.with_task("[sleep, '600']"))
    workload.apply()
    workload.says(EMPTY, workload.with_task("[sleep, '700']"))
    assert workload.run("drift").stdout == (
        f"  = pool {workload.id}  as the spec says\n  = job {workload.id}  as the spec says\n\nNo drift.\n"
    )


def test_drift_shows_both_values(workload: Workload) -> None:
    """A field that was changed by hand is shown with the spec's value, the live one and the spec's line."""
    workload.says(EMPTY)
    workload.apply()
    change = BatchPoolUpdateOptions(display_name="Theirs", metadata=_metadata(workload, team="audio"))
    workload.sdk.update_pool(workload.id, change)
    assert workload.run("drift", code=2).stdout == (
        f"  ~ pool {workload.id}\n"
        f"      displayName  {workload.file}:7\n"
        '          spec  "Ours"\n'
        '          live  "Theirs"\n'
        f"      metadata.team  {workload.file}:8\n"
        '          spec  "video"\n'
        '          live  "audio"\n'
        "\n"
        "Drift: 2 fields differ from the spec.\n"
    )


@pytest.mark.parametrize(("when_done", "wanted"), [("keep", 1), ("zero", 0)])
def test_an_idle_pool_has_drifted_where_its_nodes_are_not_as_they_are_to_be(
    workload: Workload, when_done: str, wanted: int
) -> None:
    """They cost money; a plan without work does not compare them, since `whenDone` may have put them away."""
    workload.says(
        f"vmSize: Standard_D2ds_v5\ntargetDedicatedNodes: 1\nwhenDone: {when_done}",
        workload.with_task("['true']"),
    )
    workload.run("apply", "--auto-approve")
    assert "No drift." in workload.run("drift").stdout
    workload.sdk.begin_resize_pool(
        workload.id, BatchPoolResizeOptions(target_dedicated_nodes=2), polling_interval=0.1
    ).wait()
    assert workload.run("drift", code=2).stdout == (
        f"  ~ pool {workload.id}\n"
        f"      targetDedicatedNodes  {workload.file}:7\n"
        f"          spec  {wanted}\n"
        "          live  2\n"
        "\n"
        "Drift: 1 field differs from the spec.\n"
    )


def test_drift_as_json(workload: Workload) -> None:
    """The same for programs, as one object."""
    workload.says(EMPTY)
    workload.apply()
    workload.sdk.update_pool(workload.id, BatchPoolUpdateOptions(display_name="Theirs"))
    found = json.loads(workload.run("drift", "--format", "json", code=2).stdout)
    assert (found["type"], found["hasDrift"]) == ("drift", True)
    assert found["resources"] == [
        {
            "kind": "pool",
            "id": workload.id,
            "differences": [
                {
                    "path": "displayName",
                    "place": f"{workload.file}:7",
                    "spec": "Ours",
                    "live": "Theirs",
                    "effect": "drain",
                }
            ],
        }
    ]


def test_another_spec_s_pool_is_refused(workload: Workload) -> None:
    """A pool of another owner is not compared, as it would not be changed."""
    workload.says(EMPTY)
    workload.apply()
    stamps = _metadata(workload, **{"batchspec.spec": "other"})
    workload.sdk.update_pool(workload.id, BatchPoolUpdateOptions(metadata=stamps))
    workload.run("drift", code=4)


def _metadata(workload: Workload, **changes: str) -> list[BatchMetadataItem]:
    have = {entry.name: entry.value for entry in workload.pool.metadata}
    return [BatchMetadataItem(name=name, value=value) for name, value in {**have, **changes}.items()]
