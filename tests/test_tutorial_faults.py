"""The faults of the tutorial this project started from, each by its name, and batchspec free of it (finding F11).

The tutorial is Azure-Samples/batch-python-ffmpeg-tutorial; the numbers are lines of its one script.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from main_job.wire import Heard, Wire, listening
from main_job.workload import Workload, make_clip, make_workload, wait_until

from batchspec.service.embedded import LocalAccount


@pytest.fixture
def workload(tmp_path: Path, local_account: LocalAccount) -> Iterator[Workload]:
    """The sample workload with no clips yet."""
    for workload in make_workload(tmp_path, local_account):
        workload.copy_sample()
        for clip in workload.clips.iterdir():
            clip.unlink()
        yield workload


@pytest.fixture
def wire() -> Iterator[Wire]:
    with listening() as wire:
        yield wire


@pytest.mark.parametrize(
    "planted", ["$(touch planted).mp4", "a.mp4; touch planted #.mp4", 'a" && touch planted #.mp4']
)
def test_f11_a_command_planted_in_a_file_name_runs(workload: Workload, planted: str) -> None:
    """It put file names into `/bin/bash -c "..."`. Here a name is a name: nothing is run, and its MP3 is made."""
    make_clip(workload.clips / planted)
    workload.apply()
    assert workload.downloaded() == {planted.removesuffix(".mp4") + ".mp3"}
    assert not list(workload.account.home.rglob("planted"))


def test_f11_a_b_c_mp4_becomes_abc_mp3(workload: Workload) -> None:
    """Line 242 dropped every dot of a name. Here only the suffix goes."""
    make_clip(workload.clips / "a.b.c.mp4")
    workload.apply()
    assert workload.downloaded() == {"a.b.c.mp3"}


def test_f11_success_is_reported_when_every_task_failed(workload: Workload) -> None:
    """Line 282 took "completed" for success. Here failed tasks are counted, explained, and the exit code is 3."""
    for name in ("a.mp4", "b.mp4"):
        (workload.clips / name).write_text("no video")
    ended = workload.apply(code=3)
    assert {task["state"] for task in workload.tasks().values()} == {"completed"}
    assert "2 failed, 0 succeeded" in ended.out
    assert "succeeded." not in ended.out.replace("0 succeeded", "")


def test_f11_the_result_of_adding_tasks_is_dropped(workload: Workload, wire: Wire) -> None:
    """Line 258 did not look at it. Here a task that Batch refuses is a failure with Batch's own words."""
    for name in ("a.mp4", "b.mp4"):
        make_clip(workload.clips / name)

    def refuse_one(heard: Heard, content: bytes) -> bytes:
        if not heard.path.endswith("/addtaskcollection"):
            return content
        answer = json.loads(content)
        message = {"lang": "en-US", "value": "The specified thing is not right.\nRequestId:1"}
        answer["value"][0] |= {"status": "clienterror", "error": {"code": "InvalidThing", "message": message}}
        return json.dumps(answer).encode()

    wire.rewrite = refuse_one
    ended = workload.apply(code=3, env=wire.environment)
    assert "1 failed, 1 succeeded" in ended.out
    assert "The specified thing is not right." in ended.out
    assert "InvalidThing" in ended.out


def test_f11_every_task_is_listed_every_second(workload: Workload) -> None:
    """Lines 280 to 288 listed all tasks each second. Here waiting asks for counts; no task is listed meanwhile."""
    workload.write_held()
    with workload.started("apply", "specs/ffmpeg.yaml") as process:
        wait_until(lambda: [task["state"] for task in workload.tasks().values()] == ["running"] * 2)
        time.sleep(1)
        since = workload.request_count()
        time.sleep(4)
        asked = [entry["path"] for entry in workload.requests_since(since)]
        workload.let_go()
        process.communicate(timeout=60)
    assert [path for path in asked if path.endswith("/tasks")] == []
    assert len([path for path in asked if path.endswith("/taskcounts")]) in range(2, 8)


def test_f11_links_are_signed_for_two_hours(workload: Workload) -> None:
    """Line 129. Here links outlive the time the job may take, and give no more rights than a task needs (S-17)."""
    make_clip(workload.clips / "a.mp4")
    workload.apply()
    (task,) = workload.tasks().values()
    read = _signed(task["resourceFiles"][0]["httpUrl"])
    write = _signed(task["outputFiles"][0]["destination"]["container"]["containerUrl"])
    for link, rights, what in ((read, {"r"}, "b"), (write, set("cw"), "c")):
        assert set(link["sp"]) == rights
        assert link["sr"] == what
        left = datetime.fromisoformat(link["se"]) - datetime.now(UTC)
        assert timedelta(hours=3) < left < timedelta(days=7)


