"""`batchspec import`: a spec for what others made, whose next plan is empty once it is adopted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from azure.batch import BatchClient

from batchspec.errors import RefusedError, UsageError
from importing.conftest import Run
from importing.shapes import CANARY, JOBS, POOLS, WITH_SOMETHING_LEFT_OUT


def import_and_plan(run: Run, *what: str) -> str:
    """Imports and adopts, holds the printed spec to its promises, and returns it."""
    text = run("import", *what, "--adopt", "--auto-approve").stdout
    Path("imported.yaml").write_text(text, "utf-8")
    assert run("validate", "imported.yaml").stdout == "imported.yaml: valid\n"
    planned = run("plan", "imported.yaml", "--format", "json")
    assert json.loads(planned.stdout)["actions"] == []
    assert "sig=" not in text
    assert CANARY not in text
    return text


def left_out(text: str) -> list[str]:
    """The entries of `ignoreChanges`, which stands last, with their comments."""
    return [line.removeprefix("  - ") for line in text.partition("\nignoreChanges:")[2].splitlines()[1:]]


@pytest.mark.parametrize("shape", POOLS)
def test_the_next_plan_of_an_adopted_pool_is_empty(shape: str, run: Run, sdk: BatchClient, name: str) -> None:
    """Whatever another tool made of a pool: the spec is valid, plans nothing and holds no secret."""
    sdk.create_pool({"id": name, **POOLS[shape]})  # type: ignore[arg-type]
    text = import_and_plan(run, "pool", name)
    assert left_out(text) == WITH_SOMETHING_LEFT_OUT.get(shape, [])


@pytest.mark.parametrize("shape", JOBS)
def test_the_next_plan_of_an_adopted_job_is_empty(shape: str, run: Run, sdk: BatchClient, name: str) -> None:
    """A pool and a job on it in one command, whatever the job's shape."""
    pool = POOLS["containers" if shape == "manager" else "bare"]
    sdk.create_pool({"id": name, **pool})  # type: ignore[arg-type]
    sdk.create_job({"id": name, "poolInfo": {"poolId": name}, **JOBS[shape]})  # type: ignore[arg-type]
    text = import_and_plan(run, "pool", name, "job", name)
    assert left_out(text) == WITH_SOMETHING_LEFT_OUT.get(shape, [])


def test_printing_changes_nothing(run: Run, sdk: BatchClient, name: str) -> None:
    """Without --adopt the pool stays as it was, and the spec says how to adopt it."""
    sdk.create_pool({"id": name, **POOLS["sized"]})  # type: ignore[arg-type]
    assert run("import", "pool", name).stdout == (
        f"""\
# Made by `batchspec import pool {name}`. What the service has by default is left out.
#
# batchspec did not create it, so it does not change it yet. To make this spec the owner:
#   batchspec import pool {name} --name {name} --adopt
# Then `batchspec plan` has no changes.
version: 1
name: {name} # everything this spec owns is tagged with it

pool:
  id: {name}
  vmSize: standard_d2ds_v5
  image: Canonical:ubuntu-24_04-lts:server:latest
  targetDedicatedNodes: 1
  targetLowPriorityNodes: 2 # Spot
  resizeTimeout: PT6M
"""
    )
    assert sdk.get_pool(name).metadata is None


def test_a_plan_before_adoption_is_refused(run: Run, sdk: BatchClient, name: str) -> None:
    """Exit code 4, and the command that adopts it; which then makes the plan empty."""
    sdk.create_pool({"id": name, **POOLS["bare"]})  # type: ignore[arg-type]
    Path("s.yaml").write_text(run("import", "pool", name, "--name", "other").stdout, "utf-8")
    refused = run("plan", "s.yaml", fails=True).exception
    assert isinstance(refused, RefusedError)
    assert str(refused) == f"the pool {name} exists and was not created by batchspec"
    assert refused.help.endswith(f"`batchspec import pool {name} --name other --adopt`")
    adopted = run("import", "pool", name, "--name", "other", "--adopt", "--auto-approve")
    assert adopted.stderr.endswith(f"adopted the pool {name}; `batchspec plan` of this spec has no changes\n")
    assert "did not create it" not in run("import", "pool", name).stdout
    assert run("plan", "s.yaml", "--detailed-exitcode").return_value == 0


def test_adoption_is_a_stamp_and_nothing_else(run: Run, sdk: BatchClient, name: str) -> None:
    """Metadata of others stays; no other field of pool or job changes."""
    sdk.create_pool({"id": name, **POOLS["metadata"]})  # type: ignore[arg-type]
    sdk.create_job({"id": name, "poolInfo": {"poolId": name}, **JOBS["in-full"]})  # type: ignore[arg-type]

    def state(stamps: bool) -> list[dict[str, object]]:
        found = [sdk.get_pool(name).as_dict(), sdk.get_job(name).as_dict()]
        for body in found:
            body["metadata"] = {
                entry["name"]: entry["value"]
                for entry in body["metadata"]
                if stamps or not entry["name"].startswith("batchspec.")
            }
            for moving in ("eTag", "lastModified", "allocationState", "allocationStateTransitionTime"):
                body.pop(moving, None)
        return found

    before = state(stamps=True)
    run("import", "pool", name, "job", name, "--adopt", "--auto-approve")
    assert state(stamps=False) == before
    assert [body["metadata"]["batchspec.spec"] for body in state(stamps=True)] == [name, name]  # type: ignore[index]


