"""What an update sends, and what it leaves as it is, on the local account."""

from collections.abc import Callable
from contextlib import closing

import pytest
from azure.batch.models import (
    BatchApplicationPackageReference,
    BatchJobConstraints,
    BatchJobUpdateOptions,
    BatchMetadataItem,
    BatchPoolResizeOptions,
    BatchPoolUpdateOptions,
)
from azure.core.credentials import AzureNamedKeyCredential

from batchspec.desired.artifacts.readable import Readable
from batchspec.desired.expansion.expand import expand
from batchspec.document.parser import parse
from batchspec.errors import StalePlanError
from batchspec.language.build import build
from batchspec.resources.base import STAMP_ROLLOUT, Json
from batchspec.resources.pool import changes as pool_changes
from batchspec.service.batch import pool as pool_service
from batchspec.service.batch import pool_update
from batchspec.service.batch.client import Answer, Batch
from batchspec.service.batch.rollout import roll_out
from batchspec.service.embedded import LocalAccount
from batchspec.source import Source

from .conftest import Workload

EMPTY = "vmSize: Standard_D2ds_v5"


def test_an_ignored_size_survives_a_drain(workload: Workload) -> None:
    """A pool whose target is ignored comes back from a drain at the size it had."""
    ignored = "ignoreChanges: [pool.targetDedicatedNodes]\n"
    workload.says(EMPTY, ignored)
    workload.apply()
    options = BatchPoolResizeOptions(target_dedicated_nodes=2)
    workload.sdk.begin_resize_pool(workload.id, options, polling_interval=0.1).result()
    workload.says("vmSize: Standard_D4ds_v5", ignored)
    workload.apply()
    workload.idle_nodes(2)
    assert workload.pool.vm_size == "standard_d4ds_v5"


def test_a_drain_without_work_brings_no_nodes(workload: Workload) -> None:
    """A pool that `whenDone: zero` left empty stays empty when its VM size changes: no task needs it."""
    rest = workload.with_task("['true']")
    pool = f"{EMPTY}\ntargetDedicatedNodes: 1\nwhenDone: zero"
    workload.says(pool, rest)
    workload.run("apply", "--auto-approve")
    assert workload.pool.target_dedicated_nodes == 0
    workload.says(pool.replace("D2ds", "D4ds"), rest)
    workload.run("apply", "--auto-approve")
    live = workload.pool
    assert (live.vm_size, live.target_dedicated_nodes) == ("standard_d4ds_v5", 0)


def test_metadata_of_others_survives_every_update(workload: Workload) -> None:
    """A key that somebody else put on the pool is there after an update of ours."""
    workload.says(EMPTY)
    workload.apply()
    theirs = BatchMetadataItem(name="theirs", value="1")
    workload.sdk.update_pool(workload.id, BatchPoolUpdateOptions(metadata=[*workload.pool.metadata, theirs]))
    workload.says(f"{EMPTY}\ndisplayName: New\nmetadata: [{{name: team, value: video}}]")
    workload.apply()
    found = {entry.name: entry.value for entry in workload.pool.metadata}
    assert (found["theirs"], found["team"], workload.pool.display_name) == ("1", "video", "New")


def test_an_ignored_field_survives_the_removal_of_the_start_task(workload: Workload) -> None:
    """Taking the start task away replaces the packages too; those that are ignored are sent as they are."""
    ignored = "ignoreChanges: [pool.applicationPackageReferences]\n"
    workload.says(f"{EMPTY}\nstartTask: {{commandLine: /bin/true}}", ignored)
    workload.apply()
    theirs = [BatchApplicationPackageReference(application_id="blender", version="4")]
    workload.sdk.update_pool(workload.id, BatchPoolUpdateOptions(application_package_references=theirs))
    workload.says(EMPTY, ignored)
    workload.apply()
    live = workload.pool
    assert live.start_task is None
    assert [found.application_id for found in live.application_package_references] == ["blender"]


def test_an_ignored_member_of_a_job_is_kept(workload: Workload) -> None:
    """A patch replaces constraints whole; the ignored member goes along with its live value."""
    ignored = "ignoreChanges: [job.constraints.maxTaskRetryCount]\n"
    task = workload.with_task("[sleep, '600']")
    workload.says(EMPTY, task + ignored)
    workload.apply()
    theirs = BatchJobUpdateOptions(constraints=BatchJobConstraints(max_task_retry_count=7))
    workload.sdk.update_job(workload.id, theirs)
    limited = task.replace(
        f"id: {workload.id}", f"id: {workload.id}, constraints: {{maxWallClockTime: PT2H}}"
    )
    workload.says(EMPTY, limited + ignored)
    workload.apply()
    found = workload.sdk.get_job(workload.id).constraints
    assert (found.max_task_retry_count, str(found.max_wall_clock_time)) == (7, "2:00:00")
    assert "to update" not in workload.run("plan").stdout


def test_a_pool_switches_between_sizes_and_a_formula(workload: Workload) -> None:
    """Autoscale goes on and off again, each time ending where the spec says."""
    workload.says(f"{EMPTY}\ntargetDedicatedNodes: 1")
    workload.apply()
    workload.idle_nodes(1)
    formula = "enableAutoScale: true\nautoScaleFormula: $TargetDedicatedNodes = 2;"
    workload.says(f"{EMPTY}\n{formula}")
    workload.apply()
    assert "No changes" in workload.run("plan").stdout
    workload.idle_nodes(2)
    workload.says(f"{EMPTY}\ntargetDedicatedNodes: 0")
    workload.apply()
    workload.wait(lambda: not workload.nodes)
    live = workload.pool
    assert (live.enable_auto_scale, live.auto_scale_formula, live.target_dedicated_nodes) == (False, None, 0)
    assert "No changes" in workload.run("plan").stdout


