"""R-47, R-49, R-50, R-52: quotas of jobs, looking with few requests, images, machines with troubles of their own."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections import Counter

import pytest
from main_job.workload import BATCHSPEC, Workload, wait_until

from batchspec.errors import StuckError
from batchspec.service.batch.pool import wait_until_steady
from batchspec.service.connect import connect

from .conftest import Luck

_AN_HOUR_OFF = """
import datetime, sys
class Wrong(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(hours=HOURS)
    @classmethod
    def utcnow(cls):
        return cls.now(datetime.UTC).replace(tzinfo=None)
import azure.batch._patch, batchspec.service.http.errors
azure.batch._patch.datetime = batchspec.service.http.errors.datetime = Wrong
from batchspec.cli.main import main
main()
"""


def test_r47_a_quota_of_active_jobs_is_waited_for(work: Workload) -> None:
    """The account takes no more jobs for a moment: the run says what it waits for, and goes on."""
    fault = {"operation": "create_job", "status": 409, "code": "ActiveJobAndScheduleQuotaReached", "times": 2}
    work.batch("POST", "/_local/faults", fault)
    steps = work.apply("--format", "json").of_type("step")
    assert any(step["text"].startswith("waiting for another job to end") for step in steps)
    assert work.downloaded() == {"a.out", "b.out"}


def test_r49_while_nothing_ends_no_task_is_listed(held: Workload, luck: Luck) -> None:
    """A look is the counts, now and then the pool, its nodes and the job; tasks are listed when some have ended."""
    with held.started("apply", "specs/ffmpeg.yaml") as process:
        luck.running(2)
        since = held.request_count()
        wait_until(lambda: _asked(held, since)[f"/jobs/{held.job_id}/taskcounts"] >= 6)
        asked = _asked(held, since)
        held.let_go()
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert asked[f"/jobs/{held.job_id}/tasks"] == 0
    looks = asked[f"/jobs/{held.job_id}/taskcounts"]
    assert asked.keys() <= {
        f"/jobs/{held.job_id}/taskcounts",
        f"/jobs/{held.job_id}",
        f"/pools/{held.pool_id}",
        f"/pools/{held.pool_id}/nodes",
    }
    assert asked.total() <= 4 * looks


def _asked(work: Workload, since: int) -> Counter[str]:
    return Counter(entry["path"] for entry in work.requests_since(since))


def test_r50_an_image_that_the_account_does_not_offer_is_found_before_anything_is_made(
    work: Workload,
) -> None:
    """Plan and apply end with 1 and the nearest image, and no pool was made."""
    work.edit("canonical:ubuntu-24_04-lts:server", "canonical:ubuntu-24_04-lts:servr")
    for words in (("plan", "specs/ffmpeg.yaml"), ("apply", "specs/ffmpeg.yaml")):
        ended = work.command(*words, code=1)
        assert "error[BS0701]" in ended.out
        assert "did you mean `canonical:ubuntu-24_04-lts:server`" in ended.out
    assert (work.pool(), work.jobs()) == (None, [])


@pytest.mark.parametrize(("hours", "which"), [(1, "ahead of"), (-1, "behind")])
def test_r52_a_clock_that_is_wrong_by_an_hour_is_the_reason_given(
    work: Workload, hours: int, which: str
) -> None:
    """Exit code 77 and one sentence that says by how much, not one about keys."""
    code = _AN_HOUR_OFF.replace("HOURS", str(hours))
    ended = subprocess.run(
        [sys.executable, "-c", code, "plan", "specs/ffmpeg.yaml"],
        cwd=work.folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 77, ended.stderr
    assert f"help: this machine's clock is 60 minutes {which} the service's: set it" in ended.stderr
    assert "az login" not in ended.stderr


def test_r52_a_disk_that_takes_no_more_leaves_no_part_of_a_download(work: Workload) -> None:
    """One error that names the file, nothing under its name or beside it, and what came beside it is told; with room,
    the same command goes on.
    """
    (work.clips / "large").write_bytes(b"x" * 200_000)
    work.apply("--detach")
    wait_until(lambda: {"large.out"} <= work.results())
    ended = subprocess.run(
        [*BATCHSPEC, "download", "specs/ffmpeg.yaml"],
        cwd=work.folder,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert ended.returncode == 1, ended.stderr
    assert "could not write " in ended.stderr
    assert "large.out: File too large" in ended.stderr
    assert work.downloaded() <= {"a.out", "b.out"}
    assert {*ended.stdout.split()} == {f"{work.name}/{name}" for name in work.downloaded()}
    work.command("download", "specs/ffmpeg.yaml")
    assert work.downloaded() == {"a.out", "b.out", "large.out"}


def test_r52_a_home_that_cannot_be_used_is_told_with_the_way_out(work: Workload) -> None:
    """No folder can be made there: one sentence, and the variable that names another."""
    ended = work.command(
        "plan",
        "specs/ffmpeg.yaml",
        code=1,
        env={"BATCHSPEC_LOCAL_HOME": "", "HOME": "/dev/null/x", "XDG_STATE_HOME": ""},
    )
    assert "cannot be used: Not a directory" in ended.err
    assert "set BATCHSPEC_LOCAL_HOME to a folder of your own" in ended.err


def test_r52_without_a_network_one_sentence_says_so(work: Workload) -> None:
    """A name that does not resolve: exit code 1, the host, and where to look."""
    host = "https://nowhere.invalid"
    storage = f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5;BlobEndpoint={host}/a;"
    azure = {
        "AZURE_BATCH_ACCOUNT": "a",
        "AZURE_BATCH_ENDPOINT": host,
        "AZURE_BATCH_ACCESS_KEY": "a2V5",
        "AZURE_STORAGE_CONNECTION_STRING": storage,
        "BATCHSPEC_TARGET": "azure",
        "BATCHSPEC_PATIENCE": "15",  # the name is never known, however long it is asked for
    }
    ended = work.command("plan", "specs/ffmpeg.yaml", code=1, env=azure)
    assert "no answer from the service" in ended.err
    assert "nowhere.invalid" in ended.err
    assert "help: check the network" in ended.err


def test_r18_a_pool_that_does_not_become_steady_is_told_with_what_it_has(work: Workload, luck: Luck) -> None:
    """Past the limit the wait ends, with the number of nodes and the way to end the resize."""
    luck.hold("resizing")
    work.apply("--detach")
    account = connect("local", lambda _: None)
    told: list[str] = []
    try:
        with pytest.raises(StuckError) as caught:
            wait_until_steady(account.batch, work.pool_id, told.append, limit_s=0)
    finally:
        account.close()
    assert caught.value.reason == "resizing"
    assert f"the pool {work.pool_id} is still resizing after 0 minutes, with 0 of 2 nodes" in str(
        caught.value
    )
    assert "--abort" in caught.value.help