def test_adoption_needs_a_word(run: Run, sdk: BatchClient, name: str) -> None:
    """With no terminal and no --auto-approve nothing is stamped; the spec is printed all the same."""
    sdk.create_pool({"id": name, **POOLS["bare"]})  # type: ignore[arg-type]
    refused = run("import", "pool", name, "--adopt", fails=True)
    assert isinstance(refused.exception, RefusedError)
    assert f"  id: {name}\n" in refused.stdout
    assert sdk.get_pool(name).metadata is None


def test_tasks_of_a_job_are_rows_of_groups(run: Run, sdk: BatchClient, name: str) -> None:
    """Where command lines agree there is one group, and what differs is an axis or a row."""
    sdk.create_job({"id": name, "poolInfo": {"poolId": "theirs"}, "usesTaskDependencies": True})  # type: ignore[arg-type]
    sources = "https://example.org/clips"
    tasks: list[dict[str, object]] = [
        {
            "id": f"encode-{clip}-{height}",
            "commandLine": f"/bin/bash -c 'ffmpeg -i {clip}.mov -height {height} {clip}-{height}.mp4'",
            "resourceFiles": [{"httpUrl": f"{sources}/{clip}.mov?sig={CANARY}", "filePath": f"{clip}.mov"}],
            "environmentSettings": [
                {"name": "API_TOKEN", "value": CANARY},
                {"name": "LEVEL", "value": str(height)},
            ],
        }
        for clip in ("intro", "outro")
        for height in (360, 720)
    ]
    tasks += [{"id": f"check{n}", "commandLine": f"md5sum part{n}"} for n in range(1, 4)]
    tasks += [{"id": "end", "commandLine": "echo {{", "dependsOn": {"taskIds": ["check1"]}}]
    tasks += [{"id": "again-1", "commandLine": "true"}, {"id": "again-2", "commandLine": "true"}]
    tasks += [{"id": "hush", "commandLine": f"login --password {CANARY}"}]
    for task in tasks:
        sdk.create_task(name, task)  # type: ignore[arg-type]
    text = run("import", "job", name).stdout
    assert CANARY not in text
    assert "#   API_TOKEN: the variable API_TOKEN of tasks\n" in text
    assert text[text.index("# Left out") :] == GROUPS
    Path("s.yaml").write_text(text, "utf-8")
    assert run("validate", "s.yaml").stdout == "s.yaml: valid\n"
    rendered = run("render", "s.yaml", "--tasks").stdout
    assert rendered.count("ffmpeg") == 4
    assert "tasks:" not in run("import", "job", name, "--adopt", "--auto-approve").stdout


GROUPS = """\
# Left out: hush: commandLine may hold a secret.
tasks:
  again: { matrix: { run: [1, 2] }, commandLine: "true" }
  check: { matrix: { value: [part1, part2, part3] }, commandLine: "md5sum {{ matrix.value }}" }
  encode:
    matrix: { i: [intro, outro], height: [360, 720] }
    commandLine: >-
      /bin/bash -c 'ffmpeg -i {{ matrix.i }}.mov -height {{ matrix.height }}
      {{ matrix.i }}-{{ matrix.height }}.mp4'
    resourceFiles:
      - { httpUrl: "https://example.org/clips/{{ matrix.i }}.mov", filePath: "{{ matrix.i }}.mov" }
    environmentSettings:
      - { name: API_TOKEN, value: { fromEnvironment: API_TOKEN } }
      - { name: LEVEL, value: "{{ matrix.height }}" }
  # These tasks waited for others (dependsOn). A spec says so by what they read: inputs: {from:
  # GROUP}, or files: {NAME: {from: GROUP}}.
  end:
    commandLine: "echo {{ \\"{{\\" }}"
"""


def test_a_job_alone_uses_its_pool_as_it_is(run: Run, sdk: BatchClient, name: str) -> None:
    """`import job` writes `pool: {existing: …}`; the tasks of others are counted and left alone."""
    sdk.create_job({"id": name, "poolInfo": {"poolId": "theirs"}})  # type: ignore[arg-type]
    for task in ("a", "b"):
        sdk.create_task(name, {"id": task, "commandLine": "true"})  # type: ignore[arg-type]
    assert "`apply` adds them as new tasks. --adopt leaves them out.\n" in run("import", "job", name).stdout
    text = import_and_plan(run, "job", name)
    assert text.endswith(
        f"""\
# The job has 2 tasks that this spec does not know and does not change;
# only `destroy`, which deletes the job, would delete them too.
version: 1
name: {name} # everything this spec owns is tagged with it

pool:
  existing: theirs

job:
  id: {name}
  onAllTasksComplete: noaction # left out, the job would end with its tasks
"""
    )
    run("apply", "imported.yaml")
    assert {task.id for task in sdk.list_tasks(name)} == {"a", "b"}


