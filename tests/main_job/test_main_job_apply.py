"""From a fresh account to five MP3 files; again; after a change; after a loss (issue sections 1 and 4.1 to 4.3)."""

import os
import re

from main_job.wire import Wire
from main_job.workload import SAMPLE, Workload, make_clip, sound_seconds

STEPS = (
    "upload inputs",
    "create pool",
    "create job",
    "add tasks",
    "start nodes",
    "run tasks",
    "download outputs",
)


def test_1_five_clips_become_five_mp3_with_sound_of_the_right_length(bare: Workload) -> None:
    """The sample as it ships, on five Spot nodes that ran the start task: five MP3 files as long as their clips."""
    bare.copy_sample(nodes=5)
    ended = bare.apply()
    assert bare.downloaded() == {f"LowPriVMs-{i}.mp3" for i in range(1, 6)}
    for i in range(1, 6):
        wanted = sound_seconds(SAMPLE / "clips" / f"LowPriVMs-{i}.mp4")
        assert abs(sound_seconds(bare.outputs / f"LowPriVMs-{i}.mp3") - wanted) < 0.2
    assert bare.inputs() == {f"clips/LowPriVMs-{i}.mp4" for i in range(1, 6)}
    for step in STEPS:
        assert f"Z  {step}: " in ended.err
    assert "all 5 tasks succeeded" in ended.out
    assert "batchspec destroy specs/ffmpeg.yaml" in ended.out
    pool = bare.pool()
    assert pool is not None
    assert pool["vmSize"].lower() == "standard_d2ds_v5"
    assert (pool["targetDedicatedNodes"], pool["targetLowPriorityNodes"]) == (0, 5)
    assert pool["virtualMachineConfiguration"]["imageReference"]["sku"] == "server"
    nodes = bare.batch("GET", f"/pools/{bare.pool_id}/nodes")["value"]
    assert len(nodes) == 5
    assert {node["startTaskInfo"]["exitCode"] for node in nodes} == {0}
    assert {node["isDedicated"] for node in nodes} == {False}


def test_4_1_r03_after_an_apply_the_plan_is_empty_and_a_second_apply_sends_nothing_that_changes(
    workload: Workload, wire: Wire
) -> None:
    """Apply, plan, apply: the plan is empty, and the second apply only reads, from Batch and from Storage."""
    workload.apply()
    assert workload.plan("--detailed-exitcode")["actions"] == []
    before, since = {name: workload.blobs(name) for name in ("input", "output")}, workload.request_count()
    again = workload.apply(env=wire.environment)
    assert again.out.splitlines()[-1] == "No changes: 5 tasks up to date."
    assert {request.path.split("/")[1] for request in wire.heard} >= {"pools", "jobs", "batchspeclocal"}
    assert wire.changing == []
    assert {entry["method"] for entry in workload.requests_since(since)} == {"GET"}
    assert {name: workload.blobs(name) for name in ("input", "output")} == before


def test_r01_what_only_looks_sends_nothing_that_changes(workload: Workload, wire: Wire) -> None:
    """Validate, plan, status and logs only read, before there is anything and after."""
    reading = (
        ("validate", "specs/ffmpeg.yaml"),
        ("plan", "specs/ffmpeg.yaml"),
        ("status", "specs/ffmpeg.yaml"),
    )
    for words in reading:
        workload.command(*words, env=wire.environment)
    workload.apply()
    workload.edit("bitrate: 192k", "bitrate: 96k")
    for words in (*reading, ("logs", "LowPriVMs-1.mp4", "--spec", "specs/ffmpeg.yaml")):
        workload.command(*words, env=wire.environment)
    assert wire.heard
    assert wire.changing == []


