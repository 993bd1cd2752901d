"""What nodes do with tasks, as far as it is only believed."""

from __future__ import annotations

import re
import shlex

import pytest

from batchspec.service.batch.client import path_of
from live.facts import CONTAINER, SPLIT, Facts


@pytest.mark.parametrize("what", [name for name in SPLIT if name != "ours"])
def test_command_lines_are_split_like_a_shell_would(facts: Facts, what: str) -> None:
    """The node splits by POSIX rules and expands nothing. [FACTS 5.2: "split", by rules nobody publishes]"""
    words = shlex.split(SPLIT[what])[2:]
    assert facts.stdout(f"split-{what}") == "".join(f"[{word}]" for word in words)


def test_our_own_form_of_a_command_line_survives(facts: Facts) -> None:
    """The constant script that batchspec sends reaches sh whole, and the command by its variable. [FACTS 5.2]"""
    assert facts.stdout("split-ours") == "[a b][$HOME][it's]"


def test_upload_headers_become_metadata(facts: Facts) -> None:
    """`uploadHeaders` named x-ms-meta-… are the blob's metadata: the record of work done. [FACTS 5.7]"""
    (blob,) = facts.account.blobs.list(CONTAINER, f"{facts.name}/made.txt")
    assert blob.metadata == {"batchspec_fingerprint": "f1"}


def test_wildcards_keep_the_path_below_their_fixed_part(facts: Facts) -> None:
    """`a/**/*.txt` keeps folders below `a`, without dot files; `a/b/*` stays in its folder. [FACTS 5.7: [K]]"""
    prefix = f"{facts.name}/"
    names = [blob.name.removeprefix(prefix) for blob in facts.account.blobs.list(CONTAINER, prefix)]
    assert sorted(name for name in names if name.startswith("deep/")) == [
        "deep/1.txt",
        "deep/b/2.txt",
        "deep/b/c/3.txt",
    ]
    assert [name for name in names if name.startswith("flat/")] == ["flat/2.txt"]


def test_end_by_wall_clock(facts: Facts) -> None:
    """A task over its wall clock time has failed with `TaskEnded`, exit code 137 or 143. [FACTS 5.2: [K]]"""
    info = facts.tasks["wall-clock"]["executionInfo"]
    assert (info["result"].lower(), info["failureInfo"]["code"]) == ("failure", "TaskEnded")
    assert info.get("exitCode") in (137, 143)


def test_exit_code_of_a_killed_process(facts: Facts) -> None:
    """A process that a signal ended shows 128 and the signal. [not in FACTS]"""
    assert facts.tasks["killed"]["executionInfo"]["exitCode"] == 137


def test_a_program_that_is_not_there(facts: Facts) -> None:
    """There is no exit code then, and the failure is `CommandProgramNotFound` of the user's. [FACTS 5.2]"""
    info = facts.tasks["no-program"]["executionInfo"]
    assert "exitCode" not in info
    assert (info["failureInfo"]["category"].lower(), info["failureInfo"]["code"]) == (
        "usererror",
        "CommandProgramNotFound",
    )


def test_retries_keep_the_working_directory(facts: Facts) -> None:
    """Two retries are three tries, in the same directory. [FACTS 5.2: n+1 tries, directory unchanged]"""
    info = facts.tasks["retried"]["executionInfo"]
    assert (info["retryCount"], info["exitCode"], info["failureInfo"]["code"]) == (2, 1, "FailureExitCode")
    assert facts.stdout("retried").split()[-1] == "3"


def test_environment_of_a_task(facts: Facts) -> None:
    """It runs in its `wd` and has Batch's variables. [FACTS 5.8]"""
    lines = facts.stdout("environment").splitlines()
    found = dict(line.partition("=")[::2] for line in lines if "=" in line)
    assert found["AZ_BATCH_TASK_WORKING_DIR"] in lines  # what pwd said
    assert re.search(rf"workitems/{facts.name}/job-1/environment/wd$", found["AZ_BATCH_TASK_WORKING_DIR"])
    assert found["AZ_BATCH_NODE_IS_DEDICATED"].lower() == "true"
    assert {"AZ_BATCH_ACCOUNT_NAME", "AZ_BATCH_JOB_ID", "AZ_BATCH_NODE_ROOT_DIR", "AZ_BATCH_POOL_ID"} <= set(
        found
    )


def test_start_task_runs_in_startup_wd(facts: Facts) -> None:
    """The start task's directory is `startup/wd`, its stdout `startup/stdout.txt`. [FACTS 5.8: [K]]"""
    where = path_of("pools", facts.name, "nodes", facts.node["id"], "files", "startup/stdout.txt")
    said = facts.account.batch.content(where, doing="read the start task's stdout").decode().strip()
    assert said.endswith("/startup/wd")


def test_ids_of_dedicated_nodes(facts: Facts) -> None:
    """Ids of dedicated nodes are `tvmps_…_d`. [FACTS 2: seen in recordings]"""
    assert re.fullmatch(r"tvmps_[0-9a-f]{64}_d", facts.node["id"])