def test_what_another_spec_owns_is_not_taken(run: Run, sdk: BatchClient, name: str) -> None:
    """The name is the owner's unless one is given, and another one is refused with exit code 4."""
    stamp = [{"name": "batchspec.spec", "value": "theirs"}]
    sdk.create_pool({"id": name, "metadata": stamp, **POOLS["bare"]})  # type: ignore[arg-type]
    assert "name: theirs #" in run("import", "pool", name).stdout
    kept = run("import", "pool", name, "--adopt", "--auto-approve")
    assert kept.stderr.endswith("the spec theirs already owns it\n")
    refused = run("import", "pool", name, "--name", "ours", "--adopt", "--auto-approve", fails=True)
    assert isinstance(refused.exception, RefusedError)
    assert str(refused.exception) == f"the pool {name} belongs to the spec 'theirs'"


def test_a_job_that_has_ended_cannot_be_adopted(run: Run, sdk: BatchClient, name: str) -> None:
    """The service changes nothing of it any more; the error says what to do instead."""
    sdk.create_job({"id": name, "poolInfo": {"poolId": "theirs"}})  # type: ignore[arg-type]
    sdk.begin_terminate_job(name, options={"terminateReason": "done"}, polling_interval=0.1).result()  # type: ignore[call-overload]
    refused = run("import", "job", name, "--adopt", "--auto-approve", fails=True)
    assert f"# {name}-2.\n" in refused.stdout
    assert isinstance(refused.exception, RefusedError)
    assert refused.exception.help == "import the pool alone, and give the spec a job with another id"


def test_a_job_with_a_pool_of_its_own(run: Run, sdk: BatchClient, name: str) -> None:
    """A spec has no auto pools, and the error says so."""
    automatic = {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": POOLS["bare"]}}
    sdk.create_job({"id": name, "poolInfo": automatic})  # type: ignore[arg-type]
    refused = run("import", "job", name, fails=True).exception
    assert isinstance(refused, UsageError)
    assert str(refused) == f"the job {name} uses an auto pool, which a spec does not support"


def test_a_job_of_a_schedule(run: Run, sdk: BatchClient, name: str) -> None:
    """Its id has a colon, which no spec can say."""
    schedule = {"id": name, "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "theirs"}}}
    sdk.create_job_schedule(schedule)  # type: ignore[arg-type]
    refused = run("import", "job", f"{name}:job-1", fails=True).exception
    assert isinstance(refused, UsageError)
    assert str(refused) == f"the job {name}:job-1 has an id that a spec does not support"


def test_a_job_of_another_pool(run: Run, sdk: BatchClient, name: str) -> None:
    """Pool and job belong together, and the error has the command that would be right."""
    sdk.create_pool({"id": name, **POOLS["bare"]})  # type: ignore[arg-type]
    sdk.create_job({"id": name, "poolInfo": {"poolId": "theirs"}})  # type: ignore[arg-type]
    refused = run("import", "pool", name, "job", name, fails=True).exception
    assert isinstance(refused, UsageError)
    assert refused.help == f"batchspec import pool theirs job {name}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pool",), "expected `pool ID`, `job ID`, both, or `shipyard FOLDER`"),
        (("pool", "a", "pool", "b"), "expected `pool ID`, `job ID`, both, or `shipyard FOLDER`"),
        (("node", "a"), "expected `pool ID`, `job ID`, both, or `shipyard FOLDER`"),
        (("pool", "a", "--name", "-x y"), "--name -x y: not a spec's name"),
        (("pool", "no-such-pool"), "the account has no pool no-such-pool"),
        (("job", "no-such-job"), "the account has no job no-such-job"),
    ],
)
def test_wrong_words(run: Run, words: tuple[str, ...], message: str) -> None:
    """What cannot be imported is wrong usage, exit code 64."""
    refused = run("import", *words, fails=True).exception
    assert isinstance(refused, UsageError)
    assert str(refused) == message


def test_what_changed_meanwhile_is_not_stamped(
    run: Run, sdk: BatchClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stamp goes onto the pool that was shown, or onto none."""
    sdk.create_pool({"id": name, **POOLS["bare"]})  # type: ignore[arg-type]

    def meanwhile(*_: object, **__: object) -> None:
        sdk.update_pool(name, {"metadata": [{"name": "a", "value": "b"}]})  # type: ignore[arg-type]

    monkeypatch.setattr("batchspec.cli.commands.import_.require_yes", meanwhile)
    refused = run("import", "pool", name, "--adopt", fails=True).exception
    assert isinstance(refused, RefusedError)
    assert str(refused) == f"the pool {name} was changed by somebody else in the meantime"
    assert [entry.name for entry in sdk.get_pool(name).metadata or []] == ["a"]