@pytest.mark.parametrize("more", ["metadata: [{name: team, value: video}]", "startTask: null"])
def test_r09_a_change_by_somebody_else_is_not_overwritten(
    workload: Workload, local_account: LocalAccount, more: str
) -> None:
    """What changed between reading and patching ends the update; the next plan sees both."""
    workload.says(f"{EMPTY}\nstartTask: {{commandLine: /bin/true}}")
    workload.apply()
    theirs = BatchMetadataItem(name="theirs", value="1")

    def change() -> None:
        metadata = [*workload.pool.metadata, theirs]
        workload.sdk.update_pool(workload.id, BatchPoolUpdateOptions(metadata=metadata))

    workload.says(EMPTY if "null" in more else f"{EMPTY}\n{more}\nstartTask: {{commandLine: /bin/true}}")
    spec = build(parse(Source(str(workload.file), workload.file.read_text("utf-8"))))
    desired = expand(spec, Readable({}))
    assert spec.pool is not None
    assert desired.pool is not None
    with closing(Overtaken(local_account, change, reads=3)) as batch:
        changes = list(
            pool_changes(desired.pool, pool_service.read(batch, workload.id) or {}, compare_size=True)
        )
        with pytest.raises(StalePlanError):
            pool_update.update(batch, spec.pool, desired.pool, changes, lambda _: None)
    live = workload.pool
    names = {entry.name for entry in live.metadata}
    assert (names & {"theirs", "team"}, live.start_task.command_line) == ({"theirs"}, "/bin/true")
    workload.apply()
    assert "theirs" in {entry.name for entry in workload.pool.metadata}
    assert "No changes" in workload.run("plan").stdout


class Overtaken(Batch):
    """A connection on which somebody else is quicker: *change* happens right after so many reads."""

    def __init__(self, account: LocalAccount, change: Callable[[], None], *, reads: int) -> None:
        key = AzureNamedKeyCredential(account.batch_account, account.batch_key)
        super().__init__(account.batch_endpoint, key)
        self._change, self._left = change, reads

    def get(self, path: str, *, doing: str, **query: str) -> Answer:
        answer = super().get(path, doing=doing, **query)
        self._left -= 1
        if self._left == 0:
            self._change()
        return answer


def test_r09_the_end_of_a_rollout_keeps_what_somebody_adds(
    workload: Workload, local_account: LocalAccount
) -> None:
    """Its mark is taken off the pool as it is by then, read again when somebody was quicker."""
    workload.says(f"{EMPTY}\nstartTask: {{commandLine: /bin/true}}\nrollout: reboot")
    workload.apply()

    def add(name: str) -> None:
        metadata = [*workload.pool.metadata, BatchMetadataItem(name=name, value="1")]
        workload.sdk.update_pool(workload.id, BatchPoolUpdateOptions(metadata=metadata))

    add(STAMP_ROLLOUT)
    spec = build(parse(Source(str(workload.file), workload.file.read_text("utf-8"))))
    desired = expand(spec, Readable({}))
    assert spec.pool is not None
    assert desired.pool is not None
    with closing(Overtaken(local_account, lambda: add("theirs"), reads=2)) as batch:
        roll_out(batch, spec.pool, desired.pool, lambda _: None, lambda: None)
    names = {entry.name for entry in workload.pool.metadata}
    assert names & {"theirs", STAMP_ROLLOUT} == {"theirs"}


class Repeating(Batch):
    """A connection that sends every change twice, as one whose first answer is lost."""

    def patch(self, path: str, body: Json, *, doing: str, etag: str | None = None) -> Answer:
        super().patch(path, body, doing=doing, etag=etag)
        return super().patch(path, body, doing=doing, etag=etag)

    def post(self, path: str, body: Json | bytes | None, *, doing: str, etag: str | None = None) -> Answer:
        super().post(path, body, doing=doing, etag=etag)
        return super().post(path, body, doing=doing, etag=etag)


@pytest.mark.parametrize("more", ["metadata: [{name: team, value: video}]", "startTask: null"])
def test_r11_a_repeated_update_is_our_own(workload: Workload, local_account: LocalAccount, more: str) -> None:
    """An update that was sent twice finds its own change, and that is no conflict."""
    workload.says(f"{EMPTY}\nstartTask: {{commandLine: /bin/true}}")
    workload.apply()
    workload.says(EMPTY if "null" in more else f"{EMPTY}\n{more}\nstartTask: {{commandLine: /bin/true}}")
    spec = build(parse(Source(str(workload.file), workload.file.read_text("utf-8"))))
    desired = expand(spec, Readable({}))
    assert spec.pool is not None
    assert desired.pool is not None
    key = AzureNamedKeyCredential(local_account.batch_account, local_account.batch_key)
    with closing(Repeating(local_account.batch_endpoint, key)) as batch:
        changes = list(
            pool_changes(desired.pool, pool_service.read(batch, workload.id) or {}, compare_size=True)
        )
        pool_update.update(batch, spec.pool, desired.pool, changes, lambda _: None)
    assert "No changes" in workload.run("plan").stdout
