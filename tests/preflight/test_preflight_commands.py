"""The preflight from the outside: what `plan` and `apply` do with it."""

import json

import jsonschema
import pytest
from main_job.workload import PROJECT, Workload

OFFERED = "canonical:ubuntu-24_04-lts:server"
SCHEMA = json.loads((PROJECT / "schemas" / "batchspec-plan-v1.schema.json").read_text("utf-8"))


def asked_for_images(work: Workload, since: int) -> int:
    return [entry["path"] for entry in work.requests_since(since)].count("/supportedimages")


def test_r06_a_plan_with_an_error_is_neither_saved_nor_applied(work: Workload) -> None:
    """It is shown whole, ends with 1 whatever else was asked for, leaves no file, and apply makes nothing."""
    work.edit(OFFERED, "canonical:ubuntu-2404-lts:server")
    for words in ((), ("-o", "saved.plan"), ("--detailed-exitcode",), ("--format", "markdown")):
        ended = work.command("plan", "specs/ffmpeg.yaml", *words, code=1)
        assert "error[BS0701]" in ended.out
        assert "1 error: this plan cannot be saved or applied." in ended.out
        assert ended.err.splitlines()[-1].startswith("error: the account would reject this plan;")
    assert not (work.folder / "saved.plan").exists()
    ended = work.apply("--auto-approve", code=1)
    assert "error: the account would reject this plan" in ended.err
    assert (work.pool(), work.jobs()) == (None, [])


def test_the_json_of_a_plan_has_warnings_and_findings(work: Workload) -> None:
    """Programs get the spec's warnings, the preflight's findings and what was not checked; one object, exit code 1."""
    work.edit(OFFERED, "canonical:ubuntu-2404-lts:server")
    work.edit("Standard_D2ds_v5", "Standard_D2s_v3")
    ended = work.command("plan", "specs/ffmpeg.yaml", "--format", "json", code=1)
    (plan,) = ended.objects
    jsonschema.Draft7Validator(SCHEMA).validate(plan)
    assert [(f["code"], f["severity"], f["path"]) for f in plan["findings"]] == [
        ("BS0705", "warning", "pool.vmSize"),
        ("BS0701", "error", "pool.image"),
        ("BS0213", "warning", "job.constraints.maxWallClockTime"),
    ]
    assert plan["notChecked"] == []  # a quota of this account would say nothing


def test_what_is_not_simulated_here_is_in_every_form_of_a_plan(work: Workload) -> None:
    """Text, JSON, Markdown and a saved plan list what the local account accepts and does not act on."""
    work.edit("Standard_D2ds_v5", "Standard_D2ds_v5\n  upgradePolicy: {mode: manual}")
    ended = work.command("plan", "specs/ffmpeg.yaml", "--format", "json")
    (plan,) = ended.objects
    jsonschema.Draft7Validator(SCHEMA).validate(plan)
    (found,) = [entry for entry in plan["notSimulated"] if entry["path"] == "pool.upgradePolicy"]
    line = f"      pool.upgradePolicy: {found['what']}  {found['place']}\n"
    for words in (("plan", "specs/ffmpeg.yaml", "-o", "saved.plan"), ("show", "saved.plan")):
        assert f"  ? not simulated locally:\n{line}" in work.command(*words).out
    assert line in work.command("plan", "specs/ffmpeg.yaml", "--format", "markdown").out


@pytest.mark.parametrize(
    "words", [(), ("-o", "saved.plan"), ("--format", "markdown"), ("--format", "json")], ids=str
)
def test_s16_what_is_warned_about_as_a_secret_is_in_no_form_of_a_plan(
    work: Workload, words: tuple[str, ...]
) -> None:
    """A value that looks like a secret beside a line that the plan shows is hidden there, and in the saved plan."""
    canary = "q8Zt3LwX9vBn5RkP2sYd"
    work.edit("Standard_D2ds_v5", f"Standard_D2s_v3\n  metadata: [{{name: api_key, value: {canary}}}]")
    ended = work.command("plan", "specs/ffmpeg.yaml", *words)
    assert "BS0705" in ended.out
    assert "BS0507" in ended.err
    assert canary not in ended.said
    if "-o" in words:
        assert canary not in (work.folder / "saved.plan").read_text("utf-8")


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_warnings_of_the_spec_are_on_stderr(work: Workload, command: str) -> None:
    """What `validate` warns about, plan and apply say too, once, behind the line that names the account."""
    said = work.command("validate", "specs/ffmpeg.yaml").err
    assert said.startswith("warning[BS0213]")
    ended = work.command(command, "specs/ffmpeg.yaml")
    assert ended.err.startswith("local account")
    assert ended.err.count(said.partition("\n\n")[0]) == 1


def test_images_are_read_only_for_a_pool_that_is_made_or_gets_another(work: Workload) -> None:
    """One reading for the first plan, none for a pool that is there, one again when its image changes."""
    since = work.request_count()
    work.plan()
    assert asked_for_images(work, since) == 1
    work.apply()
    work.edit("sleep, '0'", "sleep, '0.1'")
    work.edit("targetLowPriorityNodes: 2", "targetLowPriorityNodes: 1")
    since = work.request_count()
    assert [what for what, kind, _ in work.actions() if kind == "pool"] == ["update"]
    assert asked_for_images(work, since) == 0
    work.edit(OFFERED, "canonical:ubuntu-24_04-lts:server-gen1")
    assert {finding["severity"] for finding in work.plan()["findings"]} == {"warning"}
    assert asked_for_images(work, since) == 1


def test_what_the_preflight_accepts_can_be_applied(work: Workload) -> None:
    """A plan without an error runs to its end, and the next one has nothing left to say."""
    work.apply()
    after = work.plan()
    assert (after["actions"], after["notChecked"], after["excesses"]) == ([], [], [])