def test_4_2_one_more_clip_is_one_upload_and_one_task(workload: Workload) -> None:
    """A clip more: one file goes up, one task is added, the ids of the others stay."""
    workload.apply()
    before, inputs = workload.all_task_ids(), workload.blobs("input")
    make_clip(workload.clips / "new" / "sixth.mp4")
    assert workload.actions() == [
        ("create", "job", "completed"),
        ("upload", "input", "new_input"),
        ("run", "task", "new_input"),
    ]
    workload.apply()
    added = set(workload.all_task_ids()) - set(before)
    assert len(added) == 1
    assert added.pop().startswith("sixth-")
    assert set(before) <= set(workload.all_task_ids())
    assert {name: tag for name, tag in workload.blobs("input").items() if name in inputs} == inputs
    assert "new/sixth.mp3" in workload.downloaded()
    assert workload.actions() == []


def test_4_2_a_touched_file_is_nothing(workload: Workload) -> None:
    """Another time on a file, with the same bytes: nothing to do."""
    workload.apply()
    os.utime(workload.clips / "LowPriVMs-3.mp4", (1_000_000_000, 1_000_000_000))
    assert workload.actions() == []


def test_4_2_other_bytes_of_the_same_size_and_time_are_one_upload_and_one_task(workload: Workload) -> None:
    """Bytes changed behind the back of size and time are found: one file goes up, one task runs."""
    clip = workload.clips / "sixth.mp4"
    make_clip(clip)
    os.utime(clip, (1_700_000_000, 1_700_000_000))  # settled long ago: its digest may be remembered
    workload.apply()
    before, ids = clip.stat(), set(workload.all_task_ids())
    content = clip.read_bytes()
    clip.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(clip, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (clip.stat().st_size, clip.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert workload.actions() == [
        ("create", "job", "completed"),
        ("upload", "input", "input_changed"),
        ("run", "task", "input_changed"),
    ]
    workload.apply()
    added = set(workload.all_task_ids()) - ids
    assert [re.match(r"sixth-", task) is not None for task in added] == [True]
    assert workload.actions() == []


def test_4_2_another_bitrate_is_five_tasks_no_upload_and_the_same_pool(workload: Workload) -> None:
    """A changed parameter runs every task again; inputs and pool stay as they are."""
    workload.apply()
    pool, inputs = workload.pool(), workload.blobs("input")
    assert pool is not None
    sizes = {file.name: file.stat().st_size for file in workload.outputs.iterdir()}
    assert workload.actions("--set", "bitrate=96k") == [
        ("create", "job", "completed"),
        *[("run", "task", "command_changed")] * 5,
    ]
    workload.apply("--set", "bitrate=96k")
    assert workload.blobs("input") == inputs
    after = workload.pool()
    assert after is not None
    assert (after["eTag"], after["lastModified"]) == (pool["eTag"], pool["lastModified"])
    assert all(file.stat().st_size < sizes[file.name] for file in workload.outputs.iterdir())
    assert workload.actions("--set", "bitrate=96k") == []


def test_4_3_one_output_less_is_that_task_alone(workload: Workload) -> None:
    """An output blob deleted in storage: its task alone runs again, and makes it again."""
    workload.apply()
    with workload.blob_service() as service:
        service.get_blob_client("output", f"{workload.name}/LowPriVMs-2.mp3").delete_blob()
    ids = set(workload.all_task_ids())
    assert workload.actions() == [("create", "job", "completed"), ("run", "task", "output_missing")]
    workload.apply()
    added = set(workload.all_task_ids()) - ids
    assert [task.startswith("LowPriVMs-2-") for task in added] in (
        [True],
        [],
    )  # a next job may take the same id
    assert len(workload.tasks(2)) == 1
    assert workload.results() == {f"LowPriVMs-{i}.mp3" for i in range(1, 6)}
    assert workload.actions() == []


def test_4_3_without_the_job_there_is_nothing_to_do(workload: Workload) -> None:
    """The job deleted in the service: the outputs are the record, so the plan is empty."""
    workload.apply()
    workload.delete(f"/jobs/{workload.job_id}")
    assert workload.actions() == []
    workload.apply()
    assert workload.jobs() == []


def test_4_3_without_pool_and_job_there_is_nothing_to_do_until_a_clip_changes(workload: Workload) -> None:
    """Pool and job deleted: nothing to do. Then one clip changes, and both come back for that one task."""
    workload.apply()
    workload.delete(f"/jobs/{workload.job_id}")
    workload.delete(f"/pools/{workload.pool_id}")
    assert workload.actions() == []
    make_clip(workload.clips / "LowPriVMs-4.mp4")
    assert workload.actions() == [
        ("create", "pool", "missing"),
        ("create", "job", "missing"),
        ("upload", "input", "input_changed"),
        ("run", "task", "input_changed"),
    ]
    workload.apply()
    assert workload.pool() is not None
    assert len(workload.tasks()) == 1
    assert workload.actions() == []


def test_4_9_destroy_takes_what_the_spec_made_and_nothing_else(workload: Workload) -> None:
    """Destroy takes jobs, pool and blobs of this spec; what lies beside stays; once more has nothing to do."""
    workload.apply()
    make_clip(workload.clips / "sixth.mp4")
    workload.apply()  # a second generation
    beside = f"{workload.name}-neighbour/x.mp3"
    with workload.blob_service() as service:
        for container in ("input", "output"):
            service.get_blob_client(container, beside).upload_blob(b"not ours")
        neighbour = f"{workload.job_id}-9"
        workload.batch("POST", "/jobs", {"id": neighbour, "poolInfo": {"poolId": workload.pool_id}})
        workload.destroy("--outputs")
        for container in ("input", "output"):
            blob = service.get_blob_client(container, beside)
            assert blob.download_blob().readall() == b"not ours"
            blob.delete_blob()
    assert workload.blobs("input") == {}
    assert workload.blobs("output") == {}
    assert workload.pool() is None or workload.pool()["state"] == "deleting"  # type: ignore[index]
    assert [job["id"] for job in workload.jobs() if job["state"] != "deleting"] == [neighbour]
    again = workload.destroy("--outputs")
    assert again.out == f"nothing to delete of {workload.name}\n"
    assert len(workload.downloaded()) == 6
    workload.apply()  # at once
    assert len(workload.results()) == 6


def test_4_9_destroy_keeps_outputs_unless_told_and_the_pool_when_told(workload: Workload) -> None:
    """Without --outputs the results stay, so a later apply runs nothing; --keep pool keeps the pool."""
    workload.apply()
    ended = workload.destroy("--keep", "pool")
    shown = [re.sub(r", [\d.]+ k?B", "", line) for line in ended.out.splitlines()]
    assert shown == [
        f"  - job {workload.job_id}, with its tasks",
        "  - 5 uploaded inputs in container input",
        "  - 10 logs in container output",
        "  = 5 outputs in container output, kept",
        "  = 1 run record in container output, kept",
        f"deleted job {workload.job_id}",
        "deleted 5 uploaded inputs in container input",
        "deleted 10 logs in container output",
    ]
    assert workload.pool() is not None
    assert workload.job() is None or workload.job()["state"] == "deleting"  # type: ignore[index]
    assert workload.inputs() == set()
    assert workload.results() == {f"LowPriVMs-{i}.mp3" for i in range(1, 6)}
    assert workload.actions() == []
    workload.destroy()
    assert workload.destroy().out.startswith(f"nothing to delete of {workload.name}\n  = 5 outputs")
    assert len(workload.results()) == 5


def test_4_9_destroy_asks_and_without_an_answer_deletes_nothing(workload: Workload) -> None:
    """No terminal and no --auto-approve: exit code 4, and everything is still there."""
    workload.apply()
    before = workload.blobs("output")
    ended = workload.command("destroy", "specs/ffmpeg.yaml", code=4)
    assert "nothing was deleted: confirming it needs an interactive terminal" in ended.err
    assert workload.pool() is not None
    assert workload.blobs("output") == before