def test_f11_files_of_one_name_in_two_folders_collide(workload: Workload) -> None:
    """Line 88 named blobs by the base name. Here they keep their folders, as do the outputs."""
    for folder in ("one", "two"):
        make_clip(workload.clips / folder / "same.mp4")
    workload.apply()
    assert workload.inputs() == {"clips/one/same.mp4", "clips/two/same.mp4"}
    assert workload.downloaded() == {"one/same.mp3", "two/same.mp3"}


def test_f11_the_host_of_the_public_cloud_is_written_in(workload: Workload) -> None:
    """Line 152. Here the account's own endpoints are used, also in the links that tasks get."""
    account = workload.account
    make_clip(workload.clips / "a.mp4")
    variables = {
        "AZURE_BATCH_ACCOUNT": account.batch_account,
        "AZURE_BATCH_ENDPOINT": account.batch_endpoint,
        "AZURE_BATCH_ACCESS_KEY": account.batch_key,
        "AZURE_STORAGE_ACCOUNT": account.storage_account,
        "AZURE_STORAGE_KEY": account.storage_key,
        "AZURE_STORAGE_SERVICE_ENDPOINT": account.blob_endpoint,
    }
    workload.apply(env=variables)
    (task,) = workload.tasks().values()
    assert task["resourceFiles"][0]["httpUrl"].startswith(account.blob_endpoint)
    assert workload.downloaded() == {"a.mp3"}


def test_f11_a_pool_that_exists_is_an_error(workload: Workload) -> None:
    """Line 202. Here a pool of ours that is there is compared, brought up to date, and used."""
    make_clip(workload.clips / "a.mp4")
    workload.apply()
    workload.edit("targetLowPriorityNodes: 2", "targetLowPriorityNodes: 1")
    make_clip(workload.clips / "b.mp4")
    workload.apply()
    pool = workload.pool()
    assert pool is not None
    assert pool["targetLowPriorityNodes"] == 1
    assert workload.downloaded() == {"a.mp3", "b.mp3"}


def test_f11_the_inputs_are_deleted_whatever_happened(workload: Workload) -> None:
    """Line 376. Here inputs stay, whether tasks succeed or fail, until `destroy`."""
    make_clip(workload.clips / "a.mp4")
    (workload.clips / "b.mp4").write_text("no video")
    workload.apply(code=3)
    assert workload.inputs() == {"clips/a.mp4", "clips/b.mp4"}


@pytest.mark.parametrize("where", ["params", "environment"])
def test_f11_account_keys_lie_in_a_tracked_file(workload: Workload, where: str) -> None:
    """It kept them in config.py. Here a spec with a key is refused (S-14), and the key is not shown."""
    make_clip(workload.clips / "a.mp4")
    key = workload.account.storage_key
    if where == "params":
        workload.edit("  bitrate: 192k", f"  storage: {key}\n  bitrate: 192k")
    else:
        text = f"AccountName=mine;AccountKey={key};EndpointSuffix=core.windows.net"
        workload.edit(
            "  audio:", f"  audio:\n    environmentSettings: [{{name: STORAGE, value: '{text}'}}]\n    #"
        )
    ended = workload.apply(code=65)
    assert "BS05" in ended.err
    assert key not in ended.said


@pytest.mark.parametrize("fault", ["a task fails", "the start task fails"])
@pytest.mark.parametrize("when_done", ["zero", "delete"])
def test_f11_nodes_run_on_after_an_error(workload: Workload, fault: str, when_done: str) -> None:
    """Lines 370 to 372 never came to the clean-up. Here `whenDone` holds for a run that failed too."""
    (workload.clips / "a.mp4").write_text("no video")
    workload.edit("targetDedicatedNodes: 0", f"targetDedicatedNodes: 0\n  whenDone: {when_done}")
    if fault == "the start task fails":
        workload.edit("command -v ffmpeg && exit 0;", "exit 7;")
    ended = workload.apply(code=3 if fault == "a task fails" else 1)
    pool = workload.pool()
    if when_done == "delete":
        assert pool is None or pool["state"] == "deleting"
    else:
        assert pool is not None
        assert pool["targetLowPriorityNodes"] == 0
    done = {"zero": "scaled to 0 nodes", "delete": "deleted"}[when_done]
    assert f"clean up: done pool {workload.pool_id} {done}" in ended.err


def test_f11_nodes_that_are_kept_are_named_with_what_they_cost(workload: Workload) -> None:
    """Nor did it say so. Here the summary names what is still there and the command that removes it."""
    make_clip(workload.clips / "a.mp4")
    ended = workload.apply()
    assert f"still there pool {workload.pool_id} with 2 nodes" in ended.out
    assert "batchspec destroy specs/ffmpeg.yaml" in ended.out


def test_f11_no_result_is_ever_downloaded(workload: Workload) -> None:
    """It ended with the results in storage. Here they come home, whole, under their own names."""
    make_clip(workload.clips / "a.mp4")
    workload.apply()
    with workload.blob_service() as service:
        blob = service.get_blob_client("output", f"{workload.name}/a.mp3")
        assert (workload.outputs / "a.mp3").read_bytes() == blob.download_blob().readall()


def _signed(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
