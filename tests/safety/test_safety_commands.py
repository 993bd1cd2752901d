"""The thresholds from the outside: apply ends with 4, says how to go on, and does when told so."""

import json

import jsonschema
from main_job.workload import PROJECT, Workload

SCHEMA = json.loads((PROJECT / "schemas" / "batchspec-plan-v1.schema.json").read_text("utf-8"))


def add_to_spec(work: Workload, text: str) -> str:
    """Adds a line to the end of the spec; its `file:line`."""
    whole = work.spec.read_text("utf-8") + text
    work.spec.write_text(whole, "utf-8")
    return f"specs/ffmpeg.yaml:{len(whole.splitlines())}"


def test_beyond_a_threshold_apply_ends_with_4_and_sends_nothing(work: Workload) -> None:
    """Neither with nor without --auto-approve, in text or JSON; the override is said to the letter."""
    add_to_spec(work, "safety: {maxNodes: 1, maxObjects: 2}\n")
    for words in ((), ("--auto-approve",), ("--auto-approve", "--allow", "maxObjects")):
        ended = work.apply(*words, code=4)
        assert "safety.maxNodes: 2 nodes asked for, the limit is 1" in ended.err
        assert "--allow maxNodes" in ended.err
    (_, error) = work.apply("--format", "json", code=4).objects
    assert error["exitCode"] == 4
    assert error["help"] == "if this is intended, add --allow maxNodes --allow maxObjects"
    assert (work.pool(), work.jobs()) == (None, [])


def test_every_threshold_that_is_allowed_is_passed_for_this_once(work: Workload) -> None:
    """With each of them named the run goes on to its end; the spec's threshold stays."""
    add_to_spec(work, "safety: {maxNodes: 1, maxObjects: 2}\n")
    work.apply("--allow", "maxNodes", "--allow", "maxObjects")
    assert work.actions() == []
    work.edit("sleep, '0'", "sleep, '0.1'")
    assert work.plan()["excesses"] == []


def test_a_plan_shows_what_it_exceeds_and_is_no_error(work: Workload) -> None:
    """The reviewer sees threshold, amount and line in every form, and the plan can be saved."""
    place = add_to_spec(work, "safety: {maxNodes: 1}\n")
    line = "safety.maxNodes: 2 nodes asked for, the limit is 1"
    text = work.command("plan", "specs/ffmpeg.yaml", "-o", "saved.plan").out
    assert f"  ! {line}  {place}\n      apply refuses this without --allow maxNodes\n" in text
    markdown = work.command("plan", "specs/ffmpeg.yaml", "--format", "markdown").out
    assert f"**{line}**: apply needs `--allow maxNodes`." in markdown.partition("<details>")[0]
    plan = work.plan()
    jsonschema.Draft7Validator(SCHEMA).validate(plan)
    assert plan["excesses"] == [
        {
            "threshold": "maxNodes",
            "limit": "1",
            "found": 2,
            "of": None,
            "what": "nodes asked for",
            "place": place,
        }
    ]


def test_a_reviewed_plan_is_held_against_the_thresholds_too(work: Workload) -> None:
    """Neither a saved plan nor --plan-id goes beyond them without the word."""
    add_to_spec(work, "safety: {maxNodes: 1}\n")
    work.command("plan", "specs/ffmpeg.yaml", "-o", "saved.plan")
    assert "--allow maxNodes" in work.command("apply", "saved.plan", code=4).err
    assert "--allow maxNodes" in work.apply("--plan-id", work.plan()["planId"], code=4).err
    work.command("apply", "saved.plan", "--allow", "maxNodes")
    assert work.actions() == []


def test_many_deletions_need_the_word_and_consent(work: Workload) -> None:
    """Half of twelve queued tasks leave the spec: 4 with --auto-approve alone, and all of them still there."""
    for number in range(12):
        (work.clips / f"{number}.txt").write_text(str(number), "utf-8")
    work.write("wait: { inputs: clips/*.txt, command: [sleep, '600'] }", rest="")
    work.apply("--detach")
    assert len(work.tasks()) == 12
    for number in range(6):
        (work.clips / f"{number}.txt").unlink()
    ended = work.apply("--detach", "--auto-approve", code=4)
    assert "safety.maxDeletions: 6 of 14 deleted, the limit is 30%" in ended.err
    assert len(work.tasks()) == 12
    assert "was not approved" in work.apply("--detach", "--allow", "maxDeletions", code=4).err
    work.apply("--detach", "--auto-approve", "--allow", "maxDeletions")
    assert len(work.tasks()) == 6


def test_an_unknown_threshold_is_wrong_usage(work: Workload) -> None:
    """`--allow` takes the four names and no other: exit code 64."""
    assert "maxReplacements" in work.apply("--allow", "everything", code=64).err
